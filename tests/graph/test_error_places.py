"""What is wrong with an element of a list names the place that it was sent at, also where the list is a set."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.inputs.acts import FlagInput, RetractionInput
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import DescentError, Invalid
from descentd.graph.registration.register import with_all_problems
from descentd.graph.store.base import Store
from descentd.graph.store.memory import MemoryStore
from descentd.queries.registry import Registry
from tests.graph.samples import Json, digest, send
from tests.support.registries import send as send_to
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio

SUITE = {"name": "s", "version": "1"}
ENTITIES: Json = {
    "datasets": [
        {"name": "d", "version": "1", "partitions": [{"name": p, "digest": digest(i)} for i, p in enumerate("abc")]}
    ],
    "models": [{"name": "m", "version": "1", "config": {"a": 1}}],
}


async def fields(store: Store, manifest: Json) -> list[str | None]:
    with pytest.raises(DescentError) as refused:
        await send(store, manifest)
    error = refused.value
    return [problem.field for problem in (error.problems if isinstance(error, Invalid) else [error])]


def population(shares: list[Any]) -> Json:
    return {
        "populations": [
            {"subject": "dataset:d@1#a", "populationDocumented": "PARTIAL", "population": shares, "reason": "r"}
        ]
    }


def result(**more: Any) -> Json:
    metric = {"name": "accuracy", "value": 0.5} | more
    return {"evaluations": [{"subject": "model:m@1", "suite": SUITE, "metrics": [metric]}]}


def version(**more: Any) -> Json:
    return {"models": [{"name": "n", "version": "1", **more}]}


def share(value: str) -> Json:
    return {"attribute": "source", "value": value}


def learned(name: str) -> Json:
    return {"ref": f"dataset:d@1#{name}", "role": "TRAIN"}


LISTS: dict[str, tuple[list[Any], Any, Any, str]] = {
    "a value with outer spaces": (
        [share("b"), share("a"), share("c")], share("aa "), population, "populations[0].population[{}].value",
    ),
    "an attribute with outer spaces": (
        [{"attribute": "b", "value": "1"}, {"attribute": "c", "value": "1"}], {"attribute": " a", "value": "1"},
        lambda pairs: result(slice=pairs), "evaluations[0].metrics[0].slice[{}].attribute",
    ),
    "a value twice": ([share("b"), share("a")], share("b"), population, "populations[0].population[{}]"),
    "an attribute twice": (
        [{"attribute": "b", "value": "1"}, {"attribute": "a", "value": "1"}], {"attribute": "b", "value": "2"},
        lambda pairs: result(slice=pairs), "evaluations[0].metrics[0].slice[{}].attribute",
    ),
    "data that is not there": (
        [learned("b"), learned("a")], learned("ab"), lambda data: version(trainedOn=data),
        "models[0].trainedOn[{}].ref",
    ),
    "data twice": (
        [learned("b"), learned("a")], learned("b"), lambda data: version(trainedOn=data), "models[0].trainedOn[{}]",
    ),
    "disclosed data that is not there": (
        [learned("b"), learned("a")], learned("ab"),
        lambda data: {"disclosures": [{"subject": "model:m@1", "trainedOn": data, "source": "s", "reason": "r"}]},
        "disclosures[0].trainedOn[{}].ref",
    ),
    "a package twice": (
        [{"name": "b", "version": "1"}, {"name": "a", "version": "1"}], {"name": "b", "version": "2"},
        lambda packages: version(environment={"dependencies": packages}),
        "models[0].environment.dependencies[{}].name",
    ),
    "a metric that is not there": (
        ["f1", "accuracy"], "b",
        lambda parts: {"metrics": [{"name": "w", "category": "BIAS", "direction": "HIGHER_IS_BETTER",
                                    "worstOf": parts}]},
        "metrics[0].worstOf[{}]",
    ),
    "a metric twice for a slice": (
        [{"name": "f1", "value": 0.5}, {"name": "accuracy", "value": 0.5}], {"name": "f1", "value": 0.25},
        lambda results: {"evaluations": [{"subject": "model:m@1", "suite": SUITE, "metrics": results}]},
        "evaluations[0].metrics[{}].name",
    ),
    "a pair of too many": (
        [{"subject": "model:m@2", "n01": 1, "n10": 1}, {"subject": "model:m@3", "n01": 1, "n10": 1}],
        {"subject": "model:m@4", "n01": 9, "n10": 9},
        lambda pairs: result(n=10, pairedWith=pairs), "evaluations[0].metrics[0].pairedWith[{}].n01",
    ),
    "the target of an intervention": (
        [{"attribute": "b"}, {"attribute": "c"}], {"attribute": "a "},
        lambda targets: version(interventions=[{"kind": "k", "targets": targets, "description": "d"}]),
        "models[0].interventions[0].targets[{}].attribute",
    ),
}  # fmt: skip
"""By what is wrong: right elements, one that is wrong among them, the manifest, and the field with the place."""


@pytest.mark.parametrize("case", LISTS)
@given(place=st.integers(0, 3))
async def test_an_element_is_named_by_its_place(case: str, place: int) -> None:
    right, wrong, manifest, field = LISTS[case]
    elements = list(right)
    elements.insert(min(place, len(right)), wrong)
    # Of two that are alike the second is named.
    expected = max(place for place, one in enumerate(elements) if one == wrong)
    if "twice" in case:
        named = "name" if "name" in wrong else "attribute" if "attribute" in wrong else None
        alike = [place for place, one in enumerate(elements) if named is None or one[named] == wrong[named]]
        expected = max(alike) if "value twice" not in case and "data" not in case else expected
    store = MemoryStore()
    await send(store, ENTITIES)
    assert await fields(store, manifest(elements)) == [field.format(expected)]


async def test_results_after_one_that_cannot_be_read_keep_their_places() -> None:
    store = MemoryStore()
    await send(store, ENTITIES)
    results = [{"name": "accuracy", "value": "high"}, {"name": "f1", "value": 5.0}, {"name": "acuracy", "value": 0.5}]
    with pytest.raises(Invalid) as refused:
        ManifestInput.read({"evaluations": [{"subject": "model:m@1", "suite": SUITE, "metrics": results}]})
    found = [problem.field for problem in (await with_all_problems(store, refused.value)).problems]
    assert sorted(map(str, found)) == [
        "evaluations[0].metrics[0].value",
        "evaluations[0].metrics[1].value",
        "evaluations[0].metrics[2].name",
    ]


FLAG = "mutation ($input: FlagInput!) { flag(input: $input) { id } }"
RETRACT = "mutation ($input: RetractionInput!) { retract(input: $input) { id } }"


@pytest.mark.parametrize(("text", "more"), [(FLAG, {"action": "REVIEW"}), (RETRACT, {})])
@pytest.mark.parametrize("place", [0, 1, 2])
async def test_so_are_the_subjects_of_an_act(registry: Registry, text: str, more: Json, place: int) -> None:
    await send_to(registry, **ENTITIES)
    subjects = ["model:m@1", "dataset:d@1"]
    subjects.insert(place, "dataset:nowhere@1")
    given = {"subjects": subjects, "reason": "r", **more}
    with pytest.raises(DescentError) as refused:
        await ask(registry, text, input=given)
    assert refused.value.field == f"subjects[{place}]"


@pytest.mark.parametrize("kind", [FlagInput, RetractionInput])
def test_what_is_given_twice_is_named(kind: Any) -> None:
    given = {"subjects": ["model:b@1", "model:a@1", "model:b@1"], "reason": "r", "action": "REVIEW"}
    if kind is RetractionInput:
        del given["action"]
    with pytest.raises(Invalid) as refused:
        kind.read(given)
    assert [problem.field for problem in refused.value.problems] == ["subjects[2]"]
    assert "here and as element 0" in refused.value.problems[0].message
