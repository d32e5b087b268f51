"""Stored assessments: the assessments of a registry's versions as arrays, as a snapshot stores them.

The details of those that eroded are JSON, which is read when they are asked for.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from math import isnan
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from descentd.graph.index.columns import Columns, Misfit, Stored, named
from descentd.graph.metrics import MetricCategory
from descentd.queries.erosion.findings import ErosionVerdict, Span
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.erosion.version_assessment import FindingSummary, VersionAssessment

VERDICTS: Final = tuple(ErosionVerdict)
Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class StoredAssessments:
    """Parallel arrays, ascending by version."""

    versions: NDArray[np.int32]
    verdicts: NDArray[np.uint8]
    """Positions in `VERDICTS`."""
    p: NDArray[np.float64]
    """Not-a-number where no error is known."""
    ends: NDArray[np.int64]
    """Where the details of each end."""
    text: NDArray[np.uint8]
    """The details in UTF-8, one after another."""

    @classmethod
    def restored(cls, columns: Columns) -> "StoredAssessments":
        """Those that `stored` gave; raises Misfit where something is missing."""
        return cls(
            columns.array("versions", np.int32),
            columns.array("verdicts", np.uint8),
            columns.array("p", np.float64),
            columns.array("ends", np.int64),
            columns.array("text", np.uint8),
        )

    def stored(self) -> Stored:
        """The arrays by name."""
        return asdict(self)

    @classmethod
    def of(cls, assessments: Iterable[VersionAssessment]) -> "StoredAssessments":
        """Some assessments; of several of a version, the last."""
        latest = {one.version: one for one in assessments}
        ordered = [latest[version] for version in sorted(latest)]
        details = [_details(one) for one in ordered]
        return cls(
            np.array([one.version for one in ordered], np.int32),
            np.array([VERDICTS.index(one.verdict) for one in ordered], np.uint8),
            np.array([float("nan") if one.p is None else one.p for one in ordered], np.float64),
            np.cumsum([len(one) for one in details], dtype=np.int64),
            np.frombuffer(b"".join(details), np.uint8),
        )

    @classmethod
    def one_after_another(cls, parts: Sequence["StoredAssessments"]) -> "StoredAssessments":
        """Those of all parts, of which each has other and later versions than the one before."""
        ends = np.cumsum([0, *(len(part.text) for part in parts)])
        return cls(
            np.concatenate([part.versions for part in parts]),
            np.concatenate([part.verdicts for part in parts]),
            np.concatenate([part.p for part in parts]),
            np.concatenate([part.ends + before for part, before in zip(parts, ends, strict=False)]),
            np.concatenate([part.text for part in parts]),
        )

    def without(self, versions: ArrayLike) -> "StoredAssessments":
        """Those of all other versions."""
        return self._at(np.flatnonzero(~np.isin(self.versions, versions)))

    def joined(self, newer: "StoredAssessments") -> "StoredAssessments":
        """These and some more, which take the place of those of the same versions that are here."""
        both = StoredAssessments.one_after_another([self.without(newer.versions), newer])
        return both._at(np.argsort(both.versions))

    def _at(self, places: NDArray[np.intp]) -> "StoredAssessments":
        """Those at some places, in the order of these."""
        lengths = np.diff(self.ends, prepend=0)[places]
        there = np.flatnonzero(lengths)  # most have no details
        text, ends = self.text.data, self.ends[places[there]]
        starts = ends - lengths[there]
        joined = b"".join([text[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)])
        return StoredAssessments(
            self.versions[places],
            self.verdicts[places],
            self.p[places],
            np.cumsum(lengths),
            np.frombuffer(joined, np.uint8),
        )

    def details(self, place: int) -> bytes:
        """The details of the assessment at a place of the arrays, as JSON; empty where the version did not erode."""
        start = int(self.ends[place - 1]) if place else 0
        return self.text[start : self.ends[place]].tobytes()

    def eroded(self) -> Iterator[VersionAssessment]:
        """The assessments of the versions that eroded."""
        shared: dict[Spans, Spans] = {}  # descendants name the derivations of their ancestors, over and over
        for place in np.flatnonzero(self.verdicts == VERDICTS.index(ErosionVerdict.ERODED)).tolist():
            found = json.loads(self.details(place))
            p = float(self.p[place])
            yield VersionAssessment(
                int(self.versions[place]),
                ErosionVerdict.ERODED,
                None if isnan(p) else p,
                tuple(_finding(shared, *finding) for finding in found["findings"]),
            )


@dataclass(frozen=True, slots=True)
class StoredRanking:
    """The ranking of a registry as of sequence `upto`, and how far it has come on its way to a later one, `seen`.

    held: the assessments of all versions as of `upto`; coming: those that were made again, or for the first time, as of
    `seen`; pending: the versions, ascending, that are still to be assessed as of that.
    """

    held: StoredAssessments
    coming: StoredAssessments
    pending: NDArray[np.int32]
    upto: int
    seen: int

    @classmethod
    def restored(cls, columns: Columns, seen: int) -> "StoredRanking":
        """What `stored` gave of a ranking on its way to `seen`; raises Misfit where something is missing."""
        held, coming = (StoredAssessments.restored(columns.part(name)) for name in ("held", "coming"))
        upto = columns.array("upto", np.int64).tolist()
        if len(upto) != 1:
            raise Misfit("its column upto does not hold one number")
        return cls(held, coming, columns.array("pending", np.int32), upto[0], seen)

    def stored(self) -> Stored:
        """The arrays by name; the origin of a snapshot says `seen`."""
        upto = np.array([self.upto], np.int64)
        return {
            **named("held", self.held.stored()),
            **named("coming", self.coming.stored()),
            "pending": self.pending,
            "upto": upto,
        }


def _details(assessment: VersionAssessment) -> bytes:
    if assessment.verdict is not ErosionVerdict.ERODED:
        return b""
    return json.dumps({"findings": [astuple(finding) for finding in assessment.findings]}).encode()


def _finding(
    shared: dict[Spans, Spans],
    kind: str,
    metric: str,
    category: str,
    slice: list[list[str]],
    p: float | None,
    q: float | None,
    e: float | None,
    message: str,
    spans: list[list[int]],
    gradual: bool,
) -> FindingSummary:
    where, came_in = tuple((name, value) for name, value in slice), tuple(Span(*span) for span in spans)
    own = shared.setdefault(came_in, came_in)
    return FindingSummary(ErosionKind(kind), metric, MetricCategory(category), where, p, q, e, message, own, gradual)
