"""Diff: how two versions differ, for whom, and what was done about it."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import AsOf
from descentd.app.graphql.schema.enums import ChangeArea, Comparability, VersionRelation
from descentd.app.graphql.schema.erosion import people
from descentd.app.graphql.schema.evaluations import Suite, suite_of
from descentd.app.graphql.schema.records import Record, named, node
from descentd.app.graphql.schema.scalars import JSON, Ref
from descentd.app.graphql.schema.statements import Attribute
from descentd.app.graphql.schema.versions import AttributeTarget, ModelVersion
from descentd.queries.difference import diff
from descentd.queries.difference.diff_summary import summary
from descentd.queries.difference.metric_rows import Row


@strawberry.type(description="A part of a version that differs.")
class VersionChange:
    """Change."""

    area: ChangeArea = strawberry.field(description="What part of the version it is in.")
    field: str = strawberry.field(description="Its dotted path, `config.learning_rate`.")
    before: JSON | None = strawberry.field(description="On the base; null where it is not there.")
    after: JSON | None = strawberry.field(description="On the head; null where it is not there.")


@strawberry.type(description="Something that was done for somebody between two versions.")
class InterventionBetween:
    """Intervention."""

    kind: str = strawberry.field(description="What was done, `reweighing`.")
    targets: list[AttributeTarget] = strawberry.field(description="For whom.")
    description: str = strawberry.field(description="How, and why.")
    on: ModelVersion = strawberry.field(description="The version that it was done in making of.")


@strawberry.type(description="A value and its share of the training rows, inherited data counted in.")
class PopulationDifference:
    """Population."""

    attribute: str = strawberry.field(description="What is told apart, `age_group`.")
    value: str = strawberry.field(description="The exact text.")
    base_share: float | None = strawberry.field(
        description="Of the base's training rows, from 0 to 1; null where not all of them are documented."
    )
    head_share: float | None = strawberry.field(
        description="Of the head's training rows, from 0 to 1; null where not all of them are documented."
    )
    undocumented: list[Ref] = strawberry.field(
        description="What would have to say more for the shares to be known, the first on either side; empty where "
        "both are."
    )


@strawberry.type(description="A metric on both sides.")
class MetricDifference:
    """Metric."""

    name: str = strawberry.field(description="The metric.")
    slice: list[Attribute] = strawberry.field(description="The people or items that it is about; empty: all.")
    base: float | None = strawberry.field(description="As measured on the base; null where it was not.")
    head: float | None = strawberry.field(description="As measured on the head; null where it was not.")
    delta: float | None = strawberry.field(description="Head minus base, as measured.")
    p: float | None = strawberry.field(description="Two-sided; null where no error is known.")
    q: float | None = strawberry.field(description="The false discovery rate over all rows that were tested.")
    paired: bool = strawberry.field(description="Whether they were compared by the items that both answered.")
    shown_not_worse: bool = strawberry.field(
        description="Whether a change for the worse of more than the tolerance is excluded at 5 %."
    )
    verdict: Comparability = strawberry.field(description="What became of it, within tolerance and error.")
    reason: str | None = strawberry.field(
        description="Why it is INCOMPARABLE, or SAME though the change is more than the tolerance; null otherwise."
    )
    suite: Suite | None = strawberry.field(
        description="The protocol; null where the two sides were measured differently, of which `reason` tells."
    )
    data: Record | None = strawberry.field(
        description="What both were evaluated on; null where that was not said, or differs."
    )


@strawberry.type(description="How two versions differ; what may be compared comes first.")
class Diff:
    """Difference."""

    relation: VersionRelation = strawberry.field(description="How the two are related.")
    changes: list[VersionChange] = strawberry.field(description="By area, then by field.")
    interventions: list[InterventionBetween] = strawberry.field(
        description="What was done in making any version that only one of the two comes from, or is."
    )
    populations: list[PopulationDifference] = strawberry.field(description="Whom the training data is about.")
    metrics: list[MetricDifference] = strawberry.field(description="What was measured.")
    tested: int = strawberry.field(description="How many rows were tested: they share the false discovery rate `q`.")
    summary: str = strawberry.field(description="The answer in at most five sentences.")
    unspoken: list[str] = strawberry.field(
        description="Those of `attributes` of which no population, slice, disparity or intervention speaks."
    )


def _metric(row: Row, found: diff.Diff) -> MetricDifference:
    protocol = None if row.series is None else row.series.protocol
    on = None if protocol is None or protocol.data is None else found.called.data[protocol.data]
    return MetricDifference(
        name=row.metric.name,
        slice=people(row.slice),
        base=None if row.base is None else row.base.value,
        head=None if row.head is None else row.head.value,
        delta=row.delta,
        p=row.p,
        q=row.q,
        paired=row.paired,
        shown_not_worse=row.not_worse,
        verdict=row.verdict,
        reason=row.reason,
        suite=None if protocol is None else suite_of(protocol),
        data=None if on is None else node(on, found.upto),
    )


@strawberry.type
class DiffQuery:
    """Questions about differences."""

    @strawberry.field(description="How two versions differ, for whom, and what was done about it.")
    async def diff(
        self,
        info: Info,
        base: Annotated[Ref, strawberry.argument(description="The version that is compared with.")],
        head: Annotated[Ref, strawberry.argument(description="The version that is asked about.")],
        attributes: Annotated[
            list[str] | None,
            strawberry.argument(description="Only populations and slices of these; all unless given."),
        ] = None,
        as_of: AsOf = None,
    ) -> Diff | None:
        found = await diff.diff(context(info).registry, base, head, attributes, as_of)
        context(info).answered_at(found.upto, as_of)
        return Diff(
            relation=found.relation,
            changes=[
                VersionChange(area=one.area, field=one.field, before=JSON(one.before), after=JSON(one.after))
                for one in found.changes
            ],
            interventions=[
                InterventionBetween(
                    kind=one.kind,
                    targets=[AttributeTarget(attribute=attribute, value=value) for attribute, value in one.targets],
                    description=one.description,
                    on=await named(info, found.called.refs[one.on], found.upto),
                )
                for one in found.interventions
            ],
            populations=[
                PopulationDifference(
                    attribute=row.attribute,
                    value=row.value,
                    base_share=row.base,
                    head_share=row.head,
                    undocumented=[Ref(found.called.refs[each]) for each in row.undocumented],
                )
                for row in found.populations
            ],
            metrics=[_metric(row, found) for row in found.metrics],
            tested=sum(row.p is not None for row in found.metrics),
            summary=summary(found),
            unspoken=found.unspoken(),
        )
