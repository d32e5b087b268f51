"""The assessment of a version in short, as the list of eroded versions needs it."""

from collections.abc import Sequence
from dataclasses import dataclass

from descentd.graph.metrics import MetricCategory
from descentd.queries.erosion.findings import ErosionVerdict, Span
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.evaluation.composites import Slice


@dataclass(frozen=True, slots=True)
class FindingSummary:
    """A finding in short."""

    kind: ErosionKind
    metric: str
    category: MetricCategory
    slice: Slice
    p: float | None
    q: float | None
    e: float | None
    message: str


@dataclass(frozen=True, slots=True)
class VersionAssessment:
    """A version's verdict and the p of "nothing got worse", None where no error is known.

    `findings`, the gravest first, and the derivations that may have brought that one in, only where the verdict is
    ERODED.
    """

    version: int
    verdict: ErosionVerdict
    p: float | None
    findings: Sequence[FindingSummary] = ()
    spans: tuple[Span, ...] = ()

    @property
    def span(self) -> Span | None:
        """From where to where it came in; None where that is not known, or not on one line of derivations."""
        starts = {span.ancestor for span in self.spans} - {span.descendant for span in self.spans}
        ends = {span.descendant for span in self.spans} - {span.ancestor for span in self.spans}
        return Span(*starts, *ends) if len(starts) == len(ends) == 1 else None
