"""Breadth-first walks that cost what they reach.

Narrow frontiers are walked one by one, wide ones by arrays; distances are in a dict until there are some thousands, so
that a small answer does not pay for an array of millions. Repeats are dropped without sorting: each candidate writes
its position at its record, and the one that reads its own back stays.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from descentd.graph.index.arrays import TWIN, Integers, Tags, is_in
from descentd.graph.index.edges import NARROW, Steps
from descentd.graph.index.twins import Twins

FEW: Final = 2_000
"""Up to this many records, distances are in a dict."""


class Walk:
    """A finished walk. `levels[d]` holds the records at distance d; the origins are level 0."""

    def __init__(
        self, levels: Sequence[Sequence[int] | Integers], seen: dict[int, int] | None, stamps: Integers | None
    ) -> None:
        self._levels = list(levels)
        self._seen = seen
        self.stamps = stamps
        """Distance + 1 of each record, 0 where it was not reached; None when only a few were."""
        self._marks = None if stamps is None else stamps.data
        lengths = np.fromiter(map(len, levels), np.int64, len(levels))
        self.ends: NDArray[np.int64] = np.cumsum(lengths)
        """How many records are at each distance or nearer, origins included."""

    @property
    def held(self) -> int:
        """About how many bytes this occupies."""
        return int(self.ends[-1]) * 12 + 100 * len(self._levels) + (0 if self.stamps is None else self.stamps.nbytes)

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
        level = np.sort(np.asarray(self._levels[distance], np.int32))
        self._levels[distance] = level
        return level

    @property
    def depth(self) -> int:
        """The largest distance."""
        return len(self._levels) - 1

    @cached_property
    def records(self) -> Integers:
        """All that was reached, origins first, nearer ones before farther ones."""
        return flat(self._levels)

    def among(self, records: Integers) -> NDArray[np.bool_]:
        """Which of `records` were reached or are origins."""
        if self.stamps is not None:
            return self.stamps[records] > 0
        return is_in(records, self.records)

    def counts(self, kinds: Tags, number: int) -> NDArray[np.int64]:
        """How many of each kind were reached, origins left out."""
        return np.bincount(kinds[self.records[self.ends[0] :]], minlength=number)


def flat(levels: Sequence[Sequence[int] | Integers]) -> Integers:
    """One array of all levels."""
    arrays: list[Integers] = []
    run: list[Sequence[int]] = []
    for level in levels:
        if isinstance(level, np.ndarray):
            arrays.append(np.fromiter(chain.from_iterable(run), np.int32))
            arrays.append(level)
            run = []
        else:
            run.append(level)
    arrays.append(np.fromiter(chain.from_iterable(run), np.int32))
    return np.concatenate(arrays)


def walk(steps: Steps, origins: Sequence[int] | Integers, upto: int, twins: Twins) -> Walk:
    """Walk from `origins`, which are closed under twins and not later than `upto`."""
    if len(origins) > FEW:
        return _walk_arrays(steps, [origins], {}, upto, twins)
    seen = dict.fromkeys(map(int, origins), 0)
    frontier = list(seen)
    levels: list[Sequence[int] | Integers] = [frontier]
    twin_flags = twins.flags.data
    while frontier:
        found = steps.few(frontier) if len(frontier) < NARROW and len(seen) < FEW else None
        if found is None:
            return _walk_arrays(steps, levels, seen, upto, twins)
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
            levels.append(frontier)
    return Walk(levels, seen, None)


def _walk_arrays(  # noqa: C901 - the inner loops are unrolled for speed
    steps: Steps, levels: list[Sequence[int] | Integers], seen: dict[int, int], upto: int, twins: Twins
) -> Walk:
    stamps = np.zeros(len(twins.flags), np.int32)
    if seen:
        stamps[np.fromiter(seen.keys(), np.int32, len(seen))] = np.fromiter(seen.values(), np.int32, len(seen)) + 1
    else:
        stamps[levels[0]] = 1
    marks = stamps.data
    twin_flags = twins.flags.data
    frontier = levels[-1]
    while len(frontier):
        stamp = len(levels)
        if len(frontier) < NARROW and isinstance(frontier, np.ndarray):
            frontier = frontier.tolist()
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
            levels.append(frontier)
    return Walk(levels, None, stamps)


def _wide(steps: Steps, frontier: Integers, stamps: Integers, stamp: int, upto: int, twins: Twins) -> Integers:
    found = steps.many(frontier, stamps, stamp)
    if upto < len(stamps) - 1:
        found = found[found <= upto]
    found = found[stamps[found] == 0]
    # Negative positions can stand for nothing else until the stamp proper is written over them.
    positions = np.arange(-len(found), 0, dtype=np.int32)
    stamps[found] = positions
    found = found[stamps[found] == positions]
    stamps[found] = stamp + 1
    if len(twins.later) and len(others := twins.spread(found, upto)):
        others = others[stamps[others] == 0]
        stamps[others] = stamp + 1
        found = np.concatenate((found, others))
    return found
