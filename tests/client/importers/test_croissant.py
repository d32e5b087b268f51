"""Croissant files of all versions: record sets and splits become partitions, and what a digest is of is said."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from descent.client import Client
from descent.importers.croissant import convert, find
from descent.importers.draft import Context, Draft
from descent.importers.metrics import MetricTable
from descent.importers.reading import Sources
from tests.client.importers.imports import SHARED, dry, entity, imported, refusal, write
from tests.support.server_process import ServerProcess

A, B = "a0" * 32, "B0" * 32
"""SHA-256 of two files."""


def field(name: str, source: Any, **more: Any) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": name, "name": name, "dataType": "sc:Text", "source": source} | more


def column(name: str, file: str) -> dict[str, Any]:
    return field(name, {"fileObject": {"@id": file}, "extract": {"column": name}})


def dataset(**more: Any) -> dict[str, Any]:
    """A Croissant 1.0 file with a table in a file of its own, splits within an archive, and an enumeration."""
    split = {
        "@id": "photos/split",
        "references": {"field": {"@id": "splits/name"}},
        "source": {"fileSet": {"@id": "jpg"}},
    }
    return {
        "@context": {"@vocab": "https://schema.org/", "cr": "http://mlcommons.org/croissant/"},
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "people",
        "version": "2.0.0",
        "description": "Who is in it.",
        "license": ["mit", {"@type": "sc:CreativeWork", "name": "Apache-2.0"}],
        "url": "https://example.org/people",
        "distribution": [
            {"@type": "cr:FileObject", "@id": "people.csv", "contentUrl": "https://example.org/p.csv", "sha256": A},
            {"@type": "cr:FileObject", "@id": "photos.zip", "contentUrl": "https://example.org/p.zip", "sha256": B},
            {"@type": "cr:FileSet", "@id": "jpg", "containedIn": {"@id": "photos.zip"}, "includes": "*.jpg"},
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "sexes",
                "dataType": "sc:Enumeration",
                "field": [],
                "data": [{"name": "F"}],
            },
            {
                "@type": "cr:RecordSet",
                "@id": "splits",
                "dataType": "cr:Split",
                "field": [{"@id": "splits/name"}],
                "data": [{"splits/name": "train"}, {"splits/name": "test"}],
            },
            {"@type": "cr:RecordSet", "@id": "rows", "field": [column("rows/age", "people.csv")]},
            {
                "@type": "cr:RecordSet",
                "@id": "photos",
                "field": [split, field("photos/row", {"field": {"@id": "rows/age"}})],
            },
        ],
    } | more


def draft(path: Path, content: Any) -> Draft:
    [unit] = find(str(write(path / "c.json", content)), Sources())
    return convert(unit, Context(MetricTable("croissant")))


def entry(path: Path, content: Any) -> dict[str, Any]:
    [one] = draft(path, content).manifest["datasets"]
    return one


def test_record_sets_and_splits_become_partitions(server: ServerProcess, tmp_path: Path) -> None:
    file = write(tmp_path / "c.json", dataset())
    answer = imported(server, "croissant", file)
    assert (answer["failed"], answer["created"]) == (0, 4)
    found = entity(server, "dataset:people@2.0.0")
    assert found["license"] == "mit, Apache-2.0"
    names = {one["ref"].partition("#")[2] for one in found["partitions"]}
    assert names == {"photos/test", "photos/train", "rows"}
    assert entity(server, "dataset:people@2.0.0#rows")["digest"] == f"sha256:{A}"
    said = {one["place"]: one["became"] for one in answer["imports"][0]["placed"]}
    assert said["recordSet[2]"] == "partition rows, identified by the SHA-256 of its file"
    assert "as splits lists it, identified by the digest of its description, with the SHA-256" in said["recordSet[3]"]
    [enumeration] = answer["imports"][0]["notPlaced"]
    assert enumeration["place"] == "recordSet[0]"
    assert imported(server, "croissant", file)["created"] == 0


def test_the_digest_of_a_description_is_as_documented(tmp_path: Path) -> None:
    partitions = {one["name"]: one for one in entry(tmp_path, dataset())["partitions"]}
    archive = {"id": "photos.zip", "contentUrl": "https://example.org/p.zip", "sha256": f"sha256:{B.lower()}"}
    described = {
        "croissant": {"name": "people", "version": "2.0.0", "url": "https://example.org/people"},
        "recordSet": "photos/train",
        "files": [
            {"id": "jpg", "includes": ["*.jpg"], "containedIn": [archive]},
            {"id": "people.csv", "contentUrl": "https://example.org/p.csv", "sha256": f"sha256:{A}"},
        ],
    }
    text = json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert partitions["photos/train"]["digest"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    digests = [one["digest"] for one in partitions.values()]
    assert len(set(digests)) == len(digests)


def test_what_is_written_as_0_8_is_the_same(tmp_path: Path) -> None:
    """Before 1.0: names for ids, texts for references, `distribution` in sources, Wikidata's type for splits."""
    split = {"name": "split", "dataType": ["sc:Text", "wd:Q3985153"], "references": {"field": "splits/name"}}
    old = {
        "@type": "sc:Dataset",
        "name": "people",
        "distribution": [
            {"@type": "sc:FileObject", "name": "people.csv", "contentUrl": "p.csv", "sha256": A},
            {"@type": "sc:FileObject", "name": "repo", "contentUrl": "x", "sha256": "https://github.com/issues/80"},
            {"@type": "sc:FileSet", "name": "jpg", "containedIn": ["repo"], "includes": "*.jpg"},
        ],
        "recordSet": [
            {"@type": "ml:RecordSet", "name": "codes", "isEnumeration": True, "field": [], "data": [{"a": 1}]},
            {
                "@type": "ml:RecordSet",
                "name": "splits",
                "field": [{"name": "name"}],
                "data": [{"name": "train", "url": "u"}, {"name": "test", "url": "v"}],
            },
            {
                "@type": "ml:RecordSet",
                "name": "rows",
                "field": [{"name": "age", "source": {"distribution": "people.csv", "extract": {"column": "age"}}}],
            },
            {
                "@type": "ml:RecordSet",
                "name": "photos",
                "field": [split, {"name": "b", "source": {"distribution": "jpg"}}],
            },
        ],
    }
    found = draft(tmp_path, old)
    [one] = found.manifest["datasets"]
    assert one["version"] == "unstated"
    assert [part["name"] for part in one["partitions"]] == ["rows", "photos/train", "photos/test"]
    assert one["partitions"][0]["digest"] == f"sha256:{A}"
    assert any("as no SHA-256 of its data is stated" in became for _, became in found.placed)
    assert "recorded as unstated" in dict(found.unplaced)["version"]


def test_prefixes_graphs_and_languages_do_not_matter(tmp_path: Path) -> None:
    expanded = {
        "@graph": [
            {"@type": "sc:Person", "name": "x"},
            {
                "@type": ["https://schema.org/Dataset"],
                "https://schema.org/name": [{"@value": "people", "@language": "en"}],
                "sc:version": 2.1,
                "sc:distribution": {"@type": "cr:FileObject", "@id": "f", "http://mlcommons.org/croissant/sha256": A},
                "cr:recordSet": {"@id": "r", "cr:field": {"@id": "r/x", "cr:source": {"cr:fileObject": {"@id": "f"}}}},
            },
        ]
    }
    assert entry(tmp_path, expanded) == {
        "name": "people",
        "version": "2.1",
        "partitions": [{"name": "r", "digest": f"sha256:{A}"}],
    }


def test_records_that_are_in_the_file_are_counted_and_hashed(tmp_path: Path) -> None:
    small = {"@id": "small", "field": [{"@id": "small/x"}], "data": [{"small/x": 1}, {"small/x": 2}]}
    [part] = entry(tmp_path, dataset(recordSet=[small]))["partitions"]
    digest = hashlib.sha256(b'[{"small/x":1},{"small/x":2}]').hexdigest()
    assert part == {"name": "small", "digest": f"sha256:{digest}", "rows": 2}


def test_files_are_partitions_where_no_record_set_is(tmp_path: Path) -> None:
    partitions = entry(tmp_path, dataset(recordSet=[]))["partitions"]
    assert [(one["name"], one["digest"]) for one in partitions] == [
        ("people.csv", f"sha256:{A}"),
        ("photos.zip", f"sha256:{B.lower()}"),
    ]


def test_what_is_damaged_is_named(tmp_path: Path) -> None:
    files = [{"@id": "a.csv", "sha256": "zz"}, {"@id": "b.csv", "sha256": A}, {"sha256": B}, "c.csv"]
    made = draft(tmp_path, dataset(recordSet={"x": 1}, distribution=files))
    assert [one["name"] for one in made.manifest["datasets"][0]["partitions"]] == ["b.csv"]
    assert made.unplaced[:4] == [
        ("recordSet", "The record set has neither @id nor name: it becomes no partition."),
        ("distribution[2]", "The file has neither @id nor name: nothing is read from it."),
        ("distribution[3]", "This is not a file, which is a mapping: nothing is read from it."),
        (
            "distribution[0].sha256",
            '"zz" is not a SHA-256, which has 64 hexadecimal digits: the file counts as without one.',
        ),
    ]


def test_populations_are_what_is_stated_of_all_the_data(server: ServerProcess, tmp_path: Path) -> None:
    file = write(tmp_path / "c.json", dataset(name="spoken", inLanguage="sw", temporalCoverage="2020/2021"))
    imported(server, "croissant", file)
    manifest = {
        "models": [
            {
                "name": "spoken-model",
                "version": "1",
                "trainedOn": [{"ref": "dataset:spoken@2.0.0#rows", "role": "TRAIN"}],
            }
        ]
    }
    with Client(server.url) as client:
        client.register(manifest)
        found = client.trained_on([("language", ["sw"])])
        trained = {edge["node"]["ref"] for edge in found.versions if edge["verdict"] == "TRAINED"}
        assert "model:spoken-model@1" in trained
    several = draft(tmp_path, dataset(inLanguage=["sw", "yo"]))
    assert "population" not in several.manifest["datasets"][0]["partitions"][0]
    assert "does not say which partition" in dict(several.unplaced)["inLanguage"]
    [one] = entry(tmp_path, dataset(inLanguage=["sw", "yo"], recordSet=[dataset()["recordSet"][2]]))["partitions"]
    assert one["population"] == [{"attribute": "language", "value": value} for value in ("sw", "yo")]
    assert one["populationDocumented"] == "PARTIAL"


def test_what_rai_says_becomes_notes(server: ServerProcess, tmp_path: Path) -> None:
    told = {
        "name": "noted",
        "creator": {"@type": "Person", "name": "Ada"},
        "rai:dataBiases": ["Few people over 65.", "No rural areas."],
        "rai:personalSensitiveInformation": "Gender",
    }
    answer = imported(server, "croissant", write(tmp_path / "c.json", dataset(**told)))
    assert Counter(one["kind"] for one in answer["imports"][0]["records"])["NOTE"] == 3
    notes = draft(tmp_path, dataset(**told)).manifest["notes"]
    assert notes[0] == {"subject": "dataset:noted@2.0.0", "author": "Ada", "text": "dataBiases: Few people over 65."}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("https://huggingface.co/datasets/rajpurkar/squad", "rajpurkar/squad"),
        ({"@id": "https://huggingface.co/datasets/o/d"}, "o/d"),
        ({"@id": "squad1", "prov:locatedAt": "https://huggingface.co/datasets/rajpurkar/squad"}, "rajpurkar/squad"),
        ({"@id": "x", "prov:label": "Full", "prov:atLocation": "https://example.org/full"}, "Full"),
        ({"@id": "https://doi.org/10.1/2"}, "https://doi.org/10.1/2"),
        ({"@id": "local"}, "local"),
    ],
)
def test_what_it_is_derived_from(source: Any, name: str, tmp_path: Path) -> None:
    found = draft(tmp_path, dataset(**{"prov:wasDerivedFrom": source}))
    parent = f"dataset:{name}@unstated"
    assert found.manifest["datasets"][0]["derivedFrom"] == [{"ref": parent, "relation": "OTHER"}]
    assert found.bare[parent]["name"] == name


def test_a_mapping_gives_the_version_that_the_file_lacks(tmp_path: Path) -> None:
    content = dataset()
    del content["version"]
    file = write(tmp_path / "c.json", content)
    mapping = write(tmp_path / "map.yaml", "datasets: {people: org/people@2024-12}")
    assert "→ dataset:org/people@2024-12 with 3 partitions" in dry("croissant", file, "--mapping", mapping).stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"bomFormat": "CycloneDX"}, "This is not a Croissant file: it describes no sc:Dataset."),
        ([], "This is not a Croissant file"),
        ({"@type": "Dataset", "name": "x"}, "This describes a dataset, and not by Croissant"),
        (dataset(name=None), "name: The dataset has no name."),
        (dataset(name="a@b"), 'name: The name "a@b" contains "@"'),
        (dataset(version="../x"), 'version: The version "../x" contains the path step ".."'),
        ('{"@type": "sc:Dataset", "name": ', "The file ends in the middle of the JSON."),
        ('{"name": 1, "name": 2}', 'The key "name" is given twice'),
        ("", "The file is empty."),
    ],
)
def test_what_is_no_croissant_file_is_refused(content: Any, said: str, tmp_path: Path) -> None:
    assert said in refusal("croissant", write(tmp_path / "c.json", content))


def test_model_has_no_place(tmp_path: Path) -> None:
    assert "leave --model out" in refusal("croissant", write(tmp_path / "c.json", dataset()), "--model", "m@1")


@pytest.mark.parametrize(
    "part", ["distribution", "recordSet", "creator", "license", "inLanguage", "prov:wasDerivedFrom"]
)
@pytest.mark.parametrize(
    "value", [1, True, "text", [], [[]], [None], {}, [{"@id": 1}], {"@id": {"@id": "x"}}, [{"field": 1}]]
)
def test_values_of_another_kind_do_no_harm(part: str, value: Any, tmp_path: Path) -> None:
    result = dry("croissant", write(tmp_path / "c.json", dataset(**{part: value})))
    assert result.exit_code in (0, 1)
    assert result.exception is None or isinstance(result.exception, SystemExit)


if SHARED.is_dir():

    def test_the_files_of_croissant_itself(server: ServerProcess) -> None:
        answer = imported(server, "croissant", SHARED / "formats" / "croissant", exit_code=1)
        [problem] = [one["problems"][0] for one in answer["imports"] if one["problems"]]
        assert problem["code"] == "VERSION_CONFLICT"  # two files there call their dataset mnist 1.0.0
        assert (len(answer["imports"]), answer["failed"]) == (32, 1)
        kinds = Counter(
            record["ref"] for one in answer["imports"] for record in one["records"] if record["kind"] == "DATASET"
        )
        assert len(kinds) == 28
