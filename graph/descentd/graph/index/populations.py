"""Populations in the index: the documented attributes and values of partitions, as of any sequence."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from descentd.graph.index.arrays import Integers, sorted_unique
from descentd.graph.index.columns import Columns, Stored, named
from descentd.graph.index.names import Names
from descentd.graph.index.postings import Postings
from descentd.graph.model.reach import Documented, PopulationFact, Share, Term
from descentd.graph.populations import Pair, fold, pairs_of, room, vocabulary

NEVER: Final = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True)
class Facts:
    """Population statements, numbered in log order; of those about one partition, the latest is in force.

    Names and postings grow under the reader's eyes, with facts that no question at or before `size` sees.
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
    names: Names
    """All that is listed anywhere."""
    attributes: Names
    """The attributes of complete facts, each as a name with an empty value."""
    present: Postings
    """The facts that list a value of an attribute with a share other than 0, by its number."""
    absent: Postings
    """The facts that list it with a share of 0."""
    whole: Postings
    """The complete facts that list an attribute and leave no room for other values of it, by its number."""
    lacking: Postings
    """The complete facts that list an attribute with shares that leave room for other values of it."""

    def _in_force(self, numbers: Integers, upto: int) -> Integers:
        numbers = numbers[: np.searchsorted(numbers, len(self.statements))]
        return numbers[(self.statements[numbers] <= upto) & (self.until[numbers] > upto)]

    def completed(self, upto: int) -> Integers:
        """The partitions whose statement in force is complete."""
        chosen = self.complete & (self.statements <= upto) & (self.until > upto)
        return self.partitions[chosen]

    def _found(self, index: Postings, names: Names, wanted: Iterable[Pair], upto: int) -> Integers:
        """The facts in force at a sequence under any of some names, ascending."""
        keys = [number for name in wanted if (number := names.find(name)) is not None]
        facts = index.of(np.array(keys, np.int32))
        return self._in_force(facts if len(keys) == 1 else sorted_unique(facts), upto)

    def completed_for(self, term: Term, upto: int) -> Integers:
        """The partitions whose statement in force is complete and says whether each of the term's values is there.

        Shares that leave room for other values say so only of those that are listed.
        """
        attribute = [(term.attribute, "")]
        facts = self._found(self.whole, self.attributes, attribute, upto)
        open = self._found(self.lacking, self.attributes, attribute, upto)
        for value in term.values if len(open) else ():
            open = np.intersect1d(open, self._listing((term.attribute, value), upto))
        return self.partitions[np.concatenate((facts, open))]

    def _listing(self, pair: Pair, upto: int) -> Integers:
        return np.concatenate([self._found(index, self.names, [pair], upto) for index in (self.present, self.absent)])

    def matching(self, pairs: Iterable[Pair], upto: int) -> Integers:
        """The partitions whose statement in force lists one of some values as present."""
        return self.partitions[self._found(self.present, self.names, pairs, upto)]

    def near(self, term: Term) -> list[Pair]:
        """What is listed anywhere and reads as one of the term's values once folded, but is none of them."""
        asked = set(pairs_of(term))
        found = {pair for one in asked for pair in self.names.alike(fold(one))}
        return sorted(found - asked)

    def listed(self, pair: Pair, upto: int) -> int:
        """How many partitions' statements in force list a value, as present or as absent."""
        return len(self._listing(pair, upto))

    def vocabulary(self, upto: int) -> dict[str, dict[str, int]]:
        """By attribute and value, how many partitions' statements in force list it as present, 0 where only absent."""
        in_force = (self.statements <= upto) & (self.until > upto)
        listed = np.repeat(in_force, np.diff(self.ends, prepend=np.int32(0)))
        codes = self.codes[listed]
        present = np.bincount(codes[self.amounts[listed] != 0], minlength=codes.max(initial=-1) + 1)
        known = np.flatnonzero(np.bincount(codes)).tolist()
        return vocabulary((self.names[code], int(present[code])) for code in known)

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

    def __init__(self, columns: Columns) -> None:
        self._statements = columns.growing("statements", np.int32)
        self._partitions = columns.growing("partitions", np.int32)
        self._until, self._previous = columns.growing("until", np.int32), columns.growing("previous", np.int32)
        self._complete, self._ends = columns.growing("complete", np.bool_), columns.growing("ends", np.int32)
        self._codes, self._amounts = columns.growing("codes", np.int32), columns.growing("amounts", np.float64)
        self._latest = columns.growing("latest", np.int32, (0,))
        self._names, self._attributes = Names(columns.part("names")), Names(columns.part("attributes"))
        self._present, self._absent = Postings(columns.part("present")), Postings(columns.part("absent"))
        self._whole, self._lacking = Postings(columns.part("whole")), Postings(columns.part("lacking"))

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
            self._attributes,
            self._present,
            self._absent,
            self._whole,
            self._lacking,
        )

    def columns(self) -> Stored:
        """What the facts are restored from."""
        return {
            "statements": self._statements.view(),
            "partitions": self._partitions.view(),
            "until": self._until.view().copy(),
            "previous": self._previous.view(),
            "complete": self._complete.view(),
            "ends": self._ends.view(),
            "codes": self._codes.view(),
            "amounts": self._amounts.view(),
            "latest": self._latest.view().copy(),
            **named("names", self._names.columns()),
            **named("attributes", self._attributes.columns()),
            **named("present", self._present.posted.columns()),
            **named("absent", self._absent.posted.columns()),
            **named("whole", self._whole.posted.columns()),
            **named("lacking", self._lacking.posted.columns()),
        }

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
        posted: dict[Postings, list[tuple[int, int]]] = defaultdict(list)
        codes: list[int] = []
        amounts: list[float] = []
        ends: list[int] = []
        for number, fact in enumerate(facts, first):
            for share in fact.shares:
                code = self._names.add((share.attribute, share.value))
                codes.append(code)
                amounts.append(float("nan") if share.share is None else share.share)
                posted[self._absent if share.share == 0 else self._present].append((code, number))
            if fact.documented is Documented.COMPLETE:
                for attribute, left in room(fact.shares).items():
                    key = self._attributes.add((attribute, ""))
                    posted[self._lacking if left else self._whole].append((key, number))
            ends.append(len(codes))
        self._ends.extend(np.array(ends, np.int64) + len(self._codes))
        self._codes.extend(codes)
        self._amounts.extend(amounts)
        for postings, rows in posted.items():
            columns = np.array(rows, np.int32)
            postings.add(columns[:, 0], columns[:, 1])
