"""Populations in the index: the documented attributes and values of partitions, as of any sequence."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from descentd.graph.index.arrays import Growing, Integers
from descentd.graph.model.reach import Documented, PopulationFact, Share, Term
from descentd.graph.populations import Pair, fold, pairs_of, room

K = TypeVar("K")

NEVER: Final = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class Facts:
    """Population statements, numbered in log order; of those about one partition, the latest is in force.

    The mappings grow under the reader's eyes, with facts that no question at or before `size` sees.
    """

    statements: Integers
    partitions: Integers
    until: Integers
    """The statement that superseded each, or `NEVER`."""
    previous: Integers
    """The fact before each about the same partition, -1 where there is none."""
    complete: NDArray[np.bool_]
    ends: Integers
    """Where the shares of each end."""
    codes: Integers
    amounts: NDArray[np.float64]
    """The shares, not-a-number where not counted; `codes` are positions in `names`."""
    latest: Integers
    """The last fact about each record plus one, 0 where there is none; indexed by sequence."""
    names: Sequence[Pair]
    present: Mapping[Pair, Growing[np.int32]]
    """The facts that list a value of an attribute with a share other than 0."""
    absent: Mapping[Pair, Growing[np.int32]]
    """The facts that list it with a share of 0."""
    whole: Mapping[str, Growing[np.int32]]
    """The complete facts that list an attribute and leave no room for other values of it."""
    lacking: Mapping[str, Growing[np.int32]]
    """The complete facts that list an attribute with shares that leave room for other values of it."""
    alike: Mapping[Pair, Sequence[Pair]]
    """All that is listed anywhere, by how it reads once folded."""

    def _in_force(self, numbers: Integers, upto: int) -> Integers:
        numbers = numbers[: np.searchsorted(numbers, len(self.statements))]
        return numbers[(self.statements[numbers] <= upto) & (self.until[numbers] > upto)]

    def completed(self, upto: int) -> Integers:
        """The partitions whose statement in force is complete."""
        chosen = self.complete & (self.statements <= upto) & (self.until > upto)
        return self.partitions[chosen]

    def _found(self, index: Mapping[K, Growing[np.int32]], keys: Iterable[K], upto: int) -> Integers:
        """The facts in force at a sequence under any of some keys, ascending."""
        numbers = [self._in_force(index[key].view(), upto) for key in keys if key in index]
        return np.unique(np.concatenate([self.statements[:0], *numbers]))

    def completed_for(self, term: Term, upto: int) -> Integers:
        """The partitions whose statement in force is complete and says whether each of the term's values is there.

        Shares that leave room for other values say so only of those that are listed.
        """
        facts = self._found(self.whole, [term.attribute], upto)
        open = self._found(self.lacking, [term.attribute], upto)
        for value in term.values if len(open) else ():
            open = np.intersect1d(open, self._listing((term.attribute, value), upto))
        return self.partitions[np.concatenate((facts, open))]

    def _listing(self, pair: Pair, upto: int) -> Integers:
        return np.concatenate((self._found(self.present, [pair], upto), self._found(self.absent, [pair], upto)))

    def matching(self, pairs: Iterable[Pair], upto: int) -> Integers:
        """The partitions, ascending, whose statement in force lists one of some values as present."""
        return np.unique(self.partitions[self._found(self.present, pairs, upto)])

    def near(self, term: Term) -> list[Pair]:
        """What is listed anywhere and reads as one of the term's values once folded, but is none of them."""
        asked = set(pairs_of(term))
        found = {pair for one in asked for pair in self.alike.get(fold(one), ())}
        return sorted(found - asked)

    def listed(self, pair: Pair, upto: int) -> int:
        """How many partitions' statements in force list a value, as present or as absent."""
        return len(self._listing(pair, upto))

    def shares(self, partition: int, upto: int) -> list[Share]:
        """What the statement in force about `partition` lists."""
        number = int(self.latest[partition]) - 1
        while number >= 0 and (number >= len(self.statements) or self.statements[number] > upto):
            number = int(self.previous[number]) if number < len(self.statements) else -1
        if number < 0:
            return []
        start, end = (int(self.ends[number - 1]) if number else 0), int(self.ends[number])
        listed = zip(self.codes[start:end].tolist(), self.amounts[start:end].tolist(), strict=True)
        named = ((*self.names[code], None if isnan(amount) else amount) for code, amount in listed)
        return [Share(attribute, value, amount) for attribute, value, amount in named]


class FactLog:
    """The writer's side: takes population statements in log order and hands out `Facts`."""

    def __init__(self) -> None:
        self._statements, self._partitions = Growing(np.int32), Growing(np.int32)
        self._until, self._previous = Growing(np.int32), Growing(np.int32)
        self._complete, self._ends = Growing(np.bool_), Growing(np.int32)
        self._codes, self._amounts = Growing(np.int32), Growing(np.float64)
        self._latest = Growing(np.int32, (0,))
        self._names: list[Pair] = []
        self._numbers: dict[Pair, int] = {}
        self._present: dict[Pair, Growing[np.int32]] = {}
        self._absent: dict[Pair, Growing[np.int32]] = {}
        self._whole: dict[str, Growing[np.int32]] = {}
        self._lacking: dict[str, Growing[np.int32]] = {}
        self._alike: dict[Pair, list[Pair]] = {}

    def extend(self, records: int, facts: Sequence[PopulationFact]) -> Facts:
        """Take in what the next `records` records say about populations."""
        self._latest.extend(np.zeros(records, np.int32))
        if facts:
            first = len(self._statements)
            self._add_shares(first, facts)
            self._supersede(first, facts)
            self._partitions.extend([fact.partition for fact in facts])
            self._complete.extend([fact.documented is Documented.COMPLETE for fact in facts])
            # Last, for readers know by their number which facts there are.
            self._statements.extend([fact.statement for fact in facts])
        return Facts(
            self._statements.view(),
            self._partitions.view(),
            self._until.view(),
            self._previous.view(),
            self._complete.view(),
            self._ends.view(),
            self._codes.view(),
            self._amounts.view(),
            self._latest.view(),
            self._names,
            self._present,
            self._absent,
            self._whole,
            self._lacking,
            self._alike,
        )

    def _supersede(self, first: int, facts: Sequence[PopulationFact]) -> None:
        self._until.extend(np.full(len(facts), NEVER, np.int32))
        latest, until = self._latest.view().data, self._until.view().data
        previous = []
        for number, fact in enumerate(facts, first):
            before = latest[fact.partition] - 1
            if before >= 0:
                until[before] = fact.statement
            latest[fact.partition] = number + 1
            previous.append(before)
        self._previous.extend(previous)

    def _add_shares(self, first: int, facts: Sequence[PopulationFact]) -> None:
        present: dict[Pair, list[int]] = defaultdict(list)
        absent: dict[Pair, list[int]] = defaultdict(list)
        whole: dict[str, list[int]] = defaultdict(list)
        lacking: dict[str, list[int]] = defaultdict(list)
        codes: list[int] = []
        amounts: list[float] = []
        ends: list[int] = []
        for number, fact in enumerate(facts, first):
            for share in fact.shares:
                key = share.attribute, share.value
                codes.append(self._number(key))
                amounts.append(float("nan") if share.share is None else share.share)
                (absent if share.share == 0 else present)[key].append(number)
            if fact.documented is Documented.COMPLETE:
                for attribute, left in room(fact.shares).items():
                    (lacking if left else whole)[attribute].append(number)
            ends.append(len(codes))
        self._ends.extend(np.array(ends, np.int64) + len(self._codes))
        self._codes.extend(codes)
        self._amounts.extend(amounts)
        _extend(self._present, present)
        _extend(self._absent, absent)
        _extend(self._whole, whole)
        _extend(self._lacking, lacking)

    def _number(self, key: Pair) -> int:
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._names)
            self._names.append(key)
            self._alike.setdefault(fold(key), []).append(key)
        return number


def _extend(index: dict[K, Growing[np.int32]], found: Mapping[K, Sequence[int]]) -> None:
    for key, numbers in found.items():
        index.setdefault(key, Growing(np.int32)).extend(numbers)
