"""The topology: the influence graph of a registry in this process, extended by the tail of the log."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from threading import Lock
from typing import Final

import numpy as np

from descentd.graph.cache import Cache
from descentd.graph.index.arrays import DATASET, ROLE, TWIN, Integers, Tags, sorted_unique, tag_edges
from descentd.graph.index.columns import Columns, Stored, named
from descentd.graph.index.contraction import Contraction, contract
from descentd.graph.index.disclosures import DisclosedEdges, DisclosureLog, Disclosures
from descentd.graph.index.edges import EdgeLog, Edges
from descentd.graph.index.exposure import Documentation, Exposure, Lineage
from descentd.graph.index.many_origins import reached_by_each
from descentd.graph.index.path_counts import derivations
from descentd.graph.index.populations import FactLog, Facts
from descentd.graph.index.reach import Leads, Reach, find_origins, wanted
from descentd.graph.index.sources import SourceLog, Sources
from descentd.graph.index.twins import TwinLog, Twins
from descentd.graph.model.kinds import INFLUENCE, KIND_NUMBER, ROLE_NUMBER, ROLES, Kind, Role
from descentd.graph.model.reach import (
    Derivations,
    Direction,
    ExposurePage,
    ExposureQuery,
    Neighbours,
    ReachPage,
    ReachQuery,
    Sequences,
    StatedEdge,
    Step,
    Tail,
)

ROOM: Final = 12 << 20
"""Bytes that finished reaches may occupy, and exposures too, for the pages that will be asked for next."""


_NONE: Final = np.zeros(0, np.int32)
NOTHING: Final = Tail(
    0, _NONE.astype(np.uint8), _NONE, _NONE.astype(np.uint8), _NONE, _NONE.astype(np.bool_), _NONE.reshape(0, 2)
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one question looks at: swapped as a whole by `Topology.extend`."""

    size: int
    kinds: Tags
    influence: Edges
    evidence: Edges
    twins: Twins
    facts: Facts
    sources: Sources
    flags: Tags
    disclosures: Disclosures


class Topology:
    """Who descends from whom, as arrays.

    `extend` may be called while other threads ask: each question looks at the snapshot that was there when it came, and
    sees what is not later than its `upto`. The methods are those of `SupportsReach`, without the awaiting.
    """

    def __init__(self, columns: Columns | None = None) -> None:
        """Empty, or restored from what `columns` gave; raises Misfit where that is not all there."""
        columns = columns or Columns()
        self._lock = Lock()
        self._kinds = columns.growing("kinds", np.uint8, (0,))
        self._flags = columns.growing("flags", np.uint8, (0,))
        self._twins = TwinLog(columns.part("twins"))
        self._influence = EdgeLog(columns.part("influence"))
        self._evidence = EdgeLog(columns.part("evidence"))
        self._facts = FactLog(columns.part("facts"))
        self._sources = SourceLog(columns.part("sources"))
        self._disclosures = DisclosureLog(columns.part("disclosures"))
        self._disclosed = Cache[DisclosedEdges](ROOM // 4)
        self._reaches = Cache[Reach](ROOM)
        self._documentations = Cache[Documentation](ROOM)
        self._exposures = Cache[Exposure](ROOM)
        nothing = np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.uint8)
        size = len(self._kinds) - 1
        self._now = Snapshot(
            size,
            self._kinds.view(),
            self._influence.extend(0, *nothing),
            self._evidence.extend(0, *nothing),
            self._twins.extend(NOTHING.twins, self._flags),
            self._facts.extend(0, ()),
            self._sources.extend(size, self._kinds.view(), self._flags.view(), *nothing, NOTHING.trained),
            self._flags.view(),
            self._disclosures.extend(NOTHING, self._kinds.view()),
        )

    @property
    def size(self) -> int:
        """The sequence of the last record held, 0 when there is none."""
        return self._now.size

    def extend(self, tail: Tail) -> None:
        """Take in the records after `size`. Raises ValueError when `tail` starts elsewhere."""
        with self._lock:
            if tail.after != self.size:
                raise ValueError(f"The tail starts after {tail.after}, the topology ends at {self.size}.")
            self._kinds.extend(tail.kinds)
            self._flags.extend(np.zeros(len(tail.kinds), np.uint8))
            sources, targets, tags = tag_edges(tail, self._kinds.view(), self._flags.view())
            passes = tags & ROLE < len(INFLUENCE)
            rests = ~passes
            records = len(tail.kinds)
            influence = self._influence.extend(records, sources[passes], targets[passes], tags[passes])
            evidence = self._evidence.extend(records, sources[rests], targets[rests], tags[rests])
            twins = self._twins.extend(tail.twins, self._flags)
            kinds, flags = self._kinds.view(), self._flags.view()
            self._now = Snapshot(
                self.size + records,
                kinds,
                influence,
                evidence,
                twins,
                self._facts.extend(records, tail.populations),
                self._sources.extend(self.size, kinds, flags, sources, targets, tags, tail.trained),
                flags,
                self._disclosures.extend(tail, kinds),
            )

    def columns(self) -> Stored:
        """What the topology is restored from: the same for the same log, however it came in."""
        with self._lock:
            now = self._now
            stored = {
                "kinds": now.kinds,
                "flags": now.flags.copy(),
                **named("twins", self._twins.columns()),
                **named("facts", self._facts.columns()),
                **named("sources", self._sources.columns()),
                **named("disclosures", self._disclosures.columns()),
            }
        return {
            **stored,
            **named("influence", now.influence.columns()),
            **named("evidence", now.evidence.columns()),
        }

    def _snapshot(self, upto: int) -> Snapshot:
        now = self._now
        if upto > now.size:
            raise ValueError(f"The question is asked at {upto}, the topology ends at {now.size}: extend it first.")
        if not len(now.disclosures.disclosures):
            return now
        disclosed = self._disclosed.find(
            upto, lambda: now.disclosures.at(upto, now.kinds, now.flags), lambda found: min(found.held, ROOM // 4)
        )
        return replace(now, influence=replace(now.influence, disclosed=disclosed))

    def _reach(
        self,
        origins: Sequence[int],
        direction: Direction,
        upto: int,
        *,
        evidence: bool,
        avoiding: frozenset[int] = frozenset(),
    ) -> Reach:
        now = self._snapshot(upto)

        def find() -> Reach:
            leads = find_origins(now.influence, now.kinds, now.twins, origins, direction, upto)
            rests = now.evidence if evidence else None
            return Reach(now.influence, rests, now.kinds, now.twins, leads, direction, upto, avoiding)

        return self._reaches.find((frozenset(origins), direction, upto, evidence, avoiding), find, _weigh)

    def reach(self, query: ReachQuery) -> ReachPage:
        """What `origins` reach; see `ReachQuery`. Raises ValueError when `upto` is past `size`."""
        found = self._reach(query.origins, query.direction, query.upto, evidence=query.evidence)
        return found.page(query)

    def via(
        self, origins: Sequence[int], items: Sequence[int], upto: int, *, evidence: bool = False
    ) -> Sequence[Sequence[Step]]:
        """A shortest derivation to each of `items`, empty where there is none; see `SupportsReach.via`."""
        return self._reach(origins, Direction.DESCENDANTS, upto, evidence=evidence).via(items)

    def reach_from(self, leads: Leads, upto: int, *, evidence: bool = False) -> Reach:
        """What some origins reach whose leads are given."""
        now = self._snapshot(upto)
        rests = now.evidence if evidence else None
        return Reach(now.influence, rests, now.kinds, now.twins, leads, Direction.DESCENDANTS, upto)

    def members(
        self,
        origins: Sequence[int],
        direction: Direction,
        upto: int,
        kind: Kind,
        *,
        avoiding: frozenset[int] = frozenset(),
    ) -> Sequences:
        """All of one kind that `origins` reach; see `SupportsReach.members`."""
        return self._reach(origins, direction, upto, evidence=False, avoiding=avoiding).members(kind)

    def contraction(self, heads: Sequence[int], kept: Collection[int], upto: int) -> Contraction:
        """The ancestry of some versions without what is merely passed; see `SupportsContraction`."""
        now = self._snapshot(upto)
        ancestors = self.members(heads, Direction.ANCESTORS, upto, Kind.MODEL_VERSION)
        versions = sorted_unique(np.concatenate((ancestors, heads)).astype(np.int32))
        return contract(now.influence, now.evidence, versions, heads, kept, upto)

    def members_of_each(
        self, origins: Sequence[int], heads: Sequence[int], upto: int, kind: Kind
    ) -> Mapping[int, AbstractSet[int]]:
        """By origin, what it reaches of one kind among some heads and their ancestors."""
        now, number = self._snapshot(upto), KIND_NUMBER[kind]
        within = sorted_unique(self._reach(heads, Direction.ANCESTORS, upto, evidence=False).records)
        starts = [_origins(now, origin, upto) for origin in origins]
        found, kinds = reached_by_each(now.influence, now.twins, within, starts, upto), now.kinds.data
        return {
            origin: {one for one in reached if kinds[one] == number}
            for origin, reached in zip(origins, found, strict=True)
        }

    def everything(self, upto: int, kind: Kind) -> Sequences:
        """All records of one kind, ascending."""
        now = self._snapshot(upto)
        if kind is Kind.MODEL_VERSION:
            versions = now.sources.versions
            return versions[: np.searchsorted(versions, upto, "right")].astype(np.int64)
        return _of_kind(now.kinds, kind, 1, upto)

    def count(self, upto: int, kind: Kind) -> int:
        """How many records of one kind there are."""
        return int(np.count_nonzero(self._snapshot(upto).kinds[1 : upto + 1] == KIND_NUMBER[kind]))

    def latest(self, upto: int, kind: Kind, number: int) -> Sequences:
        """The last records of one kind, sought from the end."""
        kinds, looked_at = self._snapshot(upto).kinds, 4 * number
        found = _of_kind(kinds, kind, upto - looked_at + 1, upto)
        while len(found) < number and looked_at < upto:
            looked_at *= 8
            found = _of_kind(kinds, kind, upto - looked_at + 1, upto)
        return found[-number:]

    def neighbours(
        self, records: Sequence[int], direction: Direction, upto: int, kinds: frozenset[Kind], first: int
    ) -> Mapping[int, Neighbours]:
        """What lies one step away; see `SupportsNeighbours`."""
        now, hits = self._snapshot(upto), wanted(kinds)
        known = np.array([record for record in records if record <= upto], np.int32)
        influence = now.influence
        others, places = influence.above(known) if direction is Direction.ANCESTORS else influence.below(known)
        counted = others <= upto
        counted[counted] = hits[now.kinds[others[counted]]]
        # Each pair once, by record and then in log order.
        pairs = sorted_unique(places[counted].astype(np.int64) << 32 | others[counted])
        ends = np.searchsorted(pairs, np.arange(1, len(known) + 1) << 32).tolist()
        found = dict.fromkeys(records, Neighbours(0, []))
        for record, start, end in zip(known.tolist(), [0, *ends], ends, strict=False):
            if end > start:
                those = (pairs[start : min(end, start + first)] & 0xFFFFFFFF).tolist() if first else []
                found[record] = Neighbours(end - start, those)
        return found

    def edges(
        self, sources: Collection[int], targets: Collection[int], roles: Collection[Role], upto: int
    ) -> Sequence[StatedEdge]:
        """The edges from some records to some others; see `SupportsNeighbours.edges`."""
        edges, numbers = self._snapshot(upto).influence, {ROLE_NUMBER[role] for role in roles}
        found = edges.between(_known(sources, upto), _known(targets, upto), numbers)
        return sorted(StatedEdge(source, disclosure, ROLES[role], target) for source, disclosure, role, target in found)

    def twins(self, records: Collection[int], upto: int) -> Mapping[int, Sequence[int]]:
        """Partitions with the same digest; see `SupportsNeighbours.twins`."""
        twins, known = self._snapshot(upto).twins, _known(records, upto)
        having = known[twins.flags[known] & TWIN != 0].tolist()
        found = {record: [twin for twin in twins.of(record, upto) if twin != record] for record in having}
        return {record: others for record, others in found.items() if others}

    def exposure(self, query: ExposureQuery) -> ExposurePage:
        """Which versions learned from a population; see `ExposureQuery`."""
        now, upto, terms = self._snapshot(query.upto), query.upto, tuple(query.population)
        lineage = Lineage(now.influence, now.twins, now.facts, now.sources, now.kinds, now.flags)

        def find() -> Exposure:
            documentation = self._documentations.find(upto, lambda: Documentation(lineage, upto), _weigh)
            return Exposure(documentation, terms)

        return self._exposures.find((terms, upto), find, _weigh).page(query)

    def vocabulary(self, upto: int) -> Mapping[str, Mapping[str, int]]:
        """The documented attributes and values; see `SupportsReach.vocabulary`."""
        return self._snapshot(upto).facts.vocabulary(upto)

    def paths(self, start: int, end: int, upto: int, first: int) -> Derivations:
        """How many derivations lead from `start` to `end`, and the first of them; see `SupportsReach.paths`.

        Raises TooCostly when there are so many that their number does not fit into memory.
        """
        now = self._snapshot(upto)
        leads = find_origins(now.influence, now.kinds, now.twins, [start], Direction.DESCENDANTS, upto)
        if not leads or not 1 <= end <= upto:
            return Derivations(0, ())
        return derivations(now.influence, now.twins, leads, end, upto, first)


def _of_kind(kinds: Tags, kind: Kind, first: int, last: int) -> Sequences:
    """The records of one kind from one sequence to another, ascending."""
    first = max(1, first)
    return (np.flatnonzero(kinds[first : last + 1] == KIND_NUMBER[kind]) + first).astype(np.int64)


def _origins(now: Snapshot, origin: int, upto: int) -> Collection[int]:
    """All origins of a question about what came of one record."""
    if origin <= upto and now.kinds[origin] != DATASET and not now.flags[origin] & TWIN:
        return (origin,)
    return find_origins(now.influence, now.kinds, now.twins, [origin], Direction.DESCENDANTS, upto).keys()


def _known(records: Collection[int], upto: int) -> Integers:
    """Those of some records that are not later than a sequence, ascending."""
    known = np.fromiter(records, np.int32, len(records))
    return np.sort(known[known <= upto])


def _weigh(found: Reach | Documentation | Exposure) -> int:
    """In bytes; what alone takes more than there is room for is kept until the next question, for its pages."""
    return min(found.held, ROOM)
