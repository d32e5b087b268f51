"""The one test class that everybody who walks the influence graph passes: the index over each store, and Neo4j itself.

There are two fixtures to provide, which may live as long as the module: `log`, a `Zoo` as a lineage, and `walks`, a
SupportsReach over a store that holds it. What is right is told by `lineages` and `learned`, which know
nothing but the log. Test modules let pytest rewrite the assertions: see `contract`.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import networkx as nx
import numpy as np
import pytest

from descentd.graph.model.kinds import INFLUENCE, Kind, Role
from descentd.graph.model.reach import (
    Direction,
    Exposed,
    ExposureQuery,
    ExposureVerdict,
    Reached,
    ReachQuery,
    SupportsReach,
    Term,
)
from tests.support.learned import check_answers, listed, vocabulary
from tests.support.lineages import (
    check_derivation,
    count_derivations,
    derivations,
    edges_of,
    has_cycle,
    origins_of,
    reached,
    reached_around,
    twins_of,
)
from tests.support.proofs import check_proofs, check_sources
from tests.support.strategies import Noted
from tests.support.zoo import VERSIONS

Log = Sequence[Noted]

CAUSES: Final = (Kind.PARTITION, Kind.DATASET, Kind.MODEL_VERSION, Kind.CODE)
POPULATIONS: Final = (
    (Term("age", frozenset({"65+"})),),
    (Term("region", frozenset({"EU", "IN"})), Term("age", frozenset({"18-64"}))),
    (Term("language", frozenset({"fr"})),),
)


def of_kind(log: Log, kind: Kind, upto: int) -> list[int]:
    """All records of one kind."""
    return [sequence for sequence, noted in enumerate(log[:upto], 1) if noted.kind is kind]


def causes(log: Log, each: int) -> list[list[int]]:
    """`each` causes of every kind, early ones more likely, among them a twin; and some together."""
    chance = random.Random(5)
    single = [
        among[int(len(among) * chance.random() ** 2)]
        for kind in CAUSES
        for among in [of_kind(log, kind, len(log))]
        for _ in range(each)
    ]
    twin = next(s for s in of_kind(log, Kind.PARTITION, len(log)) if min(twins_of(log, s, len(log))) < s)
    return [*([cause] for cause in dict.fromkeys([*single, twin])), single[:3], chance.sample(single, 3)]


def moments(log: Log) -> tuple[int, int]:
    """The sequences that is asked at: the end, and a moment when half was there."""
    return len(log), len(log) // 2


async def pages(
    walks: SupportsReach, origins: Sequence[int], direction: Direction, upto: int, first: int, **options: object
) -> list[Reached]:
    """The items of all pages."""
    found: list[Reached] = []
    after = None
    while True:
        page = await walks.reach(ReachQuery(origins, direction, upto, first=first, after=after, **options))  # type: ignore[arg-type]
        assert len(page.items) == first or not page.more
        found += page.items
        if not page.more:
            return found
        after = (found[-1].distance, found[-1].sequence)


def in_order(distances: dict[int, int]) -> list[tuple[int, int]]:
    """(distance, sequence) as they are to be listed."""
    return sorted((distance, record) for record, distance in distances.items())


def as_pairs(items: Sequence[Reached]) -> list[tuple[int, int]]:
    """(distance, sequence) as they were listed."""
    return [(item.distance, item.sequence) for item in items]


def cursor(answer: Exposed) -> tuple[int, int, int]:
    """Where an answer stands among all."""
    return list(ExposureVerdict).index(answer.verdict), 0 if answer.direct else 1, answer.sequence


class ReachContract:
    """What everybody who walks answers."""

    def test_the_zoo_has_what_a_walk_can_go_wrong_on(self, log: Log) -> None:
        """Or else what follows would prove little."""
        kinds = Counter(noted.kind for noted in log)
        assert kinds[Kind.MODEL_VERSION] >= VERSIONS
        assert min(kinds[kind] for kind in (Kind.DATASET, Kind.PARTITION, Kind.EVALUATION, Kind.REVIEW)) > 20
        assert kinds[Kind.DEPLOYMENT] > 5
        assert sum(len(twins_of(log, s, len(log))) > 1 for s in of_kind(log, Kind.PARTITION, len(log))) > 10
        roles = Counter(role for _, role, _ in edges_of(log, len(log), frozenset(Role)))
        assert roles[Role.GENERATED_BY] > 3
        assert sum(sum(role is Role.DERIVED_FROM for role, *_ in noted.edges) > 1 for noted in log) > 40
        last = of_kind(log, Kind.MODEL_VERSION, len(log))[-20:]
        assert max(max(reached(log, [s], Direction.ANCESTORS, len(log)).values(), default=0) for s in last) > 5
        assert not has_cycle(log, len(log))

    async def test_what_is_affected_is_what_dijkstra_finds(self, walks: SupportsReach, log: Log) -> None:
        """Counts, order and distances, now and when half was there, with what rests on it and without."""
        for origins in causes(log, 3):
            for upto in moments(log):
                for evidence in (False, True):
                    expected = reached(log, origins, Direction.DESCENDANTS, upto, evidence=evidence)
                    page = await walks.reach(
                        ReachQuery(origins, Direction.DESCENDANTS, upto, evidence=evidence, first=2_000)
                    )
                    assert page.counts == Counter(log[record - 1].kind for record in expected)
                    assert page.total == len(expected)
                    assert as_pairs(page.items) == in_order(expected)
                    assert not page.more

    async def test_ancestors_are_what_dijkstra_finds(self, walks: SupportsReach, log: Log) -> None:
        """Against the arrows: late records have many."""
        for upto in moments(log):
            last = [of_kind(log, kind, upto)[-1] for kind in (Kind.MODEL_VERSION, Kind.PARTITION, Kind.DATASET)]
            for origins in (*([record] for record in last), last, of_kind(log, Kind.DEPLOYMENT, upto)[-1:]):
                expected = reached(log, origins, Direction.ANCESTORS, upto)
                page = await walks.reach(ReachQuery(origins, Direction.ANCESTORS, upto, first=2_000))
                assert page.counts == Counter(log[record - 1].kind for record in expected)
                assert as_pairs(page.items) == in_order(expected)

    async def test_pages_make_up_the_whole(self, walks: SupportsReach, log: Log) -> None:
        """By keyset, whatever kinds and depth are asked for; neither page nor depth changes a count."""
        for origins in causes(log, 1):
            for kinds, depth, first in (
                (None, None, 150),
                (frozenset({Kind.PARTITION, Kind.DEPLOYMENT}), None, 3),
                (frozenset({Kind.MODEL_VERSION}), 2, 7),
                (None, 1, 1_000),
                (None, 0, 5),
            ):
                expected = {
                    record: distance
                    for record, distance in reached(log, origins, Direction.DESCENDANTS, len(log)).items()
                    if kinds is None or log[record - 1].kind in kinds
                }
                listed = {record: d for record, d in expected.items() if depth is None or d <= depth}
                options = {"kinds": kinds, "depth": depth}
                found = await pages(walks, origins, Direction.DESCENDANTS, len(log), first, **options)
                assert as_pairs(found) == in_order(listed)
                page = await walks.reach(
                    ReachQuery(origins, Direction.DESCENDANTS, len(log), first=1, kinds=kinds, depth=depth)
                )
                assert page.counts == Counter(log[record - 1].kind for record in expected)

    async def test_versions_are_selected_from_what_is_reached(self, walks: SupportsReach, log: Log) -> None:
        """Counted and listed are those among the versions that are named, at the distances that they have anyway."""
        chance = random.Random(8)
        versions = of_kind(log, Kind.MODEL_VERSION, len(log))
        for origins in causes(log, 1):
            for direction in Direction:
                upto = chance.choice(moments(log))
                for within in ([], sorted(chance.sample(versions, len(versions) // 3)), versions):
                    selected = np.array(within, dtype=np.int64)
                    below = reached(log, origins, direction, upto)
                    expected = {record: distance for record, distance in below.items() if record in set(within)}
                    found = await pages(walks, origins, direction, upto, 7, within=selected)
                    assert as_pairs(found) == in_order(expected)
                    kinds = frozenset({Kind.MODEL_VERSION, Kind.DATASET})
                    page = await walks.reach(
                        ReachQuery(origins, direction, upto, kinds=kinds, within=selected, depth=2, first=2_000)
                    )
                    assert as_pairs(page.items) == [one for one in in_order(expected) if one[0] <= 2]
                    assert page.counts == ({Kind.MODEL_VERSION: len(expected)} if expected else {})

    async def test_a_cursor_holds_whatever_was_registered_since(self, walks: SupportsReach, log: Log) -> None:
        """Pages after a place at a later sequence list the same as before, and what is new."""
        half, end = len(log) // 2, len(log)
        [origins] = [[record] for record in of_kind(log, Kind.PARTITION, half)[:1]]
        first = await walks.reach(ReachQuery(origins, Direction.DESCENDANTS, half, first=20))
        after = (first.items[-1].distance, first.items[-1].sequence)
        pinned = await walks.reach(ReachQuery(origins, Direction.DESCENDANTS, half, first=2_000, after=after))
        whole = in_order(reached(log, origins, Direction.DESCENDANTS, half))
        assert as_pairs([*first.items, *pinned.items]) == whole
        later = await walks.reach(ReachQuery(origins, Direction.DESCENDANTS, end, first=2_000, after=after))
        assert set(as_pairs(pinned.items)) < set(as_pairs(later.items))

    async def test_every_item_has_a_shortest_derivation(self, walks: SupportsReach, log: Log) -> None:
        """Each step is there, the first is the cause, and of all that are as short it is the one of the rule."""
        for origins in causes(log, 1):
            for upto in moments(log):
                for evidence in (False, True):
                    expected = reached(log, origins, Direction.DESCENDANTS, upto, evidence=evidence)
                    items = [record for _, record in in_order(expected)][::4]
                    found = await walks.via(origins, items, upto, evidence=evidence)
                    starts = _starts(log, origins, upto)
                    for item, steps in zip(items, found, strict=True):
                        assert check_derivation(log, steps, upto, evidence=evidence) == expected[item]
                        assert steps[0].sequence in starts
                        assert steps[-1].sequence == item
                    check_proofs(log, origins, dict(zip(items, found, strict=True)), upto, evidence=evidence)
                    known = expected.keys() | origins_of(log, origins, Direction.DESCENDANTS, upto)
                    missing = [record for record in range(1, len(log) + 1) if record not in known][::9]
                    assert not any(await walks.via(origins, missing, upto, evidence=evidence))

    async def test_members_lie_not_only_behind_what_is_avoided(self, walks: SupportsReach, log: Log) -> None:
        """All of a kind, in both directions, around some records and their twins or not."""
        chance = random.Random(6)
        for origins in causes(log, 1):
            for direction in Direction:
                upto = chance.choice(moments(log))
                below = sorted(reached(log, origins, direction, upto))
                for avoiding in (frozenset[int](), frozenset(chance.sample(below, min(2, len(below))))):
                    expected = reached_around(log, origins, avoiding, direction, upto)
                    for kind in (Kind.MODEL_VERSION, Kind.PARTITION):
                        found = await walks.members(origins, direction, upto, kind, avoiding=avoiding)
                        assert found.tolist() == sorted(s for s in expected if log[s - 1].kind is kind)

    async def test_everything_of_a_kind(self, walks: SupportsReach, log: Log) -> None:
        """Up to a sequence."""
        for upto in moments(log):
            for kind in (Kind.MODEL_VERSION, Kind.PARTITION, Kind.REVIEW):
                assert (await walks.everything(upto, kind)).tolist() == of_kind(log, kind, upto)
                assert await walks.count(upto, kind) == len(of_kind(log, kind, upto))
                for number in (1, 3, 40, len(log)):
                    assert (await walks.latest(upto, kind, number)).tolist() == of_kind(log, kind, upto)[-number:]

    async def test_exposure_is_what_the_closure_of_a_version_says(self, walks: SupportsReach, log: Log) -> None:
        """Three answers, direct or inherited, each with a shortest way that proves it."""
        seen: Counter[tuple[ExposureVerdict, bool | None]] = Counter()
        for upto in moments(log):
            for population in POPULATIONS:
                page = await walks.exposure(ExposureQuery(population, upto, first=2_000))
                assert [item.sequence for item in page.items] == [i.sequence for i in sorted(page.items, key=cursor)]
                assert sorted(item.sequence for item in page.items) == of_kind(log, Kind.MODEL_VERSION, upto)
                assert page.counts == {v: sum(item.verdict is v for item in page.items) for v in ExposureVerdict}
                check_answers(log, {item.sequence: item for item in page.items[::8]}, population, upto)
                check_sources(log, {item.sequence: item for item in page.items[::4]}, population, upto)
                seen.update((item.verdict, item.direct) for item in page.items)
        assert len(seen) == 4

    async def test_the_vocabulary_is_what_statements_in_force_list(self, walks: SupportsReach, log: Log) -> None:
        assert vocabulary(log, len(log))
        for upto in moments(log):
            assert listed(await walks.vocabulary(upto)) == listed(vocabulary(log, upto))

    async def test_exposure_comes_in_pages(self, walks: SupportsReach, log: Log) -> None:
        """Of some verdicts and some versions; the counts are over all verdicts."""
        upto, population = len(log), POPULATIONS[0]
        whole = (await walks.exposure(ExposureQuery(population, upto, first=2_000))).items
        within = np.array(of_kind(log, Kind.MODEL_VERSION, upto)[::5], np.int64)
        verdicts = frozenset({ExposureVerdict.TRAINED, ExposureVerdict.NOT_TRAINED})
        chosen = [item for item in whole if item.sequence in set(within.tolist())]
        expected = [item for item in chosen if item.verdict in verdicts]
        found: list[Exposed] = []
        more, after = True, None
        while more:
            page = await walks.exposure(
                ExposureQuery(population, upto, verdicts=verdicts, within=within, after=after, first=17)
            )
            assert page.counts == {v: sum(item.verdict is v for item in chosen) for v in ExposureVerdict}
            assert page.total == len(expected)
            found += page.items
            more, after = page.more, cursor(found[-1])
        assert [cursor(item) for item in found] == [cursor(item) for item in expected]

    async def test_derivations_are_counted_exactly(self, walks: SupportsReach, log: Log) -> None:
        """And the first are listed, shortest first, none twice."""
        counts = []
        for start, end in _pairs(log):
            for upto in (len(log), end):
                found = await walks.paths(start, end, upto, 12)
                assert found.count == count_derivations(log, start, end, upto)
                paths = [tuple(path) for path in found.paths]
                assert len(paths) == len(set(paths)) == min(12, found.count)
                lengths = [check_derivation(log, path, upto) for path in paths]
                assert lengths == sorted(lengths)
                if found.count <= 300:
                    shortest = sorted(check_derivation(log, p, upto) for p in derivations(log, start, end, upto))
                    assert lengths == shortest[:12]
            counts.append(found.count)
        assert sum(count > 1 for count in counts) > 5
        assert max(counts) > 100

    async def test_what_is_not_there_reaches_nothing(self, walks: SupportsReach, log: Log) -> None:
        """A cause that came later, at distance 0 or beyond all."""
        end = len(log)
        page = await walks.reach(ReachQuery([end], Direction.DESCENDANTS, end - 1))
        assert (page.total, list(page.items), page.more) == (0, [], False)
        assert (await walks.paths(1, end, end - 1, 3)).count == 0
        assert list(await walks.via([end], [1], end - 1)) == [[]]
        [origin] = of_kind(log, Kind.PARTITION, end)[:1]
        past = await walks.reach(ReachQuery([origin], Direction.DESCENDANTS, end, after=(10_000, 1)))
        assert (list(past.items), past.more) == ([], False)

    async def test_evidence_is_refused_with_ancestors(self, walks: SupportsReach) -> None:
        """Nothing rests on what came before."""
        with pytest.raises(ValueError, match="ancestors"):
            await walks.reach(ReachQuery([1], Direction.ANCESTORS, 1, evidence=True))


def _starts(log: Log, origins: Sequence[int], upto: int) -> set[int]:
    """Where a derivation may begin: at what was named, or at a partition of it."""
    named = {record for record in origins if record <= upto}
    return named | {target for record in named for role, target, _ in log[record - 1].edges if role is Role.INCLUDES}


def _pairs(log: Log) -> Iterator[tuple[int, int]]:
    """A cause and what it affects, as far off as can be or anywhere; and two that have nothing in common."""
    graph: nx.DiGraph[int] = nx.DiGraph((target, source) for source, _, target in edges_of(log, len(log), INFLUENCE))
    chance = random.Random(7)
    for origins in causes(log, 2)[:-2]:
        below = in_order(reached(log, origins, Direction.DESCENDANTS, len(log)))
        for _, end in [*below[-1:], *chance.sample(below, min(1, len(below)))]:
            yield origins[0], end
    first, *_ = of_kind(log, Kind.CODE, len(log))
    yield first, next(record for record in graph if record > first and not nx.has_path(graph, first, record))
