"""The ranking of a registry: the assessment of every evaluated version, and the order of the eroded ones."""

import asyncio
import struct
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Final

from descentd.graph.metrics import MetricCategory
from descentd.queries.erosion.assess import registry_rates
from descentd.queries.erosion.findings import ErosionVerdict, Span
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.evaluation.composites import Slice

Rank = tuple[int, ...]

_NEVER: Final = 1 << 61
"""Ranks what has no p behind whatever has one."""


@dataclass(frozen=True, slots=True)
class FindingSummary:
    """A finding in short."""

    kind: ErosionKind
    metric: str
    category: MetricCategory
    slice: Slice
    p: float | None
    q: float | None
    e: float | None
    message: str


@dataclass(frozen=True, slots=True)
class VersionAssessment:
    """A version's verdict and the p of "nothing got worse", None where no error is known.

    `findings`, the gravest first, and the derivations that may have brought that one in, only where the verdict is
    ERODED.
    """

    version: int
    verdict: ErosionVerdict
    p: float | None
    findings: Sequence[FindingSummary] = ()
    spans: tuple[Span, ...] = ()

    @property
    def span(self) -> Span | None:
        """From where to where it came in; None where that is not known, or not on one line of derivations."""
        starts = {span.ancestor for span in self.spans} - {span.descendant for span in self.spans}
        ends = {span.descendant for span in self.spans} - {span.ancestor for span in self.spans}
        return Span(*starts, *ends) if len(starts) == len(ends) == 1 else None


@dataclass(frozen=True, slots=True)
class RankedVersion:
    """An eroded version; `q` is the false discovery rate over the whole registry, `rank` its place as a key."""

    assessment: VersionAssessment
    q: float | None
    rank: Rank


@dataclass
class Ranking:
    """The ranking as of sequence `upto`. `pending` versions are still to be assessed as of sequence `seen`.

    `stride` is how many of them the next step takes.
    """

    seen: int = 0
    upto: int = 0
    pending: set[int] = field(default_factory=set)
    stride: int = 1
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _held: dict[int, VersionAssessment] = field(default_factory=dict)
    _coming: dict[int, VersionAssessment] = field(default_factory=dict)
    _ranked: Sequence[RankedVersion] | None = None

    def look_at(self, versions: Set[int], upto: int) -> None:
        """Add versions that must be assessed at a sequence."""
        self.pending |= versions
        self.seen = upto

    def take(self, assessments: Iterable[VersionAssessment]) -> None:
        """Add assessments; when the last pending version is assessed, they replace the previous ranking."""
        for assessment in assessments:
            self._coming[assessment.version] = assessment
            self.pending.discard(assessment.version)
        if not self.pending:
            self._held |= self._coming
            self._coming.clear()
            self._ranked = None
            self.upto = self.seen

    @property
    def progress(self) -> str:
        """How many of the versions to assess are assessed, as text: `10 of 200`."""
        return f"{len(self._coming):,} of {len(self._coming) + len(self.pending):,}"

    @property
    def ranked(self) -> Sequence[RankedVersion]:
        """All eroded versions, the worst first: by registry q, those together that one derivation made worse."""
        if self._ranked is None:
            self._ranked = _rank([self._held[version] for version in sorted(self._held)])
        return self._ranked


def _rank(held: Sequence[VersionAssessment]) -> list[RankedVersion]:
    rates = registry_rates([assessment.p for assessment in held])
    eroded = [
        (assessment, q, (_order(q), _order(assessment.p), assessment.version))
        for assessment, q in zip(held, rates, strict=True)
        if assessment.verdict is ErosionVerdict.ERODED
    ]
    # Where the results cannot tell which of several derivations did it, the first of them stands for all.
    groups: dict[object, tuple[int, int, int]] = {}
    for assessment, _, own in eroded:
        group = assessment.spans[:1] or assessment.version
        groups[group] = min(own, groups.get(group, own))
    ranked = []
    for assessment, q, own in eroded:
        first = groups[assessment.spans[:1] or assessment.version]
        ranked.append(RankedVersion(assessment, q, (first[0], first[2], *own)))
    return sorted(ranked, key=lambda one: one.rank)


def _order(p: float | None) -> int:
    """A number from 0 to 1 as an integer in the same order: the bits of a positive float."""
    return _NEVER * 2 - 1 if p is None else int.from_bytes(struct.pack(">d", p))
