"""Erosion: which metrics got worse along a version's ancestry, by which derivation, and which improved."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import AsOf, Of
from descentd.app.graphql.schema.disclosures import Disclosure
from descentd.app.graphql.schema.enums import ErosionKind, ErosionVerdict, MetricScale
from descentd.app.graphql.schema.evaluations import Suite, suite_of
from descentd.app.graphql.schema.records import Record, node
from descentd.app.graphql.schema.scalars import JSON, Ref
from descentd.app.graphql.schema.statements import Attribute
from descentd.graph.metrics import MetricDefinition
from descentd.graph.model.records import Brief
from descentd.queries.erosion import findings, report
from descentd.queries.erosion.findings import Finding
from descentd.queries.evaluation.composites import Slice
from descentd.queries.evaluation.labels import meaning_of
from descentd.queries.evaluation.series import EvaluationProtocol, ExcludedResults
from descentd.queries.lineage.builds import Change
from descentd.queries.statistics.comparison import Result


@strawberry.type(description="A version and its result.")
class VersionResult:
    """Result of a version."""

    ref: Ref = strawberry.field(description="The version.")
    value: float | None = strawberry.field(
        description="The value, in the unit of the metric; null if it was not measured."
    )
    stderr: float | None = strawberry.field(
        description="The standard error: as reported, or for a rate computed from n; null if it is not known."
    )


@strawberry.type(description="A metric that improved.")
class Improvement:
    """Gain."""

    metric: str = strawberry.field(description="The metric.")
    delta: float = strawberry.field(description="Its change in badness, which is below 0.")
    p: float | None = strawberry.field(description="The two-sided p-value; null if no standard error is known.")


@strawberry.type(description="Results of a series that do not count.")
class LeftOut:
    """Left out."""

    metric: str = strawberry.field(description="The metric.")
    slice: list[Attribute] = strawberry.field(
        description="The slice: the people or items that the results are about; empty: all."
    )
    suite: Suite = strawberry.field(description="The protocol.")
    data: Record | None = strawberry.field(description="The data of the evaluation; null if it was not recorded.")
    contaminated: list[Ref] = strawberry.field(
        description="Versions that were evaluated on data from which they or an ancestor learned."
    )
    retracted: list[Ref] = strawberry.field(description="Versions whose results in the series were all retracted.")


@strawberry.type(description="Whether a version was shown not to be worse in a series.")
class SeriesSafety:
    """Series."""

    metric: str = strawberry.field(description="The metric.")
    slice: list[Attribute] = strawberry.field(
        description="The slice: the people or items that the results are about; empty: all."
    )
    suite: Suite = strawberry.field(description="The protocol.")
    data: Record | None = strawberry.field(description="The data of the evaluation; null if it was not recorded.")
    shown_not_worse: bool = strawberry.field(
        description="A change for the worse by more than the tolerance is excluded at 5 %, against every nearest "
        "evaluated ancestor, or `since`."
    )
    reason: str | None = strawberry.field(description="Why it was not shown; null if it was shown.")
    scale: MetricScale = strawberry.field(
        description="Whether a change in badness is a difference (LINEAR) or, of a ratio, one of logarithms (LOG)."
    )
    detectable: float | None = strawberry.field(
        description="The smallest step in badness that would usually have been detected; null if it is not known."
    )


@strawberry.type(description="The evidence of a LASTING_EROSION.")
class LastingEvidence:
    """Evidence."""

    start: Ref = strawberry.field(
        description="The version from which on results were worse when the evidence first sufficed; `introducedBy` "
        "says where all results date it."
    )
    latest: Ref = strawberry.field(description="The last measured version, which did not repair it.")


@strawberry.type(description="A field that differs.")
class FieldChange:
    """Change."""

    field: str = strawberry.field(
        description="Its dotted path, for example `config.learning_rate`, with a version in brackets if only that one "
        "had the value."
    )
    before: JSON | None = strawberry.field(description="The value before; null if there was none.")
    after: JSON | None = strawberry.field(description="The value after; null if there is none.")
    on: Ref | None = strawberry.field(
        description="The version in between that alone has the change; null if `from` and `to` differ."
    )
    disclosed: bool = strawberry.field(description="Whether only a disclosure says so, and no version itself.")


@strawberry.type(description="A derivation, or several with nothing measured in between.")
class Introduction:
    """Derivation."""

    from_: Ref = strawberry.field(name="from", description="The ancestor.")
    to: Ref = strawberry.field(description="The version that was derived from it.")
    changes: list[FieldChange] = strawberry.field(description="The changes between the two.")
    disclosures: list[Disclosure] = strawberry.field(
        description="The disclosures without which it would not be known that `to` comes from `from`."
    )


@strawberry.type(description="A metric that got worse, or that is no longer measured.")
class ErosionFinding:
    """Finding."""

    kind: ErosionKind = strawberry.field(description="The kind of finding.")
    metric: str = strawberry.field(description="The metric.")
    meaning: str = strawberry.field(
        description="What the metric measures, by its definition; empty where that does not say."
    )
    slice: list[Attribute] = strawberry.field(
        description="The slice: the people or items that the results are about; empty: all."
    )
    baseline: VersionResult = strawberry.field(description="The version that it is compared with, and its result.")
    head: VersionResult = strawberry.field(
        description="The version that was assessed; for a PARENT_CONFLICT the worse of the merged parents."
    )
    delta: float | None = strawberry.field(description="The change in badness: above 0 is worse.")
    scale: MetricScale = strawberry.field(
        description="Whether a change in badness is a difference (LINEAR) or, of a ratio, one of logarithms (LOG)."
    )
    z: float | None = strawberry.field(
        description="The standardised change; above 0 is worse; null if no standard error is known."
    )
    p: float | None = strawberry.field(description="The two-sided p-value; null if no standard error is known.")
    q: float | None = strawberry.field(
        description="The p-value adjusted for the false discovery rate over all tests of this answer (Benjamini and "
        "Hochberg)."
    )
    e: float | None = strawberry.field(
        description="The e-value of a LASTING_EROSION, which replaces p and q: evidence that stays valid however "
        "often it is asked for."
    )
    lasting: LastingEvidence | None = strawberry.field(
        description="The evidence of a LASTING_EROSION; null for other kinds."
    )
    gradual: bool = strawberry.field(
        description="A gradual change explains it as well as a single step: `introducedBy` is then the whole span."
    )
    paired: bool = strawberry.field(
        description="Whether it was compared item by item, on the items that both versions answered."
    )
    improved: list[Improvement] = strawberry.field(
        description="For a TRADE_OFF, the metrics that the same derivations improved; otherwise those that other "
        "derivations improved."
    )
    suite: Suite = strawberry.field(description="The protocol.")
    data: Record | None = strawberry.field(description="The data of the evaluation; null if it was not recorded.")
    introduced_by: list[Introduction] = strawberry.field(
        description="The derivation that introduced it; several if the results cannot distinguish them."
    )
    message: str = strawberry.field(description="One sentence.")


@strawberry.type(description="Whether a version's safety got worse along its ancestry.")
class Erosion:
    """Erosion."""

    verdict: ErosionVerdict = strawberry.field(
        description="UNKNOWN: nothing comparable was measured. A version without ancestors is STABLE."
    )
    findings: list[ErosionFinding] = strawberry.field(description="The findings, the worst first.")
    summary: str = strawberry.field(
        description="The verdict in a few sentences: what could have been detected, what improved, and which results "
        "do not count."
    )
    improved: list[Improvement] = strawberry.field(
        description="Safety metrics that improved significantly, the most certain first, whatever the verdict."
    )
    left_out: list[LeftOut] = strawberry.field(
        description="Results in the ancestry that do not count: contaminated, or retracted."
    )
    asked: int = strawberry.field(description="The number of tests over which the false discovery rate is controlled.")
    series: list[SeriesSafety] = strawberry.field(
        description="For each safety series of the version, and each that it lost, whether the version was shown not "
        "to be worse."
    )


def people(slice: Slice) -> list[Attribute]:
    """A slice as its GraphQL type."""
    return [Attribute(attribute=attribute, value=value) for attribute, value in slice]


def left_out(
    found: Sequence[ExcludedResults], refs: Mapping[int, str], data: Mapping[str, Brief], at: int
) -> list[LeftOut]:
    """Results that do not count, as their GraphQL type."""
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


def _gain(gain: findings.ChangeSince) -> Improvement:
    return Improvement(metric=gain.series.metric.name, delta=gain.delta, p=gain.p)


def field_change(change: Change) -> FieldChange:
    """A change as its GraphQL type."""
    return FieldChange(
        field=change.field,
        before=JSON(change.before),
        after=JSON(change.after),
        on=None if change.on is None else Ref(change.on),
        disclosed=change.disclosed,
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
            scale=one.series.metric.scale,
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
        meaning=meaning_of(metric),
        slice=people(found.series.slice),
        baseline=of_version(report_.baseline, found.baseline_result, metric),
        head=of_version(report_.head, found.head_result, metric),
        delta=found.delta,
        scale=metric.scale,
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
            Introduction(
                from_=Ref(one.start),
                to=Ref(one.end),
                changes=[field_change(each) for each in one.changes],
                disclosures=[node(each, at) for each in one.disclosures],
            )
            for one in report_.introduced_by
        ],
        message=report_.message,
    )


Since = Annotated[
    Ref | None,
    strawberry.argument(description="An ancestor: only it and its descendants count; the whole ancestry by default."),
]


@strawberry.type
class ErosionQuery:
    """Questions about erosion."""

    @strawberry.field(
        description="Which metrics got worse along a version's ancestry, and which derivation introduced it."
    )
    async def erosion(
        self,
        info: Info,
        of: Of,
        since: Since = None,
        alpha: Annotated[
            float | None,
            strawberry.argument(
                description="The accepted rate of false discoveries, between 0 and 1; 0.05 by default."
            ),
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
