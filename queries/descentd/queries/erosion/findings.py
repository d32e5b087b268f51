"""The types of an answer about erosion: verdict, findings and their evidence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from descentd.graph.metrics import MetricDefinition
from descentd.queries.erosion.questions import EROSION, ErosionKind
from descentd.queries.evaluation.series import ExcludedResults, SeriesKey
from descentd.queries.statistics.comparison import Result


class ErosionVerdict(StrEnum):
    """Whether a version's safety got worse along its ancestry."""

    ERODED = "ERODED"
    STABLE = "STABLE"
    IMPROVED = "IMPROVED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Span:
    """A derivation, or several with nothing measured in between: the ancestor, and what came of it."""

    ancestor: int
    descendant: int


@dataclass(frozen=True, slots=True)
class ChangeSince:
    """A change since `baseline`: delta in badness, below 0 where it improved; p and q None where no error is known."""

    series: SeriesKey
    baseline: int
    delta: float
    p: float | None
    q: float | None


def surest(gains: Sequence[ChangeSince]) -> ChangeSince:
    """The gain with the smallest q; one without an error only where all are."""
    return min(gains, key=lambda gain: (gain.q is None, gain.q))


@dataclass(frozen=True, slots=True)
class LastingEvidence:
    """What a LASTING_EROSION rests on, along the line of first parents.

    start: the first version that was worse; latest: the last measured one, which did not refute it; before: the mean
    badness of the `count` versions before it.
    """

    start: int
    latest: int
    before: float
    count: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that got worse, or that can no longer be compared.

    In a PARENT_CONFLICT `baseline` and `head` are the better and the worse of the merged lines. Results are None, and
    so is `delta`, only for what was not measured. z, p and q are None where no error is known; e is that of a
    LASTING_EROSION. introduced_by: the derivations that may have brought it in, which the measurements cannot tell
    apart, or where `gradual` the whole span. among, without_error: see Question. asked: how many questions share the
    false discovery rate. left_out: versions with a contaminated result. measured_as: for COVERAGE_LOSS, how the head
    was measured instead. improved: of a TRADE_OFF, what was gained; of others what was gained meanwhile, but not by the
    derivations that it is blamed on. paired: compared by items that both answered. naive: the errors ignore that the
    items come in clusters, which other results of the series allow for.
    """

    kind: ErosionKind
    series: SeriesKey
    baseline: int
    head: int
    baseline_result: Result
    head_result: Result | None
    delta: float | None = None
    z: float | None = None
    p: float | None = None
    q: float | None = None
    e: float | None = None
    improved: tuple[ChangeSince, ...] = ()
    introduced_by: tuple[Span, ...] = ()
    gradual: bool = False
    among: int = 1
    without_error: int = 0
    since: int | None = None
    asked: int = 0
    left_out: tuple[int, ...] = ()
    measured_as: SeriesKey | None = None
    lasting: LastingEvidence | None = None
    paired: bool = False
    naive: bool = False

    @property
    def erodes(self) -> bool:
        """Whether it makes the version ERODED."""
        return self.kind in EROSION

    def versions(self) -> Iterator[int]:
        """Every version that the finding names."""
        yield from (self.baseline, self.head, *self.left_out)
        for span in self.introduced_by:
            yield from (span.ancestor, span.descendant)
        if self.lasting is not None:
            yield from (self.lasting.start, self.lasting.latest)


@dataclass(frozen=True, slots=True)
class Detectable:
    """The change in badness that a step would have been found by in four cases of five.

    possible: whether the metric can change by so much at all.
    """

    series: SeriesKey
    change: float
    possible: bool = True


@dataclass(frozen=True, slots=True)
class NotWorse:
    """Whether a version is shown not to be worse in a series, within the tolerance; `reason` says why not."""

    series: SeriesKey
    shown: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class OptimumCrossing:
    """A TARGET metric that is now on the other side of its optimum than it was on `baseline`, beyond chance."""

    series: SeriesKey
    baseline: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """The answer about one version, the gravest finding first.

    asked: how many questions share the false discovery rate. p: of "nothing got worse", the smallest q of a question
    that went the bad way; None where no error is known. detectable: what could have been seen. improved: safety metrics
    that are better for sure, the surest first; lost: those that got worse by more than the tolerance at p ≤ alpha
    before correction, which an improvement does not outweigh. not_worse: series by series, whether the version was
    shown not to be worse. crossings: of optima. undefined: series with ratios that are not above 0, and the versions.
    measured: the metrics of the head's results that count. alone: it has no ancestors. since_measured: whether `since`
    has a safety result that counts. series: all of them.
    """

    head: int
    verdict: ErosionVerdict
    findings: tuple[Finding, ...]
    asked: int
    p: float | None
    detectable: tuple[Detectable, ...]
    improved: tuple[ChangeSince, ...] = ()
    lost: tuple[ChangeSince, ...] = ()
    not_worse: tuple[NotWorse, ...] = ()
    crossings: tuple[OptimumCrossing, ...] = ()
    undefined: tuple[tuple[SeriesKey, tuple[int, ...]], ...] = ()
    measured: tuple[MetricDefinition, ...] = ()
    left_out: tuple[ExcludedResults, ...] = ()
    alone: bool = False
    since: int | None = None
    since_measured: bool = False
    series: tuple[SeriesKey, ...] = ()

    def versions(self) -> Iterator[int]:
        """Every version that the answer names."""
        for finding in self.findings:
            yield from finding.versions()
        for one in self.left_out:
            yield from (*one.contaminated, *one.retracted)
        yield from (gain.baseline for gain in (*self.improved, *self.lost))
        yield from (one.baseline for one in self.crossings)
        for _, versions in self.undefined:
            yield from versions
        if self.since is not None:
            yield self.since
