"""Parents that were disclosed: those that were known at each moment, and never a cycle."""

import asyncio
import random
from collections.abc import Awaitable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.model.errors import Cycle, Invalid
from descentd.graph.model.kinds import INFLUENCE, Kind, Role
from descentd.graph.model.records import Record
from descentd.graph.retractions import find_retractions
from descentd.graph.store.committer import Committer
from descentd.graph.store.memory import MemoryStore
from descentd.queries.lineage.lineage import Direction, lineage
from descentd.queries.lineage.parents import parents_of
from descentd.queries.lineage.stated_edges import stated_edges
from descentd.queries.registry import Registry
from tests.queries.disclosing import NAMES, Known, Statement, Step, act, disclose, disclosure, ref, take_back, version
from tests.support.effort import some_of
from tests.support.histories import adding
from tests.support.registries import opened, send, without_index

pytestmark = pytest.mark.anyio
steps = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 99), st.integers(0, 99)), max_size=14)


async def check_parents(registry: Registry, known: dict[int, dict[str, str]]) -> None:
    """Each version has the parents that were known at each moment, with those of all its ancestors.

    And the index knows the same edges as the store.
    """
    briefs = await registry.store.resolve([ref(name) for name in NAMES])
    sequence = {name: briefs[ref(name)].sequence for name in NAMES if ref(name) in briefs}
    for upto, parents in known.items():
        for name in parents:
            found = await parents_of(registry, [sequence[name]], upto)
            expected: dict[int, list[int]] = {}
            waiting = [name]
            while waiting:
                each = waiting.pop()
                expected[sequence[each]] = [sequence[parent] for parent in parents[each]]
                waiting += [parent for parent in parents[each] if sequence[parent] not in expected]
            assert {each: list(named) for each, named in found.items()} == expected
        everyone = [sequence[name] for name in parents]
        edges = await stated_edges(registry, everyone, everyone, INFLUENCE, upto)
        assert edges == await stated_edges(without_index(registry), everyone, everyone, INFLUENCE, upto)
        assert {(edge.source, edge.target) for edge in edges} == {
            (sequence[name], sequence[parent]) for name in parents for parent in parents[name]
        }


@settings(max_examples=some_of(160))
@given(st.lists(st.integers(0, 2**7), min_size=2, max_size=7) | st.just([0, 0, 0]), steps)
async def test_parents_are_those_that_were_known(chosen: list[int], steps: list[Step]) -> None:
    async with opened(MemoryStore()) as registry:
        await _history(registry, chosen, steps)


async def _history(registry: Registry, chosen: list[int], steps: list[Step]) -> None:
    known, ids, moments = Known(), list[str](), dict[int, dict[str, str]]()
    for name, mask in zip(NAMES, chosen, strict=False):
        known.own[name] = "".join(other for place, other in enumerate(sorted(known.own)) if mask >> place & 1)
        await send(registry, models=[version(name, known.own[name])])
    moments[await registry.sequence()] = known.parents()
    for step in steps:
        await act(registry, known, ids, step)
        moments[await registry.sequence()] = known.parents()
    await check_parents(registry, moments)


async def refused(doing: Awaitable[object]) -> str | None:
    """The field of the cycle that an act is refused for."""
    with pytest.raises((Cycle, Invalid)) as error:
        await doing
    one = error.value.problems[0] if isinstance(error.value, Invalid) else error.value
    assert isinstance(one, Cycle)
    return one.field


async def test_what_counts_again_closes_no_cycle(registry: Registry) -> None:
    """By the retraction of a retraction, or of what had superseded it; each is taken once nothing is in its way."""
    await send(registry, models=[version(name) for name in "abc"])
    first = await disclose(registry, disclosure("a", "b"))
    retraction = await take_back(registry, first)
    turned = await disclose(registry, disclosure("b", "a"))
    assert await refused(take_back(registry, retraction)) == "subjects"
    away = await take_back(registry, turned)
    await take_back(registry, retraction)  # the first counts again
    assert await refused(take_back(registry, away)) == "subjects"
    second = await disclose(registry, disclosure("a", "c", supersedes=first))
    await take_back(registry, away)  # and now that it is superseded, the turned one
    assert await refused(take_back(registry, second)) == "subjects"
    known = Known(dict.fromkeys("abc", ""), [Statement("a", "c"), Statement("b", "a")])
    await check_parents(registry, {await registry.sequence(): known.parents()})


async def test_what_a_retracted_one_superseded_counts_where_cycles_are_looked_for(registry: Registry) -> None:
    await send(registry, models=[version(name) for name in "abc"])
    first = await disclose(registry, disclosure("a", "b"))
    second = await disclose(registry, disclosure("a", "c", supersedes=first))
    await take_back(registry, second)
    assert await refused(disclose(registry, disclosure("b", "a"))) == "disclosures[0]"
    await disclose(registry, disclosure("c", "a"))
    assert await refused(take_back(registry, (await retractions_of(registry, second))[0])) == "subjects"


async def retractions_of(registry: Registry, id: str) -> list[str]:
    found = await find_retractions(registry.store, [id])
    return [brief.id for brief in found.by_subject[id]]


async def test_two_at_once_make_no_cycle_of_what_counts_again(registry: Registry) -> None:
    await send(registry, models=[version(name) for name in "ab"])
    first = await take_back(registry, await disclose(registry, disclosure("a", "b")))
    second = await take_back(registry, await disclose(registry, disclosure("b", "a")))
    outcomes = await asyncio.gather(take_back(registry, first), take_back(registry, second), return_exceptions=True)
    assert sorted(isinstance(one, Cycle) for one in outcomes) == [False, True]


@pytest.mark.parametrize("seed", [3, 8])
async def test_parents_are_those_that_were_known_on_each_store(registry: Registry, seed: int) -> None:
    dice = random.Random(seed)
    steps = [(dice.randrange(6), dice.randrange(100), dice.randrange(100)) for _ in range(24)]
    await _history(registry, [dice.randrange(2**7) & dice.randrange(2**7) for _ in NAMES], steps)


async def test_edges_that_were_disclosed_are_shown() -> None:
    store = MemoryStore()
    versions = [Record.of(Kind.MODEL_VERSION, {"name": "m", "version": number}) for number in ("1", "2")]
    child, parent = versions
    content = {"subject": child.id, "parents": [{"node": parent.id, "relation": "FINE_TUNE"}]}
    disclosure = Record.of(Kind.DISCLOSURE, content | {"source": "mail", "reason": "found"})
    retraction = Record.of(Kind.RETRACTION, {"subjects": [disclosure.id], "by": "ana", "at": "1", "reason": "no"})
    again = Record.of(Kind.RETRACTION, {"subjects": [retraction.id], "by": "ana", "at": "2", "reason": "yes"})
    registry = Registry(store, LineageIndex(store), Committer(store))

    async def edges() -> list[tuple[str, str, Role, bool]]:
        found, _ = await lineage(registry, "model:m@1", Direction.ANCESTORS, None, None, None)
        return [(edge.source, edge.target, edge.role, edge.disclosed) for edge in found.edges]

    joined = [(child.id, parent.id, Role.DERIVED_FROM, True)]
    for record, expected in ((parent, []), (disclosure, joined), (retraction, []), (again, joined)):
        await store.write([adding(child, record)])
        assert await edges() == expected
