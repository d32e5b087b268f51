"""CycloneDX ML-BOMs: models with pedigree, data and files; what describes no model is refused with a reason."""

from pathlib import Path
from typing import Any

import pytest

from descent.client import Client
from descent.importers.cyclonedx import convert, find
from descent.importers.draft import Context, Draft
from descent.importers.metrics import MetricTable
from descent.importers.reading import Sources
from tests.client.importers.imports import SHARED, entity, imported, refusal, write
from tests.support.server_process import ServerProcess

A, B = "1c" * 32, "1D" * 32


def bom(**more: Any) -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "app"}},
        "components": [
            {
                "type": "machine-learning-model",
                "bom-ref": "m",
                "group": "org",
                "name": "bom-chat",
                "version": "2.1",
                "description": "Answers.",
                "supplier": {"name": "Org GmbH"},
                "hashes": [{"alg": "MD5", "content": "0" * 32}, {"alg": "SHA-256", "content": A}],
                "externalReferences": [{"type": "distribution", "url": "https://example.org/m.safetensors"}],
                "pedigree": {
                    "ancestors": [
                        {"type": "machine-learning-model", "name": "Base", "purl": "pkg:huggingface/meta/Base@abc"},
                        {"type": "library", "name": "torch"},
                    ]
                },
                "components": [
                    {"type": "file", "name": "a.bin", "hashes": [{"alg": "SHA-256", "content": B}]},
                    {"type": "file", "name": "b.bin"},
                ],
                "modelCard": {
                    "modelParameters": {
                        "datasets": [
                            {"ref": "d"},
                            {"type": "dataset", "name": "inline", "contents": {"url": "https://example.org/i"}},
                            {"type": "dataset"},
                        ]
                    },
                    "quantitativeAnalysis": {
                        "performanceMetrics": [
                            {"type": "accuracy", "value": "0.9", "slice": "cola"},
                            {"type": "MMLU (5-shot)", "value": "58.2"},
                            {"type": "f1", "value": "high"},
                        ]
                    },
                    "considerations": {
                        "users": ["Developers", "Analysts"],
                        "fairnessAssessments": [{"groupAtRisk": "Speakers of Yoruba", "harms": "Worse answers"}],
                    },
                },
            },
            {
                "type": "data",
                "bom-ref": "d",
                "name": "bom-corpus",
                "version": "7",
                "data": [{"type": "dataset", "contents": {"url": "https://example.org/d"}}],
                "hashes": [{"alg": "SHA-256", "content": A}],
            },
            {"type": "library", "name": "numpy"},
        ],
        "dependencies": [],
        "vulnerabilities": [{"id": "CVE-1"}],
    } | more


def draft(path: Path, content: Any, model: tuple[str, str | None] | None = None) -> Draft:
    [unit] = find(str(write(path / "b.json", content)), Sources())
    return convert(unit, Context(MetricTable("cyclonedx"), model))


def test_a_model_with_its_pedigree_data_and_files(server: ServerProcess, tmp_path: Path) -> None:
    file = write(tmp_path / "b.json", bom())
    answer = imported(server, "cyclonedx", file)
    assert answer["failed"] == 0
    version = entity(server, "model:org/bom-chat@2.1")
    assert {one["node"]["ref"] for one in version["trainedOn"]} == {"dataset:bom-corpus@7", "dataset:inline@unstated"}
    assert {one["uri"]: one["digest"] for one in version["artifacts"]} == {
        "https://example.org/m.safetensors": f"sha256:{A}",
        "a.bin": f"sha256:{B.lower()}",
    }
    with Client(server.url) as client:
        assert "model:Base@abc" in {node["ref"] for node in client.lineage("model:org/bom-chat@2.1")["nodes"]}
    assert imported(server, "cyclonedx", file)["created"] == 0


def test_what_could_not_be_placed_is_said(tmp_path: Path) -> None:
    found = draft(tmp_path, bom())
    why = dict(found.unplaced)
    assert "and no model" in why["components[0].pedigree.ancestors[1]"]
    assert "none is stated" in why["components[0].components[1]"]
    assert "no name" in why["components[0].modelCard.modelParameters.datasets[2]"]
    assert "vulnerabilities" in why
    metrics = "components[0].modelCard.quantitativeAnalysis.performanceMetrics"
    assert "is not a metric of the catalogue" in why[f"{metrics}[1]"]
    assert "not a finite number" in why[f"{metrics}[2]"]
    [evaluation] = found.manifest["evaluations"]
    assert evaluation["metrics"] == [
        {"name": "accuracy", "value": 0.9, "slice": [{"attribute": "slice", "value": "cola"}]}
    ]
    assert [(note["author"], note["text"]) for note in found.manifest["notes"]] == [
        ("Org GmbH", "users: Developers | Analysts"),
        ("Org GmbH", "fairnessAssessments: groupAtRisk: Speakers of Yoruba; harms: Worse answers"),
    ]
    said = dict(found.placed)["components[0].modelCard.modelParameters.datasets[1]"]
    assert said == "dataset:inline@unstated, as training data: CycloneDX lists data of evaluation here too"


def test_the_main_component_and_the_parts_of_an_application(tmp_path: Path) -> None:
    part = {"type": "machine-learning-model", "name": "inner"}
    nested = {"type": "application", "name": "app", "components": [part]}
    main = {"component": {"type": "machine-learning-model", "name": "main", "purl": "pkg:mlflow/main@3"}}
    found = draft(tmp_path, bom(metadata=main, components=[nested]))
    labels = [(one["name"], one["version"]) for one in found.manifest["models"]]
    assert labels == [("main", "3"), ("inner", "unstated")]


def test_model_names_the_version(tmp_path: Path) -> None:
    [one] = draft(tmp_path, bom(), ("mine", "1")).manifest["models"]
    assert (one["name"], one["version"]) == ("mine", "1")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"spdxVersion": "SPDX-2.3"}, "This is not a CycloneDX file in JSON: it has no bomFormat CycloneDX."),
        (bom(specVersion="1.4"), "specVersion: This is CycloneDX 1.4; models are described since 1.5."),
        (bom(specVersion="one"), '"one" is not a version of the specification'),
        (bom(components=[{"type": "library", "name": "x"}]), "it is not an ML-BOM"),
        (bom(components=[{"type": "machine-learning-model"}]), "Expected the name of a component"),
        (bom(components=[{"type": "machine-learning-model", "name": "a@b"}]), 'contains "@"'),
        (bom(components={}), "Expected a list, got a mapping."),
        ("<bom/>", "This is not JSON"),
        ("", "The file is empty."),
    ],
)
def test_what_describes_no_model_is_refused(content: Any, said: str, tmp_path: Path) -> None:
    assert said in refusal("cyclonedx", write(tmp_path / "b.json", content))


if SHARED.is_dir():

    def test_the_files_of_cyclonedx_and_others(server: ServerProcess) -> None:
        answer = imported(server, "cyclonedx", SHARED / "formats" / "cyclonedx", exit_code=1)
        reasons = [one["problems"][0]["message"] for one in answer["imports"] if one["problems"]]
        assert sum("models are described since 1.5" in reason for reason in reasons) == 3
        assert sum("it is not an ML-BOM" in reason for reason in reasons) == 2
        assert len(reasons) == answer["failed"] == 5
        assert entity(server, "model:meta-llama/Llama-2-7b@unstated")["kind"] == "MODEL_VERSION"
