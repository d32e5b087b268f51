"""Breadth-first walks that cost what they reach.

Narrow frontiers are walked one by one, wide ones by arrays; distances are in a dict until there are some thousands, so
that a small answer does not pay for an array of millions. Repeats are dropped without sorting: each candidate writes
its position at its record, and the one that reads its own back stays.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from descentd.graph.index.arrays import TWIN, Integers, Tags, gather, is_in
from descentd.graph.index.steps import NARROW, Steps
from descentd.graph.index.twins import Twins

FEW: Final = 2_000
"""Up to this many records, distances are in a dict."""


class Walk:
    """A finished walk. `records` holds all that was reached, origins first, nearer ones before farther ones.

    ends: how many are at each distance or nearer, origins included; seen: the distance of each where they are few,
    otherwise stamps: distance + 1 of each record that there is, 0 where it was not reached.
    """

    def __init__(
        self, records: Integers, ends: NDArray[np.int64], seen: dict[int, int] | None, stamps: Integers | None
    ) -> None:
        self.records = records
        self.ends = ends
        self.stamps = stamps
        self._seen = seen
        self._marks = None if stamps is None else stamps.data
        self._sorted: dict[int, Integers] = {}

    @property
    def held(self) -> int:
        """About how many bytes this occupies, with levels in order."""
        return 2 * self.records.nbytes + self.ends.nbytes + (0 if self.stamps is None else self.stamps.nbytes)

    def distance(self, record: int) -> int | None:
        """How far `record` is from the nearest origin, or None."""
        if self._seen is not None:
            return self._seen.get(record)
        marks = self._marks
        if marks is None or record >= len(marks):
            return None
        return marks[record] - 1 if marks[record] else None

    def level(self, distance: int) -> Integers:
        """The records at `distance`, ascending."""
        level = self._sorted.get(distance)
        if level is None:
            level = self.records[self.ends[distance - 1] if distance else 0 : self.ends[distance]]
            if len(level) > 1:
                level = np.sort(level)
            if len(level) > FEW:
                self._sorted[distance] = level
        return level

    @property
    def depth(self) -> int:
        """The largest distance."""
        return len(self.ends) - 1

    def among(self, records: Integers) -> NDArray[np.bool_]:
        """Which of `records` were reached or are origins."""
        if self.stamps is not None:
            return self.stamps[records] > 0
        return is_in(records, self.records)

    def counts(self, kinds: Tags, number: int) -> NDArray[np.int64]:
        """How many of each kind were reached, origins left out."""
        return np.bincount(gather(kinds, self.records[self.ends[0] :]), minlength=number)


class Levels:
    """What a walk has met so far, level by level."""

    def __init__(self, origins: Sequence[int] | Integers) -> None:
        self._parts: list[Sequence[int] | Integers] = [origins]
        self._ends = [len(origins)]

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, level: Sequence[int] | Integers) -> None:
        """The next level."""
        self._parts.append(level)
        self._ends.append(self._ends[-1] + len(level))

    def add_line(self, records: list[int]) -> None:
        """As many levels as there are records, of one each."""
        self._parts.append(records)
        self._ends += range(self._ends[-1] + 1, self._ends[-1] + len(records) + 1)

    def walk(self, seen: dict[int, int] | None, stamps: Integers | None) -> Walk:
        """The finished walk."""
        return Walk(_flat(self._parts), np.array(self._ends, np.int64), seen, stamps)


def _flat(parts: Sequence[Sequence[int] | Integers]) -> Integers:
    """One array of all."""
    arrays: list[Integers] = []
    run: list[Sequence[int]] = []
    for part in parts:
        if isinstance(part, np.ndarray):
            arrays.append(np.fromiter(chain.from_iterable(run), np.int32))
            arrays.append(part)
            run = []
        else:
            run.append(part)
    arrays.append(np.fromiter(chain.from_iterable(run), np.int32))
    return np.concatenate(arrays)


def walk(steps: Steps, origins: Sequence[int] | Integers, upto: int, twins: Twins) -> Walk:
    """Walk from `origins`, which are closed under twins and not later than `upto`."""
    if len(origins) > FEW:
        return _walk_arrays(steps, Levels(origins), origins, {}, upto, twins)
    seen = dict.fromkeys(map(int, origins), 0)
    frontier = list(seen)
    levels = Levels(frontier)
    twin_flags = twins.flags.data
    while frontier:
        found = steps.few(frontier) if len(frontier) < NARROW and len(seen) < FEW else None
        if found is None:
            return _walk_arrays(steps, levels, frontier, seen, upto, twins)
        distance = len(levels)
        frontier = []
        for node in found:
            if node <= upto and node not in seen:
                seen[node] = distance
                frontier.append(node)
                if twin_flags[node] & TWIN:
                    others = [member for member in twins.of(node, upto) if member not in seen]
                    seen.update(dict.fromkeys(others, distance))
                    frontier += others
        if len(frontier):
            levels.add(frontier)
    return levels.walk(seen, None)


def _walk_arrays(  # noqa: C901, PLR0912 - the inner loops are unrolled for speed
    steps: Steps,
    levels: Levels,
    frontier: Sequence[int] | Integers,
    seen: dict[int, int],
    upto: int,
    twins: Twins,
) -> Walk:
    stamps = np.zeros(len(twins.flags), np.int32)
    if seen:
        stamps[np.fromiter(seen.keys(), np.int32, len(seen))] = np.fromiter(seen.values(), np.int32, len(seen)) + 1
    else:
        stamps[frontier] = 1
    marks = stamps.data
    twin_flags = twins.flags.data
    plain = steps.plain
    while len(frontier):
        if len(frontier) < NARROW and isinstance(frontier, np.ndarray):
            frontier = frontier.tolist()
        if plain and len(frontier) == 1:
            line = plain.line(int(frontier[0]), upto, marks, len(levels) + 1, twin_flags)
            levels.add_line(line)
            frontier = line[-1:] or frontier
        stamp = len(levels)
        found = None if isinstance(frontier, np.ndarray) else steps.few(frontier)
        if found is None:
            frontier = _wide(steps, np.asarray(frontier, np.int32), stamps, stamp, upto, twins)
        else:
            stamp += 1
            frontier = []
            for node in found:
                if node <= upto and not marks[node]:
                    marks[node] = stamp
                    frontier.append(node)
                    if twin_flags[node] & TWIN:
                        for member in twins.of(node, upto):
                            if not marks[member]:
                                marks[member] = stamp
                                frontier.append(member)
        if len(frontier) > 0:  # a list, or an array that has no truth value
            levels.add(frontier)
    return levels.walk(None, stamps)


def _wide(steps: Steps, frontier: Integers, stamps: Integers, stamp: int, upto: int, twins: Twins) -> Integers:
    found = steps.many(frontier, stamps, stamp)
    if upto < len(stamps) - 1:
        found = found[found <= upto]
    found = found[gather(stamps, found) == 0]
    # Negative positions can stand for nothing else until the stamp proper is written over them.
    positions = np.arange(-len(found), 0, dtype=np.int32)
    stamps[found] = positions
    found = found[gather(stamps, found) == positions]
    stamps[found] = stamp + 1
    if len(twins.later) and len(others := twins.spread(found, upto)):
        others = others[gather(stamps, others) == 0]
        stamps[others] = stamp + 1
        found = np.concatenate((found, others))
    return found
