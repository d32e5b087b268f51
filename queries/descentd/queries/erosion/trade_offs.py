"""TRADE_OFF: an erosion finding together with a performance metric that improved since the same baseline.

It is a trade only where the gain came over the derivations that the erosion is blamed on. Both have to be real, so p
and q are the larger of the two (the intersection-union test, Berger 1982), and the question adds nothing to the family.
Simulated, a gain that is not real is called a trade-off in 2 % of answers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from descentd.queries.erosion.findings import ChangeSince, Finding, Span, surest
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.evaluation.series import AncestrySeries, SeriesKey
from descentd.queries.statistics.comparison import Comparison
from descentd.queries.statistics.multiplicity import false_discovery_rates


@dataclass(frozen=True, slots=True)
class _Gains:
    """What improved since a baseline: by the derivations that are blamed, and elsewhere."""

    traded: tuple[ChangeSince, ...]
    meanwhile: tuple[ChangeSince, ...]


def trade_offs(eroded: Sequence[Finding], views: Sequence[AncestrySeries], alpha: float) -> list[Finding]:
    """The findings with what was gained meanwhile, and the trade-offs.

    There is a TRADE_OFF for each series and baseline of an erosion with gains by the derivations that it is blamed on.
    Performance is whatever is not safety.
    """
    losses: dict[tuple[SeriesKey, int], Finding] = {}
    for finding in eroded:
        if finding.erodes:
            losses.setdefault((finding.series, finding.baseline), finding)
    performance = [view for view in views if _is_performance(view)]
    rates = _rates({finding.baseline for finding in losses.values()}, performance)
    gains = {key: _gains(finding, performance, rates, alpha) for key, finding in losses.items()}
    found = [
        replace(finding, improved=gains[key].meanwhile)
        if (key := (finding.series, finding.baseline)) in gains and losses[key] is finding
        else finding
        for finding in eroded
    ]
    return [*found, *(trade for key, finding in losses.items() for trade in _trade(finding, gains[key].traded))]


def _is_performance(view: AncestrySeries) -> bool:
    return not view.metric.is_safety and view.testable


def _trade(loss: Finding, gains: Sequence[ChangeSince]) -> Iterator[Finding]:
    if gains:
        best = surest(gains)
        p, q = _larger(loss.p, best.p), _larger(loss.q, best.q)
        yield replace(loss, kind=ErosionKind.TRADE_OFF, p=p, q=q, improved=tuple(gains))


def _larger(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)


_Rates = dict[tuple[SeriesKey, int], tuple[Comparison, float | None]]


def _rates(baselines: set[int], performance: Sequence[AncestrySeries]) -> _Rates:
    """Every performance metric against every baseline, with q from a family of their own: losses enter with p = 1."""
    compared: list[tuple[SeriesKey, int, Comparison]] = []
    for view in performance:
        measured = [version for version in view.points.versions if version in baselines]
        comparisons = view.against(view.head, measured)
        compared += [(view.key, version, comparisons.comparison(place)) for place, version in enumerate(measured)]
    tested = [found for _, _, found in compared if found.p is not None]
    rates = iter(false_discovery_rates([_as_gain(found) for found in tested]))
    return {(key, version): (found, None if found.p is None else next(rates)) for key, version, found in compared}


def _as_gain(found: Comparison) -> float:
    return found.p if found.p is not None and found.z is not None and found.z < 0 else 1.0


def _gains(finding: Finding, performance: Sequence[AncestrySeries], rates: _Rates, alpha: float) -> _Gains:
    traded: list[ChangeSince] = []
    meanwhile: list[ChangeSince] = []
    for view in performance:
        if (view.key, finding.baseline) not in rates:
            continue
        found, q = rates[view.key, finding.baseline]
        if -found.delta <= view.metric.tolerance or (q is not None and q > alpha):
            continue
        by_blamed = _p_over(view, finding.introduced_by, alpha)
        gain = ChangeSince(view.key, finding.baseline, found.delta, found.p, q)
        if by_blamed is None:
            meanwhile.append(gain)
        else:
            p = None if gain.p is None else max(gain.p, by_blamed)
            traded.append(replace(gain, p=p, q=None if gain.q is None or p is None else max(gain.q, p)))
    return _Gains(*(tuple(sorted(gains, key=_by_certainty)) for gains in (traded, meanwhile)))


def _by_certainty(gain: ChangeSince) -> tuple[object, ...]:
    return gain.q is None, gain.q, gain.series.order


def _p_over(view: AncestrySeries, spans: Sequence[Span], alpha: float) -> float | None:
    """The p of a gain over the derivations from the first to the last of some spans; 0 where no error is known.

    None where there was no gain of more than the tolerance, or chance explains it. Where the metric was not measured at
    an end, the nearest results before and after stand for it, and the least gain among them counts.
    """
    starts = {one for span in spans for one in _before(view, span.ancestor)}
    ends = {one for span in spans for one in _after(view, span.descendant)}
    starts -= {start for start in starts if any(_descends(view, start, other) for other in starts)}
    ends -= {end for end in ends if any(_descends(view, other, end) for other in ends)}
    pairs = [(start, end) for end in ends for start in starts if _descends(view, end, start)]
    if not pairs:
        return None
    largest = 0.0
    for start, end in pairs:
        found = view.against(end, [start]).comparison(0)
        if -found.delta <= view.metric.tolerance:
            return None
        if found.p is None:
            continue
        if found.p > alpha:
            return None
        largest = max(largest, found.p)
    return largest


def _before(view: AncestrySeries, version: int) -> list[int]:
    return [version] if version in view.points.place else view.points.nearest(version)


def _after(view: AncestrySeries, version: int) -> list[int]:
    """The version where it was measured, otherwise the first measured ones that came of it."""
    if version in view.points.place:
        return [version]
    return view.points.following(version)


def _descends(view: AncestrySeries, version: int, ancestor: int) -> bool:
    place = view.points.place
    return bool(view.points.order.above(place[version])[place[ancestor]])
