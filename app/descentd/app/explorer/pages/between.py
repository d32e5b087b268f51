"""The known losses that came in between two versions, or may have, which these two alone may not show."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import NamedTuple

from descentd.app.explorer.lineage.losses import MeasuredBy, series_of
from descentd.graph.model.records import Brief
from descentd.graph.turns import each
from descentd.queries.erosion.findings import Span
from descentd.queries.erosion.questions import EROSION
from descentd.queries.erosion.version_assessment import FindingSummary
from descentd.queries.lineage.ancestry import Parents, with_ancestors
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
    """A loss in a series: the finding of the newest version with it, which one that is, and its derivations by refs."""

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
        async for version, assessment in each(worsened(registry).items())
        for finding in assessment.findings
        if finding.kind in EROSION and any(span.ancestor in above and span.descendant > start for span in finding.spans)
    ]
    ends = sorted({end, *(at for _, found in near for span in found.spans for at in (span.ancestor, span.descendant))})
    parents = await parents_of(registry, ends, upto)
    place = _Place.of(Span(start, end), parents)
    found: dict[MeasuredBy, list[tuple[Certainty, int, FindingSummary]]] = {}
    async for version, finding in each(near):
        certainty = _certainty(finding, place)
        if certainty is not None:
            found.setdefault(series_of(finding), []).append((certainty, version, finding))
    # Each version dates a loss by what was measured until then: of those that date it here, the newest knows most.
    newest = {
        series: max(losses, key=lambda loss: (loss[1], -list(Certainty).index(loss[0])))
        for series, losses in found.items()
    }
    named = {version for _, version, _ in newest.values()} | set(ends)
    refs = {brief.sequence: brief.ref for brief in await registry.store.briefs(sorted(named))}
    return [
        Between(
            certainty,
            series,
            finding,
            refs[version],
            [(refs[span.ancestor], refs[span.descendant]) for span in finding.spans],
            len({every for _, every, _ in found[series]} - {version}),
        )
        for series, (certainty, version, finding) in newest.items()
    ]


@dataclass(frozen=True, slots=True)
class _Place:
    """Two versions of one line, with what is before and since each of them, themselves included."""

    start: int
    end: int
    before_start: set[int]
    before_end: set[int]
    since_start: set[int]
    since_end: set[int]

    @classmethod
    def of(cls, span: Span, parents: Parents) -> "_Place":
        start, end = span.ancestor, span.descendant
        children = defaultdict[int, list[int]](list)
        for version, above in parents.items():
            for one in above:
                children[one].append(version)
        before, since = (partial(with_ancestors, parents=along) for along in (parents, children))
        return cls(start, end, before(start), before(end), since(start), since(end))

    def shared(self, span: Span) -> Span | None:
        """What a span has in common with that between the two; None where nothing, or they are not on one line."""
        first = span.ancestor if span.ancestor in self.since_start else self.start
        last = span.descendant if span.descendant in self.before_end else self.end
        on_one_line = (
            (first == span.ancestor or span.ancestor in self.before_start)
            and (last == span.descendant or span.descendant in self.since_end)
            and first in self.before_end
            and last in self.since_start
        )
        return Span(first, last) if on_one_line and first != last else None


def _certainty(finding: FindingSummary, place: _Place) -> Certainty | None:
    shared = [place.shared(span) for span in finding.spans]
    if not any(shared):
        return None
    if shared == list(finding.spans):
        return Certainty.WITHIN
    return Certainty.GRADUAL if finding.gradual else Certainty.MAYBE
