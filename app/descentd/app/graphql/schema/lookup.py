"""Looking up records: one by its ref, many by a filter or by words, and the history of one."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import After, AsOf, First, Kinds, Of
from descentd.app.graphql.schema.connections import Connection, Edge, EdgeList, page_info, records_page
from descentd.app.graphql.schema.enums import RecordKind
from descentd.app.graphql.schema.filters import Filter
from descentd.app.graphql.schema.records import Node, Record, node
from descentd.app.graphql.schema.scalars import Count, DateTime, Ref
from descentd.app.graphql.schema.versions import ModelVersion
from descentd.graph.model.errors import InvalidInput, NotFound
from descentd.graph.model.names import digest, ref, rfc3339
from descentd.queries.governance.policies import policies_by_digest
from descentd.queries.lineage import history, search, versions
from descentd.queries.pages import MOST
from descentd.queries.prose import shortened
from descentd.queries.registry import about


@strawberry.type(description="An event in the history of a record.")
class HistoryEvent:
    """Event."""

    id: strawberry.ID = strawberry.field(description="The content id of what was recorded.")
    kind: RecordKind = strawberry.field(description="The kind of the recorded statement.")
    recorded_at: DateTime = strawberry.field(description="When.")
    recorded_by: str = strawberry.field(description="The person who recorded it.")
    summary: str = strawberry.field(description="A summary in one sentence.")


@strawberry.type(description="A page of the history of a record, oldest first.")
class HistoryConnection(EdgeList[Edge[HistoryEvent]]):
    """A page of HistoryEvents."""


@strawberry.type
class LookupQuery:
    """Looking records up."""

    @strawberry.field(description="The record that a ref names; a policy also by its `policyDigest`.")
    async def entity(
        self,
        info: Info,
        ref: Annotated[Ref, strawberry.argument(description="The record.")],
        as_of: AsOf = None,
    ) -> Record | None:
        try:
            return await _found(info, ref, "ref", as_of)
        except NotFound:
            registry = context(info).registry
            at = await registry.sequence(as_of)
            policies = await policies_by_digest(registry, [ref], at) if ref.startswith("sha256:") else {}
            if ref not in policies:
                raise
            found: Record = node(policies[ref], at)
            return found

    @strawberry.field(
        description="The records that refs name, in their order; null for a ref that names none, with a warning in "
        "`extensions.warnings`. A policy also by its `policyDigest`."
    )
    async def entities(
        self,
        info: Info,
        refs: Annotated[list[Ref], strawberry.argument(description="The records, 1 to 1000.")],
        as_of: AsOf = None,
    ) -> list[Record | None]:
        registry = context(info).registry
        at = await registry.sequence(as_of)
        context(info).answered_at(at, as_of)
        if len(refs) > MOST:
            raise InvalidInput(
                f"Expected 1 to {MOST} refs, got {len(refs)}: ask for the rest in another request.", "refs"
            )
        found = await registry.find_each(refs, at, "refs")
        unknown = [ref for ref, brief in zip(refs, found, strict=True) if brief is None]
        policies = await policies_by_digest(registry, [ref for ref in unknown if ref.startswith("sha256:")], at)
        if missing := [f'"{ref}"' for ref in dict.fromkeys(unknown) if ref not in policies]:
            context(info).warn(f"Nothing is registered as {shortened(missing)}: check the spelling, or search for it.")
        briefs = [brief or policies.get(ref) for ref, brief in zip(refs, found, strict=True)]
        return [None if brief is None else node(brief, at) for brief in briefs]

    @strawberry.field(
        name="node",
        description="The record with an id as of now, for clients that fetch objects again by their ids. At a moment: "
        "`entity(ref:, asOf:)`.",
    )
    async def node_(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The content id of the record.")],
    ) -> Node | None:
        # Relay's compiler takes it for Relay's `node` with this one argument only.
        with about("id"):
            normal = digest(id)
        return await _found(info, normal, "id", None)

    @strawberry.field(description="The versions that a filter selects, in log order.")
    async def model_versions(
        self, info: Info, filter: Filter = None, first: First = None, after: After = None, as_of: AsOf = None
    ) -> Connection[ModelVersion] | None:
        wanted = filter.conditions() if filter else None
        found = await versions.versions(context(info).registry, wanted, first, after, as_of)
        context(info).answered_at(found.upto, as_of)
        return records_page(found, after)

    @strawberry.field(
        description="Finds records by name, by the beginning of a digest, or by words in their notes and profiles."
    )
    async def search(
        self,
        info: Info,
        text: Annotated[
            str,
            strawberry.argument(
                description="A name, the beginning of a digest, or words; a record must have all of them."
            ),
        ],
        kinds: Kinds = None,
        first: First = None,
        after: After = None,
        as_of: AsOf = None,
    ) -> Connection[Record]:
        found = await search.search(context(info).registry, text, kinds, first, after, as_of)
        context(info).answered_at(found.upto, as_of)
        return records_page(found, after)

    @strawberry.field(description="The registration of a record and every statement about it, oldest first.")
    async def history(
        self, info: Info, of: Of, first: First = None, after: After = None, as_of: AsOf = None
    ) -> HistoryConnection | None:
        found = await history.history(context(info).registry, of, first, after, as_of)
        context(info).answered_at(found.upto, as_of)
        return HistoryConnection(
            total_count=Count(found.total),
            page_info=page_info([cursor for _, cursor in found.items], more=found.more, after=after),
            edges=[Edge(cursor=cursor, node=_happened(event)) for event, cursor in found.items],
        )


async def _found(info: Info, name: str, field: str, as_of: str | None) -> Record:
    at, brief = await context(info).registry.look_up(name, as_of, field)
    context(info).answered_at(at, as_of)
    if brief is None:
        raise NotFound.of(ref(name), field)
    found: Record = node(brief, at)
    return found


def _happened(event: history.Event) -> HistoryEvent:
    entry = event.entry
    return HistoryEvent(
        id=strawberry.ID(entry.record.id),
        kind=entry.record.kind,
        recorded_at=DateTime(rfc3339(entry.recorded_at)),
        recorded_by=entry.recorded_by,
        summary=event.summary,
    )
