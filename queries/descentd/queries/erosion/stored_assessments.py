"""Stored assessments: the assessments of a registry's versions as arrays, as a snapshot stores them.

The details of those that eroded are JSON, which is read when they are asked for.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, astuple, dataclass
from math import isnan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from descentd.graph.index.columns import Columns, Stored
from descentd.graph.metrics import MetricCategory
from descentd.queries.erosion.findings import ErosionVerdict, Span
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.erosion.version_assessment import FindingSummary, VersionAssessment

VERDICTS: Final = tuple(ErosionVerdict)


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
        """Those that `stored` gave, none for no columns; raises Misfit where something is missing."""
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

    def without(self, versions: Iterable[int]) -> "StoredAssessments":
        """Those of all other versions."""
        places = np.flatnonzero(~np.isin(self.versions, np.fromiter(versions, np.int32)))
        lengths = np.diff(self.ends, prepend=0)
        ends = np.cumsum(lengths[places])
        start = (self.ends - lengths)[places]
        chosen = np.repeat(start - ends + lengths[places], lengths[places]) + np.arange(ends[-1] if len(ends) else 0)
        return StoredAssessments(self.versions[places], self.verdicts[places], self.p[places], ends, self.text[chosen])

    def joined(self, assessments: Iterable[VersionAssessment]) -> "StoredAssessments":
        """These and some more, whose assessments take the place of those that are here."""
        fresh = {one.version: one for one in assessments}
        kept = self.without(fresh)
        details = [_details(one) for one in fresh.values()]
        versions = np.concatenate((kept.versions, np.fromiter(fresh, np.int32)))
        verdicts = [VERDICTS.index(one.verdict) for one in fresh.values()]
        p = [float("nan") if one.p is None else one.p for one in fresh.values()]
        lengths = np.concatenate((np.diff(kept.ends, prepend=0), np.array([len(one) for one in details], np.int64)))
        text = np.concatenate((kept.text, np.frombuffer(b"".join(details), np.uint8)))
        order = np.argsort(versions)
        start = (np.cumsum(lengths) - lengths)[order]
        lengths = lengths[order]
        ends = np.cumsum(lengths)
        chosen = np.repeat(start - ends + lengths, lengths) + np.arange(len(text))
        return StoredAssessments(
            versions[order],
            np.concatenate((kept.verdicts, np.array(verdicts, np.uint8)))[order],
            np.concatenate((kept.p, np.array(p, np.float64)))[order],
            ends,
            text[chosen],
        )

    def details(self, place: int) -> bytes:
        """The details of the assessment at a place of the arrays, as JSON; empty where the version did not erode."""
        start = int(self.ends[place - 1]) if place else 0
        return self.text[start : self.ends[place]].tobytes()

    def eroded(self) -> Iterator[VersionAssessment]:
        """The assessments of the versions that eroded."""
        for place in np.flatnonzero(self.verdicts == VERDICTS.index(ErosionVerdict.ERODED)).tolist():
            found = json.loads(self.details(place))
            p = float(self.p[place])
            yield VersionAssessment(
                int(self.versions[place]),
                ErosionVerdict.ERODED,
                None if isnan(p) else p,
                tuple(_finding(*finding) for finding in found["findings"]),
                tuple(Span(*span) for span in found["spans"]),
            )


def _details(assessment: VersionAssessment) -> bytes:
    if assessment.verdict is not ErosionVerdict.ERODED:
        return b""
    found = {
        "findings": [astuple(finding) for finding in assessment.findings],
        "spans": [astuple(span) for span in assessment.spans],
    }
    return json.dumps(found).encode()


def _finding(
    kind: str,
    metric: str,
    category: str,
    slice: list[list[str]],
    p: float | None,
    q: float | None,
    e: float | None,
    message: str,
) -> FindingSummary:
    where = tuple((name, value) for name, value in slice)
    return FindingSummary(ErosionKind(kind), metric, MetricCategory(category), where, p, q, e, message)
