"""The steps of walks over edges: up, down, and around some records."""

from collections.abc import Collection, Sequence
from typing import Final, Protocol

import numpy as np
from typing_extensions import override

from descentd.graph.index.arrays import TWIN, Integers, gather, is_in
from descentd.graph.index.edges import Edges

NARROW: Final = 64
"""A step from fewer records than this, with at most `NARROW_EDGES` edges, is taken one by one; above it, by arrays."""
NARROW_EDGES: Final = 512


class Steps(Protocol):
    """The edges of a walk in its direction. Both methods may repeat records and give some later than the question's."""

    def few(self, frontier: Sequence[int]) -> list[int] | None:
        """Where `frontier` leads in one step, or None when that is too much to take one by one."""
        ...

    def many(self, frontier: Integers, stamps: Integers, stamp: int) -> Integers:
        """The same for a wide frontier, all of which and nothing else has `stamp` in `stamps`."""
        ...

    @property
    def plain(self) -> "PlainRows | None":
        """Rows that say where most records lead, where there are any."""
        return None


class PlainRows:
    """Rows by which records up to `last` lead on, and from those in none of `more` nothing else does."""

    def __init__(self, starts: memoryview, others: memoryview, last: int, more: Sequence[Collection[int]]) -> None:
        self._starts, self._others, self._last = starts, others, last
        self._more = [one for one in more if one]

    def line(self, record: int, upto: int, marks: memoryview, stamp: int, flags: memoryview) -> list[int]:
        """The records that follow one in single file, `marks` of which become `stamp` and what comes after it.

        It ends before a fork, a twin (by its `flags`), and what is marked already or later than the question.
        """
        starts, others, last, more = self._starts, self._others, self._last, self._more
        found: list[int] = []
        while record <= last:
            start = starts[record]
            if starts[record + 1] - start != 1 or (more and any(record in one for one in more)):
                break
            record = others[start]
            if record > upto or marks[record] or flags[record] & TWIN:
                break
            marks[record] = stamp
            stamp += 1
            found.append(record)
        return found


class Up(Steps):
    """From what was derived to what it came from."""

    def __init__(self, edges: Edges) -> None:
        self._rows = edges.by_source
        self._disclosed = edges.disclosed
        self._starts = edges.by_source.starts.data
        self._others = edges.by_source.others.data
        self._plain = PlainRows(self._starts, self._others, edges.size, [edges.disclosed.by_source])

    @property
    @override
    def plain(self) -> PlainRows:
        return self._plain

    @override
    def few(self, frontier: Sequence[int]) -> list[int] | None:
        starts, others, disclosed = self._starts, self._others, self._disclosed.by_source
        found: list[int] = []
        for node in frontier:
            start = starts[node]
            end = starts[node + 1]
            if end - start == 1:
                found.append(others[start])
            elif end - start > NARROW_EDGES or len(found) > NARROW_EDGES:
                return None
            elif end > start:
                found += others[start:end].tolist()
            if disclosed and node in disclosed:
                found += [arrow[0] for arrow in disclosed[node]]
        return found

    @override
    def many(self, frontier: Integers, stamps: Integers, stamp: int) -> Integers:
        found = self._rows.others[self._rows.positions(frontier)]
        disclosed = self._disclosed
        if not disclosed.by_source:
            return found
        return np.concatenate((found, disclosed.targets[stamps[disclosed.sources] == stamp]))


class Down(Steps):
    """From what something came from to what was derived from it."""

    def __init__(self, edges: Edges) -> None:
        self._edges = edges
        self._starts = edges.by_target.starts.data
        self._others = edges.by_target.others.data
        more = [edges.late, edges.disclosed.by_target]
        self._plain = PlainRows(self._starts, self._others, edges.base_size, more)

    @property
    @override
    def plain(self) -> PlainRows:
        return self._plain

    @override
    def few(self, frontier: Sequence[int]) -> list[int] | None:
        starts, others, last, late = self._starts, self._others, self._edges.base_size, self._edges.late
        disclosed = self._edges.disclosed.by_target
        found: list[int] = []
        for node in frontier:
            if node <= last:
                start = starts[node]
                end = starts[node + 1]
                if end - start == 1:
                    found.append(others[start])
                elif end - start > NARROW_EDGES or len(found) > NARROW_EDGES:
                    return None
                elif end > start:
                    found += others[start:end].tolist()
            if late and node in late:
                found += [packed >> 8 for packed in late[node]]
            if disclosed and node in disclosed:
                found += [arrow[0] for arrow in disclosed[node]]
        return found

    @override
    def many(self, frontier: Integers, stamps: Integers, stamp: int) -> Integers:
        edges = self._edges
        known = frontier if edges.base_size == edges.size else frontier[frontier <= edges.base_size]
        positions = edges.by_target.positions(known)
        disclosed = edges.disclosed
        if not len(edges.late_targets) and not disclosed.by_target:
            return gather(edges.by_target.others, positions)
        late = edges.late_sources[stamps[edges.late_targets] == stamp]
        more = disclosed.sources[stamps[disclosed.targets] == stamp]
        return np.concatenate((gather(edges.by_target.others, positions), late, more))


class Around(Steps):
    """Steps that never lead to some records."""

    def __init__(self, steps: Steps, avoided: Collection[int]) -> None:
        self._steps = steps
        self._avoided = frozenset(avoided)
        self._array = np.fromiter(self._avoided, np.int32, len(self._avoided))

    @override
    def few(self, frontier: Sequence[int]) -> list[int] | None:
        found = self._steps.few(frontier)
        return found and [record for record in found if record not in self._avoided]

    @override
    def many(self, frontier: Integers, stamps: Integers, stamp: int) -> Integers:
        found = self._steps.many(frontier, stamps, stamp)
        return found[~is_in(found, self._array)]
