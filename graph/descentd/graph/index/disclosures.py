"""Disclosures in the index: lineage that became known after records were registered, as of any sequence.

A disclosure's edges belong to its own record, so that the log points backwards. Here they are edges of its subjects,
kept apart from those in log order: a subject is earlier than what was disclosed to be its source may be.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

import numpy as np
from numpy.typing import NDArray

from descentd.graph.index.arrays import DISCLOSURE, Integers, Tags, tag
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
    """All disclosures up to some sequence, in log order, with what they state and what was retracted of them.

    The mapping grows under the reader's eyes, with disclosures that no question up to then sees.
    """

    facts: Sequence[DisclosureFact]
    retractions: Sequence[tuple[int, int]]
    stated: Mapping[int, NDArray[np.int32]]
    """Of each disclosure, rows (target, role, learns)."""

    def at(self, upto: int, kinds: Tags, flags: Tags) -> DisclosedEdges:
        """The edges in force at a sequence; `kinds` and `flags` are those of all records."""
        facts = in_force(self.facts, self.retractions, upto)
        if not facts:
            return NOTHING
        parts = [
            np.column_stack((np.full(len(edges), subject), edges, np.full(len(edges), fact.disclosure)))
            for fact in facts
            for edges in [self.stated[fact.disclosure]]
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

    def __init__(self) -> None:
        self._facts: tuple[DisclosureFact, ...] = ()
        self._retractions: tuple[tuple[int, int], ...] = ()
        self._stated: dict[int, NDArray[np.int32]] = {}

    def extend(self, tail: Tail, kinds: Tags) -> Disclosures:
        """Take in what the next records disclose, and what they retract of that; `kinds` are those of all records."""
        if tail.disclosures:
            stated = np.flatnonzero(kinds[tail.sources] == DISCLOSURE)
            stated = stated[np.argsort(tail.sources[stated], kind="stable")]
            rows = np.column_stack((tail.targets[stated], tail.roles[stated], tail.learns[stated])).astype(np.int32)
            sources = tail.sources[stated]
            for fact in tail.disclosures:
                first, last = np.searchsorted(sources, (fact.disclosure, fact.disclosure + 1))
                self._stated[fact.disclosure] = rows[first:last]
        self._facts += tuple(tail.disclosures)
        self._retractions += tuple((int(one), int(subject)) for one, subject in tail.retractions)
        return Disclosures(self._facts, self._retractions, self._stated)
