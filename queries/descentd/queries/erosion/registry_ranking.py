"""The ranking of a registry: the assessment of every evaluated version, and the order of the eroded ones."""

import asyncio
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from descentd.queries.erosion.assess import registry_rates
from descentd.queries.erosion.findings import ErosionVerdict
from descentd.queries.erosion.stored_assessments import StoredAssessments, StoredRanking
from descentd.queries.erosion.version_assessment import VersionAssessment

Rank = tuple[int, ...]

_NEVER: Final = (1 << 62) - 1
"""Ranks what has no p behind whatever has one."""


@dataclass(frozen=True, slots=True)
class RankedVersion:
    """An eroded version; `q` is the false discovery rate over the whole registry, `rank` its place as a key."""

    assessment: VersionAssessment
    q: float | None
    rank: Rank


@dataclass(slots=True)
class Assessments:
    """The assessments of some versions: arrays, which are small, and those that came since, which take their place."""

    stored: StoredAssessments = field(default_factory=lambda: StoredAssessments.of(()))
    newer: dict[int, VersionAssessment] = field(default_factory=dict)

    def settled(self) -> StoredAssessments:
        """All of them as arrays."""
        return self.stored.joined(StoredAssessments.of(self.newer.values()))

    def add(self, others: "Assessments") -> None:
        """Take in others, which are newer."""
        if len(others.stored.versions):
            self.stored, self.newer = self.settled().joined(others.settled()), {}
        else:
            self.newer |= others.newer

    def __len__(self) -> int:
        return len(self.stored.versions) + int(np.isin(list(self.newer), self.stored.versions, invert=True).sum())


@dataclass
class Ranking:
    """The ranking as of sequence `upto`. `pending` versions, ascending, are still to be assessed as of sequence `seen`.

    `stride` is how many of them the next step takes.
    """

    seen: int = 0
    upto: int = 0
    pending: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    stride: int = 1
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by whoever changes it."""
    restored: bool = False
    """Whether it shows what an earlier process found, and has not been level with the log since."""
    _held: Assessments = field(default_factory=Assessments)
    _coming: Assessments = field(default_factory=Assessments)
    """Those as of `seen`, while others are pending."""
    _ranked: Sequence[RankedVersion] | None = None

    def restore(self, stored: StoredRanking) -> None:
        """Go on from what `settled` gave, where nothing has been assessed yet."""
        self.settle(stored)
        self.pending, self.seen, self.upto = stored.pending, stored.seen, stored.upto
        self.restored = stored.upto > 0

    def settled(self) -> StoredRanking:
        """All of it as arrays; changes nothing, so that a thread may work it out."""
        return StoredRanking(self._held.settled(), self._coming.settled(), self.pending, self.upto, self.seen)

    def settle(self, stored: StoredRanking) -> None:
        """Hold the assessments as the arrays that `settled` gave, which take less memory."""
        self._held, self._coming = Assessments(stored.held), Assessments(stored.coming)

    def look_at(self, versions: Iterable[int], upto: int) -> None:
        """Add versions that must be assessed at a sequence."""
        self.pending = np.union1d(self.pending, np.fromiter(versions, np.int32))
        self.seen = upto

    def take(self, assessments: Sequence[VersionAssessment]) -> None:
        """Add assessments; when the last pending version is assessed, they replace the previous ranking."""
        fresh = {assessment.version: assessment for assessment in assessments}
        self._coming.newer |= fresh
        self.pending = np.setdiff1d(self.pending, list(fresh), assume_unique=True)
        if not len(self.pending):
            self._held.add(self._coming)
            self._coming = Assessments()
            self._ranked = None
            self.upto = self.seen

    @property
    def assessed(self) -> int:
        """How many assessments it holds, those that are not shown yet included."""
        return len(self._held) + len(self._coming)

    @property
    def progress(self) -> str:
        """How many of the versions to assess are assessed, as text: `10 of 200`."""
        done = len(self._coming)
        return f"{done:,} of {done + len(self.pending):,}"

    @property
    def ranked(self) -> Sequence[RankedVersion]:
        """All eroded versions, the worst first: by registry q, those together that one derivation made worse."""
        if self._ranked is None:
            self._ranked = _rank(self._held.stored.without(list(self._held.newer)), self._held.newer)
        return self._ranked


def _rank(stored: StoredAssessments, held: Mapping[int, VersionAssessment]) -> list[RankedVersion]:
    known = [None if isnan(p) else p for p in stored.p.tolist()]
    rates = registry_rates([*known, *(assessment.p for assessment in held.values())])
    by_version = dict(zip([*stored.versions.tolist(), *held], rates, strict=True))
    newer = (assessment for assessment in held.values() if assessment.verdict is ErosionVerdict.ERODED)
    eroded = [
        (assessment, q, (_order(q), _order(assessment.p), assessment.version))
        for assessment in (*stored.eroded(), *newer)
        for q in [by_version[assessment.version]]
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
    return _NEVER if p is None else int.from_bytes(struct.pack(">d", p))
