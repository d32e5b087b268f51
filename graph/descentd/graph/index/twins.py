"""Twins: partitions with one digest, which are the same data."""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from descentd.graph.index.arrays import TWIN, Growing, Integers, Tags, gather, sorted_unique
from descentd.graph.index.columns import Columns, Stored, named
from descentd.graph.index.postings import Postings


@dataclass(frozen=True, slots=True)
class Twins:
    """The classes of partitions with one digest, each named by its first member."""

    flags: Tags
    """With `TWIN` where a record has one; indexed by sequence, up to the last record held."""
    later: Integers
    """All members but the first of their class, ascending."""
    firsts: Integers
    """The first member of the class of each of `later`."""
    members: Postings
    """The later members of each class. They grow under the reader's eyes."""

    def first(self, record: int) -> int:
        """The first member of the class of `record`, itself where it has no earlier twin."""
        place = bisect_left(self.later.data, record)
        return int(self.firsts[place]) if place < len(self.later) and self.later[place] == record else record

    def of(self, record: int, upto: int) -> list[int]:
        """`record` and its twins, ascending, as far as there are any at `upto`."""
        if not self.flags[record] & TWIN:
            return [record]
        first = self.first(record)
        members = [first, *self.members.one(first)]
        return [member for member in members if member <= upto]

    def lie_across(self, place: int, upto: int) -> bool:
        """Whether some class has a member before `place` and one from there up to `upto`."""
        return bool(np.any((self.firsts < place) & (self.later >= place) & (self.later <= upto)))

    def spread(self, records: Integers, upto: int) -> Integers:
        """All members of the classes that `records` belong to, up to `upto`."""
        twins: Integers = records[gather(self.flags, records) & TWIN != 0]
        if not len(twins) or not len(self.later):
            return twins
        places = np.searchsorted(self.later, twins).clip(max=len(self.later) - 1)
        firsts = sorted_unique(np.where(self.later[places] == twins, self.firsts[places], twins))
        found: Integers = np.concatenate((firsts, self.members.of(firsts)))
        known: Integers = found[found <= upto]
        return known


class TwinLog:
    """The writer's side: takes twins in log order and hands out `Twins`."""

    def __init__(self, columns: Columns) -> None:
        self._later, self._firsts = columns.growing("later", np.int32), columns.growing("firsts", np.int32)
        self._members = Postings(columns.part("members"))

    def extend(self, twins: Integers, flags: Growing[np.uint8]) -> Twins:
        """Take in rows (record, first of its class); marks both in `flags`."""
        self._members.add(twins[:, 1], twins[:, 0])
        self._later.extend(twins[:, 0])
        self._firsts.extend(twins[:, 1])
        marked = flags.view()
        marked[twins.ravel()] |= TWIN
        return Twins(marked, self._later.view(), self._firsts.view(), self._members)

    def columns(self) -> Stored:
        """What the twins are restored from."""
        own = {"later": self._later.view(), "firsts": self._firsts.view()}
        return {**own, **named("members", self._members.posted.columns())}
