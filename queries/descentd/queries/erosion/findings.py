"""What an answer about erosion consists of."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from descentd.graph.metrics import MetricDefinition
from descentd.queries.erosion.questions import ErosionKind
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
class Gain:
    """A metric that improved since `baseline`: delta in badness, so below 0; p and q None where no error is known."""

    series: SeriesKey
    baseline: int
    delta: float
    p: float | None
    q: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that got worse, or that can no longer be told.

    In a PARENT_CONFLICT `baseline` and `head` are the better and the worse of the merged lines. Results are None, and
    so is `delta`, only for what was not measured (COVERAGE_LOSS). z, p and q are None where no error is known.
    introduced_by: the derivations that may have brought it in, which the measurements cannot tell apart.
    among, without_error: see Question. asked: how many questions share the false discovery rate.
    left_out: versions with a contaminated result. measured_as: for COVERAGE_LOSS, how the head was measured instead.
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
    improved: tuple[Gain, ...] = ()
    introduced_by: tuple[Span, ...] = ()
    among: int = 1
    without_error: int = 0
    since: int | None = None
    asked: int = 0
    left_out: tuple[int, ...] = ()
    measured_as: SeriesKey | None = None

    def versions(self) -> Iterator[int]:
        """Every version that the finding speaks of."""
        yield from (self.baseline, self.head, *self.left_out)
        for span in self.introduced_by:
            yield from (span.ancestor, span.descendant)


@dataclass(frozen=True, slots=True)
class Detectable:
    """The change in a metric, in its unit, that a step would have been found by in four cases of five: 2.8·d."""

    series: SeriesKey
    change: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """The answer about one version, the gravest finding first.

    asked: how many questions share the false discovery rate. p: of "nothing got worse", the smallest q of a question
    that went the bad way; None where no error is known. detectable: what could have been seen. improved: safety metrics
    that are better for sure, the surest first. measured: the metrics of the head's results that count. alone: it has no
    ancestors. since_measured: whether `since` has a safety result that counts. series: all of them.
    """

    head: int
    verdict: ErosionVerdict
    findings: tuple[Finding, ...]
    asked: int
    p: float | None
    detectable: tuple[Detectable, ...]
    improved: tuple[Gain, ...] = ()
    measured: tuple[MetricDefinition, ...] = ()
    left_out: tuple[ExcludedResults, ...] = ()
    alone: bool = False
    since: int | None = None
    since_measured: bool = False
    series: tuple[SeriesKey, ...] = ()

    def versions(self) -> Iterator[int]:
        """Every version that the answer speaks of."""
        for finding in self.findings:
            yield from finding.versions()
        for one in self.left_out:
            yield from (*one.contaminated, *one.retracted)
        yield from (gain.baseline for gain in self.improved)
        if self.since is not None:
            yield self.since
