"""The shortest paths one after the other, in a deterministic order.

The recursive enumeration algorithm (Jiménez and Marzal, 1999) over an acyclic graph, without the recursion: each state
keeps the paths found from it so far, and to find its next one asks the state behind its last one for one more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from descentd.graph.index.backtrace import sequence_of
from descentd.graph.model.kinds import ROLE_NUMBER, Role

SAME_DATA = ROLE_NUMBER[Role.SAME_DATA]
ABOUT = ROLE_NUMBER[Role.ABOUT]
FREE = frozenset({SAME_DATA, ABOUT})
"""Roles of steps that have length 0: to a twin, and from a disclosure to its subject."""

Onward = Callable[[int, bool], Iterable[tuple[int, int]]]
"""The (record, role) steps that lead on from a record; the flag says that it was entered from a twin."""

State = tuple[int, bool]
Entry = tuple[int, int, int, int, int]
"""The length of a path, the record, role and node of its first step, and its rest's rank among those from there."""


@dataclass(slots=True)
class _Found:
    paths: list[Entry] = field(default_factory=list)
    others: list[Entry] = field(default_factory=list)

    def take(self) -> None:
        if self.others:
            self.paths.append(heappop(self.others))


class Shortest:
    """Paths from state (0, False) to whatever is 0 away from the end, by (length, records and roles).

    `remaining` is the exact length of a shortest path from each record not entered from a twin; steps that are `FREE`
    have length 0.
    """

    def __init__(self, onward: Onward, remaining: Mapping[int, int], end: int) -> None:
        self._onward = onward
        self._remaining = remaining
        self._end = end
        self._found: dict[State, _Found] = {}

    def path(self, rank: int) -> Iterator[tuple[int, int]]:
        """The steps of the path of that rank, from 0; those of lower rank must have been asked for before."""
        start = (0, False)
        if rank >= len(self._at(start).paths):
            self._advance(start)
        state = start
        while state[0] != self._end:
            _, _, role, record, rank = self._at(state).paths[rank]
            yield record, role
            state = record, role == SAME_DATA

    def _at(self, state: State) -> _Found:
        found = self._found.get(state)
        if found is None:
            found = self._found[state] = _Found()
            for record, role in self._onward(*state):
                length = self._first(record, role)
                if length is not None:
                    found.others.append((length, sequence_of(record), role, record, 0))
            heapify(found.others)
            found.take()
        return found

    def _first(self, record: int, role: int) -> int | None:
        """The length of the shortest path that begins with this step."""
        if role >= 0 and role not in FREE:
            return self._remaining[record] + 1
        if record == self._end:
            return 0
        paths = self._at((record, role == SAME_DATA)).paths
        return paths[0][0] if paths else None

    def _advance(self, state: State) -> None:
        """Find the next path from `state`, for which each state along its last one may have to find its own next."""
        asked = [state]
        while True:
            _, _, role, record, rank = self._at(asked[-1]).paths[-1]
            behind = record, role == SAME_DATA
            if record == self._end or len(self._at(behind).paths) > rank + 1:
                break
            asked.append(behind)
        for current in reversed(asked):
            found = self._at(current)
            _, _, role, record, rank = found.paths[-1]
            if record != self._end:
                rest = self._at((record, role == SAME_DATA)).paths
                if len(rest) > rank + 1:
                    length = rest[rank + 1][0] + (role not in FREE and role >= 0)
                    heappush(found.others, (length, sequence_of(record), role, record, rank + 1))
            found.take()
