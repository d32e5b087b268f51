"""`descent export FORMAT`: each format by its own schema or reader, and by what the registry holds."""

import base64
import csv
import io
import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import networkx as nx
import pydot
import pytest
import yaml
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from jsonschema import Draft7Validator
from prov.model import ProvDerivation, ProvDocument, ProvEntity, ProvMembership, ProvUsage
from referencing import Registry as Schemas
from referencing import Resource

from descent.exporters.graph import Graph, Node, edges_of
from descentd.graph.model import derived
from descentd.graph.model.kinds import Kind
from tests.client.importers.imports import dry
from tests.client.test_cli import run
from tests.graph.samples import registry as sample
from tests.support.server_process import ServerProcess

VERSION, PARENT = "model:credit-risk@4.1", "model:credit-risk@4.0"
REGISTER = "mutation ($manifest: ManifestInput!) { register(manifest: $manifest) { created } }"
ODD = 'He said: "<b>&amp; \\ | `x` *y*"\n=1+1 \u202e☃'
POLICY = """\
environment: production
rules:
  - name: accuracy
    expression: metrics["accuracy"].exists(m, m.value > 0.0)
"""
MORE: dict[str, Any] = {
    "datasets": [
        {
            "name": "synthetic",
            "version": "1",
            "license": "proprietary",
            "generatedBy": [VERSION],
            "partitions": [{"name": "all", "digest": f"sha256:{77:064x}", "rows": 5, "uri": "s3://data/all"}],
        }
    ],
    "models": [
        {
            "name": "odd",
            "version": "1",
            "description": ODD,
            "parents": [{"ref": VERSION, "relation": "QUANTIZE"}, {"ref": PARENT, "relation": "MERGE"}],
            "trainedOn": [{"ref": "dataset:synthetic@1#all", "role": "TRAIN"}],
            "config": {"a": "=cmd", "b": [1, None]},
            "artifacts": [
                {"uri": "s3://m/a", "digest": f"sha256:{1001:064x}"},
                {"uri": "s3://m/b", "digest": f"sha256:{1002:064x}"},
            ],
            "code": {"repository": "https://git.example.org/x", "commit": "0123456789abcdef0123456789abcdef01234567"},
            "safetyProfile": {
                "intendedUse": ODD,
                "mustNotDo": ["Decline alone."],
                "guardrails": ["Scores outside 300-850 are rejected."],
                "knownBiases": [{"attribute": "age", "value": "65+", "description": "Scores are low."}],
                "notes": [{"author": "risk", "text": "Look again."}],
            },
        }
    ],
    "evaluations": [
        {
            "subject": "model:odd@1",
            "suite": {"name": "fairness", "version": "1"},
            "data": "dataset:loans@2024-12#holdout",
            "metrics": [
                {"name": "accuracy", "value": 0.5, "stderr": 0.1},
                {"name": "accuracy", "value": 0.25, "slice": [{"attribute": "age", "value": "65+"}]},
            ],
        }
    ],
}
ACTS = (
    'mutation { flag(input: { subjects: ["model:credit-risk@4.0"], action: REVIEW, reason: "r" }) { id } }',
    'mutation { promote(of: "model:odd@1", environment: "production") { id } }',
    """mutation { review(input: { subject: "model:odd@1", environment: "production", decision: NO_GO, reason: "r" })
      { id } }""",
    'mutation { promote(of: "model:odd@1", environment: "production") { id } }',
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("exports")
    (folder / "production.yaml").write_text(POLICY)
    with ServerProcess(f"sqlite:///{folder / 'registry.db'}", "--policies", str(folder)) as running:
        for manifest in (sample(), MORE):
            answer = running.ask(REGISTER, manifest=manifest)
            assert "errors" not in answer, answer
        for act in ACTS:
            running.ask(act)
        yield running


def exported(server: ServerProcess, *words: str, code: int = 0) -> str:
    done = run("--url", server.url, "export", *words)
    assert done.exit_code == code, done.stderr
    return done.stdout_bytes.decode() if code == 0 else done.stderr


@pytest.fixture(scope="module")
def log(server: ServerProcess) -> dict[str, dict[str, Any]]:
    """The records of the registry by id."""
    lines = [json.loads(line) for line in exported(server, "ndjson", "--all").splitlines()]
    return {line["id"]: line for line in lines if "id" in line}


def edges(log: dict[str, dict[str, Any]]) -> Counter[tuple[str, str, str]]:
    """The edges of all records, by the server's own rules."""
    return Counter(
        (line["id"], str(edge.role), edge.target)
        for line in log.values()
        for edge in derived.edges_of(Kind(line["kind"]), line["content"])
    )


def test_edges_follow_from_contents_as_in_the_server(log: dict[str, dict[str, Any]]) -> None:
    assert {line["kind"] for line in log.values()} >= {"GATE_DECISION", "REVIEW", "FLAG", "VULNERABILITY", "POLICY"}
    for line in log.values():
        node = Node(line["id"], line["kind"], "", "", "", line["content"])
        expected = derived.edges_of(Kind(line["kind"]), line["content"])
        assert sorted((edge.role, edge.target, edge.detail) for edge in edges_of(node)) == sorted(
            (str(edge.role), edge.target, edge.detail) for edge in expected
        )


# ---------------------------------------------------------------- tables


def test_graphml_is_read_by_networkx(server: ServerProcess, log: dict[str, dict[str, Any]]) -> None:
    graph = nx.parse_graphml(exported(server, "graphml", "--all"), force_multigraph=True)
    assert set(graph) == set(log)
    assert Counter((a, data["role"], b) for a, b, data in graph.edges(data=True)) == edges(log)
    [odd] = [data for _, data in graph.nodes(data=True) if data["ref"] == "model:odd@1"]
    assert json.loads(odd["content"])["description"] == ODD
    assert odd["name"] == "odd"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pydot calls pyparsing by older names
def test_dot_is_read_by_pydot(server: ServerProcess, log: dict[str, dict[str, Any]]) -> None:
    [graph] = pydot.graph_from_dot_data(exported(server, "dot", "--all")) or []
    names = {node.get_name().strip('"') for node in graph.get_nodes()} - {"node"}
    assert names == set(log)
    found = Counter(
        (str(edge.get_source()).strip('"'), str(edge.get_destination()).strip('"')) for edge in graph.get_edges()
    )
    assert found == Counter((source, target) for source, _, target in edges(log).elements())


def test_csv_has_a_row_for_each_record_and_no_formula(server: ServerProcess, log: dict[str, dict[str, Any]]) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(server, "csv", "--all"), newline="")))
    assert [row["id"] for row in rows] == list(log)
    refs = {row["id"]: row["ref"] for row in rows}
    for row in rows:
        assert json.loads(row["content"]) == log[row["id"]]["content"]
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())
    linked = Counter((row["id"], *link.split(" ", 1)) for row in rows for link in row["links"].split("\n") if link)
    assert linked == Counter((source, role, refs[target]) for source, role, target in edges(log).elements())


# ---------------------------------------------------------------- PROV


def test_prov_is_read_by_the_reference_implementation(server: ServerProcess, log: dict[str, dict[str, Any]]) -> None:
    document = ProvDocument.deserialize(content=exported(server, "prov", "--all"), format="json")
    entities = {str(one.identifier) for one in document.get_records(ProvEntity)}
    assert entities == {"descent:" + id.replace(":", "-") for id in log}
    roles = Counter(role for _, role, _ in edges(log).elements())
    assert len(list(document.get_records(ProvMembership))) == roles["INCLUDES"]
    assert len(list(document.get_records(ProvDerivation))) == roles["DERIVED_FROM"] + roles["SUPERSEDES"]
    used = ("TRAINED_ON", "GENERATED_BY", "BUILT_FROM", "CONFIGURED_BY", "RAN_IN")
    assert len(list(document.get_records(ProvUsage))) == sum(roles[role] for role in used)


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


# ---------------------------------------------------------------- in-toto


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("key") / "key.pem"
    private = Ed25519PrivateKey.generate()
    file.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


def opened(text: str, private: Ed25519PrivateKey) -> list[dict[str, Any]]:
    """The statements in envelopes, whose signatures are right (DSSE, v1)."""
    statements = []
    for line in text.splitlines():
        envelope = json.loads(line)
        payload, kind = base64.b64decode(envelope["payload"], validate=True), envelope["payloadType"]
        pae = " ".join(["DSSEv1", str(len(kind)), kind, str(len(payload)), ""]).encode() + payload
        [signature] = envelope["signatures"]
        private.public_key().verify(base64.b64decode(signature["sig"], validate=True), pae)
        with pytest.raises(InvalidSignature):
            private.public_key().verify(base64.b64decode(signature["sig"]), pae + b" ")
        statement = json.loads(payload)
        Statement.copy_from_pb(json_format.ParseDict(statement, statement_pb2.Statement())).validate()
        statements.append(statement)
    return statements


def test_attestations_are_signed_and_say_what_was_used(server: ServerProcess, key: Path) -> None:
    from descent.exporters.intoto import read_key

    text = exported(server, "intoto", "model:odd@1", "--signing-key", str(key))
    provenance, *results = opened(text, read_key(key))
    assert provenance["predicateType"] == "https://slsa.dev/provenance/v1"
    assert {one["digest"]["sha256"] for one in provenance["subject"]} == {f"{1001:064x}", f"{1002:064x}"}
    json_format.ParseDict(provenance["predicate"], provenance_pb2.Provenance())
    used = provenance["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert {one["digest"].get("sha256") for one in used} >= {f"{11:064x}", f"{10:064x}", f"{77:064x}"}
    assert {"gitCommit": "0123456789abcdef0123456789abcdef01234567"} in [one["digest"] for one in used]
    assert provenance["predicate"]["buildDefinition"]["externalParameters"]["parameters"] == {
        "a": "=cmd",
        "b": [1, None],
    }
    assert [one["predicate"]["result"] for one in results] == ["PASSED", "FAILED"]
    for one in results:
        assert one["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
        json_format.ParseDict(one["predicate"], test_result_pb2.TestResult())
    assert results[0]["predicate"]["passedTests"] == ["accuracy"]
    assert results[1]["predicate"]["failedTests"] == ["no-go"]


def test_every_version_with_artifacts_is_attested(server: ServerProcess, key: Path) -> None:
    from descent.exporters.intoto import read_key

    statements = opened(exported(server, "intoto", "--all", "--signing-key", str(key)), read_key(key))
    names = {one["name"] for statement in statements for one in statement["subject"]}
    assert names == {"s3://models/4.0", "s3://models/4.1", "s3://m/a", "s3://m/b"}


def test_keys_of_the_registry_sign_too_and_others_are_refused(server: ServerProcess, tmp_path: Path) -> None:
    seed = bytes(range(32))
    file = tmp_path / "key"
    file.write_text(f"PRIVATE+KEY+descent.example+01234567+{base64.b64encode(bytes([1]) + seed).decode()}\n")
    text = exported(server, "intoto", VERSION, "--signing-key", str(file))
    assert opened(text, Ed25519PrivateKey.from_private_bytes(seed))
    for wrong in ("", "PRIVATE+KEY+x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
        file.write_text(wrong)
        assert "holds no Ed25519 key" in exported(server, "intoto", VERSION, "--signing-key", str(file), code=1)
    missing = exported(server, "intoto", VERSION, "--signing-key", str(tmp_path / "none"), code=1)
    assert "cannot be read" in missing


# ---------------------------------------------------------------- OpenLineage and cards


def test_openlineage_events_say_what_each_run_read_and_wrote(server: ServerProcess) -> None:
    events = [json.loads(line) for line in exported(server, "openlineage", "--all").splitlines()]
    by_output = {event["outputs"][0]["name"] + "@" + version(event["outputs"][0]): event for event in events}
    odd = by_output["odd@1"]
    assert {(one["name"], version(one)) for one in odd["inputs"]} == {
        ("credit-risk", "4.1"), ("credit-risk", "4.0"), ("synthetic#all", "1"),
    }  # fmt: skip
    assert odd["outputs"][0]["facets"]["datasetType"]["datasetType"] == "MODEL"
    assert odd["job"]["facets"]["sourceCodeLocation"]["url"] == "https://git.example.org/x"
    for event in events:
        assert event["eventType"] == "COMPLETE"
        assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
        uuid.UUID(event["run"]["runId"])
        for holder in (event["run"], event["job"], *event["inputs"], *event["outputs"]):
            for facet in holder.get("facets", {}).values():
                assert facet["_producer"] == event["producer"]
                assert ":" in facet["_schemaURL"]
    assert len({event["run"]["runId"] for event in events}) == len(events)
    assert exported(server, "openlineage", "--all") == exported(server, "openlineage", "--all")


def version(dataset: dict[str, Any]) -> str:
    return str(dataset["facets"]["version"]["datasetVersion"])


def test_a_card_for_hugging_face(server: ServerProcess) -> None:
    _, front, text = exported(server, "hf-card", "model:odd@1").split("---\n", 2)
    found = yaml.safe_load(front)
    assert sorted(found["base_model"]) == ["credit-risk", "credit-risk"]
    assert "base_model_relation" not in found, "two relations, and the Hub knows one"
    assert found["datasets"] == ["synthetic"]
    [index] = found["model-index"]
    [result] = index["results"]
    assert result["metrics"][0] == {"type": "accuracy", "value": 0.5, "name": "accuracy"}
    assert result["dataset"] == {
        "name": "dataset:loans@2024-12#holdout",
        "type": "loans",
        "revision": "2024-12",
        "split": "holdout",
    }
    for heading in (
        "## Uses",
        "### Direct Use",
        "### Out-of-Scope Use",
        "## Bias, Risks, and Limitations",
        "## Training Data",
    ):
        assert f"\n{heading}\n" in text
    assert "<b>" not in text.replace("\\<b\\>", "")
    single = yaml.safe_load(exported(server, "hf-card", VERSION).split("---\n", 2)[1])
    assert single["base_model_relation"] == "finetune"


# ---------------------------------------------------------------- all of them

FORMATS = ("cyclonedx", "openlineage", "prov", "graphml", "csv", "dot")


@pytest.mark.parametrize("format", [*FORMATS, "hf-card"])
def test_a_version_comes_with_its_ancestry(server: ServerProcess, format: str, tmp_path: Path) -> None:
    file = tmp_path / "out"
    assert exported(server, format, VERSION, "-o", str(file)) == ""
    text = file.read_text("utf-8")
    assert "credit-risk" in text
    assert "loans" in text
    assert "synthetic" not in text, "that came later"
    broken = exported(server, format, VERSION, "-o", str(tmp_path / "no" / "out"), code=1)
    assert "cannot be written (No such file or directory)" in broken


@pytest.mark.parametrize(("format", "name"), [("cyclonedx", "bom.json"), ("openlineage", "events.jsonl")])
def test_what_was_exported_can_be_imported(server: ServerProcess, format: str, name: str, tmp_path: Path) -> None:
    exported(server, format, "--all", "-o", str(tmp_path / name))
    done = dry(format, tmp_path / name)
    assert done.exit_code == 0, done.stderr
    models = set(re.findall(r"model:(?:descent/)?([\w-]+@[\w.]+)", done.stdout))
    assert models >= {"odd@1", "credit-risk@4.0", "credit-risk@4.1"}


def test_a_card_can_be_imported(server: ServerProcess, tmp_path: Path) -> None:
    exported(server, "hf-card", VERSION, "-o", str(tmp_path / "README.md"))
    done = dry("hf", tmp_path, "--model", "copy@1")
    assert done.exit_code == 0, done.stderr
    assert "parent model:credit-risk@main (fine_tune: base_model_relation)" in done.stdout


def test_what_a_card_says_of_safety_and_results_can_be_imported(server: ServerProcess, tmp_path: Path) -> None:
    exported(server, "hf-card", "model:odd@1", "-o", str(tmp_path / "README.md"))
    done = dry("hf", tmp_path, "--model", "copy@1")
    assert done.exit_code == 0, done.stderr
    assert "safety profile: intended use, uses out of scope" in done.stdout
    assert "by loans 2024-12" in done.stdout


@pytest.mark.parametrize("format", FORMATS)
def test_misuse(server: ServerProcess, format: str) -> None:
    assert "Name a version, or write --all" in exported(server, format, code=2)
    assert "not both" in exported(server, format, VERSION, "--all", code=2)
    assert "NOT_FOUND" in exported(server, format, "model:nobody@1", code=1)


def test_an_order_in_which_what_is_named_comes_first(log: dict[str, dict[str, Any]]) -> None:
    nodes = [Node(line["id"], line["kind"], "", "", "", line["content"]) for line in reversed(log.values())]
    from descent.exporters.graph import _in_order

    places = {node.id: place for place, node in enumerate(_in_order(nodes))}
    assert len(places) == len(log)
    for edge in Graph(nodes).edges:
        assert places[edge.target] < places[edge.source]


def test_xml_holds_no_character_that_xml_has_not() -> None:
    from descent.exporters.tables import as_graphml

    node = Node("sha256:1", "NOTE", "r", "t", "p\x00\x1b", {"subject": "x", "text": "a\x0bb"})
    ET.fromstring(as_graphml(Graph([node])))
