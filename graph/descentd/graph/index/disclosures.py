"""Disclosures in the index: lineage that became known after records were registered, as of any sequence.

A disclosure's edges belong to its own record, so that the log points backwards. Here they are edges of its subjects,
kept apart from those in log order: a subject is earlier than what was disclosed to be its source may be.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Final

import numpy as np
from numpy.typing import NDArray

from descentd.graph.index.arrays import DISCLOSURE, Integers, Tags, tag
from descentd.graph.index.columns import Columns, Stored
from descentd.graph.model.reach import DisclosureFact, Tail

Arrow = tuple[int, int, int]
"""The record at the other end, the edge's tag, and the disclosure that states it."""


@dataclass(frozen=True, slots=True)
class DisclosedEdges:
    """The edges that disclosures in force add, as columns and by each end."""

    sources: Integers
    targets: Integers
    tags: Tags
    by_source: Mapping[int, Sequence[Arrow]]
    by_target: Mapping[int, Sequence[Arrow]]
    complete: Mapping[int, bool]
    """Whether each of the disclosures documents all training data of its subject."""

    @property
    def held(self) -> int:
        """About how many bytes this occupies."""
        return 300 * len(self.sources) + 64

    def lie_across(self, place: int) -> bool:
        """Whether something before `place` was disclosed to come from something there or later."""
        return bool(np.any((self.sources < place) & (self.targets >= place)))


NOTHING: Final = DisclosedEdges(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.uint8), {}, {}, {})


def retracted(retractions: Sequence[tuple[int, int]], upto: int) -> set[int]:
    """The records that are retracted at a sequence, by (retraction, subject) in log order.

    A retraction that is retracted itself counts for nothing; what retracts it comes later in the log.
    """
    found: set[int] = set()
    for retraction, subject in reversed(list(takewhile(lambda pair: pair[0] <= upto, retractions))):
        if retraction not in found:
            found.add(subject)
    return found


def in_force(
    facts: Sequence[DisclosureFact], retractions: Sequence[tuple[int, int]], upto: int
) -> list[DisclosureFact]:
    """The disclosures, in log order, that are neither retracted nor superseded; a retracted one supersedes nothing."""
    gone = retracted(retractions, upto)
    there = takewhile(lambda fact: fact.disclosure <= upto, facts)
    standing = [fact for fact in there if fact.disclosure not in gone]
    superseded = {fact.supersedes for fact in standing}
    return [fact for fact in standing if fact.disclosure not in superseded]


@dataclass(frozen=True, slots=True)
class Disclosures:
    """All disclosures up to some sequence, in log order, with what they state and what was retracted of them."""

    disclosures: Integers
    complete: NDArray[np.bool_]
    """Whether each documents all training data of its subject."""
    supersedes: Integers
    """The disclosure that each takes the place of, 0 for none."""
    subjects: Integers
    subject_ends: Integers
    """Where the subjects of each end."""
    stated: Integers
    """Rows (target, role, learns), one after another."""
    stated_ends: Integers
    """Where the rows of each end."""
    retractions: Integers
    """Rows (retraction, subject), one after another, in log order."""

    def _facts(self) -> list[DisclosureFact]:
        ends = self.subject_ends.tolist()
        subjects = self.subjects.tolist()
        rows = zip(self.disclosures.tolist(), self.complete.tolist(), self.supersedes.tolist(), strict=True)
        return [
            DisclosureFact(disclosure, tuple(subjects[start:end]), complete, superseded or None)
            for (disclosure, complete, superseded), start, end in zip(rows, [0, *ends], ends, strict=False)
        ]

    def _retracted(self) -> list[tuple[int, int]]:
        pairs = self.retractions.tolist()
        return list(zip(pairs[::2], pairs[1::2], strict=True))

    def _stated(self, disclosure: int) -> Integers:
        place = int(np.searchsorted(self.disclosures, disclosure))
        start = int(self.stated_ends[place - 1]) if place else 0
        return self.stated.reshape(-1, 3)[start : self.stated_ends[place]]

    def at(self, upto: int, kinds: Tags, flags: Tags) -> DisclosedEdges:
        """The edges in force at a sequence; `kinds` and `flags` are those of all records."""
        facts = in_force(self._facts(), self._retracted(), upto)
        if not facts:
            return NOTHING
        parts = [
            np.column_stack((np.full(len(edges), subject), edges, np.full(len(edges), fact.disclosure)))
            for fact in facts
            for edges in [self._stated(fact.disclosure)]
            for subject in fact.subjects
        ]
        rows = np.concatenate(parts).astype(np.int32)
        sources, targets, disclosures = rows[:, 0], rows[:, 1], rows[:, 4]
        tags = tag(rows[:, 2].astype(np.uint8), rows[:, 3].astype(np.bool_), kinds[sources], flags[sources])
        by_source: defaultdict[int, list[Arrow]] = defaultdict(list)
        by_target: defaultdict[int, list[Arrow]] = defaultdict(list)
        for source, target, one, disclosure in zip(
            sources.tolist(), targets.tolist(), tags.tolist(), disclosures.tolist(), strict=True
        ):
            by_source[source].append((target, one, disclosure))
            by_target[target].append((source, one, disclosure))
        complete = {fact.disclosure: fact.complete for fact in facts}
        return DisclosedEdges(sources, targets, tags, dict(by_source), dict(by_target), complete)


class DisclosureLog:
    """The writer's side: takes disclosures in log order and hands out `Disclosures`."""

    def __init__(self, columns: Columns) -> None:
        self._disclosures = columns.growing("disclosures", np.int32)
        self._complete = columns.growing("complete", np.bool_)
        self._supersedes = columns.growing("supersedes", np.int32)
        self._subjects = columns.growing("subjects", np.int32)
        self._subject_ends = columns.growing("subject_ends", np.int32)
        self._stated = columns.growing("stated", np.int32)
        self._stated_ends = columns.growing("stated_ends", np.int32)
        self._retractions = columns.growing("retractions", np.int32)

    def extend(self, tail: Tail, kinds: Tags) -> Disclosures:
        """Take in what the next records disclose, and what they retract of that; `kinds` are those of all records."""
        if facts := tail.disclosures:
            chosen = np.flatnonzero(kinds[tail.sources] == DISCLOSURE)
            sources, targets, roles = tail.sources[chosen], tail.targets[chosen], tail.roles[chosen]
            order = np.lexsort((targets, roles, sources))
            rows = np.column_stack((targets, roles, tail.learns[chosen]))[order]
            disclosures = np.array([fact.disclosure for fact in facts], np.int32)
            ends = np.searchsorted(sources[order], disclosures, "right")
            self._stated_ends.extend(len(self._stated) // 3 + ends)
            self._stated.extend(rows.ravel())
            self._subject_ends.extend(len(self._subjects) + np.cumsum([len(fact.subjects) for fact in facts]))
            self._subjects.extend([subject for fact in facts for subject in fact.subjects])
            self._complete.extend([fact.complete for fact in facts])
            self._supersedes.extend([fact.supersedes or 0 for fact in facts])
            self._disclosures.extend(disclosures)
        self._retractions.extend(tail.retractions.ravel())
        return self._all()

    def _all(self) -> Disclosures:
        return Disclosures(
            self._disclosures.view(),
            self._complete.view(),
            self._supersedes.view(),
            self._subjects.view(),
            self._subject_ends.view(),
            self._stated.view(),
            self._stated_ends.view(),
            self._retractions.view(),
        )

    def columns(self) -> Stored:
        """What the disclosures are restored from."""
        return asdict(self._all())
