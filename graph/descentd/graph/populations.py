"""Answers about populations, whether the index or a store computes them."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from descentd.graph.model.reach import ExposurePage, ExposureQuery, ExposureVerdict, Share, Term

VERDICTS: Final = tuple(ExposureVerdict)
DIRECT, INHERITED, NOT_TRAINED, UNKNOWN = range(4)
"""The verdicts with TRAINED in two, in the order in which they are listed."""
PLACES: Final = ((0, 0), (0, 1), (1, 1), (2, 1))
"""ExposureVerdict and exposure of each, as cursors have them."""
WHOLE: Final = 0.995
"""Counted shares of an attribute that sum to less leave room for values that are not listed."""
CLOSE: Final = 1e-9
"""Shares are decimal fractions in binary: sums are compared with this much tolerance."""
_DASHES: Final = "\\-\u058a\u2010-\u2015\u2043\u2212"
_DASH: Final = re.compile(f"[{_DASHES}]")
_JOINT: Final = re.compile(f"[\\s_{_DASHES}]+")
"""What joins words and numbers: hyphens, dashes, the minus sign, spaces, low lines."""


Pair = tuple[str, str]
"""An attribute and a value."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answer about each of `versions`, which are ascending: one of DIRECT to UNKNOWN."""

    versions: NDArray[np.signedinteger]
    answers: NDArray[np.uint8]

    @property
    def held(self) -> int:
        """About how many bytes this occupies."""
        return self.versions.nbytes + self.answers.nbytes

    def page(self, query: ExposureQuery) -> tuple[ExposurePage, list[tuple[int, int]]]:
        """A page without its items, and these as (sequence, answer)."""
        within, after, first = query.within, query.after, query.first
        versions, answers = self.versions, self.answers
        if within is not None:
            chosen = np.isin(versions, within, assume_unique=True)
            versions, answers = versions[chosen], answers[chosen]
        direct, inherited, not_trained, unknown = np.bincount(answers, minlength=4).tolist()
        counts = dict(zip(VERDICTS, (direct + inherited, not_trained, unknown), strict=True))
        listed: list[tuple[int, int]] = []
        for answer, place in enumerate(PLACES):
            if len(listed) > first or VERDICTS[place[0]] not in query.verdicts or (after and place < after[:2]):
                continue
            sequences = versions[answers == answer]
            start = int(np.searchsorted(sequences, after[2], "right")) if after and place == after[:2] else 0
            listed += [(sequence, answer) for sequence in sequences[start : start + first + 1 - len(listed)].tolist()]
        total = sum(counts[verdict] for verdict in query.verdicts)
        return ExposurePage(counts, total, (), len(listed) > first), listed[:first]


def vocabulary(counts: Iterable[tuple[Pair, int]]) -> dict[str, dict[str, int]]:
    """Counts of attributes and values by attribute and then by value, both in order."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for (attribute, value), count in sorted(counts):
        found[attribute][value] = count
    return dict(found)


def fold(pair: Pair) -> Pair:
    """An attribute and a value without what people overlook: case, compatibility forms, and how words are joined."""
    return folded(pair[0]), folded(pair[1])


def folded(text: str) -> str:
    """The same for all texts that differ only by case, compatibility forms (NFKC), or how their parts are joined.

    Parts are joined by spaces, low lines, or dashes of any kind: `0–17` and `0 - 17` are 0-17, `non-binary` and
    `non binary` are nonbinary. Numbers stay apart, and a sign stays one: 1-8 is not 18, and -5 is not 5.
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _JOINT.sub(_joined, plain) or plain


def _joined(joint: re.Match[str]) -> str:
    before, after = joint.string[: joint.start()][-1:], joint.string[joint.end() :][:1]
    if before.isdecimal() and after.isdecimal():
        return "-"
    outer = not before or not after
    sign = after.isdecimal() and not before.isalnum()
    return "-" if (outer or sign) and _DASH.search(joint.group()) else ""


def pairs_of(term: Term) -> list[Pair]:
    """What a term asks for, in order."""
    return [(term.attribute, value) for value in sorted(term.values)]


def room(shares: Sequence[Share]) -> dict[str, bool]:
    """For each attribute that is listed: whether what is counted of it leaves room for values that are not listed."""
    amounts: defaultdict[str, list[float | None]] = defaultdict(list)
    for share in shares:
        amounts[share.attribute].append(share.share)
    return {
        attribute: None not in listed and sum(amount or 0.0 for amount in listed) < WHOLE - CLOSE
        for attribute, listed in amounts.items()
    }


def met(population: Sequence[Term], shares: Sequence[Share]) -> int:
    """How many terms a statement meets; a share of 0 says that the value is absent."""
    return sum(any(_meets(term, share) for share in shares) for term in population)


def proven(population: Sequence[Term], statements: Sequence[Sequence[Share]]) -> bool:
    """Whether what is stated of some data leaves no way for the terms to be met by different rows only (Bonferroni)."""
    if len(population) == 1:
        return True
    least = sum(max(_least(term, shares) for shares in statements) for term in population)
    room = least - (len(population) - 1)
    # Where the others leave no row at all aside, a value that is there without a count meets them in some row.
    return room > CLOSE or (room > -CLOSE and any(_uncounted(term, statements) for term in population))


def _uncounted(term: Term, statements: Sequence[Sequence[Share]]) -> bool:
    """Whether only more rows meet the term than `_least` says: nothing is counted of it."""
    found = [share for shares in statements for share in shares if _meets(term, share)]
    return bool(found) and all(share.share is None for share in found)


def _least(term: Term, shares: Sequence[Share]) -> float:
    """At least this share of the rows meets the term: values add up unless they must overlap."""
    attribute = [share for share in shares if share.attribute == term.attribute]
    found = [share.share or 0.0 for share in attribute if share.value in term.values]
    if sum(share.share or 0.0 for share in attribute) <= 1 + CLOSE:
        return sum(found)
    return max(found, default=0.0)


def _meets(term: Term, share: Share) -> bool:
    return share.attribute == term.attribute and share.value in term.values and share.share != 0
