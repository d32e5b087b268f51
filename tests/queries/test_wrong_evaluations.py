"""Evaluations and definitions that cannot be meant: refused whole, with a code and the field."""

from typing import Any

import pytest

from descentd.graph.model.errors import Code, DescentError, Invalid, VersionConflict
from descentd.queries.registry import Registry
from tests.support.registries import send

pytestmark = pytest.mark.anyio

SUITE = {"name": "s", "version": "1"}
HERE = "evaluations[0].metrics[0]"


def evaluation(*metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"evaluations": [{"subject": "model:m@1", "suite": SUITE, "metrics": list(metrics)} | more]}


def metric(**more: Any) -> dict[str, Any]:
    return {"name": "accuracy", "value": 0.5} | more


def definition(**more: Any) -> dict[str, Any]:
    return {"metrics": [{"name": "mine", "category": "BIAS", "direction": "LOWER_IS_BETTER"} | more]}


OLD = {"attribute": "age", "value": "65+"}
WRONG: dict[str, tuple[dict[str, Any], Code, str]] = {
    "a negative error": (evaluation(metric(stderr=-0.1)), Code.INVALID_INPUT, f"{HERE}.stderr"),
    "a negative n": (evaluation(metric(n=-1)), Code.INVALID_INPUT, f"{HERE}.n"),
    "half an item": (evaluation(metric(n=1.5)), Code.INVALID_INPUT, f"{HERE}.n"),
    "a rate above 1": (evaluation(metric(value=1.2)), Code.INVALID_INPUT, f"{HERE}.value"),
    "a rate below 0": (evaluation(metric(value=-0.01)), Code.INVALID_INPUT, f"{HERE}.value"),
    "no number": (evaluation(metric(value=float("nan"))), Code.INVALID_INPUT, f"{HERE}.value"),
    "infinity": (evaluation(metric(name="perplexity", value=float("inf"))), Code.INVALID_INPUT, f"{HERE}.value"),
    "one slice twice": (
        evaluation(metric(slice=[OLD]), metric(slice=[OLD])), Code.INVALID_INPUT, "evaluations[0].metrics[1].name",
    ),
    "an attribute twice": (
        evaluation(metric(slice=[OLD, OLD | {"value": "1"}])), Code.INVALID_INPUT, f"{HERE}.slice[1].attribute",
    ),
    "no metrics": (evaluation(), Code.INVALID_INPUT, "evaluations[0].metrics"),
    "an unknown metric": (evaluation(metric(name="acuracy")), Code.UNKNOWN_METRIC, f"{HERE}.name"),
    "an unknown version": (
        evaluation(metric(), subject="model:m@2"), Code.UNKNOWN_REFERENCE, "evaluations[0].subject",
    ),
    "unknown data": (evaluation(metric(), data="dataset:d@1"), Code.UNKNOWN_REFERENCE, "evaluations[0].data"),
    "a target without optimum": (definition(direction="TARGET"), Code.INVALID_INPUT, "metrics[0].optimum"),
    "an optimum without target": (definition(optimum=0.5), Code.INVALID_INPUT, "metrics[0].optimum"),
    "a rate's optimum above 1": (
        definition(direction="TARGET", optimum=1.5, isRate=True), Code.INVALID_INPUT, "metrics[0].optimum",
    ),
    "a negative tolerance": (definition(tolerance=-1), Code.INVALID_INPUT, "metrics[0].tolerance"),
    "worst of what is unknown": (definition(worstOf=["acuracy"]), Code.UNKNOWN_METRIC, "metrics[0].worstOf[0]"),
    "worst of one thing twice": (
        definition(worstOf=["toxicity_probability"] * 2), Code.INVALID_INPUT, "metrics[0].worstOf[1]",
    ),
    "worst where nothing is worse": (
        definition(direction="NONE", worstOf=["selection_rate"]), Code.INVALID_INPUT, "metrics[0].worstOf",
    ),
    "made of itself": (definition(worstOf=["mine"]), Code.CYCLE, "metrics[0]"),
    "a gap in itself": (definition(disparityOf="mine", disparityOver="age"), Code.CYCLE, "metrics[0]"),
    "disparity over nothing": (
        definition(disparityOf="accuracy"), Code.INVALID_INPUT, "metrics[0].disparityOver",
    ),
    "defined twice": (
        {"metrics": [*definition()["metrics"], *definition(tolerance=0.3)["metrics"]]},
        Code.VERSION_CONFLICT,
        "metrics[1]",
    ),
}  # fmt: skip


async def test_wrong_input_names_its_field_and_adds_nothing(registry: Registry) -> None:
    await send(registry, models=[{"name": "m", "version": "1"}])
    before = await registry.sequence()
    for what, (wrong, code, field) in WRONG.items():
        with pytest.raises(DescentError) as caught:
            await send(registry, notes=[{"subject": "model:m@1", "author": "a", "text": "t"}], **wrong)
        problems = caught.value.problems if isinstance(caught.value, Invalid) else (caught.value,)
        assert [(problem.code, problem.field) for problem in problems] == [(code, field)], what
        assert await registry.sequence() == before


async def test_a_definition_of_the_catalogue_is_a_default_until_it_is_used(registry: Registry) -> None:
    own = {"name": "accuracy", "category": "PERFORMANCE", "direction": "HIGHER_IS_BETTER", "isRate": True}
    await send(registry, models=[{"name": "m", "version": "1"}], metrics=[own | {"tolerance": 0.2}])
    await send(registry, metrics=[own | {"tolerance": 0.2}])
    with pytest.raises((Invalid, VersionConflict)) as caught:
        await send(registry, metrics=[own | {"tolerance": 0.3}])
    assert "tolerance" in str(caught.value)
    await send(registry, **evaluation(metric(name="recall")))
    with pytest.raises((Invalid, VersionConflict)) as caught:
        await send(registry, metrics=[own | {"name": "recall", "direction": "LOWER_IS_BETTER", "tolerance": 0.01}])
    changed = "(direction: HIGHER_IS_BETTER → LOWER_IS_BETTER)"
    assert f"Results of recall rest on the catalogue's definition {changed}: " in str(caught.value)


async def test_a_circle_of_definitions_is_shown(registry: Registry) -> None:
    circle = [definition(name=name, worstOf=[part])["metrics"][0] for name, part in ("ab", "bc", "ca")]
    with pytest.raises(Invalid) as caught:
        await send(registry, metrics=circle)
    assert {(problem.code, problem.field) for problem in caught.value.problems} == {
        (Code.CYCLE, f"metrics[{number}]") for number in range(3)
    }
    assert caught.value.problems[0].message.startswith("a would be made of itself (a ← c ← b ← a): ")


async def test_the_same_definition_twice_is_one(registry: Registry) -> None:
    found = await send(registry, metrics=definition()["metrics"] * 2)
    assert len(found.created) == 1
