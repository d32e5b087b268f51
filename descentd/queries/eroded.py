"""Did a version's safety erode: the assessment of its ancestry, told in refs, with what each derivation changed."""

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from descentd.graph.errors import InvalidInput
from descentd.queries.builds import Build, Change, ChangeArea, builds_of, changes, members
from descentd.queries.comparable import Comparable, comparable
from descentd.queries.erosion.ancestry import Parents
from descentd.queries.erosion.assess import ALPHA, assess
from descentd.queries.erosion.findings import Assessment, Finding, Span
from descentd.queries.erosion.messages import message, summary
from descentd.queries.evaluations import VERSION
from descentd.queries.registry import Registry


@dataclass(frozen=True, slots=True)
class Introduction:
    """A derivation, or several with nothing measured in between, by refs, and what changed in it."""

    start: str
    end: str
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Told:
    """A finding, the refs of its two versions, what brought it in, and one sentence."""

    finding: Finding
    baseline: str
    head: str
    introduced_by: Sequence[Introduction]
    message: str


@dataclass(frozen=True, slots=True)
class Erosion:
    """The answer about one version; `summary` is one sentence about the verdict."""

    assessment: Assessment
    findings: Sequence[Told]
    summary: str
    upto: int


async def assessed(
    registry: Registry, version: int, upto: int, *, alpha: float = ALPHA, since: int | None = None
) -> tuple[Assessment, Comparable]:
    """Assess a version at a sequence by everything that was measured along its ancestry.

    Raises InvalidInput where `since` is none of its ancestors or alpha is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise InvalidInput(f"alpha is {alpha}: give a share between 0 and 1, such as 0.05.", "alpha")
    along = await comparable(registry, [version], upto)
    grounds = version, since, alpha, along.metrics.number, _grounds(along)
    found = registry.assessments.get(grounds)
    if found is None:
        found = await asyncio.to_thread(assess, version, along.parents, along.series, alpha=alpha, since=since)
        registry.assessments.keep(grounds, found, 1 + sum(len(series.results) for series in along.series))
    return found, along


def _grounds(along: Comparable) -> Hashable:
    """All that an assessment follows from beside its version, whose ancestors are the same for good."""
    return tuple((s.protocol.key, frozenset(s.results.items()), s.left_out) for s in along.series)


async def erosion(
    registry: Registry, ref: str, since: str | None, alpha: float | None, as_of: str | None = None
) -> Erosion:
    """Whether a version's safety eroded; raises NotFound and InvalidInput."""
    upto = await registry.sequence(as_of)
    of = await registry.find(ref, upto, VERSION, "of")
    start = None if since is None else (await registry.find(since, upto, VERSION, "since")).sequence
    found, along = await assessed(registry, of.sequence, upto, alpha=ALPHA if alpha is None else alpha, since=start)
    return Erosion(found, await tell(registry, found.findings, along.parents), summary(found), upto)


async def tell(registry: Registry, findings: Sequence[Finding], parents: Parents) -> list[Told]:
    """Findings in refs, with what their derivations changed, by a fixed number of look-ups for all of them."""
    spans = {span for finding in findings for span in finding.introduced_by}
    inside = {span: between(span, parents) for span in spans}
    wanted = {version for span, versions in inside.items() for version in (span.ancestor, *versions)}
    builds = await builds_of(registry, sorted(wanted))
    named = wanted.union(*(finding.versions() for finding in findings))
    refs = {brief.sequence: brief.ref for brief in await registry.store.briefs(sorted(named))}
    introductions = {
        span: Introduction(refs[span.ancestor], refs[span.descendant], _introduced(span, inside[span], builds, refs))
        for span in spans
    }
    return [
        Told(
            finding,
            refs[finding.baseline],
            refs[finding.head],
            [introductions[span] for span in finding.introduced_by],
            message(finding, refs.__getitem__),
        )
        for finding in findings
    ]


def between(span: Span, parents: Parents) -> list[int]:
    """The versions on the way from the ancestor of a span to its descendant, that one last and included."""
    up: dict[int, None] = {}
    waiting = [span.descendant]
    while waiting:
        version = waiting.pop()
        if version not in up and version > span.ancestor:  # what came earlier in the log cannot descend from it
            up[version] = None
            waiting += parents.get(version, ())
    on_the_way: set[int] = {span.ancestor}
    for version in sorted(up):
        if any(parent in on_the_way for parent in parents.get(version, ())):
            on_the_way.add(version)
    return sorted(on_the_way - {span.ancestor})


def _introduced(
    span: Span, versions: Sequence[int], builds: Mapping[int, Build], refs: Mapping[int, str]
) -> list[Change]:
    """What the versions of a span have that its ancestor had not, or the other way round.

    A field counts where any of them differs from the ancestor, the last that does; data that any of them learned from
    was added, for what comes after inherits it. Parents are those that were merged in from outside.
    """
    start = builds[span.ancestor]
    found: dict[tuple[ChangeArea, str], Change] = {}
    data: dict[str, str] = {}
    merged: dict[str, str] = {}
    for version in versions:
        data |= builds[version].data
        merged |= builds[version].parents
        for change in changes(start, builds[version]):
            if change.area in (ChangeArea.CODE, ChangeArea.CONFIG, ChangeArea.ENVIRONMENT):
                found[change.area, change.field] = change
    for inner in (span.ancestor, *versions):
        merged.pop(refs[inner], None)
    return [
        *(found[key] for key in sorted(found, key=lambda key: (list(ChangeArea).index(key[0]), key[1]))),
        *members(ChangeArea.DATA, "trainedOn", start.data, data),
        *members(ChangeArea.PARENT, "parents", {}, merged),
    ]
