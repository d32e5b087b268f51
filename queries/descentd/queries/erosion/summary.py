"""The summary of an assessment in sentences: the verdict, the detectable change, and results that do not count."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from descentd.graph.metrics import MetricDirection, MetricScale
from descentd.queries.erosion.findings import Assessment, ChangeSince, Detectable, ErosionVerdict
from descentd.queries.erosion.messages import amount
from descentd.queries.evaluation.labels import Labels, meaning_of, number
from descentd.queries.evaluation.series import ExcludedResults
from descentd.queries.prose import NAMED, apart, conjunction, shortened


def summary(found: Assessment, labels: Labels) -> str:
    """The verdict in one sentence, and one more for each thing that it does not rest on."""
    return " ".join(
        [
            _verdict(found, labels),
            *_not_worse(found, labels),
            *_crossings(found, labels),
            *_since(found, labels),
            *_undefined(found, labels),
            *_left_out(found.left_out, labels),
        ]
    )


def _verdict(found: Assessment, labels: Labels) -> str:
    match found.verdict:
        case ErosionVerdict.ERODED:
            series = dict.fromkeys(finding.series for finding in found.findings if finding.erodes)
            what = shortened([labels.series(one) for one in series])
            return f"Safety got worse along the ancestry: {what} ({_asked(found)})."
        case ErosionVerdict.IMPROVED:
            return (
                f"No safety metric got worse along the ancestry, and this improved: {_gains(found, labels)} "
                f"({_asked(found)})."
            )
        case ErosionVerdict.UNKNOWN:
            return _unknown(found)
        case ErosionVerdict.STABLE if found.alone:
            return "It was derived from no other version, so that there is nothing to compare it with."
        case ErosionVerdict.STABLE if found.improved and found.lost:
            return (
                f"Neither better nor worse can be said: this improved, {_gains(found, labels)}, but this may have got "
                f"worse, {_losses(found.lost, labels)} ({_asked(found)})."
            )
        case ErosionVerdict.STABLE if found.asked:
            return f"No safety metric got worse along the ancestry that chance does not explain{_seen(found, labels)}."
        case ErosionVerdict.STABLE:
            return (
                "No safety metric got worse along the ancestry beyond the tolerances; no error is known, so that it "
                "cannot be said what would have been seen: report stderr, or n of a rate."
            )


def _asked(found: Assessment) -> str:
    if not found.asked:
        return "no error is known, so that no question could be tested"
    return "1 question was asked" if found.asked == 1 else f"{found.asked} questions were asked"


def _gains(found: Assessment, labels: Labels) -> str:
    """What improved, and what the metrics measure: whether more of it is good is not in every name."""
    parts = []
    for gain in found.improved:
        metric = gain.series.metric
        by = amount(metric, -gain.delta)
        meaning = f" ({meaning_of(metric)})" if metric.description else ""
        parts.append(f"{labels.series(gain.series)}{meaning} by {by} since {labels.version(gain.baseline)}")
    return shortened(parts)


def _losses(lost: Sequence[ChangeSince], labels: Labels) -> str:
    parts = []
    for one in lost:
        by = amount(one.series.metric, one.delta)
        parts.append(f"{labels.series(one.series)} by {by} since {labels.version(one.baseline)}")
    return shortened(parts)


def _seen(found: Assessment, labels: Labels) -> str:
    """What change would usually have been seen, series by series, and where none could have been."""
    seen = [one for one in found.detectable if one.possible]
    unseen = [one for one in found.detectable if not one.possible]
    parts = []
    if seen:
        least = [f"{_step(one)} in {labels.series(one.series)}" for one in seen[:NAMED]]
        more = len(seen) - NAMED
        steps = conjunction([*least, f"so on in {more} more"] if more > 0 else least)
        parts.append(f"a step of {steps} would usually have been seen")
    if unseen:
        parts.append(f"in {shortened([labels.series(one.series) for one in unseen])} no change could have been seen")
    text = f"; {', and '.join(parts)}" if parts else ""
    return f"{text} ({_asked(found)})"


def _step(one: Detectable) -> str:
    if one.series.metric.scale is MetricScale.LOG:
        return f"a factor of {number(math.exp(one.change))}"
    return number(one.change)


def _not_worse(found: Assessment, labels: Labels) -> Iterator[str]:
    """For how many series it was shown that nothing got worse: STABLE alone is no proof."""
    if found.alone or found.verdict in (ErosionVerdict.ERODED, ErosionVerdict.UNKNOWN) or not found.not_worse:
        return
    shown = [one for one in found.not_worse if one.shown]
    total = len(found.not_worse)
    if len(shown) == total:
        yield f"Shown not to be worse than the tolerance in {'it' if total == 1 else f'all {total} series'}."
    else:
        others = shortened([labels.series(one.series) for one in found.not_worse if not one.shown])
        yield f"Shown not to be worse than the tolerance in {len(shown)} of {total} series, not in {others}."


def _crossings(found: Assessment, labels: Labels) -> Iterator[str]:
    for one in found.crossings:
        optimum, after, before = apart(one.series.metric.optimum or 0.0, one.after, one.before)
        yield (
            f"{labels.series(one.series)} is now on the other side of {optimum}: {after}, where it was {before} on "
            f"{labels.version(one.baseline)}."
        )


def _unknown(found: Assessment) -> str:
    """Why nothing can be said: it depends on what was measured on the version itself."""
    measured = found.measured
    safety = [metric for metric in measured if metric.is_safety]
    if not measured:
        return "Nothing that counts was measured on this version: register an evaluation of it."
    if not safety:
        only = shortened(sorted(metric.name for metric in measured))
        return f"No safety metric was measured on this version, only {only}: nothing can be said of its safety."
    named = shortened(sorted(metric.name for metric in safety))
    if all(metric.direction is MetricDirection.NONE for metric in safety):
        return f"Of {named} no value is good in itself, so that none got worse."
    return (
        f"No safety metric of this version ({named}) was measured in the same "
        "way, with the same suite, settings and data, on one of its ancestors."
    )


def _undefined(found: Assessment, labels: Labels) -> Iterator[str]:
    for series, versions in found.undefined:
        yield (
            f"{labels.series(series)} is a ratio and judged on its logarithm, which a value of 0 or less does not "
            f"have: {labels.versions(versions)} cannot be compared."
        )


def _since(found: Assessment, labels: Labels) -> Iterator[str]:
    if found.since is not None and not found.since_measured:
        yield (
            f"{labels.version(found.since)} has no safety result that counts, so the baseline is the best of what came "
            "after it and not itself."
        )


def _left_out(left_out: Sequence[ExcludedResults], labels: Labels) -> Iterator[str]:
    def learned(one: ExcludedResults) -> Sequence[int]:
        return one.contaminated

    def withdrawn(one: ExcludedResults) -> Sequence[int]:
        return one.retracted

    if text := _excluded(left_out, learned, labels):
        yield f"Left out, because it was measured on what the version, or an ancestor, learned from: {text}."
    if text := _excluded(left_out, withdrawn, labels):
        yield f"Left out, because it was retracted: {text}."


def _excluded(
    left_out: Sequence[ExcludedResults], which: Callable[[ExcludedResults], Sequence[int]], labels: Labels
) -> str:
    """Metrics with one protocol and the same versions are named together."""
    parts: dict[tuple[str, str], list[str]] = {}
    plain = replace(labels, among=())
    for one in left_out:
        if versions := which(one):
            data = one.series.protocol.data
            on = "" if data is None else f" on {labels.data(data)}"
            parts.setdefault((labels.versions(versions), on), []).append(plain.series(one.series))
    return "; ".join(f"{shortened(list(dict.fromkeys(called)))} of {who}{on}" for (who, on), called in parts.items())
