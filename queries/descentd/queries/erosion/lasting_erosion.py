"""LASTING_EROSION: erosion that an e-process establishes along the first parents, however often it is asked for."""

from collections.abc import Iterator, Sequence

import numpy as np

from descentd.queries.erosion.findings import Finding, LastingEvidence, Span
from descentd.queries.erosion.introductions import Blame
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.evaluation.editions import CURRENT, THIRD
from descentd.queries.evaluation.series import AncestrySeries
from descentd.queries.statistics.change_points import change_points
from descentd.queries.statistics.e_process import lasting
from descentd.queries.statistics.normal import Floats
from descentd.queries.statistics.partial_order import Order


def lasting_erosions(
    views: Sequence[AncestrySeries], line: Sequence[int], since: int | None = None, edition: int = CURRENT
) -> Iterator[Finding]:
    """One for each safety series in which the evidence sufficed along the line, and no later version repaired it.

    It stands for the head whether or not the head was measured in that series. Series that are ranges over groups are
    not asked. Up to the third edition of the statistics the likeliest version of the evidence was blamed alone.
    """
    asked = [(view, points) for view in views if len(points := _with_errors(view, line)) > 1]
    for view, points in asked:
        level, places = view.level, view.places(points)
        badness, errors = level.badness[places], level.errors[places]
        found = lasting(badness, errors, view.metric.tolerance, len(asked))
        if found is None:
            continue
        results = view.series.results
        before, start = points[found.start - 1], points[found.start]
        blame = Blame((Span(before, start),))
        if edition > THIRD:
            anew = slice(found.begin, None)
            blame = _blame(points[anew], badness[anew], errors[anew]) or blame
        yield Finding(
            ErosionKind.LASTING_EROSION,
            view.key,
            before,
            view.head,
            results[before],
            results.get(view.head),
            float(f"{found.rise:.12g}"),
            e=found.e,
            introduced_by=blame.spans,
            gradual=blame.gradual,
            since=since,
            left_out=view.left_out,
            lasting=LastingEvidence(start, points[-1], found.before, found.start),
        )


def _blame(versions: Sequence[int], badness: Floats, errors: Floats) -> Blame | None:
    """The derivations that may have brought it in, as of the other findings: a step has to beat a slope."""
    size = len(versions)
    found = change_points(Order.chain(size), np.arange(1.0, size + 1), badness, errors)
    if found.gradual:
        return Blame((Span(versions[0], versions[-1]),), gradual=True)
    spans = tuple(Span(versions[place - 1], versions[place]) for place in found.places)
    return Blame(spans) if spans else None


def _with_errors(view: AncestrySeries, line: Sequence[int]) -> list[int]:
    """The measured versions of the line of which an error is known."""
    if not view.is_tested or view.grouped:
        return []
    known = dict(zip(view.points.versions, np.isfinite(view.level.errors).tolist(), strict=True))
    return [version for version in line if known.get(version, False)]
