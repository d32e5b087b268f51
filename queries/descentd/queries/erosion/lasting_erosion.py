"""LASTING_EROSION: erosion that an e-process establishes along the first parents, however often it is asked for."""

from collections.abc import Iterator, Sequence

import numpy as np

from descentd.queries.erosion.findings import Finding, LastingEvidence, Span
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.evaluation.series import AncestrySeries
from descentd.queries.statistics.e_process import lasting


def lasting_erosions(
    views: Sequence[AncestrySeries], line: Sequence[int], since: int | None = None
) -> Iterator[Finding]:
    """One for each safety series in which the evidence sufficed along the line, and no later version repaired it.

    It stands for the head whether or not the head was measured in that series. Series that are ranges over groups are
    not asked.
    """
    asked = [(view, points) for view in views if len(points := _with_errors(view, line)) > 1]
    for view, points in asked:
        level, places = view.level, view.places(points)
        errors = level.errors[places]
        found = lasting(level.badness[places], errors, view.metric.tolerance, len(asked))
        if found is None:
            continue
        results = view.series.results
        before, start = points[found.start - 1], points[found.start]
        yield Finding(
            ErosionKind.LASTING_EROSION,
            view.key,
            before,
            view.head,
            results[before],
            results.get(view.head),
            float(f"{found.rise:.12g}"),
            e=found.e,
            introduced_by=(Span(before, start),),
            since=since,
            left_out=view.left_out,
            lasting=LastingEvidence(start, points[-1], found.before, found.start),
        )


def _with_errors(view: AncestrySeries, line: Sequence[int]) -> list[int]:
    """The measured versions of the line of which an error is known."""
    if not view.is_tested or view.grouped or not view.results:
        return []
    known = dict(zip(view.points.versions, np.isfinite(view.level.errors).tolist(), strict=True))
    return [version for version in line if known.get(version, False)]
