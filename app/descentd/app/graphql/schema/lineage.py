"""Lineage, impact and paths."""

from collections.abc import Mapping
from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import After, AsOf, First, Kinds, Of
from descentd.app.graphql.schema.connections import EdgeList, cursors_below, page_info
from descentd.app.graphql.schema.enums import Direction, RecordKind, Relation, Role
from descentd.app.graphql.schema.filters import Filter
from descentd.app.graphql.schema.records import Record, node
from descentd.app.graphql.schema.scalars import Count, Ref
from descentd.graph.model.kinds import KINDS
from descentd.graph.turns import each
from descentd.queries.lineage import impact, lineage, paths
from descentd.queries.lineage.paths import Derivation


@strawberry.type(description="A record of a lineage.")
class LineageNode:
    """A record and its distance: without an id, since caches would take the distance for a fact about the record."""

    ref: Ref = strawberry.field(description="The label where the record has one, else the id.")
    kind: RecordKind = strawberry.field(description="The kind of record.")
    distance: int = strawberry.field(
        description="The number of derivations between it and the record that was asked for."
    )
    node: Record = strawberry.field(description="The record itself.")


@strawberry.type(description="A derivation between two records of a lineage.")
class LineageEdge:
    """Edge."""

    source: strawberry.ID = strawberry.field(description="The id of the derived record.")
    target: strawberry.ID = strawberry.field(description="The id of the record that it was derived from.")
    role: Role = strawberry.field(description="The role of the target for the source.")
    relation: Relation | None = strawberry.field(
        description="How the source was derived from the target; null unless the role is DERIVED_FROM."
    )
    disclosed: bool = strawberry.field(
        description="Whether it was disclosed after the source was registered, which does not say so itself."
    )


@strawberry.type(description="The neighbourhood of a record in the influence graph.")
class Lineage:
    """Lineage."""

    complete: bool = strawberry.field(description="false if `depth` or `limit` left records out.")
    total_count: Count = strawberry.field(
        description="The exact number of records, including the one that was asked for."
    )
    nodes: list[LineageNode] = strawberry.field(
        description="The records, nearest first, beginning with the one that was asked for."
    )
    edges: list[LineageEdge] = strawberry.field(description="The derivations between the nodes.")


@strawberry.type(description="The number of records of a kind.")
class KindCount:
    """Count."""

    kind: RecordKind = strawberry.field(description="The kind.")
    count: Count = strawberry.field(description="The number of records.")


def kind_counts(counts: Mapping[RecordKind, int]) -> list[KindCount]:
    """Counts by kind; kinds without any are left out."""
    return [KindCount(kind=kind, count=Count(counts[kind])) for kind in KINDS if counts.get(kind)]


@strawberry.type(description="A record on a derivation.")
class Step:
    """Step."""

    ref: Ref = strawberry.field(description="The record.")
    role: Role | None = strawberry.field(description="The role of the edge to the previous record; null for the first.")
    back: bool = strawberry.field(
        description="The record before it came from this one, not the other way round: only where data that was "
        "evaluated on was made from data that was learned from."
    )


@strawberry.type(description="An affected record.")
class AffectedEdge:
    """Affected."""

    cursor: str = strawberry.field(description="The position of the item, for `after`.")
    distance: int = strawberry.field(description="The number of derivations from the cause.")
    via: list[Step] = strawberry.field(description="One shortest derivation from the cause, both ends included.")
    node: Record = strawberry.field(description="The affected record.")


@strawberry.type(description="A page of affected records, nearest first.")
class AffectedConnection(EdgeList[AffectedEdge]):
    """A page of AffectedEdge."""


@strawberry.type(description="Everything that some records influenced.")
class Impact:
    """Impact."""

    question: strawberry.Private[impact.Impact]

    @strawberry.field(description="The exact number of affected records of each kind; kinds without any are left out.")
    async def counts(self) -> list[KindCount]:
        return kind_counts(await self.question.counts())

    @strawberry.field(description="The affected records, by distance and then in log order.")
    async def affected(self, info: Info, first: First = None, after: After = None) -> AffectedConnection:
        page = await self.question.affected(first, after, via=selects(info, "via"))
        at = self.question.upto
        return AffectedConnection(
            total_count=Count(page.total),
            page_info=page_info([item.cursor for item in page.items], more=page.more, after=after),
            edges=[
                AffectedEdge(
                    cursor=item.cursor, distance=item.distance, via=steps(item.via), node=node(item.record, at)
                )
                for item in page.items
            ],
        )


@strawberry.type(description="A derivation.")
class Path:
    """Path."""

    steps: list[Step] = strawberry.field(description="The records on the derivation, the ancestor first.")


@strawberry.type(description="All derivations from one record to another.")
class Paths:
    """Paths."""

    count: str = strawberry.field(description="The exact number of different derivations, in decimal digits.")
    complete: bool = strawberry.field(description="Whether all of them are listed.")
    paths: list[Path] = strawberry.field(description="The first derivations, shortest first.")


def steps(derivation: Derivation) -> list[Step]:
    """A derivation as its GraphQL type."""
    return [Step(ref=Ref(step.ref), role=step.role, back=step.back) for step in derivation]


def selects(info: Info, name: str) -> bool:
    """Whether `name` is selected at any depth below the field that is being resolved."""
    waiting = list(info.selected_fields)
    while waiting:
        selection = waiting.pop()
        if getattr(selection, "name", None) == name:
            return True
        waiting += selection.selections
    return False


@strawberry.type
class LineageQuery:
    """Questions about lineage."""

    @strawberry.field(description="The lineage of a record: its ancestors, its descendants, or both.")
    async def lineage(
        self,
        info: Info,
        of: Of,
        direction: Annotated[Direction, strawberry.argument(description="Which way to walk.")],
        depth: Annotated[
            int | None, strawberry.argument(description="The largest number of derivations away; unlimited by default.")
        ] = None,
        limit: Annotated[
            int | None,
            strawberry.argument(
                description="The largest number of records, 1 to 10,000, nearest first; 500 by default."
            ),
        ] = None,
        as_of: AsOf = None,
    ) -> Lineage | None:
        registry, edges = context(info).registry, selects(info, "edges")
        found, at = await lineage.lineage(registry, of, direction, depth, limit, as_of, edges=edges)
        context(info).answered_at(at, as_of)
        return Lineage(
            complete=found.complete,
            total_count=Count(found.total),
            nodes=[
                LineageNode(
                    ref=Ref(one.record.ref),
                    kind=one.record.kind,
                    distance=one.distance,
                    node=node(one.record, at),
                )
                async for one in each(found.nodes)
            ],
            edges=[
                LineageEdge(
                    source=strawberry.ID(e.source),
                    target=strawberry.ID(e.target),
                    role=e.role,
                    relation=e.relation,
                    disclosed=e.disclosed,
                )
                async for e in each(found.edges)
            ],
        )

    @strawberry.field(description="Everything that some records influenced, each with a derivation that proves it.")
    async def impact(
        self,
        info: Info,
        of: Annotated[
            list[Ref],
            strawberry.argument(description="The causes; everything that any of them influenced is affected."),
        ],
        kinds: Kinds = None,
        as_of: AsOf = None,
        include_evidence: Annotated[
            bool | None,
            strawberry.argument(
                description="Include evaluations of affected versions or on affected data, and the statements that "
                "cite them."
            ),
        ] = None,
        filter: Filter = None,
    ) -> Impact | None:
        question = await impact.impact(
            context(info).registry,
            of,
            kinds,
            as_of,
            evidence=bool(include_evidence),
            wanted=filter.conditions() if filter else None,
            cursors=cursors_below(info, "affected"),
        )
        context(info).answered_at(question.upto, as_of)
        return Impact(question=question)

    @strawberry.field(
        description="All derivations from an ancestor to a descendant: their exact number, and the first."
    )
    async def paths(
        self,
        info: Info,
        from_: Annotated[Ref, strawberry.argument(name="from", description="The ancestor.")],
        to: Annotated[Ref, strawberry.argument(description="The descendant.")],
        first: Annotated[
            int | None, strawberry.argument(description="The number of derivations to list, 1 to 1000; 10 by default.")
        ] = None,
        as_of: AsOf = None,
    ) -> Paths | None:
        found = await paths.paths(context(info).registry, from_, to, first, as_of)
        context(info).answered_at(found.upto, as_of)
        return Paths(
            count=str(found.count), complete=found.complete, paths=[Path(steps=steps(path)) for path in found.paths]
        )
