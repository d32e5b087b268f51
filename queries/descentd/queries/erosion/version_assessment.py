"""The assessment of a version in short, as the list of eroded versions needs it."""

from collections.abc import Sequence
from dataclasses import dataclass

from descentd.graph.metrics import MetricCategory
from descentd.queries.erosion.findings import ErosionVerdict, Span
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.evaluation.composites import Slice


@dataclass(frozen=True, slots=True)
class FindingSummary:
    """A finding in short.

    spans: the derivations that may have brought it in, which the results cannot tell apart, or where `gradual` the
    whole span, of which none is accused.
    """

    kind: ErosionKind
    metric: str
    category: MetricCategory
    slice: Slice
    p: float | None
    q: float | None
    e: float | None
    message: str
    spans: tuple[Span, ...] = ()
    gradual: bool = False

    @property
    def span(self) -> Span | None:
        """From where to where it came in; None where that is not known, or not on one line of derivations."""
        starts = {span.ancestor for span in self.spans} - {span.descendant for span in self.spans}
        ends = {span.descendant for span in self.spans} - {span.ancestor for span in self.spans}
        return Span(*starts, *ends) if len(starts) == len(ends) == 1 else None


@dataclass(frozen=True, slots=True)
class VersionAssessment:
    """A version's verdict and the p of "nothing got worse", None where no error is known.

    `findings`, the gravest first, only where the verdict is ERODED.
    """

    version: int
    verdict: ErosionVerdict
    p: float | None
    findings: Sequence[FindingSummary] = ()

    @property
    def spans(self) -> tuple[Span, ...]:
        """The derivations that may have brought the gravest finding in."""
        return self.findings[0].spans if self.findings else ()
