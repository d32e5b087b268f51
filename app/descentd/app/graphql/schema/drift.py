"""Drift of documentation: safety profiles that are missing, out of date, copied or contradicted."""

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import After, AsOf, First
from descentd.app.graphql.schema.connections import EdgeList, page_info
from descentd.app.graphql.schema.enums import DriftKind
from descentd.app.graphql.schema.filters import Filter
from descentd.app.graphql.schema.records import node
from descentd.app.graphql.schema.scalars import Count
from descentd.app.graphql.schema.versions import ModelVersion
from descentd.graph.turns import each
from descentd.queries.lineage.versions import documentation_drift


@strawberry.type(description="How the documentation of a version has drifted.")
class DriftFinding:
    """Finding."""

    kind: DriftKind = strawberry.field(description="What is wrong with it.")
    message: str = strawberry.field(description="An explanation in one sentence.")


@strawberry.type(description="A version whose documentation has drifted.")
class DriftEdge:
    """Version."""

    cursor: str = strawberry.field(description="The position of the item, for `after`.")
    node: ModelVersion = strawberry.field(description="The version.")
    findings: list[DriftFinding] = strawberry.field(description="What is wrong with it.")


@strawberry.type(description="A page of versions whose documentation has drifted, in log order.")
class DriftConnection(EdgeList[DriftEdge]):
    """A page of DriftEdge."""


@strawberry.type
class DriftQuery:
    """Questions about documentation."""

    @strawberry.field(description="The versions whose safety profile is missing, out of date, copied or contradicted.")
    async def documentation_drift(
        self, info: Info, filter: Filter = None, first: First = None, after: After = None, as_of: AsOf = None
    ) -> DriftConnection | None:
        wanted = filter.conditions() if filter else None
        found = await documentation_drift(context(info).registry, wanted, first, after, as_of)
        context(info).answered_at(found.upto, as_of)
        return DriftConnection(
            total_count=Count(found.total),
            page_info=page_info([item.cursor for item in found.items], more=found.more, after=after),
            edges=[
                DriftEdge(
                    cursor=item.cursor,
                    node=node(item.version, found.upto),
                    findings=[DriftFinding(kind=one.kind, message=one.message) for one in item.findings],
                )
                async for item in each(found.items)
            ],
        )
