"""Lineages whose names and averages mislead, that merge, and in which not everything was measured."""

from dataclasses import replace
from typing import Any

import pytest

from descentd.graph.store.neo4j import Neo4jStore
from descentd.queries.registry import Registry
from tests.asking import ask
from tests.neo4j_server import Neo4jServer
from tests.registries import opened, send

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
    assert [finding["metric"] for finding in findings] == ["wmdp_accuracy"]


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


async def test_as_the_registry_knew_it(registry: Registry) -> None:
    await send(registry, models=[version("1"), version("2", "1")], evaluations=[evaluated("1", robust_accuracy=0.8)])
    before = (await ask(registry, "Entity", ref="model:m@2"))["recordedAt"]
    await send(registry, evaluations=[evaluated("2", robust_accuracy=0.6)])
    assert (await erosion(registry, "2"))[0] == "ERODED"
    entries = await registry.store.entries([await registry.sequence()])
    assert entries[0].recorded_at > 0
    asked = "query Erosion($of: Ref!, $asOf: DateTime) { erosion(of: $of, asOf: $asOf) { verdict } }"
    assert (await ask(registry, asked, of="model:m@2", asOf=before))["verdict"] == "UNKNOWN"


async def test_the_store_may_walk_by_itself(neo4j_empty: Neo4jServer) -> None:
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
