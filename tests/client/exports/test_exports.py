"""`descent export FORMAT`: each format by its own schema or reader, and by what the registry holds."""

import csv
import io
import json
import re
import uuid
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import networkx as nx
import pydot
import pytest
import yaml
from prov.model import ProvDerivation, ProvDocument, ProvEntity, ProvMembership, ProvUsage

from descent.exporters.graph import Graph, Node, edges_of
from descentd.graph.model import derived
from descentd.graph.model.kinds import Kind
from tests.client.exports.registered import ODD, VERSION, exported, version
from tests.client.importers.imports import dry
from tests.support.server_process import ServerProcess


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
