"""Looking records up: one by its ref, many by what is known of them, and what happened to one."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import After, AsOf, First, Kinds, Of
from descentd.app.graphql.schema.connections import Connection, Edge, PageInfo, page_info
from descentd.app.graphql.schema.enums import RecordKind
from descentd.app.graphql.schema.exposure import Filter
from descentd.app.graphql.schema.records import Record, node
from descentd.app.graphql.schema.scalars import Count, DateTime, Ref
from descentd.app.graphql.schema.versions import ModelVersion
from descentd.graph.model.errors import NotFound
from descentd.graph.model.names import rfc3339
from descentd.graph.model.records import Brief
from descentd.queries.governance.policies import policy_by_digest
from descentd.queries.lineage import history, search, versions


@strawberry.type(description="Something that happened to a record.")
class HistoryEvent:
    """Event."""

    id: strawberry.ID = strawberry.field(description="The content id of what was recorded.")
    kind: RecordKind = strawberry.field(description="What was recorded.")
    recorded_at: DateTime = strawberry.field(description="When.")
    recorded_by: str = strawberry.field(description="By whom.")
    summary: str = strawberry.field(description="One sentence.")


@strawberry.type(description="A page of what happened to a record, oldest first.")
class HistoryConnection:
    """History."""

    page_info: PageInfo = strawberry.field(description="Where the page ends.")
    edges: list[Edge[HistoryEvent]] = strawberry.field(description="The items of this page.")


@strawberry.type
class LookupQuery:
    """Looking records up."""

    @strawberry.field(description="The record that a ref names; a policy also by its `policyDigest`.")
    async def entity(
        self,
        info: Info,
        ref: Annotated[Ref, strawberry.argument(description="The record that is meant.")],
        as_of: AsOf = None,
    ) -> Record:
        registry = context(info).registry
        at = await registry.sequence(as_of)
        context(info).answered_at(at, as_of)
        try:
            found: Record = node(await registry.find(ref, at, field="ref"), at)
        except NotFound:
            policy = await policy_by_digest(registry, ref, at) if ref.startswith("sha256:") else None
            if policy is None:
                raise
            return node(Brief(policy.sequence, policy.record.kind, policy.record.id, None), at)
        return found

    @strawberry.field(description="The versions that a filter lets through, in log order.")
    async def model_versions(
        self, info: Info, filter: Filter = None, first: First = None, after: After = None, as_of: AsOf = None
    ) -> Connection[ModelVersion]:
        wanted = filter.conditions() if filter else None
        found = await versions.versions(context(info).registry, wanted, first, after, as_of)
        context(info).answered_at(found.upto, as_of)
        return Connection(
            total_count=Count(found.total),
            page_info=page_info([cursor for _, cursor in found.items], more=found.more),
            edges=[Edge(cursor=cursor, node=node(brief, found.upto)) for brief, cursor in found.items],
        )

    @strawberry.field(
        description="Records by name, by the beginning of a digest, or by the words of notes and profiles."
    )
    async def search(
        self,
        info: Info,
        text: Annotated[
            str,
            strawberry.argument(description="A name, the beginning of a digest, or words; all of them must be there."),
        ],
        kinds: Kinds = None,
        first: First = None,
        after: After = None,
        as_of: AsOf = None,
    ) -> Connection[Record]:
        found = await search.search(context(info).registry, text, kinds, first, after, as_of)
        context(info).answered_at(found.upto, as_of)
        return Connection(
            total_count=Count(found.total),
            page_info=page_info([cursor for _, cursor in found.items], more=found.more),
            edges=[Edge(cursor=cursor, node=node(brief, found.upto)) for brief, cursor in found.items],
        )

    @strawberry.field(description="How a record came in, and every statement about it since.")
    async def history(
        self, info: Info, of: Of, first: First = None, after: After = None, as_of: AsOf = None
    ) -> HistoryConnection:
        found = await history.history(context(info).registry, of, first, after, as_of)
        context(info).answered_at(found.upto, as_of)
        return HistoryConnection(
            page_info=page_info([event.cursor for event in found.events], more=found.more),
            edges=[Edge(cursor=event.cursor, node=_happened(event)) for event in found.events],
        )


def _happened(event: history.Event) -> HistoryEvent:
    entry = event.entry
    return HistoryEvent(
        id=strawberry.ID(entry.record.id),
        kind=entry.record.kind,
        recorded_at=DateTime(rfc3339(entry.recorded_at)),
        recorded_by=entry.recorded_by,
        summary=event.summary,
    )
