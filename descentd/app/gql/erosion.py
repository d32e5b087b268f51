"""Erosion: what got worse along a version's ancestry, since when, by which derivation, and what was gained."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.gql.arguments import AsOf, Of
from descentd.app.gql.context import context
from descentd.app.gql.enums import ErosionKind, ErosionVerdict
from descentd.app.gql.scalars import JSON, Ref
from descentd.app.gql.statements import Attribute
from descentd.graph.metrics import MetricDefinition
from descentd.queries import eroded
from descentd.queries.builds import Change
from descentd.queries.erosion.composites import Slice
from descentd.queries.erosion.findings import Finding
from descentd.queries.erosion.results import Result


@strawberry.type(description="A version and what it was measured to be.")
class VersionResult:
    """Result of a version."""

    ref: Ref = strawberry.field(description="The version.")
    value: float | None = strawberry.field(description="As measured; null where it was not.")
    stderr: float | None = strawberry.field(
        description="The standard error: as reported, or for a rate from n; null where none is known."
    )


@strawberry.type(description="What was gained while something else got worse.")
class Improvement:
    """Gain."""

    metric: str = strawberry.field(description="The performance metric that improved.")
    delta: float = strawberry.field(description="Its change in badness, so below 0.")
    p: float | None = strawberry.field(description="Two-sided; null where no error is known.")


@strawberry.type(description="A field that differs.")
class FieldChange:
    """Change."""

    field: str = strawberry.field(description="Its dotted path, `config.learning_rate`.")
    before: JSON | None = strawberry.field(description="What it was; null where it was not there.")
    after: JSON | None = strawberry.field(description="What it became; null where it is not there.")


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
    improved: list[Improvement] = strawberry.field(description="For a TRADE_OFF, what was gained meanwhile.")
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
    summary: str = strawberry.field(description="One sentence about the verdict, with what could have been seen.")


def people(slice: Slice) -> list[Attribute]:
    """A slice as its GraphQL type."""
    return [Attribute(attribute=attribute, value=value) for attribute, value in slice]


def of_version(ref: str, result: Result | None, definition: MetricDefinition) -> VersionResult:
    """A result as its GraphQL type."""
    if result is None:
        return VersionResult(ref=Ref(ref), value=None, stderr=None)
    return VersionResult(ref=Ref(ref), value=result.value, stderr=result.error(definition))


def field_change(change: Change) -> FieldChange:
    """A change as its GraphQL type."""
    return FieldChange(field=change.field, before=JSON(change.before), after=JSON(change.after))


def finding(told: eroded.Told) -> ErosionFinding:
    """A finding as its GraphQL type."""
    found: Finding = told.finding
    metric = found.protocol.metric
    return ErosionFinding(
        kind=found.kind,
        metric=metric.name,
        slice=people(found.protocol.slice),
        baseline=of_version(told.baseline, found.baseline_result, metric),
        head=of_version(told.head, found.head_result, metric),
        delta=found.delta,
        z=found.z,
        p=found.p,
        q=found.q,
        improved=[Improvement(metric=g.protocol.metric.name, delta=g.delta, p=g.p) for g in found.improved],
        introduced_by=[
            Introduction(from_=Ref(one.start), to=Ref(one.end), changes=[field_change(each) for each in one.changes])
            for one in told.introduced_by
        ],
        message=told.message,
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
    ) -> Erosion:
        found = await eroded.erosion(context(info).registry, of, since, alpha, as_of)
        context(info).answered_at(found.upto, as_of)
        return Erosion(
            verdict=found.assessment.verdict,
            findings=[finding(told) for told in found.findings],
            summary=found.summary,
        )
