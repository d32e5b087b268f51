"""The result of a reach: its records page by page, and the derivation of each."""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from descentd.graph.index.arrays import DATASET, INCLUDES, ROLE, Integers, Tags, is_in
from descentd.graph.index.backtrace import Backtrace, Before, lowest, step_back
from descentd.graph.index.breadth_first import Walk, walk
from descentd.graph.index.edges import Edges
from descentd.graph.index.evidence import CITES, add_evidence, listed_with
from descentd.graph.index.steps import Around, Down, Steps, Up
from descentd.graph.index.twins import Twins
from descentd.graph.model.kinds import KIND_NUMBER, KINDS, Kind, Role
from descentd.graph.model.reach import Direction, Reached, ReachPage, ReachQuery, Sequences, Step

Leads = Mapping[int, Sequence[Step]]
"""How a derivation begins that leaves from an origin: at the cause that was named, or at the partition it runs from."""


def find_origins(
    edges: Edges, kinds: Tags, twins: Twins, named: Sequence[int], direction: Direction, upto: int
) -> dict[int, list[Step]]:
    """All origins of a question about `named`, each with its lead."""
    leads = {record: [Step(record, None)] for record in named if 1 <= record <= upto}
    if direction is Direction.DESCENDANTS:
        for record in tuple(leads):
            if kinds[record] == DATASET:
                for target, tag in edges.targets(record):
                    if tag & ROLE == INCLUDES:
                        leads.setdefault(target, [Step(target, None)])
    for record in sorted(leads):
        for twin in twins.of(record, upto):
            leads.setdefault(twin, [Step(record, None), Step(twin, Role.SAME_DATA)])
    return leads


class Reach:
    """What some origins reach, finished; safe to read from several threads."""

    def __init__(
        self,
        influence: Edges,
        evidence: Edges | None,
        kinds: Tags,
        twins: Twins,
        leads: Leads,
        direction: Direction,
        upto: int,
        avoiding: Collection[int] = (),
    ) -> None:
        avoided = {twin for record in avoiding if record <= upto for twin in twins.of(record, upto)}
        leads = {origin: lead for origin, lead in leads.items() if origin not in avoided}
        self._influence, self._evidence = influence, evidence
        self._kinds, self._twins, self._leads, self._upto = kinds, twins, leads, upto
        steps: Steps = Down(influence) if direction is Direction.DESCENDANTS else Up(influence)
        self._walk = walk(Around(steps, avoided) if avoided else steps, list(leads), upto, twins)
        self._cited: Walk | None = None
        self._listed = self._walk
        if evidence is not None:
            self._cited = add_evidence(evidence, self._walk, upto)
            self._listed = listed_with(self._walk, self._cited)
        self._counts: NDArray[np.int64] = self._listed.counts(kinds, len(KINDS))
        self._ends: dict[frozenset[Kind] | None, NDArray[np.int64]] = {None: self._listed.ends - self._listed.ends[0]}

    @property
    def held(self) -> int:
        """About how many bytes this occupies."""
        return self._listed.held + (0 if self._cited is None else self._walk.held + self._cited.held)

    @property
    def records(self) -> Integers:
        """All that was reached, origins first."""
        return self._listed.records

    def page(self, query: ReachQuery) -> ReachPage:
        """The page of what was reached that `query` asks for, and the counts over all."""
        depth, first, select = query.depth, query.first, _selection(query.kinds, query.within)
        counts = self._counts_of(query.kinds, None if query.within is None else select)
        ends = self._ends_of(query.kinds) if query.within is None else self._ends_where(select)
        deepest = self._listed.depth if depth is None else min(depth, self._listed.depth)
        distance, last = query.after or (0, 0)
        items: list[Reached] = []
        taken = int(ends[distance - 1]) if 1 <= distance <= deepest else 0
        if distance > deepest:
            return ReachPage(counts, (), False)
        while True:
            if distance >= 1:
                level = self._listed.level(distance)
                level = level if select is None else level[select(level, self._kinds)]
                start = int(np.searchsorted(level, last, "right"))
                chosen = level[start : start + first - len(items)].tolist()
                items += [Reached(sequence, distance) for sequence in chosen]
                taken = int(ends[distance - 1]) + start + len(chosen)
            if len(items) >= first or taken >= ends[deepest]:
                break
            distance, last = int(np.searchsorted(ends, taken, "right")), 0
        return ReachPage(counts, items, bool(taken < ends[deepest]))

    def _counts_of(self, kinds: frozenset[Kind] | None, select: "_Select | None") -> dict[Kind, int]:
        found = self._counts
        if select is not None:
            records = self._listed.records[self._listed.ends[0] :]
            found = np.bincount(self._kinds[records[select(records, self._kinds)]], minlength=len(KINDS))
        return {
            kind: int(count)
            for kind, count in zip(KINDS, found, strict=True)
            if count and (kinds is None or kind in kinds)
        }

    def _ends_of(self, kinds: frozenset[Kind] | None) -> NDArray[np.int64]:
        """How many of `kinds` are listed at each distance or nearer."""
        ends = self._ends.get(kinds)
        if ends is None:
            ends = self._ends[kinds] = self._ends_where(_selection(kinds, None))
        return ends

    def _ends_where(self, select: "_Select | None") -> NDArray[np.int64]:
        """How many of those that are selected are listed at each distance or nearer."""
        records = self._listed.records
        hits = np.ones(len(records), np.bool_) if select is None else select(records, self._kinds)
        hits[: self._listed.ends[0]] = False
        found: NDArray[np.int64] = np.cumsum(np.append(0, hits))[self._listed.ends]
        return found

    def members(self, kind: Kind) -> NDArray[np.int64]:
        """All of one kind, ascending."""
        found = self._listed.records[self._listed.ends[0] :]
        return np.sort(found[self._kinds[found] == KIND_NUMBER[kind]]).astype(np.int64)

    def distance(self, record: int) -> int | None:
        """How far a record is: 0 for an origin, None for what is not reached."""
        return self._listed.distance(record)

    def via(self, items: Sequence[int]) -> list[list[Step]]:
        """The derivation that proves each of `items`, see `backtrace`; none to what was not reached."""
        trails = Backtrace(self._before(), self._leads.__getitem__)
        return [[] if (state := self._state(item)) is None else trails.to(state) for item in items]

    def _state(self, item: int) -> int | None:
        """`item`, or its negative where evidence came nearer to it than influence: the two are walked apart."""
        if (distance := self.distance(item)) is None:
            return None
        return item if self._walk.distance(item) == distance else -item

    def _before(self) -> Before:
        along = step_back(self._walk.distance, self._influence.arrows, self._twins, self._upto)
        cited, evidence = self._cited, self._evidence
        if cited is None or evidence is None:
            return along

        def before(state: int) -> tuple[int, Role] | None:
            if state > 0:
                return along(state)
            wanted = (cited.distance(-state) or 0) - 1
            arrow = lowest(
                [
                    (target, tag)
                    for target, tag in evidence.targets(-state)
                    if (cited if tag & ROLE == CITES else self._walk).distance(target) == wanted
                ]
            )
            if arrow is None:
                return None
            return (-arrow[0] if arrow[1] is Role.CITES else arrow[0]), arrow[1]

        return before


_Select = Callable[[Integers, Tags], NDArray[np.bool_]]
"""Which of some records are counted and listed, by the kinds of all records."""


def _selection(kinds: frozenset[Kind] | None, within: Sequences | None) -> _Select | None:
    """What `kinds` and `within` select, None for everything."""
    if within is not None:
        return lambda records, all: is_in(records, within) & (True if kinds is None else wanted(kinds)[all[records]])
    return None if kinds is None else lambda records, all: wanted(kinds)[all[records]]


def wanted(kinds: frozenset[Kind]) -> NDArray[np.bool_]:
    """Which kind numbers are among `kinds`."""
    return np.array([kind in kinds for kind in KINDS])
