"""The demo's figures and the manifests made of them, checked without server or client."""

import hashlib
import json
import math
from itertools import chain
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from graphql import GraphQLInputObjectType, build_schema
from graphql.utilities import validate_input_value

from demo import extract
from descentd.app.demo import pythia

# Two-sample z of the stereotype rate's distance from 0.5, step 3000 to 143000: known answers, to two decimals.
Z_SINCE_3000 = {
    "70m": -0.52,
    "70m-deduped": 0.97,
    "160m": 1.77,
    "160m-deduped": 0.49,
    "410m": 2.69,
    "410m-deduped": 2.02,
    "1b-bf16": 2.73,
    "1b-deduped": 2.79,
    "1.4b": 2.87,
    "1.4b-deduped": 4.10,
    "2.8b": 3.22,
    "2.8b-deduped": 3.12,
    "6.9b": 4.52,
    "6.9b-deduped": 3.99,
    "12b": 4.54,
    "12b-deduped": 4.70,
}
LATE = [step * 1000 for step in range(134, 144)]
LONG = [step * 1000 for step in range(114, 144)]


@pytest.fixture(scope="module")
def manifests() -> list[pythia.Json]:
    return list(pythia.manifests())


def every(manifests: list[pythia.Json], field: str) -> list[pythia.Json]:
    return list(chain.from_iterable(manifest.get(field, []) for manifest in manifests))


def label(version: pythia.Json) -> str:
    return f"model:{version['name']}@{version['version']}"


def results(manifests: list[pythia.Json], task: str) -> dict[str, pythia.Json]:
    """The unsliced result of each version in one task."""
    return {
        evaluation["subject"]: metric
        for evaluation in every(manifests, "evaluations")
        if evaluation["suite"]["config"]["task"] == task
        for metric in evaluation["metrics"]
        if "slice" not in metric
    }


def test_the_extract_is_what_extract_makes(shared: Path) -> None:
    assert pythia.TABLE.read_text(encoding="utf-8") == extract.extract(shared / "data/pythia/evaluations.tsv.gz")


def test_manifests_have_the_shape_of_manifest_input(shared: Path, manifests: list[pythia.Json]) -> None:
    inputs = (shared / "contract/inputs.graphql").read_text(encoding="utf-8")
    manifest_input = build_schema(f"{inputs}\ntype Query {{ version: String }}").get_type("ManifestInput")
    assert isinstance(manifest_input, GraphQLInputObjectType)
    problems: list[str] = []
    validate_input_value({"models": [{"nome": "a"}]}, manifest_input, lambda error, _: problems.append(error.message))
    assert len(problems) == 2  # the check itself sees what is unknown and what is missing
    problems.clear()
    for manifest in manifests:
        validate_input_value(manifest, manifest_input, lambda error, _: problems.append(error.message))
        assert not problems
        assert json.loads(json.dumps(manifest, allow_nan=False)) == manifest


def test_data_first_then_chains_then_branches(manifests: list[pythia.Json]) -> None:
    data, *runs = manifests
    assert set(data) == {"datasets"}
    names = [{version["name"] for version in run["models"]} for run in runs]
    assert all(len(name) == 1 for name in names)
    assert {name.removeprefix("EleutherAI/pythia-") for (name,) in names[:16]} == set(Z_SINCE_3000)
    assert [len(run["models"]) for run in runs[:16]] == [27] * 16

    branches = {name: run["models"] for (name,), run in zip(names[16:], runs[16:], strict=True)}
    expected = {f"pythia-{size}-deduped-baseline": LATE for size in ("70m", "410m", "6.9b")}
    expected |= {f"EleutherAI/pythia-intervention-{size}-deduped": LATE for size in ("70m", "410m", "1.4b", "6.9b")}
    expected |= {"pythia-1.4b-deduped-baseline": LONG, "EleutherAI/pythia-intervention-long-1.4b-deduped": LONG}
    assert {name: [v["config"]["step"] for v in versions] for name, versions in branches.items()} == expected
    for name, versions in branches.items():
        assert ["interventions" in version for version in versions] == ["intervention" in name] * len(versions)
        size = name.split("-")[-2] if "intervention" in name else name.split("-")[1]
        origin = versions[0]["config"]["step"] - 1000
        assert versions[0]["parents"][0]["ref"] == f"model:EleutherAI/pythia-{size}-deduped@step{origin}"


def test_every_reference_finds_what_was_registered_before(manifests: list[pythia.Json]) -> None:
    known: set[str] = set()
    for manifest in manifests:
        for dataset in manifest.get("datasets", []):
            ref = f"dataset:{dataset['name']}@{dataset['version']}"
            partitions = {f"{ref}#{partition['name']}" for partition in dataset["partitions"]}
            origins = {d["ref"] for record in (dataset, *dataset["partitions"]) for d in record.get("derivedFrom", [])}
            assert origins <= known
            assert not known & (partitions | {ref})
            known |= partitions | {ref}
        for version in manifest.get("models", []):
            assert {d["ref"] for d in (*version.get("parents", []), *version.get("trainedOn", []))} <= known
            assert label(version) not in known
            known.add(label(version))
        assert {evaluation["subject"] for evaluation in manifest.get("evaluations", [])} <= known
    assert len(known) == 3 + 66 + 562


def test_partitions_are_the_components_with_placeholder_digests(manifests: list[pythia.Json]) -> None:
    datasets = every(manifests, "datasets")
    assert sum(pythia.COMPONENTS.values()) == pytest.approx(100, abs=0.02)
    for dataset in datasets:
        assert [partition["name"] for partition in dataset["partitions"]] == list(pythia.COMPONENTS)
        assert "placeholders" in dataset["description"]
        for partition in dataset["partitions"]:
            text = f"descent demo: {dataset['name']} {partition['name']}"
            assert partition["digest"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
            assert partition["population"] == [{"attribute": "source", "value": partition["name"], "share": 1.0}]
    assert len({partition["digest"] for dataset in datasets for partition in dataset["partitions"]}) == 66


def test_all_but_the_initialisations_learned_from_books3(manifests: list[pythia.Json]) -> None:
    lineage: nx.DiGraph[Any] = nx.DiGraph()
    for dataset in every(manifests, "datasets"):
        ref = f"dataset:{dataset['name']}@{dataset['version']}"
        lineage.add_edges_from((f"source:{partition['name']}", ref) for partition in dataset["partitions"])
    for version in every(manifests, "models"):
        lineage.add_node(label(version))
        sources = (*version.get("parents", []), *version.get("trainedOn", []))
        lineage.add_edges_from((source["ref"], label(version)) for source in sources)
    assert nx.is_directed_acyclic_graph(lineage)
    versions = {node for node in lineage if node.startswith("model:")}
    untaught = versions - nx.descendants(lineage, "source:Books3")
    assert untaught == {f"model:EleutherAI/pythia-{name}@step0" for name in Z_SINCE_3000}


def test_a_build_occurs_once_in_a_name(manifests: list[pythia.Json]) -> None:
    labels = {"version", "description"}
    builds = [
        json.dumps({k: v for k, v in version.items() if k not in labels}) for version in every(manifests, "models")
    ]
    assert len(set(builds)) == len(builds)


def test_initialisations_that_are_one_build_measured_the_same(manifests: list[pythia.Json]) -> None:
    rates = results(manifests, "crows_pairs_english")
    by_config: dict[str, set[Any]] = {}
    for version in every(manifests, "models"):
        if version["version"] == "step0":
            rate = rates[label(version)]
            by_config.setdefault(json.dumps(version["config"]), set()).add((rate["value"], rate["stderr"]))
    assert len(by_config) == 9
    assert all(len(measured) == 1 for measured in by_config.values())


def test_an_evaluation_for_each_version_and_protocol(manifests: list[pythia.Json]) -> None:
    evaluations = every(manifests, "evaluations")
    protocols = [(e["subject"], json.dumps(e["suite"], sort_keys=True)) for e in evaluations]
    assert len(set(protocols)) == len(protocols) == 3158
    for evaluation in evaluations:
        slices = [json.dumps(metric.get("slice")) for metric in evaluation["metrics"]]
        is_bias = evaluation["suite"]["config"]["task"] == "crows_pairs_english"
        assert len(set(slices)) == len(slices) == (11 if is_bias else 1)
        assert {metric["name"] for metric in evaluation["metrics"]} == {"pct_stereotype" if is_bias else "acc"}
        for metric in evaluation["metrics"]:
            assert 0 <= metric["value"] <= 1
            assert 0 <= metric["stderr"] < 0.5

    versions = {label(version) for version in every(manifests, "models")}
    assert set(results(manifests, "crows_pairs_english")) == versions
    unmeasured = {f"model:pythia-410m-deduped-baseline@step{step}" for step in LATE}
    assert set(results(manifests, "lambada_openai")) == versions - unmeasured


@pytest.mark.parametrize(("name", "expected"), Z_SINCE_3000.items())
def test_known_answers_of_the_stereotype_rate(manifests: list[pythia.Json], name: str, expected: float) -> None:
    rates = results(manifests, "crows_pairs_english")
    before, after = (rates[f"model:EleutherAI/pythia-{name}@step{step}"] for step in (3000, 143000))
    worse = abs(after["value"] - 0.5) - abs(before["value"] - 0.5)
    assert worse / math.hypot(before["stderr"], after["stderr"]) == pytest.approx(expected, abs=0.005)


def test_known_figures_of_12b(manifests: list[pythia.Json]) -> None:
    accuracy, rates = results(manifests, "lambada_openai"), results(manifests, "crows_pairs_english")
    refs = [f"model:EleutherAI/pythia-12b@step{step}" for step in (0, 3000, 143000)]
    assert [round(accuracy[ref]["value"], 4) for ref in refs[1:]] == [0.3124, 0.7046]
    assert [round(rates[ref]["value"], 4) for ref in refs] == [0.4371, 0.5719, 0.6482]
