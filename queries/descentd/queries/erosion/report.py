"""The report on a version's erosion: its assessment with refs, and the changes of each derivation."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from descentd.graph.cache import Cache
from descentd.graph.model.kinds import VERSION
from descentd.graph.model.records import Brief
from descentd.graph.turns import in_thread
from descentd.queries.erosion.assess import ALPHA, assess
from descentd.queries.erosion.findings import Assessment, Finding, Span
from descentd.queries.erosion.first_edition import assess_by_first_edition
from descentd.queries.erosion.messages import message
from descentd.queries.erosion.span_changes import between, disclosures_of, introduced
from descentd.queries.erosion.summary import summary
from descentd.queries.evaluation.comparable import Comparable, comparable
from descentd.queries.evaluation.editions import CURRENT, FIRST
from descentd.queries.evaluation.labels import LabelLookup, look_up_labels
from descentd.queries.lineage.ancestry import Ancestry
from descentd.queries.lineage.builds import Change, builds_of
from descentd.queries.registry import Registry


class _Assessments(Cache[Assessment]):
    """Assessments by all that they follow from; the results that they rest on are at most 100,000 together."""

    def __init__(self) -> None:
        super().__init__(room=100_000)


@dataclass(frozen=True, slots=True)
class Introduction:
    """A derivation, or several with nothing measured in between, by refs, and what changed in it.

    disclosures: those that alone state a step of it.
    """

    start: str
    end: str
    changes: Sequence[Change]
    disclosures: Sequence[Brief] = ()


@dataclass(frozen=True, slots=True)
class FindingReport:
    """A finding, the refs of its two versions, what brought it in, and one sentence.

    lasting: of a LASTING_EROSION the refs of the first version that was worse and of the last that was measured.
    """

    finding: Finding
    baseline: str
    head: str
    introduced_by: Sequence[Introduction]
    message: str
    lasting: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Erosion:
    """The answer about one version; `summary` is the verdict in a few sentences.

    called: what the versions and data that it speaks of are called.
    """

    assessment: Assessment
    findings: Sequence[FindingReport]
    summary: str
    called: LabelLookup
    upto: int


async def assessed(
    registry: Registry,
    version: int,
    upto: int,
    *,
    alpha: float = ALPHA,
    since: int | None = None,
    edition: int = CURRENT,
) -> tuple[Assessment, Comparable]:
    """Assess a version at a sequence by everything that was measured along its ancestry.

    Raises InvalidInput where `since` is none of its ancestors or alpha is not between 0 and 1.
    """
    along = await comparable(registry, [version], upto, edition, kept=() if since is None else (since,))
    if edition == FIRST:
        return await in_thread(assess_by_first_edition, version, along.parents, along.series), along
    grounds = _Key((version, since, alpha, edition, along.metrics.number, *_grounds(along)))
    found = registry.cache(_Assessments).get(grounds)
    if found is None:
        found = await in_thread(assess, version, along.parents, along.series, alpha=alpha, since=since, edition=edition)
        registry.cache(_Assessments).keep(grounds, found, 1 + sum(len(series.results) for series in along.series))
    return found, along


class _Key:
    """A key whose hash is computed once: it has thousands of results, and a cache asks for its hash several times."""

    __slots__ = ("_hash", "_of")

    def __init__(self, of: Hashable) -> None:
        self._of = of
        self._hash = hash(of)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._of == other._of


def _grounds(along: Comparable) -> tuple[Hashable, ...]:
    """All that an assessment follows from beside its version: results, and who is known to descend from whom."""
    parents = frozenset((version, tuple(named)) for version, named in along.parents.items())
    return parents, tuple((s.key, tuple(s.results.items()), s.left_out, s.retracted) for s in along.series)


async def erosion(
    registry: Registry, ref: str, since: str | None, alpha: float | None, as_of: str | None = None
) -> Erosion:
    """Whether a version's safety eroded; raises NotFound and InvalidInput."""
    upto = await registry.sequence(as_of, [ref])
    of = await registry.find(ref, upto, VERSION, "of")
    start = None if since is None else (await registry.find(since, upto, VERSION, "since")).sequence
    found, along = await assessed(registry, of.sequence, upto, alpha=ALPHA if alpha is None else alpha, since=start)
    named = dict.fromkeys(span for one in found.findings for span in one.introduced_by)
    ancestry = Ancestry(of.sequence, along.parents)
    within = {version for span in named for version in (span.ancestor, *between(span, ancestry))}
    whole = Ancestry(of.sequence, along.lineage.with_left_out(within))
    spans = {span: between(span, whole) for span in named}
    inside = {version for span, versions in spans.items() for version in (span.ancestor, *versions)}
    called = await look_up_labels(registry, {*found.versions(), *inside}, found.series, upto)
    reports = await finding_reports(registry, found, spans, called, upto)
    return Erosion(found, reports, summary(found, called.labels(found.series)), called, upto)


async def finding_reports(
    registry: Registry, found: Assessment, spans: Mapping[Span, Sequence[int]], called: LabelLookup, upto: int
) -> list[FindingReport]:
    """Findings in refs, with what their derivations changed, by a fixed number of look-ups for all of them.

    spans: the versions on the way of each span that a finding labels.
    """
    inside = sorted({v for span, inner in spans.items() for v in (span.ancestor, *inner)})
    builds = await builds_of(registry, inside, upto)
    stated = {span: disclosures_of(span, inner, builds, called.refs) for span, inner in spans.items()}
    disclosures = await registry.store.resolve({id for ids in stated.values() for id in ids})
    introductions = {
        span: Introduction(
            called.refs[span.ancestor],
            called.refs[span.descendant],
            introduced(span, inner, builds, called.refs),
            [disclosures[id] for id in stated[span]],
        )
        for span, inner in spans.items()
    }
    labels = called.labels(found.series)
    return [
        FindingReport(
            finding,
            called.refs[finding.baseline],
            called.refs[finding.head],
            [introductions[span] for span in finding.introduced_by],
            message(finding, labels),
            None
            if finding.lasting is None
            else (called.refs[finding.lasting.start], called.refs[finding.lasting.latest]),
        )
        for finding in found.findings
    ]
