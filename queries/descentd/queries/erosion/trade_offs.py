"""What was gained meanwhile: an erosion finding together with a performance metric that improved since its baseline.

Both have to be real, so p and q are the larger of the two (the intersection-union test, Berger 1982), and the question
adds nothing to the family. Simulated, a gain that is not real is called a trade-off in 2 % of answers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from descentd.graph.metrics import MetricDirection
from descentd.queries.erosion.findings import Finding, Gain
from descentd.queries.erosion.questions import EROSION, ErosionKind
from descentd.queries.evaluation.series import AncestrySeries, SeriesKey
from descentd.queries.statistics.comparison import Comparison
from descentd.queries.statistics.multiplicity import false_discovery_rates


def trade_offs(eroded: Sequence[Finding], views: Sequence[AncestrySeries], alpha: float) -> Iterator[Finding]:
    """A TRADE_OFF for each series and baseline of an erosion with gains; performance is whatever is not safety."""
    losses: dict[tuple[SeriesKey, int], Finding] = {}
    for finding in eroded:
        if finding.kind in EROSION:
            losses.setdefault((finding.series, finding.baseline), finding)
    gains = _gains({baseline for _, baseline in losses}, views, alpha)
    for finding in losses.values():
        if found := gains.get(finding.baseline):
            best = min(found, key=lambda gain: (gain.q is None, gain.q or 0.0))
            p, q = _larger(finding.p, best.p), _larger(finding.q, best.q)
            yield replace(finding, kind=ErosionKind.TRADE_OFF, p=p, q=q, improved=tuple(found))


def _larger(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)


def _gains(baselines: set[int], views: Sequence[AncestrySeries], alpha: float) -> dict[int, list[Gain]]:
    compared: list[tuple[int, AncestrySeries, Comparison]] = []
    for view in views:
        if view.metric.is_safety or view.metric.direction is MetricDirection.NONE or not view.head_measured:
            continue
        measured = [version for version in view.points.versions if version in baselines]
        if measured:
            comparisons = view.against(view.head, measured)
            compared += [(version, view, comparisons.comparison(place)) for place, version in enumerate(measured)]
    rates = iter(false_discovery_rates([found.p for _, _, found in compared if found.p is not None]))
    gains: dict[int, list[Gain]] = {}
    for baseline, view, found in compared:
        q = None if found.p is None else next(rates)
        improved = found.z is None or (found.z < 0 and q is not None and q <= alpha)
        if improved and -found.delta > view.metric.tolerance:
            gains.setdefault(baseline, []).append(Gain(view.key, baseline, found.delta, found.p, q))
    for found_gains in gains.values():
        found_gains.sort(key=lambda gain: (gain.q is None, gain.q or 0.0, gain.series.order))
    return gains
