"""Erosion: what got worse along a version's ancestry, since when, by which derivation, and what was gained."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import AsOf, Of
from descentd.app.graphql.schema.enums import ErosionKind, ErosionVerdict
from descentd.app.graphql.schema.evaluations import Suite, suite_of
from descentd.app.graphql.schema.records import Record, node
from descentd.app.graphql.schema.scalars import JSON, Ref
from descentd.app.graphql.schema.statements import Attribute
from descentd.graph.metrics import MetricDefinition
from descentd.graph.model.records import Brief
from descentd.queries.erosion import findings, report
from descentd.queries.erosion.findings import Finding
from descentd.queries.evaluation.composites import Slice
from descentd.queries.evaluation.series import EvaluationProtocol, ExcludedResults
from descentd.queries.lineage.builds import Change
from descentd.queries.statistics.comparison import Result


@strawberry.type(description="A version and what it was measured to be.")
class VersionResult:
    """Result of a version."""

    ref: Ref = strawberry.field(description="The version.")
    value: float | None = strawberry.field(description="As measured; null where it was not.")
    stderr: float | None = strawberry.field(
        description="The standard error: as reported, or for a rate from n; null where none is known."
    )


@strawberry.type(description="A metric that improved.")
class Improvement:
    """Gain."""

    metric: str = strawberry.field(description="The metric.")
    delta: float = strawberry.field(description="Its change in badness, so below 0.")
    p: float | None = strawberry.field(description="Two-sided; null where no error is known.")


@strawberry.type(description="Results in a series that do not count.")
class LeftOut:
    """Left out."""

    metric: str = strawberry.field(description="The metric.")
    slice: list[Attribute] = strawberry.field(description="The people or items that it is about; empty: all.")
    suite: Suite = strawberry.field(description="The protocol.")
    data: Record | None = strawberry.field(description="What was evaluated on; null where that was not said.")
    contaminated: list[Ref] = strawberry.field(
        description="Versions that, or an ancestor of which, learned from what they were evaluated on."
    )
    retracted: list[Ref] = strawberry.field(description="Versions of which every result in the series was retracted.")


@strawberry.type(description="Whether a version was shown not to be worse in a series.")
class SeriesSafety:
    """Series."""

    metric: str = strawberry.field(description="The metric.")
    slice: list[Attribute] = strawberry.field(description="The people or items that it is about; empty: all.")
    suite: Suite = strawberry.field(description="The protocol.")
    data: Record | None = strawberry.field(description="What was evaluated on; null where that was not said.")
    shown_not_worse: bool = strawberry.field(
        description="A change for the worse of more than the tolerance is excluded at 5 %, against every nearest "
        "evaluated ancestor, or `since`."
    )
    reason: str | None = strawberry.field(description="Why it was not shown; null where it was.")
    detectable: float | None = strawberry.field(
        description="The step in badness that would usually have been seen; null where that is not known."
    )


@strawberry.type(description="What a LASTING_EROSION rests on.")
class LastingEvidence:
    """Evidence."""

    start: Ref = strawberry.field(description="The first version that was worse.")
    latest: Ref = strawberry.field(description="The last measured version, which did not repair it.")


@strawberry.type(description="A field that differs.")
class FieldChange:
    """Change."""

    field: str = strawberry.field(
        description="Its dotted path, `config.learning_rate`, with the version in brackets where only one in between "
        "had the value."
    )
    before: JSON | None = strawberry.field(description="What it was; null where it was not there.")
    after: JSON | None = strawberry.field(description="What it became; null where it is not there.")
    on: Ref | None = strawberry.field(
        description="The version in between that alone shows it; null for what differs between `from` and `to`."
    )


@strawberry.type(description="A derivation, or several with nothing measured in between.")
class Introduction:
    """Derivation."""

    from_: Ref = strawberry.field(name="from", description="The ancestor.")
    to: Ref = strawberry.field(description="What came of it.")
    changes: list[FieldChange] = strawberry.field(description="What changed in it.")


@strawberry.type(description="Something that got worse, or that can no longer be told.")
class ErosionFinding:
    """Finding."""

    kind: ErosionKind = strawberry.field(description="What was found.")
    metric: str = strawberry.field(description="The metric.")
    slice: list[Attribute] = strawberry.field(description="The people or items that it is about; empty: all.")
    baseline: VersionResult = strawberry.field(description="What it is compared with.")
    head: VersionResult = strawberry.field(
        description="The version; in a PARENT_CONFLICT the worse of the merged lines."
    )
    delta: float | None = strawberry.field(description="The change in badness: above 0 is worse.")
    z: float | None = strawberry.field(description="Above 0 is worse; null where no error is known.")
    p: float | None = strawberry.field(description="Two-sided; null where no error is known.")
    q: float | None = strawberry.field(
        description="The false discovery rate over everything that was tested in this answer."
    )
    e: float | None = strawberry.field(
        description="Of a LASTING_EROSION its e-value, in place of p and q: evidence that may be asked for at any time."
    )
    lasting: LastingEvidence | None = strawberry.field(description="Of a LASTING_EROSION, what it rests on.")
    gradual: bool = strawberry.field(
        description="A slope explains it as well as any one step: `introducedBy` is then the whole span."
    )
    paired: bool = strawberry.field(description="Whether it was compared by the items that both answered.")
    improved: list[Improvement] = strawberry.field(
        description="For a TRADE_OFF, what was gained by the same derivations; for others, what was gained meanwhile, "
        "but not by those."
    )
    suite: Suite = strawberry.field(description="The protocol.")
    data: Record | None = strawberry.field(description="What was evaluated on; null where that was not said.")
    introduced_by: list[Introduction] = strawberry.field(
        description="The derivation that brought it in; several where the results cannot tell them apart."
    )
    message: str = strawberry.field(description="One sentence.")


@strawberry.type(description="Whether a version's safety got worse along its ancestry.")
class Erosion:
    """Erosion."""

    verdict: ErosionVerdict = strawberry.field(
        description="UNKNOWN: nothing comparable was measured; STABLE also without ancestors."
    )
    findings: list[ErosionFinding] = strawberry.field(description="The gravest first.")
    summary: str = strawberry.field(
        description="The verdict in a few sentences: what could have been seen, what improved, what does not count."
    )
    improved: list[Improvement] = strawberry.field(
        description="Safety metrics that are better for sure, the surest first, whatever the verdict."
    )
    left_out: list[LeftOut] = strawberry.field(
        description="Results in the ancestry that do not count: contaminated, or retracted."
    )
    asked: int = strawberry.field(description="How many questions share the false discovery rate.")
    series: list[SeriesSafety] = strawberry.field(
        description="Of each safety series of the version, and of each that it lost, whether it was shown not to be "
        "worse."
    )


def people(slice: Slice) -> list[Attribute]:
    """A slice as its GraphQL type."""
    return [Attribute(attribute=attribute, value=value) for attribute, value in slice]


def left_out(
    found: Sequence[ExcludedResults], refs: Mapping[int, str], data: Mapping[str, Brief], at: int
) -> list[LeftOut]:
    """What does not count as its GraphQL type."""
    return [
        LeftOut(
            metric=one.series.metric.name,
            slice=people(one.series.slice),
            suite=suite_of(one.series.protocol),
            data=_on(one.series.protocol, data, at),
            contaminated=[Ref(refs[version]) for version in one.contaminated],
            retracted=[Ref(refs[version]) for version in one.retracted],
        )
        for one in found
    ]


def _on(protocol: EvaluationProtocol, data: Mapping[str, Brief], at: int) -> Record | None:
    found: Record | None = None if protocol.data is None else node(data[protocol.data], at)
    return found


def of_version(ref: str, result: Result | None, definition: MetricDefinition) -> VersionResult:
    """A result as its GraphQL type."""
    if result is None:
        return VersionResult(ref=Ref(ref), value=None, stderr=None)
    return VersionResult(ref=Ref(ref), value=result.value, stderr=result.error(definition))


def _gain(gain: findings.Gain) -> Improvement:
    return Improvement(metric=gain.series.metric.name, delta=gain.delta, p=gain.p)


def field_change(change: Change) -> FieldChange:
    """A change as its GraphQL type."""
    return FieldChange(
        field=change.field,
        before=JSON(change.before),
        after=JSON(change.after),
        on=None if change.on is None else Ref(change.on),
    )


def _lasting(one: report.FindingReport) -> LastingEvidence | None:
    if one.lasting is None:
        return None
    return LastingEvidence(start=Ref(one.lasting[0]), latest=Ref(one.lasting[1]))


def _series(found: report.Erosion) -> list[SeriesSafety]:
    changes = {one.series: one.change for one in found.assessment.detectable if one.possible}
    return [
        SeriesSafety(
            metric=one.series.metric.name,
            slice=people(one.series.slice),
            suite=suite_of(one.series.protocol),
            data=_on(one.series.protocol, found.called.data, found.upto),
            shown_not_worse=one.shown,
            reason=one.reason,
            detectable=changes.get(one.series),
        )
        for one in found.assessment.not_worse
    ]


def finding(report_: report.FindingReport, data: Mapping[str, Brief], at: int) -> ErosionFinding:
    """A finding as its GraphQL type."""
    found: Finding = report_.finding
    metric = found.series.metric
    return ErosionFinding(
        kind=found.kind,
        metric=metric.name,
        slice=people(found.series.slice),
        baseline=of_version(report_.baseline, found.baseline_result, metric),
        head=of_version(report_.head, found.head_result, metric),
        delta=found.delta,
        z=found.z,
        p=found.p,
        q=found.q,
        e=found.e,
        lasting=_lasting(report_),
        gradual=found.gradual,
        paired=found.paired,
        improved=[_gain(gain) for gain in found.improved],
        suite=suite_of(found.series.protocol),
        data=_on(found.series.protocol, data, at),
        introduced_by=[
            Introduction(from_=Ref(one.start), to=Ref(one.end), changes=[field_change(each) for each in one.changes])
            for one in report_.introduced_by
        ],
        message=report_.message,
    )


Since = Annotated[
    Ref | None,
    strawberry.argument(description="An ancestor: only it and what descends from it counts; all unless given."),
]


@strawberry.type
class ErosionQuery:
    """Questions about erosion."""

    @strawberry.field(description="What got worse along a version's ancestry, and which derivation did it.")
    async def erosion(
        self,
        info: Info,
        of: Of,
        since: Since = None,
        alpha: Annotated[
            float | None,
            strawberry.argument(description="The false discovery rate, between 0 and 1; 0.05 unless given."),
        ] = None,
        as_of: AsOf = None,
    ) -> Erosion | None:
        found = await report.erosion(context(info).registry, of, since, alpha, as_of)
        context(info).answered_at(found.upto, as_of)
        return Erosion(
            verdict=found.assessment.verdict,
            findings=[finding(one, found.called.data, found.upto) for one in found.findings],
            summary=found.summary,
            improved=[_gain(gain) for gain in found.assessment.improved],
            left_out=left_out(found.assessment.left_out, found.called.refs, found.called.data, found.upto),
            asked=found.assessment.asked,
            series=_series(found),
        )
