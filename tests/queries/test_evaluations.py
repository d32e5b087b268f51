"""What was measured, on what: series, the newest result, derived metrics, contamination."""

from typing import Any

import pytest

from descentd.graph.inputs.acts import RetractionInput
from descentd.graph.model.errors import InvalidInput, NotFound
from descentd.queries.evaluation.evaluations import measured, results_of
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.support.registries import send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def dataset(name: str, *partitions: str, first: int = 1, **more: Any) -> dict[str, Any]:
    parts = [{"name": part, "digest": digest(first + i)} for i, part in enumerate(partitions)]
    return {"name": name, "version": "1", "partitions": parts, **more}


def model(version: str, *parents: str, data: str | None = None, role: str = "TRAIN") -> dict[str, Any]:
    made: dict[str, Any] = {"name": "m", "version": version, "config": {"v": version}}
    made["parents"] = [{"ref": f"model:m@{parent}", "relation": "FINE_TUNE"} for parent in parents]
    made["trainedOn"] = [{"ref": data, "role": role}] if data else []
    return made


def evaluation(version: str, *metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    suite = more.pop("suite", {"name": "s", "version": "1"})
    return {"subject": f"model:m@{version}", "suite": suite, "metrics": list(metrics), **more}


def metric(name: str, value: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "value": value, **more}


AGE = [{"attribute": "age_group", "value": "65+"}]
YOUNG = [{"attribute": "age_group", "value": "18-64"}]
HOLDOUT = "dataset:d@1#holdout"


async def values(registry: Registry, version: str) -> dict[tuple[str, Any], float]:
    upto = await registry.sequence()
    brief = await registry.find(f"model:m@{version}", upto)
    found = await results_of(registry, brief.sequence, upto)
    return {(series.metric.name, series.slice): one.result.value for series, one in found.items()}


async def test_the_newest_is_by_when_it_was_evaluated_then_by_log(registry: Registry) -> None:
    await send(registry, models=[model("1")])
    for value, at in ((0.1, "2025-01-02T00:00:00Z"), (0.2, "2025-01-01T00:00:00Z"), (0.3, "2025-01-02T00:00:00Z")):
        await send(registry, evaluations=[evaluation("1", metric("accuracy", value), evaluatedAt=at)])
    assert await values(registry, "1") == {("accuracy", ()): 0.3}
    await send(registry, evaluations=[evaluation("1", metric("accuracy", 0.4))])  # recorded now, so it counts from now
    assert await values(registry, "1") == {("accuracy", ()): 0.4}
    listed = await ask(registry, "Evaluations", of="model:m@1")
    newest = listed["edges"][-1]["node"]["id"]
    await retract(registry, RetractionInput.read({"subjects": [newest], "reason": "Wrong file."}), "ana")
    assert await values(registry, "1") == {("accuracy", ()): 0.3}
    assert [edge["node"]["retracted"] for edge in (await ask(registry, "Evaluations", of="model:m@1"))["edges"]] == [
        False, False, False, True,
    ]  # fmt: skip


async def test_other_protocols_are_other_series(registry: Registry) -> None:
    suites: list[dict[str, Any]] = [
        {"name": "s", "version": "1"},
        {"name": "s", "version": "2"},
        {"name": "t", "version": "1"},
        {"name": "s", "version": "1", "config": {"shots": 1}},
        {"name": "s", "version": "1", "config": {"shots": 5}},
    ]
    runs = [evaluation("1", metric("accuracy", 0.5), suite=suite) for suite in suites]
    runs.append(evaluation("1", metric("accuracy", 0.5), data=HOLDOUT))
    runs.append(evaluation("1", metric("accuracy", 0.5, slice=AGE)))
    await send(registry, datasets=[dataset("d", "holdout")], models=[model("1")], evaluations=runs)
    upto = await registry.sequence()
    brief = await registry.find("model:m@1", upto)
    assert len(await results_of(registry, brief.sequence, upto)) == 7


async def test_what_is_made_from_other_metrics(registry: Registry) -> None:
    metrics = [
        {"name": "attack_a", "category": "ROBUSTNESS", "direction": "HIGHER_IS_BETTER", "isRate": True},
        {"name": "attack_b", "category": "ROBUSTNESS", "direction": "HIGHER_IS_BETTER", "isRate": True},
        {"name": "worst", "category": "ROBUSTNESS", "direction": "HIGHER_IS_BETTER", "isRate": True,
         "worstOf": ["attack_a", "attack_b"]},
        {"name": "gap", "category": "BIAS", "direction": "LOWER_IS_BETTER",
         "disparityOf": "selection_rate", "disparityOver": "age_group"},
    ]  # fmt: skip
    both = evaluation(
        "1",
        metric("attack_a", 0.9, n=100),
        metric("attack_b", 0.4, n=400),
        metric("selection_rate", 0.4, n=2400, slice=AGE),
        metric("selection_rate", 0.6, n=2400, slice=YOUNG),
    )
    own = evaluation("2", metric("attack_a", 0.9), metric("worst", 0.3))
    await send(registry, metrics=metrics, models=[model("1"), model("2", "1")], evaluations=[both, own])
    upto = await registry.sequence()
    brief = await registry.find("model:m@1", upto)
    found = {
        series.metric.name: one.result for series, one in (await results_of(registry, brief.sequence, upto)).items()
    }
    assert (found["worst"].value, found["worst"].n) == (0.4, 400)
    assert found["gap"].value == 0.2
    assert found["gap"].stderr == pytest.approx((2 * 0.24 / 2400) ** 0.5)
    assert (await values(registry, "2"))["worst", ()] == 0.3


async def test_a_definition_counts_from_when_it_was_registered(registry: Registry) -> None:
    await send(
        registry, models=[model("1")], evaluations=[evaluation("1", metric("psi", 0.2), metric("ks_drift", 0.3))]
    )
    before = await registry.sequence()
    worst = {"name": "drift", "category": "DRIFT", "direction": "LOWER_IS_BETTER", "worstOf": ["psi", "ks_drift"]}
    await send(registry, metrics=[worst])
    brief = await registry.find("model:m@1", before)
    assert ("drift", ()) in await values(registry, "1")
    assert {series.metric.name for series in await results_of(registry, brief.sequence, before)} == {
        "psi",
        "ks_drift",
    }
    metrics = (await measured(registry, [brief.sequence], before)).metrics
    with pytest.raises(Exception, match="did you mean"):
        metrics.find("psii")


async def contaminations(registry: Registry, version: str) -> list[list[str]]:
    edges = (await ask(registry, "Evaluations", of=f"model:m@{version}"))["edges"]
    found = [edge["node"]["contamination"] for edge in edges]
    assert all(one["contaminated"] == bool(one["via"]) for one in found)
    return [[step["ref"] for step in one["via"]] for one in found]


async def test_contamination_is_learning_from_it_however_remotely(registry: Registry) -> None:
    twin = dataset("twin", "copy")
    augmented = dataset("augmented", "more", first=7, derivedFrom=[{"ref": HOLDOUT, "relation": "AUGMENT"}])
    await send(
        registry,
        datasets=[dataset("d", "holdout", "train", "own"), twin, augmented, dataset("other", "part", first=20)],
        models=[
            model("clean", data="dataset:d@1#train"),
            model("sibling", "clean", data="dataset:d@1#own"),
            model("direct", data=HOLDOUT),
            model("child", "direct"),
            model("retrieves", "clean", data=HOLDOUT, role="RETRIEVAL"),
            model("twin", data="dataset:twin@1#copy"),
            model("whole", data="dataset:d@1"),
            model("derived", data="dataset:augmented@1#more"),
        ],
        evaluations=[
            evaluation(version, metric("accuracy", 0.5), data=data)
            for version in ("clean", "sibling", "direct", "child", "retrieves", "twin", "whole", "derived")
            for data in (HOLDOUT, "dataset:other@1", None)
            if data
        ]
        + [evaluation("clean", metric("accuracy", 0.5))],
    )
    assert await contaminations(registry, "clean") == [[], [], []]
    assert await contaminations(registry, "sibling") == [[], []]
    assert await contaminations(registry, "direct") == [[HOLDOUT, "model:m@direct"], []]
    assert await contaminations(registry, "child") == [[HOLDOUT, "model:m@direct", "model:m@child"], []]
    assert await contaminations(registry, "retrieves") == [[HOLDOUT, "model:m@retrieves"], []]
    assert await contaminations(registry, "twin") == [[HOLDOUT, "dataset:twin@1#copy", "model:m@twin"], []]
    assert await contaminations(registry, "whole") == [[HOLDOUT, "dataset:d@1", "model:m@whole"], []]
    assert await contaminations(registry, "derived") == [[HOLDOUT, "dataset:augmented@1#more", "model:m@derived"], []]


async def test_evaluated_on_a_whole_dataset_of_which_a_part_was_learned(registry: Registry) -> None:
    await send(
        registry,
        datasets=[dataset("d", "holdout", "train")],
        models=[model("1", data="dataset:d@1#train")],
        evaluations=[evaluation("1", metric("accuracy", 0.5), data="dataset:d@1")],
    )
    assert await contaminations(registry, "1") == [["dataset:d@1#train", "model:m@1"]]


async def test_contamination_is_also_having_learned_from_what_the_data_was_made_from(registry: Registry) -> None:
    def made(name: str, number: int, part: str, relation: str = "SAMPLE") -> dict[str, Any]:
        return dataset(name, "p", first=number, derivedFrom=[{"ref": part, "relation": relation}])

    sample = {
        "name": "devsample",
        "digest": digest(5),
        "derivedFrom": [{"ref": "dataset:e@1#train", "relation": "SAMPLE"}],
    }
    raw = dataset("e", "train", "held-out", "raw")
    raw["partitions"].append(sample)
    train, devsample = "dataset:e@1#train", "dataset:e@1#devsample"
    await send(
        registry,
        datasets=[
            raw,
            made("filtered", 20, train, "FILTER"),
            made("again", 30, "dataset:filtered@1"),
            dataset("copy", "p", first=30),  # the same data, and nobody says where it is from
            made("split", 40, "dataset:e@1#raw"),
            made("test", 50, "dataset:e@1#raw"),
            made("of-whole", 60, "dataset:e@1"),
            dataset("synthetic", "p", first=70, generatedBy=["model:m@1"]),
        ],
        models=[
            model("1", data=train),
            model("2", "1"),
            model("whole", data="dataset:e@1"),
            model("twin", data="dataset:copy@1#p"),
            model("split", data="dataset:split@1#p"),
            model("held-out", data="dataset:e@1#held-out"),
        ],
        evaluations=[
            evaluation(version, metric("accuracy", 0.5), data=data)
            for version, data in [
                ("1", devsample), ("1", "dataset:filtered@1"), ("1", "dataset:again@1#p"), ("1", "dataset:copy@1#p"),
                ("1", "dataset:test@1#p"), ("1", "dataset:synthetic@1#p"), ("1", "dataset:e@1#held-out"),
                ("2", devsample), ("2", train), ("whole", devsample), ("whole", "dataset:filtered@1#p"),
                ("twin", "dataset:filtered@1#p"), ("split", "dataset:test@1#p"), ("held-out", devsample),
                ("held-out", "dataset:of-whole@1#p"),
            ]
        ],
    )  # fmt: skip
    one = "model:m@1"
    assert await contaminations(registry, "1") == [
        [devsample, train, one],
        ["dataset:filtered@1", train, one],
        ["dataset:again@1#p", "dataset:filtered@1", train, one],
        ["dataset:copy@1#p", "dataset:again@1#p", "dataset:filtered@1", train, one],
        [],  # an origin in common
        [],  # its own product
        [],
    ]
    assert await contaminations(registry, "2") == [[devsample, train, one, "model:m@2"], [train, one, "model:m@2"]]
    assert await contaminations(registry, "whole") == [
        [devsample, "dataset:e@1", "model:m@whole"],  # it is a part of what was learned from, too
        ["dataset:filtered@1#p", train, "dataset:e@1", "model:m@whole"],
    ]
    assert await contaminations(registry, "twin") == [
        ["dataset:filtered@1#p", "dataset:filtered@1", "dataset:again@1#p", "dataset:copy@1#p", "model:m@twin"]
    ]
    assert await contaminations(registry, "split") == [[]]
    assert await contaminations(registry, "held-out") == [
        [],
        ["dataset:of-whole@1#p", "dataset:e@1", "dataset:e@1#held-out", "model:m@held-out"],
    ]
    asked = "query($of: Ref!) { evaluations(of: $of) { edges { node { contamination { via { role back } } } } } }"
    edge, _ = (await ask(registry, asked, of="model:m@2"))["edges"]
    assert [(step["role"], step["back"]) for step in edge["node"]["contamination"]["via"]] == [
        (None, False), ("DERIVED_FROM", True), ("TRAINED_ON", False), ("DERIVED_FROM", False),
    ]  # fmt: skip


async def test_the_error_that_counts_is_shown(registry: Registry) -> None:
    metrics = [metric("accuracy", 0.5, n=100), metric("accuracy", 0.5, stderr=0.1, slice=AGE), metric("psi", 0.5, n=9)]
    await send(registry, models=[model("1")], evaluations=[evaluation("1", *metrics)])
    asked = (
        'query { evaluations(of: "model:m@1") { edges { node { metrics { name stderr error slice { value } } } } } }'
    )
    (edge,) = (await ask(registry, asked))["edges"]
    found = [(one["name"], one["stderr"], one["error"]) for one in edge["node"]["metrics"]]
    assert sorted(found, key=str) == [("accuracy", 0.1, 0.1), ("accuracy", None, 0.05), ("psi", None, None)]


async def test_pages_of_evaluations_fit_together_while_more_arrive(registry: Registry) -> None:
    await send(registry, models=[model("1")])
    for i in range(5):
        await send(registry, evaluations=[evaluation("1", metric("accuracy", i / 10))])
    first = await ask(registry, "Evaluations", of="model:m@1", first=2)
    await send(registry, evaluations=[evaluation("1", metric("accuracy", 0.9))])
    second = await ask(registry, "Evaluations", of="model:m@1", first=4, after=first["pageInfo"]["endCursor"])
    shown = [edge["node"]["metrics"][0]["value"] for edge in first["edges"] + second["edges"]]
    assert shown == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert (first["totalCount"], second["totalCount"], second["pageInfo"]["hasNextPage"]) == (5, 5, False)
    with pytest.raises(InvalidInput, match="another question"):
        await ask(registry, "Evaluations", of="model:m@2", after=first["pageInfo"]["endCursor"])
    with pytest.raises(NotFound):
        await ask(registry, "Evaluations", of="model:m@2")
    await send(registry, datasets=[dataset("d", "p")])
    with pytest.raises(InvalidInput, match="name a model version"):
        await ask(registry, "Evaluations", of="dataset:d@1")


async def test_every_result_says_whether_it_counts_and_what_it_comes_to(registry: Registry) -> None:
    runs = [
        evaluation("1", metric("toxic_frac", 0.15, n=5000), evaluatedAt="2025-01-01T00:00:00Z"),
        evaluation("1", metric("toxic_frac", 0.10, n=10), evaluatedAt="2025-01-02T00:00:00Z"),
        evaluation("1", metric("psi", 0.1), evaluatedAt="2025-01-03T00:00:00Z"),
        evaluation("1", metric("psi", 0.2), evaluatedAt="2025-01-04T00:00:00Z"),
    ]
    await send(registry, models=[model("1")], evaluations=runs)
    text = """query { evaluations(of: "model:m@1") { edges { node {
        metrics { name value counts pooled pooledWith } } } } }"""
    edges = (await ask(registry, text))["edges"]
    rows = [tuple(one.values()) for edge in edges for one in edge["node"]["metrics"]]
    pooled = pytest.approx((0.15 * 5000 + 0.10 * 10) / 5010)
    assert rows == [
        ("toxic_frac", 0.15, True, pooled, 1),
        ("toxic_frac", 0.10, True, pooled, 1),
        ("psi", 0.1, False, None, 0),
        ("psi", 0.2, True, 0.2, 0),
    ]
    trend = """query { trend(of: "model:m@1", metric: "toxic_frac") { series { points { value newest runs } } } }"""
    (point,) = (await ask(registry, trend))["series"][0]["points"]
    assert point == {"value": pooled, "newest": 0.10, "runs": 2}
