"""Reach walked by Neo4j over random lineages, against networkx."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descentd.graph.model.kinds import Kind
from descentd.graph.model.reach import Direction, Reached, ReachQuery
from descentd.graph.store.neo4j.store import Neo4jStore
from tests.graph.noted import fill
from tests.graph.topologies import topology_of
from tests.support.effort import some_of
from tests.support.lineages import check_derivation, origins_of, reached
from tests.support.neo4j_server import Neo4jServer
from tests.support.proofs import check_proofs
from tests.support.strategies import Noted, logs

pytestmark = pytest.mark.anyio
slowly = settings(max_examples=some_of(30))


@pytest.fixture(scope="module")
async def store(neo4j_server: Neo4jServer) -> AsyncIterator[Neo4jStore]:
    neo4j_server.clear()
    store = Neo4jStore(neo4j_server.uri, neo4j_server.auth)
    await store.open()
    yield store
    await store.close()


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[Noted], list[int], int]:
    """A log, origins, and the sequence to ask at."""
    log = draw(logs())
    origins = draw(st.lists(st.integers(1, len(log)), min_size=1, max_size=3))
    return log, origins, draw(st.integers(1, len(log)))


@slowly
@given(questions(), st.sampled_from(Direction), st.integers(1, 5), st.none() | st.integers(0, 3), st.booleans())
async def test_reach_is_what_dijkstra_finds(
    store: Neo4jStore,
    question: tuple[list[Noted], list[int], int],
    direction: Direction,
    first: int,
    depth: int | None,
    some: bool,
) -> None:
    log, origins, upto = question
    await fill(store, log)
    kinds = frozenset({Kind.PARTITION, Kind.DEPLOYMENT, Kind.EVALUATION}) if some else None
    for evidence in (False, True) if direction is Direction.DESCENDANTS else (False,):
        expected = {
            record: distance
            for record, distance in reached(log, origins, direction, upto, evidence=evidence).items()
            if kinds is None or log[record - 1].kind in kinds
        }
        found: list[Reached] = []
        more, after = True, None
        while more:
            page = await store.reach(
                ReachQuery(
                    origins, direction, upto, kinds=kinds, evidence=evidence, depth=depth, after=after, first=first
                )
            )
            assert page.counts == Counter(log[record - 1].kind for record in expected)
            assert len(page.items) == first or not page.more
            found += page.items
            more = page.more
            after = (found[-1].distance, found[-1].sequence) if found else None
        listed = sorted((d, record) for record, d in expected.items() if depth is None or d <= depth)
        assert [(item.distance, item.sequence) for item in found] == listed


@slowly
@given(questions(), st.booleans())
async def test_every_item_has_a_shortest_derivation(
    store: Neo4jStore, question: tuple[list[Noted], list[int], int], evidence: bool
) -> None:
    log, origins, upto = question
    await fill(store, log)
    expected = reached(log, origins, Direction.DESCENDANTS, upto, evidence=evidence)
    starts = {record for record in origins if record <= upto}
    for record in tuple(starts):
        if log[record - 1].kind is Kind.DATASET:
            starts |= {target for role, target, _ in log[record - 1].edges if role == "INCLUDES"}
    items = sorted(expected)
    for item, steps in zip(items, await store.via(origins, items, upto, evidence=evidence), strict=True):
        assert check_derivation(log, steps, upto, evidence=evidence) == expected[item]
        assert steps[0].sequence in starts
        assert steps[-1].sequence == item
    found = await store.via(origins, items, upto, evidence=evidence)
    check_proofs(log, origins, dict(zip(items, found, strict=True)), upto, evidence=evidence)
    known = expected.keys() | origins_of(log, origins, Direction.DESCENDANTS, upto)
    missing = sorted(set(range(1, len(log) + 1)) - known)
    assert not any(await store.via(origins, missing, upto, evidence=evidence))


@slowly
@given(questions(), st.sampled_from(Direction))
async def test_members_are_all_of_one_kind(
    store: Neo4jStore, question: tuple[list[Noted], list[int], int], direction: Direction
) -> None:
    log, origins, upto = question
    await fill(store, log)
    expected = reached(log, origins, direction, upto)
    for kind in (Kind.MODEL_VERSION, Kind.PARTITION):
        members = await store.members(origins, direction, upto, kind)
        assert members.tolist() == sorted(record for record in expected if log[record - 1].kind is kind)
        everything = [sequence for sequence, noted in enumerate(log[:upto], 1) if noted.kind is kind]
        assert (await store.everything(upto, kind)).tolist() == everything
    if direction is Direction.DESCENDANTS:
        some = range(1, 1 + len(log) // 2)
        for kind in (Kind.MODEL_VERSION, Kind.PARTITION):
            each = await store.members_of_each(some, origins, upto, kind)
            assert each == topology_of(log).members_of_each(some, origins, upto, kind)


@slowly
@given(questions(), st.integers(0, 6), st.sets(st.integers(1, 24), min_size=1, max_size=8))
async def test_derivations_are_those_of_the_topology(
    store: Neo4jStore, question: tuple[list[Noted], list[int], int], first: int, ends: set[int]
) -> None:
    log, (start, *_), upto = question
    await fill(store, log)
    topology = topology_of(log)
    for end in (end for end in ends if end <= len(log)):
        found, expected = await store.paths(start, end, upto, first), topology.paths(start, end, upto, first)
        assert found.count == expected.count
        assert list(map(list, found.paths)) == list(map(list, expected.paths))
