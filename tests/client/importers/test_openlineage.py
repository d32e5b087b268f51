"""OpenLineage events: runs add up, outputs are derived from or trained on inputs, and no version is guessed."""

import json
from pathlib import Path
from typing import Any

import pytest

from descent.client import Client
from descent.importers.draft import Context, Draft
from descent.importers.metrics import MetricTable
from descent.importers.openlineage import convert, find, join
from descent.importers.reading import Sources
from tests.client.importers.imports import SHARED, dry, entity, imported, refusal, write
from tests.support.server_process import ServerProcess

PRODUCER = "https://github.com/OpenLineage/OpenLineage/blob/v1-0-0/client"
COMMIT = "5f0c1d2e3a4b5c6d7e8f90123456789abcdef012"


def data(name: str, namespace: str = "s3://lake", **facets: Any) -> dict[str, Any]:
    return {"namespace": namespace, "name": name, "facets": facets}


def event(
    run: str | None,
    kind: str | None,
    time: str,
    *,
    job: str = "job",
    inputs: list[dict[str, Any]] | None = None,
    outputs: list[dict[str, Any]] | None = None,
    **facets: Any,
) -> dict[str, Any]:
    found: dict[str, Any] = {"eventTime": time, "producer": PRODUCER}
    found["job"] = {"namespace": "airflow", "name": job, "facets": facets}
    if run is not None:
        found["run"] = {"runId": run}
    if kind is not None:
        found["eventType"] = kind
    return found | {"inputs": inputs or [], "outputs": outputs or []}


def lines(*events: dict[str, Any]) -> str:
    return "".join(json.dumps(one) + "\n" for one in events)


def draft(path: Path, **said: Any) -> Draft:
    [unit] = find(str(path), Sources())
    return convert(unit, Context(MetricTable("openlineage"), **said))


def ancestors(server: ServerProcess, ref: str) -> set[str]:
    with Client(server.url) as client:
        return {node["ref"] for node in client.lineage(ref)["nodes"]}


PIPELINE = (
    event("r1", "START", "2025-03-01T10:00:00Z", job="clean", inputs=[data("raw", "postgres://u:secret@db:5432")]),
    event("r1", "COMPLETE", "2025-03-01T10:30:00Z", job="clean", outputs=[data("loans")]),
    event(
        "r2",
        "START",
        "2025-03-01T11:00:00+01:00",
        job="early",
        inputs=[data("loans")],
        outputs=[data("report")],
    ),
    event("r2", "COMPLETE", "2025-03-01T11:01:00+01:00", job="early"),
    event(
        "r3",
        "START",
        "2025-03-01T11:00:00Z",
        job="train",
        inputs=[data("loans")],
        sourceCodeLocation={
            "type": "git",
            "url": "https://t:k@git.example.org/risk",
            "version": COMMIT,
            "path": "t.py",
        },
    ),
    event("r3", "COMPLETE", "2025-03-01T12:00:00Z", job="train", outputs=[data("credit-risk", "s3://models")]),
)


def test_a_pipeline_becomes_a_lineage(server: ServerProcess, tmp_path: Path) -> None:
    file = write(tmp_path / "events.jsonl", lines(*PIPELINE))
    mapping = write(tmp_path / "map.yaml", "models: {s3://models/credit-risk: lineage-risk@4.2}")
    answer = imported(server, "openlineage", file, "--mapping", mapping)
    assert answer["failed"] == 0
    version = entity(server, "model:lineage-risk@4.2")
    assert [one["node"]["ref"] for one in version["trainedOn"]] == ["dataset:s3://lake/loans@r1"]
    assert version["code"]["repository"] == "https://git.example.org/risk"
    assert version["code"]["commit"] == COMMIT
    found = ancestors(server, "model:lineage-risk@4.2")
    assert "dataset:postgres://db:5432/raw@unstated" in found
    assert "dataset:s3://lake/report@r2" not in found
    assert imported(server, "openlineage", file, "--mapping", mapping)["created"] == 0


def test_an_input_is_what_the_last_run_before_it_wrote(tmp_path: Path) -> None:
    events = [
        event(run, "COMPLETE", time, job="write", outputs=[data("t")])
        for run, time in (
            ("w1", "2025-01-01T00:00:00Z"),
            ("w2", "2025-01-02T00:00:00Z"),
            ("w3", "2025-01-04T00:00:00Z"),
        )
    ]
    read = event("r", "COMPLETE", "2025-01-03T00:00:00Z", inputs=[data("t")], outputs=[data("o")])
    entries = draft(write(tmp_path / "e.ndjson", lines(read, *events))).manifest["datasets"]
    [out] = [one for one in entries if one["name"] == "s3://lake/o"]
    assert out["derivedFrom"] == [{"ref": "dataset:s3://lake/t@w2", "relation": "OTHER"}]
    assert out["description"] == "Written by airflow/job, run r."


def test_versions_that_are_stated_are_kept(tmp_path: Path) -> None:
    said: dict[str, Any] = {"version": {"datasetVersion": "7"}, "dataSource": {"name": "lake", "uri": "s3://k:s@lake"}}
    one = event("r", "COMPLETE", "2025-01-03T00:00:00Z", inputs=[data("t", **said)], outputs=[data("o", **said)])
    found = draft(write(tmp_path / "e.json", [one]))
    assert found.manifest["datasets"] == [
        {
            "name": "s3://lake/o",
            "version": "7",
            "uri": "s3://lake",
            "description": "Written by airflow/job, run r.",
            "derivedFrom": [{"ref": "dataset:s3://lake/t@7", "relation": "OTHER"}],
        }
    ]


def test_the_events_of_a_run_in_several_files_add_up(tmp_path: Path) -> None:
    write(tmp_path / "1.json", event("r", "START", "2025-01-01T00:00:00Z", inputs=[data("a")]))
    write(tmp_path / "2.json", event("r", "RUNNING", "2025-01-01T00:01:00Z", inputs=[data("b")]))
    write(tmp_path / "3.json", event("r", "COMPLETE", "2025-01-01T00:02:00Z", outputs=[data("c")]))
    write(tmp_path / "4.json", event("other", "COMPLETE", "2025-01-01T00:02:00Z", outputs=[data("z")]))
    units = list(join(find(str(tmp_path), Sources())))
    by_file = [unit for path in sorted(tmp_path.iterdir()) for unit in find(str(path), Sources())]
    assert list(join(by_file)) == units
    assert [len(unit.files) for unit in units] == [3, 1]
    [out] = convert(units[0], Context(MetricTable("openlineage"))).manifest["datasets"]
    assert [one["ref"] for one in out["derivedFrom"]] == [f"dataset:s3://lake/{name}@unstated" for name in "ab"]


@pytest.mark.parametrize(
    ("kind", "placed"),
    [("COMPLETE", True), ("FAIL", False), ("ABORT", False), ("START", False), ("OTHER", False), (None, False)],
)
def test_only_what_was_written_is_placed(kind: str | None, placed: bool, tmp_path: Path) -> None:
    one = event("r", kind, "2025-01-01T00:00:00Z", inputs=[data("a")], outputs=[data("c")])
    file = write(tmp_path / "e.json", one)
    if placed:
        assert dry("openlineage", file).exit_code == 0
        return
    assert "s3://lake/c" in (said := refusal("openlineage", file))
    assert ("ended in" in said) is (kind in ("FAIL", "ABORT"))
    assert ("no event says that the run r completed" in said) is (kind not in ("FAIL", "ABORT"))


def test_a_streaming_job_writes_while_it_runs(tmp_path: Path) -> None:
    streaming = {"processingType": "STREAMING", "integration": "FLINK"}
    one = event("r", "RUNNING", "2025-01-01T00:00:00Z", outputs=[data("c")], jobType=streaming)
    assert "→ dataset:s3://lake/c@r" in dry("openlineage", write(tmp_path / "e.json", one)).stdout


def test_models_are_what_is_said_to_be_one(tmp_path: Path) -> None:
    model: dict[str, Any] = {"datasetType": {"datasetType": "MODEL"}, "version": {"datasetVersion": "3"}}
    events = (
        event("r1", "COMPLETE", "2025-01-01T00:00:00Z", inputs=[data("d")], outputs=[data("m", **model)]),
        event("r2", "COMPLETE", "2025-01-02T00:00:00Z", inputs=[data("m", **model)], outputs=[data("labels")]),
        event("r3", "COMPLETE", "2025-01-02T00:00:00Z", inputs=[data("m", **model)], outputs=[data("n")]),
    )
    file = write(tmp_path / "e.jsonl", lines(*events))
    found = draft(file, versions={"n": "next@4"})
    [first, second] = found.manifest["models"]
    assert (first["name"], first["version"], first["createdAt"]) == ("s3://lake/m", "3", "2025-01-01T00:00:00Z")
    assert first["trainedOn"] == [{"ref": "dataset:s3://lake/d@unstated", "role": "TRAIN"}]
    assert (second["name"], second["version"]) == ("next", "4")
    assert second["parents"] == [{"ref": "model:s3://lake/m@3", "relation": "OTHER"}]
    [labels] = found.manifest["datasets"]
    assert labels["generatedBy"] == ["model:s3://lake/m@3"]


def test_model_names_the_one_output_that_nothing_reads(tmp_path: Path) -> None:
    file = write(tmp_path / "e.jsonl", lines(*PIPELINE))
    assert "the outputs that nothing reads are 2" in refusal("openlineage", file, "--model", "credit-risk@4.2")
    events = write(tmp_path / "f" / "f.jsonl", lines(*PIPELINE[:2], *PIPELINE[4:]))
    assert "→ model:credit-risk@4.2, trained on" in dry("openlineage", events, "--model", "credit-risk@4.2").stdout
    assert "→ model:credit-risk@r3, trained on" in dry("openlineage", events, "--model", "credit-risk").stdout


def test_model_cannot_be_of_two_pipelines(tmp_path: Path) -> None:
    for name in ("a", "b"):
        one = event(name, "COMPLETE", "2025-01-01T00:00:00Z", inputs=[data(f"{name}1")], outputs=[data(f"{name}2")])
        write(tmp_path / f"{name}.json", one)
    result = dry("openlineage", tmp_path, "--model", "m@1")
    assert result.exit_code == 1
    assert "about s3://lake/b2@None and an earlier one about s3://lake/a2@None" in result.stderr


def test_a_table_that_is_read_and_written_is_no_cycle(server: ServerProcess, tmp_path: Path) -> None:
    stated = data("upsert", version={"datasetVersion": "1"})
    events = (
        event("u1", "COMPLETE", "2025-01-01T00:00:00Z", inputs=[data("grow")], outputs=[data("grow")]),
        event("u2", "COMPLETE", "2025-01-02T00:00:00Z", inputs=[data("grow")], outputs=[data("grow")]),
        event("u3", "COMPLETE", "2025-01-02T00:00:00Z", inputs=[stated], outputs=[stated]),
    )
    answer = imported(server, "openlineage", write(tmp_path / "e.jsonl", lines(*events)))
    assert answer["failed"] == 0
    [reason] = [one["reason"] for one in answer["imports"][0]["notPlaced"]]
    assert (
        reason == "dataset:s3://lake/upsert@1 is read and written by it, as the same version: that is not a derivation."
    )
    assert "dataset:s3://lake/grow@u1" in ancestors(server, "dataset:s3://lake/grow@u2")


def test_lineage_by_design_and_datasets_by_themselves(tmp_path: Path) -> None:
    described = data("d", documentation={"description": "What it is."}, schema={"fields": []})
    lineage = {"inputs": [{"namespace": "s3://lake", "name": "up", "type": "DATASET"}], "fields": {}}
    columns = {"fields": {"x": {"inputFields": [{"namespace": "s3://lake", "name": "col", "field": "y"}]}}}
    events = [
        event(None, None, "2025-01-01T00:00:00Z", inputs=[data("d")], outputs=[data("e", columnLineage=columns)]),
        {"eventTime": "2025-01-01T00:00:00Z", "dataset": described},
        {"eventTime": "2025-01-01T00:00:00Z", "dataset": data("l", lineage=lineage)},
    ]
    found = draft(write(tmp_path / "e.json", events))
    entries = {one["name"]: one for one in found.manifest["datasets"]}
    assert {name: one["version"] for name, one in entries.items()} == {
        f"s3://lake/{name}": "unstated" for name in ("e", "d", "l")
    }
    assert [one["ref"] for one in entries["s3://lake/e"]["derivedFrom"]] == [
        "dataset:s3://lake/col@unstated",
        "dataset:s3://lake/d@unstated",
    ]
    assert entries["s3://lake/d"]["description"] == "What it is."
    assert [one["ref"] for one in entries["s3://lake/l"]["derivedFrom"]] == ["dataset:s3://lake/up@unstated"]
    assert "schema (1)" in dict(found.unplaced)["facets"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"schema": {"_producer": PRODUCER, "fields": []}}, "This is a facet (schema) without the event"),
        ({"results": {}}, "This is not an event of OpenLineage: it has neither `job` nor `dataset`."),
        ([1], "[0]: Expected an event, a JSON object, got the number 1."),
        (event("r", "COMPLETE", "2025"), "the events name nothing that it reads or writes"),
        (
            event("r", "COMPLETE", "2025", outputs=[{"name": "x"}]),
            "outputs[0]: A dataset needs a namespace and a name.",
        ),
        ({"job": {"name": "x"}}, "job: A job needs a namespace and a name."),
        (event("r", "COMPLETE", "x", outputs=[data("..")]), 'contains the path step ".."'),
        ({"events": [1]}, "events[0]: Expected an event, a JSON object, got the number 1."),
        (lines(PIPELINE[0]) + "{", ".json:2: The file ends in the middle of the JSON."),
        ("", "The file is empty."),
    ],
)
def test_what_is_no_event_is_refused(content: Any, said: str, tmp_path: Path) -> None:
    assert said in refusal("openlineage", write(tmp_path / "e.json", content))


def test_an_invalid_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    write(tmp_path / "1.json", PIPELINE[0])
    write(tmp_path / "2.json", "{")
    write(tmp_path / "3.json", PIPELINE[1])
    result = dry("openlineage", tmp_path)
    assert result.exit_code == 1
    assert "2.json:1: The file ends in the middle of the JSON." in result.stderr
    assert "→ dataset:s3://lake/loans@r1, derived from dataset:postgres://db:5432/raw@unstated" in result.stdout


if SHARED.is_dir():

    def test_the_files_of_openlineage_and_marquez(server: ServerProcess) -> None:
        answer = imported(server, "openlineage", SHARED / "formats" / "openlineage", exit_code=1)
        reasons = [one["problems"][0]["message"] for one in answer["imports"] if one["problems"]]
        assert sum("This is a facet" in reason for reason in reasons) == 25
        assert sum("the events name nothing" in reason for reason in reasons) == 1
        assert sum("no event says that the run" in reason for reason in reasons) == 1
        assert len(reasons) == answer["failed"] == 27
        placed = [one["became"].split(",")[0] for done in answer["imports"] for one in done["placed"]]
        assert len(placed) == len(set(placed)) == 6
