"""The ranking of a registry: the assessment of every evaluated version, and the order of the eroded ones."""

import asyncio
import struct
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from math import isnan
from typing import Final

from descentd.graph.index.columns import Columns
from descentd.queries.erosion.assess import registry_rates
from descentd.queries.erosion.findings import ErosionVerdict
from descentd.queries.erosion.stored_assessments import StoredAssessments
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
    restored: bool = False
    """Whether it shows what an earlier process found, and has not been level with the log since."""
    _stored: StoredAssessments = field(default_factory=lambda: StoredAssessments.restored(Columns()))
    """The assessments of most versions; those of others, or newer ones, are in `_held`."""
    _held: dict[int, VersionAssessment] = field(default_factory=dict)
    _coming: dict[int, VersionAssessment] = field(default_factory=dict)
    _ranked: Sequence[RankedVersion] | None = None

    def restore(self, stored: StoredAssessments, upto: int) -> None:
        """Begin with the assessments of all versions as of a sequence, where nothing has been assessed yet."""
        self._stored, self.seen, self.upto, self.restored = stored, upto, upto, True

    def holding(self) -> tuple[StoredAssessments, Mapping[int, VersionAssessment], int]:
        """The assessments, those by version that are newer, and the sequence that they are of."""
        return self._stored, dict(self._held), self.upto

    def settle(self, stored: StoredAssessments, held: Mapping[int, VersionAssessment]) -> None:
        """Hold `stored` in place of the assessments in them: those that `holding` gave."""
        self._stored = stored
        for version, assessment in held.items():
            if self._held.get(version) is assessment:
                del self._held[version]

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
            self._ranked = _rank(self._stored.without(self._held), self._held)
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
