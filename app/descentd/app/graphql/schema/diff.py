"""Diff: how two versions differ, for which groups, and what was done about it."""

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

    area: ChangeArea = strawberry.field(description="The part of the version that it is in.")
    field: str = strawberry.field(description="Its dotted path, for example `config.learning_rate`.")
    before: JSON | None = strawberry.field(description="The value in the base; null if it has none.")
    after: JSON | None = strawberry.field(description="The value in the head; null if it has none.")
    disclosed: bool = strawberry.field(description="Whether only a disclosure says so, and no version itself.")


@strawberry.type(description="An intervention for a group between two versions.")
class InterventionBetween:
    """Intervention."""

    kind: str = strawberry.field(description="The kind of intervention, for example `reweighing`.")
    targets: list[AttributeTarget] = strawberry.field(description="The groups that it is for.")
    description: str = strawberry.field(description="What was done, and why.")
    on: ModelVersion = strawberry.field(description="The version that it was applied to.")


@strawberry.type(description="A value and its share of the training rows, inherited data included.")
class PopulationDifference:
    """Population."""

    attribute: str = strawberry.field(description="The attribute, for example `age_group`.")
    value: str = strawberry.field(description="The value, as exact text.")
    base_share: float | None = strawberry.field(
        description="Its share of the base's training rows, from 0 to 1; null if not all of them are documented."
    )
    head_share: float | None = strawberry.field(
        description="Its share of the head's training rows, from 0 to 1; null if not all of them are documented."
    )
    undocumented: list[Ref] = strawberry.field(
        description="The first record on each side that must be documented before the share is known; empty if both "
        "shares are known."
    )


@strawberry.type(description="A metric of both versions.")
class MetricDifference:
    """Metric."""

    name: str = strawberry.field(description="The metric.")
    slice: list[Attribute] = strawberry.field(
        description="The slice: the people or items that the result is about; empty: all."
    )
    base: float | None = strawberry.field(
        description="The value for the base, in the unit of the metric, several results pooled; null if it was not "
        "measured."
    )
    base_newest: float | None = strawberry.field(
        description="The newest of the base's results; null if it was not measured."
    )
    head: float | None = strawberry.field(
        description="The value for the head, in the unit of the metric, several results pooled; null if it was not "
        "measured."
    )
    head_newest: float | None = strawberry.field(
        description="The newest of the head's results; null if it was not measured."
    )
    delta: float | None = strawberry.field(description="Head minus base, in the unit of the metric.")
    p: float | None = strawberry.field(
        description="The two-sided p-value of the change; null if no standard error is known."
    )
    q: float | None = strawberry.field(
        description="The p-value adjusted for the false discovery rate over all rows that were tested (Benjamini and "
        "Hochberg)."
    )
    paired: bool = strawberry.field(
        description="Whether the two were compared item by item, on the items that both answered."
    )
    shown_not_worse: bool = strawberry.field(
        description="Whether a change for the worse of more than the tolerance is excluded at 5 %."
    )
    verdict: Comparability = strawberry.field(
        description="Whether it is better, worse or the same, within tolerance and error."
    )
    reason: str | None = strawberry.field(
        description="Why it is INCOMPARABLE, or SAME although the change exceeds the tolerance; null otherwise."
    )
    suite: Suite | None = strawberry.field(
        description="The suite of both; null if the two were measured by different protocols, which `reason` says."
    )
    data: Record | None = strawberry.field(
        description="The data that both were evaluated on; null if it was not recorded, or differs."
    )


@strawberry.type(description="How two versions differ; comparable metrics come first.")
class Diff:
    """Difference."""

    relation: VersionRelation = strawberry.field(description="How the two are related.")
    changes: list[VersionChange] = strawberry.field(description="The changes, by area and then by field.")
    interventions: list[InterventionBetween] = strawberry.field(
        description="The interventions of every version that is in the ancestry of only one of the two."
    )
    populations: list[PopulationDifference] = strawberry.field(description="The populations of the training data.")
    metrics: list[MetricDifference] = strawberry.field(description="The metrics of both versions.")
    tested: int = strawberry.field(description="The number of rows that were tested, over which `q` is computed.")
    summary: str = strawberry.field(description="The answer in at most five sentences.")
    unspoken: list[str] = strawberry.field(
        description="Those of `attributes` that no population, slice, disparity or intervention mentions."
    )


def _metric(row: Row, found: diff.Diff) -> MetricDifference:
    protocol = None if row.series is None else row.series.protocol
    on = None if protocol is None or protocol.data is None else found.called.data[protocol.data]
    return MetricDifference(
        name=row.metric.name,
        slice=people(row.slice),
        base=None if row.base is None else row.base.value,
        base_newest=None if row.base is None else row.base.latest,
        head=None if row.head is None else row.head.value,
        head_newest=None if row.head is None else row.head.latest,
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

    @strawberry.field(description="How two versions differ, for which groups, and what was done about it.")
    async def diff(
        self,
        info: Info,
        base: Annotated[Ref, strawberry.argument(description="The earlier version.")],
        head: Annotated[Ref, strawberry.argument(description="The later version.")],
        attributes: Annotated[
            list[str] | None,
            strawberry.argument(description="Only populations and slices of these attributes; all by default."),
        ] = None,
        as_of: AsOf = None,
    ) -> Diff | None:
        found = await diff.diff(context(info).registry, base, head, attributes, as_of)
        context(info).answered_at(found.upto, as_of)
        return Diff(
            relation=found.relation,
            changes=[
                VersionChange(
                    area=one.area,
                    field=one.field,
                    before=JSON(one.before),
                    after=JSON(one.after),
                    disclosed=one.disclosed,
                )
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
