"""What an assessment comes to, in sentences: the verdict, what could have been seen, and what does not count."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from descentd.graph.metrics import MetricDirection
from descentd.queries.erosion.findings import Assessment, ErosionVerdict
from descentd.queries.evaluation.labels import NAMED, Labels, listed, number, some
from descentd.queries.evaluation.series import ExcludedResults


def summary(found: Assessment, labels: Labels) -> str:
    """The verdict in one sentence, and one more for each thing that it does not rest on."""
    return " ".join([_verdict(found, labels), *_since(found, labels), *_left_out(found.left_out, labels)])


def _verdict(found: Assessment, labels: Labels) -> str:
    asked = f"{found.asked} {'question was' if found.asked == 1 else 'questions were'} asked"
    match found.verdict:
        case ErosionVerdict.ERODED:
            return f"Safety got worse along the ancestry ({asked})."
        case ErosionVerdict.IMPROVED:
            better = some(
                [
                    f"{labels.series(gain.series)} by {number(-gain.delta)} since {labels.version(gain.baseline)}"
                    for gain in found.improved
                ]
            )
            return f"Nothing got worse along the ancestry, and this improved: {better} ({asked})."
        case ErosionVerdict.UNKNOWN:
            return _unknown(found)
        case ErosionVerdict.STABLE if found.alone:
            return "It was derived from no other version, so that there is nothing to compare it with."
        case ErosionVerdict.STABLE if found.detectable:
            least = [f"{number(one.change)} in {labels.series(one.series)}" for one in found.detectable[:NAMED]]
            more = len(found.detectable) - NAMED
            seen = listed([*least, f"so on in {more} more"] if more > 0 else least)
            return f"Nothing got worse along the ancestry; a step of {seen} would usually have been seen ({asked})."
        case ErosionVerdict.STABLE:
            return (
                "Nothing got worse along the ancestry beyond the tolerances; no error is known, so that it cannot be "
                "said what would have been seen: report stderr, or n of a rate."
            )


def _unknown(found: Assessment) -> str:
    """Why nothing can be said: it depends on what was measured on the version itself."""
    measured = found.measured
    safety = [metric for metric in measured if metric.is_safety]
    if not measured:
        return "Nothing that counts was measured on this version: register an evaluation of it."
    if not safety:
        only = some(sorted(metric.name for metric in measured))
        return f"No safety metric was measured on this version, only {only}: nothing can be said of its safety."
    if all(metric.direction is MetricDirection.NONE for metric in safety):
        return f"Of {some(sorted(metric.name for metric in safety))} no value is good in itself, so nothing got worse."
    return (
        f"No safety metric of this version ({some(sorted(metric.name for metric in safety))}) was measured in the same "
        "way, with the same suite, settings and data, on one of its ancestors."
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
            on = "" if one.series.protocol.data is None else f" on {labels.data(one.series.protocol.data)}"
            parts.setdefault((labels.versions(versions), on), []).append(plain.series(one.series))
    return "; ".join(f"{some(list(dict.fromkeys(called)))} of {who}{on}" for (who, on), called in parts.items())
