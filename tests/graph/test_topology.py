"""Reach over random lineages, against networkx; and over a few large ones, against what they were built to be."""

from collections import Counter
from collections.abc import Iterator
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.index import breadth_first, edges, postings
from descentd.graph.index import evidence as evidence_module
from descentd.graph.index import steps as steps_module
from descentd.graph.index.topology import Topology
from descentd.graph.model.kinds import INFLUENCE, KINDS, Kind, Role
from descentd.graph.model.reach import Direction, Reached, ReachPage, ReachQuery, Step, Tail
from tests.graph.topologies import chain_tail, questions, topology_of
from tests.support import snapshots
from tests.support.lineages import arrows_of, check_derivation, edges_of, origins_of, reached, reached_around, twins_of
from tests.support.proofs import check_proofs
from tests.support.strategies import Noted, tail


@pytest.fixture(scope="module", autouse=True, params=["as shipped", "arrays from the start", "restarted"])
def thresholds(request: pytest.FixtureRequest) -> Iterator[None]:
    """Small lineages are walked one by one; with tiny thresholds they take the ways of large ones as well.

    And an index that is restored from a snapshot before each tail, and once more at the end, answers as any other.
    """
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "restarted":
            patch.setattr(snapshots, "between", snapshots.restored)
        if request.param == "arrays from the start":
            patch.setattr(breadth_first, "FEW", 2)
            patch.setattr(breadth_first, "NARROW", 2)
            patch.setattr(steps_module, "NARROW_EDGES", 1)
            patch.setattr(edges, "SMALLEST_MERGE", 3)
            patch.setattr(postings, "SMALLEST_MERGE", 3)
            patch.setattr(evidence_module, "FEW", 2)
        yield


@given(questions(), st.sampled_from(Direction), st.booleans())
def test_reach_is_what_dijkstra_finds(
    question: tuple[list[Noted], list[int], list[int], int], direction: Direction, evidence: bool
) -> None:
    log, cuts, origins, upto = question
    evidence = evidence and direction is Direction.DESCENDANTS
    page = topology_of(log, cuts).reach(ReachQuery(origins, direction, upto, evidence=evidence))
    expected = reached(log, origins, direction, upto, evidence=evidence)
    assert [(item.distance, item.sequence) for item in page.items] == sorted((d, r) for r, d in expected.items())
    assert page.counts == Counter(log[record - 1].kind for record in expected)
    assert not page.more


@given(questions())
def test_ancestors_mirror_descendants(question: tuple[list[Noted], list[int], list[int], int]) -> None:
    log, _, (origin, *_), upto = question
    topology = topology_of(log)
    if origin > upto:
        return
    listed = {
        item.sequence: item.distance for item in topology.reach(ReachQuery([origin], Direction.ANCESTORS, upto)).items
    }
    twins = origins_of(log, [origin], Direction.ANCESTORS, upto)
    for record in set(range(1, upto + 1)) - twins:
        below = {
            item.sequence: item.distance
            for item in topology.reach(ReachQuery([record], Direction.DESCENDANTS, upto)).items
        }
        if log[record - 1].kind is not Kind.DATASET:
            assert below.get(origin) == listed.get(record)


@given(questions(), st.booleans())
def test_every_item_has_a_shortest_derivation(
    question: tuple[list[Noted], list[int], list[int], int], evidence: bool
) -> None:
    log, cuts, origins, upto = question
    topology = topology_of(log, cuts)
    expected = reached(log, origins, Direction.DESCENDANTS, upto, evidence=evidence)
    starts = {record for record in origins if record <= upto}
    for record in tuple(starts):
        starts |= {target for role, target, _ in log[record - 1].edges if role is Role.INCLUDES}
    items = sorted(expected)
    for item, steps in zip(items, topology.via(origins, items, upto, evidence=evidence), strict=True):
        assert check_derivation(log, steps, upto, evidence=evidence) == expected[item]
        assert steps[0].sequence in starts
        assert steps[-1].sequence == item
    found = topology.via(origins, items, upto, evidence=evidence)
    check_proofs(log, origins, dict(zip(items, found, strict=True)), upto, evidence=evidence)
    missing = sorted(
        set(range(1, len(log) + 1)) - expected.keys() - origins_of(log, origins, Direction.DESCENDANTS, upto)
    )
    assert not any(topology.via(origins, missing, upto, evidence=evidence))


@given(
    questions(),
    st.sampled_from(Direction),
    st.integers(1, 4),
    st.none() | st.sets(st.sampled_from(KINDS[:6])),
    st.none() | st.integers(0, 4),
)
def test_pages_make_up_the_whole(
    question: tuple[list[Noted], list[int], list[int], int],
    direction: Direction,
    first: int,
    kinds: set[Kind] | None,
    depth: int | None,
) -> None:
    log, cuts, origins, upto = question
    topology = topology_of(log, cuts)
    asked = None if kinds is None else frozenset(kinds)
    expected = sorted((d, record) for record, d in reached(log, origins, direction, upto).items())
    counted = Counter(log[record - 1].kind for _, record in expected if asked is None or log[record - 1].kind in asked)
    wanted = [
        Reached(record, distance)
        for distance, record in expected
        if log[record - 1].kind in counted and (depth is None or distance <= depth)
    ]
    found: list[Reached] = []
    more, after = True, None
    while more:
        page = topology.reach(ReachQuery(origins, direction, upto, kinds=asked, depth=depth, after=after, first=first))
        assert page.counts == counted
        assert len(page.items) == first or not page.more
        found += page.items
        more = page.more
        after = (found[-1].distance, found[-1].sequence) if found else None
    assert found == wanted


@given(questions(), st.sampled_from(Direction), st.sampled_from((Kind.MODEL_VERSION, Kind.PARTITION)))
def test_members_are_all_of_one_kind(
    question: tuple[list[Noted], list[int], list[int], int], direction: Direction, kind: Kind
) -> None:
    log, cuts, origins, upto = question
    expected = reached(log, origins, direction, upto)
    members = topology_of(log, cuts).members(origins, direction, upto, kind)
    assert members.tolist() == sorted(record for record in expected if log[record - 1].kind is kind)
    assert members.dtype == np.int64


def test_a_cursor_past_the_end_gives_nothing() -> None:
    topology = Topology()
    topology.extend(chain_tail(Kind.MODEL_VERSION, [(2, Role.DERIVED_FROM, 1)], 2))
    page = topology.reach(ReachQuery([1], Direction.DESCENDANTS, 2, after=(9, 1)))
    assert page == ReachPage({Kind.MODEL_VERSION: 1}, (), False)
    assert topology.reach(ReachQuery([1], Direction.DESCENDANTS, 2, first=0)).more


def test_an_empty_topology_reaches_nothing_and_is_asked_for_nothing_later() -> None:
    topology = Topology()
    assert topology.size == 0
    assert topology.reach(ReachQuery([1], Direction.DESCENDANTS, 0)).total == 0
    with pytest.raises(ValueError, match="extend it first"):
        topology.reach(ReachQuery([1], Direction.DESCENDANTS, 1))


def test_evidence_is_refused_with_ancestors() -> None:
    topology = Topology()
    with pytest.raises(ValueError, match="ancestors"):
        topology.reach(ReachQuery([1], Direction.ANCESTORS, 0, evidence=True))


def test_a_tail_must_start_at_the_end() -> None:
    topology = Topology()
    topology.extend(chain_tail(Kind.CODE, [], 3))
    with pytest.raises(ValueError, match="ends at 3"):
        topology.extend(chain_tail(Kind.CODE, [], 3))


def test_a_dataset_never_leads_down_to_a_sibling_partition() -> None:
    log = [
        Noted(Kind.PARTITION, digest=1),
        Noted(Kind.PARTITION, digest=2),
        Noted(Kind.DATASET, ((Role.INCLUDES, 1, True), (Role.INCLUDES, 2, True))),
        Noted(Kind.MODEL_VERSION, ((Role.TRAINED_ON, 2, True),)),
        Noted(Kind.MODEL_VERSION, ((Role.TRAINED_ON, 3, True),)),
    ]
    topology = topology_of(log)
    assert topology.reach(ReachQuery([1], Direction.DESCENDANTS, 5)).items == [Reached(3, 1), Reached(5, 2)]
    assert topology.reach(ReachQuery([3], Direction.DESCENDANTS, 5)).items == [Reached(4, 1), Reached(5, 1)]


def test_a_derivation_by_a_twin_begins_at_the_cause_that_was_named() -> None:
    log = [
        Noted(Kind.PARTITION, digest=1),
        Noted(Kind.PARTITION, digest=1),
        Noted(Kind.MODEL_VERSION, ((Role.TRAINED_ON, 2, True),)),
        Noted(Kind.DATASET, ((Role.INCLUDES, 1, True),)),
    ]
    topology = topology_of(log)
    expected = [Step(1, None), Step(2, Role.SAME_DATA), Step(3, Role.TRAINED_ON)]
    assert topology.via([1], [3], 4) == [expected]
    assert topology.via([4], [3], 4) == [expected]


def test_data_that_a_model_made_may_be_what_it_learned_from() -> None:
    log = [
        Noted(Kind.PARTITION, digest=1),
        Noted(Kind.MODEL_VERSION, ((Role.TRAINED_ON, 1, True),)),
        Noted(Kind.PARTITION, ((Role.GENERATED_BY, 2, True),), digest=1),
        Noted(Kind.MODEL_VERSION, ((Role.TRAINED_ON, 3, True),)),
    ]
    topology = topology_of(log)
    assert topology.reach(ReachQuery([1], Direction.DESCENDANTS, 4)).items == [Reached(2, 1), Reached(4, 1)]
    assert topology.reach(ReachQuery([2], Direction.DESCENDANTS, 4)).items == [
        Reached(1, 1),
        Reached(3, 1),
        Reached(4, 2),
    ]


WIDE = 20_000


@pytest.fixture(scope="module")
def wide() -> Topology:
    """Partition 1, `WIDE` versions trained on it, twins of those that each came from, and a chain at the end."""
    kinds = [Kind.PARTITION, *[Kind.MODEL_VERSION] * WIDE, *[Kind.PARTITION] * WIDE, *[Kind.MODEL_VERSION] * WIDE]
    edges = [(2 + place, Role.TRAINED_ON, 1) for place in range(WIDE)]
    edges += [(2 + WIDE + place, Role.GENERATED_BY, 2 + place) for place in range(WIDE)]
    edges += [(2 + 2 * WIDE + place, Role.DERIVED_FROM, 1 + 2 * WIDE + place) for place in range(1, WIDE)]
    edges += [(2 + 2 * WIDE, Role.TRAINED_ON, 1 + 2 * WIDE)]
    whole = chain_tail(kinds, edges, len(kinds))
    twins = [(2 + WIDE + place, 2 + WIDE) for place in range(1, WIDE)]
    topology = Topology()
    topology.extend(
        Tail(0, whole.kinds, whole.sources, whole.roles, whole.targets, whole.learns, np.array(twins, np.int32))
    )
    return topology


def test_wide_levels_and_large_classes_cost_what_they_reach(wide: Topology) -> None:
    page = wide.reach(ReachQuery([1], Direction.DESCENDANTS, wide.size, first=3))
    assert page.counts == {Kind.MODEL_VERSION: 2 * WIDE, Kind.PARTITION: WIDE}
    assert page.items == [Reached(2, 1), Reached(3, 1), Reached(4, 1)]
    later = wide.reach(ReachQuery([1], Direction.DESCENDANTS, wide.size, after=(2, 1 + 2 * WIDE), first=2))
    assert later.items == [Reached(2 + 2 * WIDE, 3), Reached(3 + 2 * WIDE, 4)]
    assert wide.reach(ReachQuery([1], Direction.DESCENDANTS, WIDE)).total == WIDE - 1
    assert wide.reach(ReachQuery([wide.size], Direction.ANCESTORS, wide.size)).total == 3 * WIDE


def test_long_derivations_list_their_ends(wide: Topology) -> None:
    last = wide.size
    items = range(last - 100, last + 1)
    for item, steps in zip(items, wide.via([1], items, last), strict=True):
        assert len(steps) == 1_000
        assert steps[0] == Step(1, None)
        assert [step.sequence for step in steps[500:]] == list(range(item - 499, item + 1))
        assert steps[499].sequence == 2 * WIDE + 2 + 499 - 3
    whole = wide.via([1], [2 * WIDE + 2 + 996], last)[0]
    assert len(whole) == 1_000
    assert whole[500].sequence == whole[499].sequence + 1
    for shorter in (2 * WIDE + 2 + 995, 2 * WIDE + 2):
        assert wide.via([1], [last, shorter], last)[1] == wide.via([1], [shorter], last)[0]


def test_questions_are_answered_while_records_arrive() -> None:
    size = 3_000
    topology = Topology()
    failures: list[object] = []

    def ask() -> None:
        while (upto := topology.size) < size:
            found = topology.reach(ReachQuery([1], Direction.DESCENDANTS, upto, first=size))
            if [item.sequence for item in found.items] != list(range(2, upto + 1)):
                failures.append(upto)

    readers = [Thread(target=ask) for _ in range(3)]
    log = [Noted(Kind.MODEL_VERSION)]
    log += [Noted(Kind.MODEL_VERSION, ((Role.DERIVED_FROM, max(1, place // 2), True),)) for place in range(2, size + 1)]
    topology.extend(tail(log, 0, 1))
    for reader in readers:
        reader.start()
    for upto in range(10, size + 1, 10):
        topology.extend(tail(log, topology.size, upto))
    for reader in readers:
        reader.join()
    assert topology.size == size
    assert not failures


@given(questions(), st.data())
def test_a_walk_around_records_finds_what_lies_not_only_behind_them(
    question: tuple[list[Noted], list[int], list[int], int], data: st.DataObject
) -> None:
    log, cuts, origins, upto = question
    named = data.draw(st.sets(st.integers(1, len(log)), max_size=3))
    expected = reached_around(log, origins, named, Direction.DESCENDANTS, upto)
    for kind in (Kind.MODEL_VERSION, Kind.PARTITION):
        found = topology_of(log, cuts).members(origins, Direction.DESCENDANTS, upto, kind, avoiding=frozenset(named))
        assert found.tolist() == sorted(record for record in expected if log[record - 1].kind is kind)


def test_a_walk_around_a_record_that_came_later_is_not_kept_from_its_twins() -> None:
    log = [Noted(Kind.PARTITION, digest=1), Noted(Kind.PARTITION, ((Role.DERIVED_FROM, 1, True),), digest=2)]
    topology = topology_of([*log, Noted(Kind.PARTITION, digest=1)])
    for upto, found in ((2, [2]), (3, [])):
        reach = topology.members([1], Direction.DESCENDANTS, upto, Kind.PARTITION, avoiding=frozenset({3}))
        assert reach.tolist() == found


def test_records_without_edges_may_come_after_the_last_merge() -> None:
    first = chain_tail(Kind.MODEL_VERSION, [(2, Role.DERIVED_FROM, 1)], 2)
    alone = chain_tail(Kind.MODEL_VERSION, [], 1)
    topology = Topology()
    topology.extend(first)
    topology.extend(
        Tail(2, alone.kinds, *(first.sources[:0], first.roles[:0], first.targets[:0], first.learns[:0]), first.twins)
    )
    assert topology.members([1, 3], Direction.DESCENDANTS, 3, Kind.MODEL_VERSION).tolist() == [2]


@given(questions())
def test_neighbours_are_what_a_step_leads_to(question: tuple[list[Noted], list[int], list[int], int]) -> None:
    log, cuts, origins, upto = question
    topology = topology_of(log, cuts)
    kinds = frozenset({Kind.MODEL_VERSION, Kind.DATASET, Kind.PARTITION})
    steps = [(source, target) for source, _, target in edges_of(log, upto, INFLUENCE) if target <= upto]
    for direction in Direction:
        found = topology.neighbours(origins, direction, upto, kinds, 2)
        for origin in origins:
            beside = {
                *(target for source, target in steps if source == origin and direction is Direction.ANCESTORS),
                *(source for source, target in steps if target == origin and direction is Direction.DESCENDANTS),
            }
            expected = sorted(one for one in beside if log[one - 1].kind in kinds)
            assert found[origin].total == len(expected)
            assert list(found[origin].first) == expected[:2]


@given(questions(), st.data())
def test_edges_and_twins_are_those_of_the_log(
    question: tuple[list[Noted], list[int], list[int], int], data: st.DataObject
) -> None:
    log, cuts, sources, upto = question
    topology, roles = topology_of(log, cuts), data.draw(st.sets(st.sampled_from(sorted(INFLUENCE)), min_size=1))
    targets = data.draw(st.sets(st.integers(1, len(log))))
    expected = {
        (source, disclosure, role, target)
        for source, role, target, _, disclosure in arrows_of(log, upto)
        if source in sources and role in roles and target in targets and target <= upto
    }
    assert topology.edges(set(sources), targets, roles, upto) == sorted(expected)
    twins = {record: sorted(twins_of(log, record, upto) - {record}) for record in targets if record <= upto}
    assert topology.twins(targets, upto) == {record: others for record, others in twins.items() if others}
