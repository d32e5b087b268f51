"""`descent export cyclonedx`, by the schema of CycloneDX and the minimum elements of an ML-BOM."""

import json
import uuid
from datetime import datetime
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry as Schemas
from referencing import Resource

from tests.client.exports.registered import ODD, PARENT, VERSION, exported
from tests.support.server_process import ServerProcess

# ---------------------------------------------------------------- CycloneDX


def schema_of_cyclonedx() -> Draft7Validator:
    """CycloneDX's own schema of 1.7, and those that it refers to, as its library has them."""
    folder = resources.files("cyclonedx.schema._res")

    def read(name: str) -> Any:
        return json.loads(folder.joinpath(f"{name}.SNAPSHOT.schema.json").read_text("utf-8"))

    others = [read(name) for name in ("spdx", "jsf-0.82", "cryptography-defs")]
    schemas = Schemas().with_resources([(one["$id"], Resource.from_contents(one)) for one in others])
    return Draft7Validator(read("bom-1.7"), registry=schemas)


def bom(server: ServerProcess, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(exported(server, "cyclonedx", *words))
    assert [error.message for error in schema_of_cyclonedx().iter_errors(found)] == []
    return found


def test_cyclonedx_has_a_model_card_and_a_pedigree(server: ServerProcess, log: dict[str, dict[str, Any]]) -> None:
    found = bom(server, "model:odd@1")
    model = found["metadata"]["component"]
    assert (model["type"], model["name"], model["version"]) == ("machine-learning-model", "odd", "1")
    ancestors = [(one["name"], one["version"]) for one in model["pedigree"]["ancestors"]]
    assert sorted(ancestors) == [("credit-risk", "4.0"), ("credit-risk", "4.1")]
    assert "quantize of model:credit-risk@4.1" in model["pedigree"]["notes"]
    card = model["modelCard"]
    assert card["modelParameters"]["datasets"] == [{"ref": "dataset:synthetic@1#all"}]
    assert card["considerations"]["useCases"][0].split() == ODD.split()
    assert card["considerations"]["fairnessAssessments"] == [{"groupAtRisk": "age 65+", "harms": "Scores are low."}]
    [whole, group] = card["quantitativeAnalysis"]["performanceMetrics"]
    assert (whole["type"], whole["value"]) == ("accuracy", "0.5")
    assert float(whole["confidenceInterval"]["lowerBound"]) == pytest.approx(0.304, abs=1e-4)
    assert group["slice"].endswith("; age=65+")
    assert {one["type"] for one in model["externalReferences"]} == {"distribution", "vcs"}
    datetime.fromisoformat(found["metadata"]["timestamp"])
    assert uuid.UUID(found["serialNumber"]).urn == found["serialNumber"]


def test_cyclonedx_of_everything_names_each_component_once(server: ServerProcess) -> None:
    found = bom(server, "--all")
    components = {one["bom-ref"]: one for one in found["components"]}
    assert len(components) == len(found["components"])
    assert {"model:odd@1", VERSION, PARENT, "dataset:loans@2024-12", "dataset:synthetic@1#all"} <= components.keys()
    depends = {one["ref"]: one.get("dependsOn", []) for one in found["dependencies"]}
    assert {ref for targets in depends.values() for ref in targets} <= components.keys()
    assert VERSION in depends["model:odd@1"]
    [vulnerability] = found["vulnerabilities"]
    assert vulnerability["affects"] == [{"ref": PARENT}]
    assert vulnerability["ratings"][0]["severity"] == "high"
    assert "Population, documented complete: region US 100.0%." in json.dumps(components["dataset:loans@2024-12#train"])


MINIMUM = {
    "SBOM author": ("metadata", "authors"),
    "SBOM timestamp": ("metadata", "timestamp"),
    "SBOM version": ("version",),
    "data format": ("specVersion",),
    "tool": ("metadata", "tools"),
    "generation context": ("metadata", "lifecycles"),
    "dependency relationship": ("dependencies",),
    "components": ("components",),
    "model name": ("metadata", "component", "name"),
    "model version": ("metadata", "component", "version"),
    "model identifier": ("metadata", "component", "bom-ref"),
    "model producer": ("metadata", "component", "authors"),
    "model description": ("metadata", "component", "description"),
    "model hash and algorithm": ("metadata", "component", "externalReferences", 0, "hashes"),
    "training properties": ("metadata", "component", "modelCard", "modelParameters"),
    "intended application area": ("metadata", "component", "modelCard", "considerations", "useCases"),
    "limitations": ("metadata", "component", "modelCard", "considerations", "technicalLimitations"),
    "performance": ("metadata", "component", "modelCard", "quantitativeAnalysis"),
    "external references": ("metadata", "component", "externalReferences"),
}
"""Elements of the G7 paper on SBOMs for AI that a registry holds, and where they are."""


@pytest.mark.parametrize(("element", "path"), MINIMUM.items(), ids=MINIMUM)
def test_minimum_elements_are_there(server: ServerProcess, element: str, path: tuple[str | int, ...]) -> None:
    value: Any = json.loads(exported(server, "cyclonedx", "model:odd@1"))
    for step in path:
        value = value[step]
    assert value


def test_what_is_not_recorded_is_named(server: ServerProcess) -> None:
    [missing] = json.loads(exported(server, "cyclonedx", VERSION))["metadata"]["properties"]
    assert missing["name"] == "descent:minimum-elements:not-recorded"
    assert "data flow" in missing["value"]
