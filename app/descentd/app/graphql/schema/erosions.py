"""Erosions: the versions of the whole registry whose safety eroded."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import After, First
from descentd.app.graphql.schema.connections import PageInfo, page_info
from descentd.app.graphql.schema.enums import ErosionKind, ErosionVerdict, MetricCategory
from descentd.app.graphql.schema.erosion import people
from descentd.app.graphql.schema.records import node
from descentd.app.graphql.schema.scalars import Count
from descentd.app.graphql.schema.statements import Attribute
from descentd.app.graphql.schema.versions import ModelVersion
from descentd.queries.erosion import registry_report


@strawberry.input(description="Which erosions are meant; every condition that is given must hold.")
class ErosionFilter:
    """Filter."""

    name: str | None = strawberry.field(default=None, description="The model's name.")
    name_prefix: str | None = strawberry.field(default=None, description="How the model's name begins.")
    category: list[MetricCategory] | None = strawberry.field(
        default=None, description="Only findings about metrics of these categories."
    )
    kinds: list[ErosionKind] | None = strawberry.field(default=None, description="Only findings of these kinds.")

    def conditions(self) -> registry_report.ErosionFilter:
        """The filter as the question takes it."""
        category = None if self.category is None else tuple(self.category)
        kinds = None if self.kinds is None else tuple(self.kinds)
        return registry_report.ErosionFilter(self.name, self.name_prefix, category, kinds)


@strawberry.type(description="Something that got worse, in short.")
class ErosionBrief:
    """Finding."""

    kind: ErosionKind = strawberry.field(description="What was found.")
    metric: str = strawberry.field(description="The metric.")
    slice: list[Attribute] = strawberry.field(description="The people or items that it is about; empty: all.")
    p: float | None = strawberry.field(description="Two-sided; null where no error is known.")
    q: float | None = strawberry.field(description="The false discovery rate over all that was asked of this version.")
    e: float | None = strawberry.field(description="Of a LASTING_EROSION its e-value, in place of p and q.")
    message: str = strawberry.field(description="One sentence.")


@strawberry.type(description="A version whose safety eroded.")
class ErosionsEdge:
    """Version."""

    cursor: str = strawberry.field(description="Where the item stands, for `after`.")
    node: ModelVersion = strawberry.field(description="The version.")
    verdict: ErosionVerdict = strawberry.field(description="ERODED, for itself alone.")
    registry_q: float | None = strawberry.field(
        description="The false discovery rate over the whole registry, by which they are ranked."
    )
    findings: list[ErosionBrief] = strawberry.field(description="What was asked for, the gravest first.")


@strawberry.type(description="A page of eroded versions, worst first; those that one derivation made worse together.")
class ErosionsConnection:
    """Versions."""

    total_count: Count = strawberry.field(description="How many there are in all, exactly.")
    page_info: PageInfo = strawberry.field(description="Where the page ends.")
    edges: list[ErosionsEdge] = strawberry.field(description="The items of this page.")


@strawberry.type
class ErosionsQuery:
    """Questions about the erosion of everything."""

    @strawberry.field(description="The versions of the whole registry whose safety eroded, worst first.")
    async def erosions(
        self,
        info: Info,
        filter: Annotated[
            ErosionFilter | None, strawberry.argument(description="Which are meant; all unless given.")
        ] = None,
        first: First = None,
        after: After = None,
    ) -> ErosionsConnection:
        wanted = None if filter is None else filter.conditions()
        found = await registry_report.erosions(context(info).registry, wanted, first, after)
        context(info).answered_at(found.upto)
        return ErosionsConnection(
            total_count=Count(found.total),
            page_info=page_info([item.cursor for item in found.items], more=found.more),
            edges=[
                ErosionsEdge(
                    cursor=item.cursor,
                    node=node(item.record, found.upto),
                    verdict=item.verdict,
                    registry_q=item.q,
                    findings=[
                        ErosionBrief(
                            kind=one.kind,
                            metric=one.metric,
                            slice=people(one.slice),
                            p=one.p,
                            q=one.q,
                            e=one.e,
                            message=one.message,
                        )
                        for one in item.findings
                    ],
                )
                for item in found.items
            ],
        )
