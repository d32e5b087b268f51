"""One shortest derivation to each of some records, read off a finished walk."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

from descentd.graph.index.arrays import ROLE
from descentd.graph.index.disclosures import Arrow
from descentd.graph.index.twins import Twins
from descentd.graph.model.kinds import ROLES, Role
from descentd.graph.model.reach import Step

LISTED: Final = 1_000
"""Of a derivation longer than this many steps, the first and the last half as many are listed."""
HALF: Final = LISTED // 2

Before = Callable[[int], tuple[int, Role] | None]
"""The record before one on a shortest derivation to it and the role that joins them; None for an origin."""


def at(subject: int, disclosure: int) -> int:
    """The name of a disclosure where a derivation passes it on the way to one of its subjects."""
    return subject << 32 | disclosure


def sequence_of(node: int) -> int:
    """The record that a node stands for."""
    return abs(node) & 0xFFFFFFFF


def lowest(arrows: Sequence[tuple[int, int]]) -> tuple[int, Role] | None:
    """Of (record, tag) pairs, the lowest record and its lowest role."""
    if not arrows:
        return None
    record, role = min((record, tag & ROLE) for record, tag in arrows)
    return record, ROLES[role]


def step_back(
    distance: Callable[[int], int | None],
    arrows: Callable[[int], Sequence[Arrow]],
    twins: Twins,
    upto: int,
) -> Before:
    """How to walk back along distances: to the lowest record that is one step nearer, by its lowest role.

    `arrows` gives those that lead to a record. Only where none of them is nearer is the step one from a twin, the
    lowest that has such an arrow. A disclosure is passed by a step of its own, and only where the record itself does
    not state as much.
    """

    def nearer(record: int, wanted: int) -> tuple[int, int, int] | None:
        nearest = [arrow for arrow in arrows(record) if distance(arrow[0]) == wanted]
        return min(((target, tag & ROLE, by) for target, tag, by in nearest), default=None)

    def before(node: int) -> tuple[int, Role] | None:
        record = node >> 32 or node
        far = distance(record)
        if not far:
            return None
        found = nearer(record, far - 1)
        if found is None:
            return next(twin for twin in twins.of(record, upto) if nearer(twin, far - 1)), Role.SAME_DATA
        target, role, disclosure = found
        if disclosure and node == record:
            return at(record, disclosure), Role.ABOUT
        return target, ROLES[role]

    return before


class Backtrace:
    """Derivations that share what they have in common: each record is walked through once, whoever asks.

    `lead` gives how a derivation begins that leaves from an origin. A record that is walked in
    two ways has its negative as a second name, and a disclosure on the way to a subject the name that `at` gives it.
    """

    def __init__(self, before: Before, lead: Callable[[int], Sequence[Step]]) -> None:
        self._find = before
        self._lead = lead
        self._before: dict[int, tuple[int, Role] | None] = {}
        self._steps: dict[int, Step] = {}
        self._heads: dict[int, tuple[int, list[Step]]] = {}

    def to(self, record: int) -> list[Step]:
        """From an origin's lead to `record`, both included; cut in the middle past `LISTED` steps."""
        back: list[int] = []
        node = record
        while node not in self._heads and (before := self._to(node)):
            back.append(node)
            node = before[0]
        if node in self._heads:
            length, head = self._heads[node]
            if length + len(back) > LISTED:
                return head + self._tail(record)
        while before := self._to(node):
            back.append(node)
            node = before[0]
        back.reverse()
        lead = self._lead(node)
        length = len(lead) + len(back)
        if length <= LISTED:
            return [*lead, *map(self._step, back)]
        head = [*lead, *map(self._step, back[: HALF - len(lead)])]
        self._heads.update({node: (HALF + past, head) for past, node in enumerate(back[HALF - len(lead) :], 1)})
        return head + self._tail(record)

    def _to(self, node: int) -> tuple[int, Role] | None:
        if node not in self._before:
            self._before[node] = self._find(node)
        return self._before[node]

    def _step(self, node: int) -> Step:
        step = self._steps.get(node)
        if step is None:
            before = self._to(node)
            role = before and before[1]
            step = self._steps[node] = Step(sequence_of(node), role, back=role is Role.ABOUT)
        return step

    def _tail(self, node: int) -> list[Step]:
        tail: list[Step] = []
        while len(tail) < HALF and (before := self._to(node)):
            tail.append(self._step(node))
            node = before[0]
        tail.reverse()
        return tail


def cut(steps: Iterator[Step]) -> list[Step]:
    """All of a derivation, or its first and last half where it is longer than `LISTED`."""
    listed = list(islice(steps, LISTED))
    rest = deque(steps, maxlen=HALF)
    if not rest:
        return listed
    return listed[:HALF] + [*listed[HALF:], *rest][-HALF:]
