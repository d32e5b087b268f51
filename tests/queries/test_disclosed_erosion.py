"""Erosion follows what was disclosed: as if it had been stated from the beginning, and from its moment on only."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descentd.graph.model.names import rfc3339
from descentd.graph.store.memory import MemoryStore
from descentd.queries.erosion.report import assessed, erosion
from descentd.queries.evaluation.editions import CURRENT, FIRST, SECOND
from descentd.queries.governance.gate.context import EDITION, GateContext
from descentd.queries.lineage.ancestry import Ancestry
from descentd.queries.registry import Registry
from tests.queries.disclosing import (
    NAMES,
    RATES,
    Known,
    Lineage,
    act,
    disclose,
    disclosure,
    evaluated,
    ref,
    registered,
    take_back,
    version,
)
from tests.support.effort import some_of
from tests.support.registries import opened, send
from tests.support.saved_operations import ask

pytestmark = pytest.mark.anyio


# ---------------------------------------------------------------- as if it had been stated


@st.composite
def lineages(draw: st.DrawFn) -> Lineage:
    names = NAMES[: draw(st.integers(2, 7))]
    order = "".join(draw(st.permutations(names)))
    parents: dict[str, str] = {}
    disclosed: dict[str, str] = {}
    for place, name in enumerate(names):
        some = draw(st.lists(st.sampled_from(names[:place]), max_size=2, unique=True)) if place else []
        late = [p for p in some if order.index(p) > order.index(name) or draw(st.integers(0, 3)) == 0]
        parents[name] = "".join([p for p in some if p not in late] + late)
        disclosed[name] = "".join(late)
    values = {name: draw(RATES) for name in names if draw(st.integers(0, 5))}
    return Lineage(parents, disclosed, order, values)


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer with the changes of each derivation in one order."""
    for finding in answer["findings"]:
        for one in finding["introducedBy"]:
            one["changes"].sort(key=lambda change: (change["field"], repr(change)))
    return answer


async def answers(registry: Registry, lineage: Lineage) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in sorted(lineage.parents):
        found[name] = _plain(await ask(registry, "Erosion", of=ref(name)))
        found[f"trend of {name}"] = await ask(registry, "Trend", of=ref(name), metric="robust_accuracy")
        if lineage.parents[name]:
            found[f"since {name}"] = _plain(
                await ask(registry, "Erosion", of=ref(name), since=ref(lineage.parents[name][-1]))
            )
    last = max(lineage.parents)
    for name in sorted(lineage.parents):
        difference = await ask(registry, "Diff", base=ref(name), head=ref(last))
        found[f"diff of {name}"] = {part: difference[part] for part in ("relation", "changes", "metrics")}
    listing = (await ask(registry, "Erosions"))["edges"]
    found["list"] = sorted((edge["node"]["ref"], edge["verdict"], repr(edge["findings"])) for edge in listing)
    return found


@settings(max_examples=some_of(60))
@given(lineages())
async def test_it_answers_as_if_it_had_been_stated(lineage: Lineage) -> None:
    async with opened(MemoryStore()) as learned, opened(MemoryStore()) as stated:
        await registered(learned, lineage, disclosing=True)
        await registered(stated, lineage, disclosing=False)
        assert await answers(learned, lineage) == await answers(stated, lineage)


_PARENTS = {"a": "", "b": "a", "c": "b", "d": "cb", "e": "d"}
BACKWARDS = Lineage(
    parents=_PARENTS,
    disclosed=_PARENTS,
    order="edcba",
    values={"a": (0.9, 0.6), "b": (0.9, 0.6), "c": (0.8, 0.7), "d": (0.79, 0.7), "e": (0.7, 0.8)},
)
"""Every version was registered before what it came from."""


async def test_it_answers_as_if_it_had_been_stated_on_each_store(registry: Registry) -> None:
    await registered(registry, BACKWARDS, disclosing=True)
    async with opened(MemoryStore()) as stated:
        await registered(stated, BACKWARDS, disclosing=False)
        assert await answers(registry, BACKWARDS) == await answers(stated, BACKWARDS)


# ---------------------------------------------------------------- what is said of it

INTRODUCED = """
query ($of: Ref!, $asOf: DateTime) { erosion(of: $of, asOf: $asOf) { verdict findings { kind introducedBy {
  from to disclosures { id source } changes { field after disclosed on } } } } }
"""


async def test_a_derivation_that_was_disclosed_is_named_with_its_disclosure(registry: Registry) -> None:
    await send(registry, models=[version("b"), version("a")])
    await send(registry, evaluations=[evaluated("a", robust_accuracy=0.9), evaluated("b", robust_accuracy=0.7)])
    alone = await ask(registry, "Erosion", of=ref("b"))
    before = await registry.sequence()
    assert (alone["verdict"], alone["findings"]) == ("STABLE", [])
    id = await disclose(registry, disclosure("b", "a"))
    answer = await ask(registry, INTRODUCED, of=ref("b"))
    step = next(one for one in answer["findings"] if one["kind"] == "STEP_REGRESSION")
    [by] = step["introducedBy"]
    assert (answer["verdict"], by["from"], by["to"]) == ("ERODED", ref("a"), ref("b"))
    assert by["disclosures"] == [{"id": id, "source": "the card"}]
    assert {"field": "relation", "after": "FINE_TUNE", "disclosed": True, "on": None} in by["changes"]
    moment = (await registry.store.entries([before]))[0].recorded_at
    then = await erosion(registry, ref("b"), None, None, rfc3339(moment))
    assert then.findings == []
    await take_back(registry, id)
    assert (await ask(registry, "Erosion", of=ref("b")))["findings"] == []


async def test_a_decision_of_before_is_replayed_without_what_was_disclosed(registry: Registry) -> None:
    """Gates up to edition 4 did not read disclosed parents; what they decided is evaluated again as they did."""
    await send(registry, models=[version("b"), version("a")])
    await send(registry, evaluations=[evaluated("a", robust_accuracy=0.9), evaluated("b", robust_accuracy=0.7)])
    await disclose(registry, disclosure("b", "a"))
    upto = await registry.sequence()
    brief = await registry.find(ref("b"), upto)
    found = [(await assessed(registry, brief.sequence, upto, edition=edition))[0] for edition in (SECOND, CURRENT)]
    assert [one.verdict for one in found] == ["STABLE", "ERODED"]
    assert [GateContext(registry, brief, "e", upto, 0, edition=number).statistics for number in (3, 4, EDITION)] == [
        FIRST,
        SECOND,
        CURRENT,
    ]


async def test_a_shorter_way_that_is_disclosed_is_another_question(registry: Registry) -> None:
    """The ancestors are the same ones, and so are all results."""
    await send(registry, models=[version("a"), version("b", "a"), version("c", "b")])
    values = {"a": 0.9, "b": 0.7, "c": 0.7}
    await send(registry, evaluations=[evaluated(name, robust_accuracy=value) for name, value in values.items()])
    kinds = [one["kind"] for one in (await ask(registry, "Erosion", of=ref("c")))["findings"]]
    assert "STEP_REGRESSION" not in kinds
    await disclose(registry, disclosure("c", "a"))
    found = (await ask(registry, "Erosion", of=ref("c")))["findings"]
    assert [one["baseline"]["ref"] for one in found if one["kind"] == "STEP_REGRESSION"] == [ref("a")]


async def test_a_cycle_of_an_older_registry_is_walked_once() -> None:
    ancestry = Ancestry(3, {3: [2], 2: [1, 3], 1: [2, 0], 0: []})
    assert ancestry.versions == [0, 1, 2, 3]
    assert dict(ancestry.parents) == {0: (), 1: (0,), 2: (1,), 3: (2,)}
    assert Ancestry(1, {1: [1]}).parents == {1: ()}


# ---------------------------------------------------------------- the list of the registry


async def listed(registry: Registry) -> list[str]:
    return [edge["node"]["ref"] for edge in (await ask(registry, "Erosions"))["edges"]]


async def afresh(registry: Registry) -> list[str]:
    return await listed(Registry(registry.store, registry.walk, registry.committer))


async def test_the_list_of_eroded_versions_follows_disclosures(registry: Registry) -> None:
    await send(registry, models=[version("c", ""), version("d", "c"), version("a"), version("b")])
    values = {"a": 0.95, "b": 0.9, "c": 0.7, "d": 0.7}
    await send(registry, evaluations=[evaluated(name, robust_accuracy=value) for name, value in values.items()])
    assert await listed(registry) == []
    first = await disclose(registry, disclosure("c", "b"))
    assert await listed(registry) == await afresh(registry)
    assert sorted(await listed(registry)) == [ref("c"), ref("d")]
    retraction = await take_back(registry, first)
    assert await listed(registry) == await afresh(registry) == []
    again = await take_back(registry, retraction)
    assert await listed(registry) == await afresh(registry)
    assert sorted(await listed(registry)) == [ref("c"), ref("d")]
    await take_back(registry, again)
    assert await listed(registry) == []
    await take_back(registry, (await registry.store.briefs([await registry.sequence()]))[0].id)
    second = await disclose(registry, disclosure("c", "a", supersedes=first))
    assert sorted(await listed(registry)) == sorted(await afresh(registry)) == [ref("c"), ref("d")]
    await take_back(registry, second)
    assert await listed(registry) == await afresh(registry)


async def test_the_list_follows_what_is_disclosed_of_data(registry: Registry) -> None:
    """What a version was evaluated on is disclosed to be a sample of what it learned from."""
    datasets = [
        {"name": name, "version": "1", "partitions": [{"name": "p", "digest": f"sha256:{number:064x}"}]}
        for number, name in enumerate(("web", "test"))
    ]
    on, web = "dataset:test@1#p", "dataset:web@1#p"
    learned: dict[str, Any] = {"trainedOn": [{"ref": web, "role": "TRAIN"}]}
    await send(registry, datasets=datasets, models=[version("a", **learned), version("b", "a")])
    await send(registry, evaluations=[evaluated("a", on, robust_accuracy=0.9), evaluated("b", on, robust_accuracy=0.7)])
    assert await listed(registry) == [ref("b")]
    given = {"subject": on, "source": "mail", "reason": "found", "parents": [{"ref": web, "relation": "SAMPLE"}]}
    id = await disclose(registry, given)
    assert await listed(registry) == await afresh(registry) == []
    text = "query ($of: Ref!) { evaluations(of: $of) { edges { node { contamination { via { ref role back } } } } } }"
    [edge] = (await ask(registry, text, of=ref("a")))["edges"]
    assert [(one["ref"], one["role"]) for one in edge["node"]["contamination"]["via"]] == [
        (on, None),
        (id, "ABOUT"),
        (web, "DERIVED_FROM"),
        (ref("a"), "TRAINED_ON"),
    ]
    await take_back(registry, id)
    assert await listed(registry) == await afresh(registry) == [ref("b")]
    id = await disclose(
        registry, {**given, "subject": ref("a"), "parents": [], "trainedOn": [{"ref": on, "role": "TRAIN"}]}
    )
    assert await listed(registry) == await afresh(registry) == []
    await take_back(registry, id)
    assert await listed(registry) == [ref("b")]


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_list_follows_whatever_is_disclosed_and_retracted(registry: Registry, seed: int) -> None:
    dice = random.Random(seed)
    known, ids = Known(), list[str]()
    for name in NAMES:
        known.own[name] = dice.choice(["", *known.own]) if known.own else ""
        await send(
            registry,
            models=[version(name, known.own[name])],
            evaluations=[evaluated(name, robust_accuracy=round(dice.uniform(0.6, 0.95), 3))],
        )
    for _ in range(14):
        await act(registry, known, ids, (dice.randrange(6), dice.randrange(100), dice.randrange(100)))
        assert await listed(registry) == await afresh(registry)


async def test_a_retraction_of_a_retracted_evaluation_is_noticed(registry: Registry) -> None:
    await send(registry, models=[version("a"), version("b", "a")])
    done = await send(registry, evaluations=[evaluated("a", robust_accuracy=0.9), evaluated("b", robust_accuracy=0.7)])
    assert await listed(registry) == [ref("b")]
    retraction = await take_back(registry, done.records[-1].id)
    assert await listed(registry) == []
    await take_back(registry, retraction)
    assert await listed(registry) == await afresh(registry) == [ref("b")]
