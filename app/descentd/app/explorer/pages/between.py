"""The known losses that came in between two versions, or may have, which these two alone may not show."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from descentd.app.explorer.lineage.losses import MeasuredBy, series_of
from descentd.graph.model.records import Brief
from descentd.queries.erosion.findings import Span
from descentd.queries.erosion.questions import EROSION
from descentd.queries.erosion.version_assessment import FindingSummary
from descentd.queries.lineage.ancestry import with_ancestors
from descentd.queries.lineage.parents import parents_of
from descentd.queries.overview.version_status import worsened
from descentd.queries.registry import Registry


class Certainty(StrEnum):
    """Whether a loss came in between two versions: all derivations that may have done it are there, or some are."""

    WITHIN = "within"
    MAYBE = "maybe"
    GRADUAL = "gradual"
    """It came gradually, and the two are on its way."""


class Between(NamedTuple):
    """A loss in a series: the finding that is surest of it, of which version, and its derivations by their refs."""

    certainty: Certainty
    series: MeasuredBy
    finding: FindingSummary
    of: str
    spans: Sequence[tuple[str, str]]
    others: int
    """How many other versions have a loss in the series that is dated here, too."""


async def losses_between(registry: Registry, one: Brief, other: Brief, upto: int) -> list[Between]:
    """The losses of all versions that came in between two of one line, or may have, each series once, as of now."""
    start, end = sorted((one.sequence, other.sequence))
    above = with_ancestors(end, await parents_of(registry, [end], upto))
    if start == end or start not in above:
        return []
    near = [
        (version, finding)
        for version, assessment in worsened(registry).items()
        for finding in assessment.findings
        if finding.kind in EROSION and any(span.ancestor in above and span.descendant > start for span in finding.spans)
    ]
    ends = sorted(
        {end, *(each for _, found in near for span in found.spans for each in (span.ancestor, span.descendant))}
    )
    parents = await parents_of(registry, ends, upto)
    lineages = {each: with_ancestors(each, parents) for each in {start, *ends}}
    found: dict[MeasuredBy, list[tuple[Certainty, int, FindingSummary]]] = {}
    for version, finding in near:
        certainty = _certainty(finding, Span(start, end), lineages)
        if certainty is not None:
            found.setdefault(series_of(finding), []).append((certainty, version, finding))
    surest = {series: min(losses, key=lambda loss: list(Certainty).index(loss[0])) for series, losses in found.items()}
    named = {version for _, version, _ in surest.values()} | set(ends)
    refs = {brief.sequence: brief.ref for brief in await registry.store.briefs(sorted(named))}
    return [
        Between(
            certainty,
            series,
            finding,
            refs[version],
            [(refs[span.ancestor], refs[span.descendant]) for span in finding.spans],
            len({each for _, each, _ in found[series]} - {version}),
        )
        for series, (certainty, version, finding) in surest.items()
    ]


def _certainty(finding: FindingSummary, of: Span, lineages: Mapping[int, set[int]]) -> Certainty | None:
    shared = [_shared(span, of, lineages) for span in finding.spans]
    if not any(shared):
        return None
    if shared == list(finding.spans):
        return Certainty.WITHIN
    return Certainty.GRADUAL if finding.gradual else Certainty.MAYBE


def _shared(one: Span, other: Span, lineages: Mapping[int, set[int]]) -> Span | None:
    """What two spans have in common; None where that is nothing, or they are not on one line."""
    start = _later(one.ancestor, other.ancestor, lineages)
    last = _later(one.descendant, other.descendant, lineages)
    if start is None or last is None:
        return None
    end = one.descendant if last == other.descendant else other.descendant
    return Span(start, end) if start != end and start in lineages[end] else None


def _later(one: int, other: int, lineages: Mapping[int, set[int]]) -> int | None:
    """The one that descends from the other; None where neither does."""
    if other in lineages[one]:
        return one
    return other if one in lineages[other] else None
