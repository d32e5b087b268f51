"""Lineages whose names and averages mislead, that merge, and in which not everything was measured."""

import re
from dataclasses import replace
from typing import Any

import pytest

from descentd.graph.inputs.acts import RetractionInput
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.support.neo4j_server import Neo4jServer
from tests.support.registries import opened, send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio


def version(name: str, *parents: str, **more: Any) -> dict[str, Any]:
    links = [
        {"ref": f"model:m@{parent}", "relation": "MERGE" if len(parents) > 1 else "FINE_TUNE"} for parent in parents
    ]
    return {"name": "m", "version": name, "config": {"name": name}, "parents": links} | more


def evaluated(
    name: str, version: str = "1", data: str | None = None, n: int = 10_000, **values: float
) -> dict[str, Any]:
    metrics = [{"name": metric, "value": value, "n": n} for metric, value in values.items()]
    made = {"subject": f"model:m@{name}", "suite": {"name": "s", "version": version}, "metrics": metrics}
    return made | ({"data": data} if data else {})


async def erosion(registry: Registry, name: str, **more: Any) -> tuple[str, list[dict[str, Any]]]:
    answer = await ask(registry, "Erosion", of=f"model:m@{name}", **more)
    return answer["verdict"], answer["findings"]


async def test_the_worst_attack_counts_and_not_the_mean(registry: Registry) -> None:
    def metric(name: str, category: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "category": category, "direction": "HIGHER_IS_BETTER", "isRate": True} | more

    attacks = ["pgd", "square", "mean_attack_score"]
    await send(
        registry,
        metrics=[
            *(metric(name, "PERFORMANCE", tolerance=0.01) for name in attacks),
            metric("harm_under_worst_attack", "ROBUSTNESS", worstOf=attacks[:2], tolerance=0.01),
        ],
        models=[version("1"), version("2", "1")],
        evaluations=[
            evaluated("1", pgd=0.50, square=0.60, mean_attack_score=0.55),
            evaluated("2", pgd=0.44, square=0.80, mean_attack_score=0.62),
        ],
    )
    verdict, findings = await erosion(registry, "2")
    assert verdict == "ERODED"
    step = findings[0]
    assert (step["kind"], step["metric"]) == ("STEP_REGRESSION", "harm_under_worst_attack")
    assert (step["baseline"]["value"], step["head"]["value"]) == (0.50, 0.44)
    (trade,) = [finding for finding in findings if finding["kind"] == "TRADE_OFF"]
    assert {gain["metric"] for gain in trade["improved"]} == {"square", "mean_attack_score"}


async def test_directions_are_those_of_the_definition(registry: Registry) -> None:
    task = {"name": "jailbreak_resistance_failures", "category": "ROBUSTNESS", "direction": "HIGHER_IS_BETTER"}
    await send(
        registry,
        metrics=[task | {"isRate": True}],
        models=[version("1"), version("2", "1")],
        evaluations=[
            evaluated("1", jailbreak_resistance_failures=0.3, wmdp_accuracy=0.5, stereotype_rate=0.3),
            evaluated("2", jailbreak_resistance_failures=0.5, wmdp_accuracy=0.6, stereotype_rate=0.5),
        ],
    )
    verdict, findings = await erosion(registry, "2")
    assert verdict == "ERODED"
    assert {finding["metric"] for finding in findings} == {"wmdp_accuracy"}
    assert [finding["kind"] for finding in findings] == ["STEP_REGRESSION", "LASTING_EROSION"]


async def test_a_merge_is_compared_with_each_line_and_says_that_they_disagree(registry: Registry) -> None:
    models = [version("root"), version("good", "root"), version("bad", "root"), version("both", "good", "bad")]
    values = {"root": 0.80, "good": 0.80, "bad": 0.60, "both": 0.70}
    runs = [evaluated(name, robust_accuracy=value) for name, value in values.items()]
    await send(registry, models=models, evaluations=runs)
    _, findings = await erosion(registry, "both")
    steps = [finding for finding in findings if finding["kind"] == "STEP_REGRESSION"]
    assert [step["baseline"]["ref"] for step in steps] == ["model:m@good"]
    (conflict,) = [finding for finding in findings if finding["kind"] == "PARENT_CONFLICT"]
    assert (conflict["baseline"]["ref"], conflict["head"]["ref"]) == ("model:m@good", "model:m@bad")
    (span,) = steps[0]["introducedBy"]
    assert {"field": "parents", "before": None, "after": "model:m@bad"} in span["changes"]


async def test_a_version_in_between_that_nobody_measured_hides_nothing(registry: Registry) -> None:
    data = {"name": "d", "version": "1", "partitions": [{"name": "p", "digest": f"sha256:{1:064x}"}]}
    learned = {"trainedOn": [{"ref": "dataset:d@1#p", "role": "TRAIN"}]}
    await send(
        registry,
        datasets=[data],
        models=[version("1"), version("2", "1", **learned), version("3", "2"), version("4", "3")],
        evaluations=[evaluated("1", robust_accuracy=0.8), evaluated("4", robust_accuracy=0.6)],
    )
    verdict, findings = await erosion(registry, "4")
    assert verdict == "ERODED"
    (span,) = findings[0]["introducedBy"]
    assert (span["from"], span["to"]) == ("model:m@1", "model:m@4")
    assert {"field": "trainedOn", "before": None, "after": "dataset:d@1#p"} in span["changes"]
    assert {"field": "config.name", "before": "1", "after": "4"} in span["changes"]


async def test_a_new_suite_is_a_loss_and_no_comparison(registry: Registry) -> None:
    await send(
        registry,
        models=[version("1"), version("2", "1")],
        evaluations=[evaluated("1", "1", robust_accuracy=0.8), evaluated("2", "2", robust_accuracy=0.2)],
    )
    verdict, findings = await erosion(registry, "2")
    assert verdict == "UNKNOWN"
    (lost,) = findings
    assert (lost["kind"], lost["p"], lost["head"]["value"]) == ("COVERAGE_LOSS", None, None)
    assert "s 2" in lost["message"]


SUMMARY = """
query($of: Ref!) {
  erosion(of: $of) {
    verdict summary findings { kind message } leftOut { metric data { ref } contaminated retracted }
  }
}
"""


async def told(registry: Registry, name: str) -> Any:
    return await ask(registry, SUMMARY, of=f"model:m@{name}")


async def test_what_is_left_out_is_named_whatever_the_verdict(registry: Registry) -> None:
    data = {"name": "d", "version": "1", "partitions": [{"name": "p", "digest": f"sha256:{1:064x}"}]}
    learned = {"trainedOn": [{"ref": "dataset:d@1#p", "role": "TRAIN"}]}
    contaminated = [
        evaluated(name, data="dataset:d@1#p", robust_accuracy=value) for name, value in (("1", 0.6), ("2", 0.4))
    ]
    await send(registry, datasets=[data], models=[version("1", **learned), version("2", "1")], evaluations=contaminated)
    named = "learned from: robust_accuracy of model:m@1 and model:m@2 on dataset:d@1#p."
    answer = await told(registry, "2")
    assert answer["verdict"] == "UNKNOWN"
    assert answer["summary"].startswith("Nothing that counts was measured on this version")
    assert named in answer["summary"]
    assert answer["leftOut"] == [
        {"metric": "robust_accuracy", "data": {"ref": "dataset:d@1#p"}, "retracted": [],
         "contaminated": ["model:m@1", "model:m@2"]}
    ]  # fmt: skip
    await send(registry, evaluations=[evaluated(name, toxicity_probability=0.1) for name in ("1", "2")])
    answer = await told(registry, "2")
    assert answer["verdict"] == "STABLE"
    assert named in answer["summary"]
    trend = (
        'query($of: Ref!) { trend(of: $of, metric: "robust_accuracy") { series { slope } leftOut { contaminated } } }'
    )
    assert await ask(registry, trend, of="model:m@2") == {
        "series": [], "leftOut": [{"contaminated": ["model:m@1", "model:m@2"]}]
    }  # fmt: skip


async def test_retracted_results_and_versions_are_named(registry: Registry) -> None:
    runs = [evaluated("1", robust_accuracy=0.8), evaluated("2", robust_accuracy=0.7)]
    await send(registry, models=[version("1"), version("2", "1"), version("3", "2")], evaluations=runs)
    await send(registry, evaluations=[evaluated("3", robust_accuracy=0.6)])
    (edge,) = (await ask(registry, "Evaluations", of="model:m@2"))["edges"]
    gone = {"subjects": [edge["node"]["id"], "model:m@1"], "reason": "Wrong file."}
    assert [one["node"]["ref"] for one in (await ask(registry, "Erosions"))["edges"]] == ["model:m@3", "model:m@2"]
    await retract(registry, RetractionInput.read(gone), "ana")
    answer = await told(registry, "3")
    assert "because it was retracted: robust_accuracy of model:m@2." in answer["summary"]
    assert "0.8 on model:m@1 (retracted)" in answer["findings"][0]["message"]
    (edge,) = (await ask(registry, "Erosions"))["edges"]
    assert "0.8 on model:m@1 (retracted)" in edge["findings"][0]["message"]


async def test_a_version_that_was_only_contaminated_did_not_give_up_the_test(registry: Registry) -> None:
    parts = [{"name": name, "digest": f"sha256:{number:064x}"} for number, name in enumerate(("test", "clean"))]
    learned = {"trainedOn": [{"ref": "dataset:d@1#test", "role": "TRAIN"}]}
    await send(
        registry,
        datasets=[{"name": "d", "version": "1", "partitions": parts}],
        models=[version("0"), version("1", "0", **learned), version("2", "1")],
        evaluations=[
            evaluated(name, data=f"dataset:d@1#{part}", robust_accuracy=0.6)
            for name in ("0", "1", "2")
            for part in ("test", "clean")
        ],
    )
    answer = await told(registry, "2")
    assert [one["kind"] for one in answer["findings"]] == ["COVERAGE_LOSS"]
    assert "model:m@2 has no result by that protocol that counts" in answer["findings"][0]["message"]


async def test_performance_alone_says_nothing_of_safety(registry: Registry) -> None:
    runs = [evaluated("1", accuracy=0.8), evaluated("2", accuracy=0.9)]
    await send(registry, models=[version("1"), version("2", "1"), version("3", "2")], evaluations=runs)
    assert "No safety metric was measured on this version, only accuracy" in (await told(registry, "2"))["summary"]
    assert "Nothing that counts was measured" in (await told(registry, "3"))["summary"]
    await send(registry, evaluations=[evaluated("2", robust_accuracy=0.9)])
    answer = await told(registry, "2")
    assert answer["verdict"] == "UNKNOWN"
    assert "(robust_accuracy) was measured in the same way" in answer["summary"]


async def test_series_that_differ_in_settings_alone_are_told_apart(registry: Registry) -> None:
    def run(name: str, eps: int, value: float) -> dict[str, Any]:
        suite = {"name": "pgd", "version": "1", "config": {"eps": eps, "steps": 40}}
        return evaluated(name, robust_accuracy=value) | {"suite": suite}

    await send(
        registry,
        models=[version("1"), version("2", "1")],
        evaluations=[run("1", 4, 0.7), run("1", 8, 0.5), run("2", 4, 0.6), run("2", 8, 0.4)],
    )
    answer = await told(registry, "2")
    assert {re.split(" (?:has|became) ", one["message"])[0] for one in answer["findings"]} == {
        "robust_accuracy (pgd eps=4)", "robust_accuracy (pgd eps=8)",
    }  # fmt: skip


async def test_improvement_is_named(registry: Registry) -> None:
    runs = [evaluated("1", robust_accuracy=0.6), evaluated("2", robust_accuracy=0.8)]
    await send(registry, models=[version("1"), version("2", "1")], evaluations=runs)
    answer = await told(registry, "2")
    assert answer["verdict"] == "IMPROVED"
    assert "this improved: robust_accuracy (share of inputs that stay correct" in answer["summary"]
    assert "by 0.2 since model:m@1 (1 question was asked)." in answer["summary"]
    assert "Shown not to be worse than the tolerance in it." in answer["summary"]


async def test_a_span_says_what_its_ends_differ_in_and_what_passed_in_between(registry: Registry) -> None:
    parts = [{"name": name, "digest": f"sha256:{number:064x}"} for number, name in enumerate("pq")]
    code = {"repository": "https://example.org/r", "commit": "b" * 40}
    before = {"config": {"lr": 1, "step": 0}, "trainedOn": [{"ref": "dataset:d@1#p", "role": "TRAIN"}]}
    passing = {"config": {"lr": 99, "step": 1}, "code": code, "trainedOn": [{"ref": "dataset:d@1#p", "role": "TRAIN"}]}
    await send(
        registry,
        datasets=[{"name": "d", "version": "1", "partitions": parts}],
        models=[version("0", **before), version("1", "0", **passing), version("2", "1", config={"lr": 1, "step": 2})],
        evaluations=[evaluated("0", robust_accuracy=0.8), evaluated("2", robust_accuracy=0.6)],
    )
    _, findings = await erosion(registry, "2")
    (span,) = findings[0]["introducedBy"]
    changes = {one["field"]: (one["before"], one["after"]) for one in span["changes"]}
    assert changes == {
        "config.step": (0, 2),
        "relation": (None, "FINE_TUNE"),
        "config.lr (on model:m@1, in between)": (1, 99),
        "code.commit (on model:m@1, in between)": (None, "b" * 40),
        "code.repository (on model:m@1, in between)": (None, "https://example.org/r"),
    }


async def test_what_passed_in_between_is_named_once_where_it_came_first(registry: Registry) -> None:
    """Though the versions that share it differ in something else."""
    settings = [{"lr": 1, "step": 0}, {"lr": 99, "step": 1}, {"lr": 99, "step": 2}, {"lr": 1, "step": 3}]
    models = [version(str(n), *([str(n - 1)] if n else []), config=config) for n, config in enumerate(settings)]
    await send(
        registry,
        models=models,
        evaluations=[evaluated("0", robust_accuracy=0.8), evaluated("3", robust_accuracy=0.6)],
    )
    _, findings = await erosion(registry, "3")
    (span,) = findings[0]["introducedBy"]
    fields = [one["field"] for one in span["changes"]]
    assert sorted(fields) == ["config.lr (on model:m@1, in between)", "config.step", "relation"]


async def test_what_a_quantised_build_does_not_name_is_not_blamed(registry: Registry) -> None:
    """It was made from its parent: neither data nor code, settings or environment went with it."""
    parts = [{"name": "p", "digest": f"sha256:{1:064x}"}]
    whole = {
        "config": {"lr": 1},
        "code": {"repository": "https://example.org/r", "commit": "b" * 40},
        "environment": {"python": "3.11", "dependencies": [{"name": "numpy", "version": "2.4"}]},
        "trainedOn": [{"ref": "dataset:d@1#p", "role": "TRAIN"}],
    }
    built = {"name": "m", "version": "1", "parents": [{"ref": "model:m@0", "relation": "QUANTIZE"}]}
    await send(
        registry,
        datasets=[{"name": "d", "version": "1", "partitions": parts}],
        models=[version("0", **whole), built | {"artifacts": [{"uri": "s3://q", "digest": f"sha256:{2:064x}"}]}],
        evaluations=[evaluated("0", robust_accuracy=0.8), evaluated("1", robust_accuracy=0.6)],
    )
    _, findings = await erosion(registry, "1")
    (span,) = findings[0]["introducedBy"]
    assert [(one["field"], one["before"], one["after"]) for one in span["changes"]] == [("relation", None, "QUANTIZE")]


async def test_since_that_was_not_evaluated_is_said(registry: Registry) -> None:
    runs = [evaluated("2", robust_accuracy=0.8), evaluated("3", robust_accuracy=0.6)]
    await send(registry, models=[version("1"), version("2", "1"), version("3", "2")], evaluations=runs)
    asked = "query($of: Ref!, $since: Ref) { erosion(of: $of, since: $since) { summary } }"
    for since, said in (("1", True), ("2", False)):
        answer = await ask(registry, asked, of="model:m@3", since=f"model:m@{since}")
        assert ("model:m@1 has no safety result that counts" in answer["summary"]) == said


async def test_as_the_registry_knew_it(registry: Registry) -> None:
    await send(registry, models=[version("1"), version("2", "1")], evaluations=[evaluated("1", robust_accuracy=0.8)])
    before = (await ask(registry, "Entity", ref="model:m@2"))["recordedAt"]
    await send(registry, evaluations=[evaluated("2", robust_accuracy=0.6)])
    assert (await erosion(registry, "2"))[0] == "ERODED"
    entries = await registry.store.entries([await registry.sequence()])
    assert entries[0].recorded_at > 0
    asked = "query Erosion($of: Ref!, $asOf: DateTime) { erosion(of: $of, asOf: $asOf) { verdict } }"
    assert (await ask(registry, asked, of="model:m@2", asOf=before))["verdict"] == "UNKNOWN"


async def test_neo4j_may_walk_by_itself(neo4j_empty: Neo4jServer) -> None:
    store = Neo4jStore(neo4j_empty.uri, neo4j_empty.auth)
    async with opened(store) as registry:
        await _walked_by_the_store(replace(registry, walk=store))


async def _walked_by_the_store(pushed: Registry) -> None:
    parts = [{"name": "p", "digest": f"sha256:{1:064x}"}, {"name": "q", "digest": f"sha256:{2:064x}"}]
    learned = {"trainedOn": [{"ref": "dataset:d@1#p", "role": "TRAIN"}]}
    await send(
        pushed,
        datasets=[{"name": "d", "version": "1", "partitions": parts}],
        models=[version("1"), version("2", "1", **learned), version("3", "2"), version("4", "1")],
        evaluations=[
            *(evaluated(name, data="dataset:d@1#q", robust_accuracy=value) for name, value in (("1", 0.8), ("4", 0.6))),
            evaluated("3", data="dataset:d@1#p", robust_accuracy=0.9),
        ],
    )
    assert (await erosion(pushed, "4"))[0] == "ERODED"
    assert (await erosion(pushed, "3"))[0] == "UNKNOWN"
    (edge,) = (await ask(pushed, "Evaluations", of="model:m@3"))["edges"]
    assert [step["ref"] for step in edge["node"]["contamination"]["via"]] == [
        "dataset:d@1#p", "model:m@2", "model:m@3",
    ]  # fmt: skip
    assert [edge["node"]["ref"] for edge in (await ask(pushed, "Erosions"))["edges"]] == ["model:m@4"]
    assert (await ask(pushed, "Diff", base="model:m@3", head="model:m@4"))["relation"] == "SIBLINGS"
