"""Registering manifests, and following the log as it grows."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from descentd.app.auth.authorization import check_manifest
from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import Kinds
from descentd.app.graphql.schema.enums import RecordKind
from descentd.app.graphql.schema.inputs import made, wire
from descentd.app.graphql.schema.records import Record, node
from descentd.app.graphql.schema.scalars import Count, Ref
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import Invalid
from descentd.graph.model.records import Brief
from descentd.graph.registration.metric_scope import turned_round
from descentd.graph.registration.register import register, with_all_problems
from descentd.queries.production.events import events

Manifest: Any = made(ManifestInput)


@strawberry.type(description="A record of a manifest.")
class RegisteredRecord:
    """Record."""

    id: strawberry.ID = strawberry.field(description="The content id.")
    ref: Ref = strawberry.field(description="The label where the record has one, else the id.")
    kind: RecordKind = strawberry.field(description="What it is about.")


@strawberry.type(description="What a registration added.")
class Registration:
    """Registration."""

    created: Count = strawberry.field(description="How many records are new.")
    existing: Count = strawberry.field(description="How many were there already, content for content.")
    records: list[RegisteredRecord] = strawberry.field(
        description="Each distinct record once, in order of first mention."
    )


@strawberry.type(description="A new record in the log.")
class LogEvent:
    """Event."""

    cursor: str = strawberry.field(description="Where it stands in the log, for `after`.")
    record: Record = strawberry.field(description="What was recorded.")


@strawberry.type
class RegisterMutation:
    """Registering."""

    @strawberry.mutation(description="Register a manifest: all of it or nothing. What is there already adds nothing.")
    async def register(
        self, info: Info, manifest: Annotated[Manifest, strawberry.argument(description="What to register.")]
    ) -> Registration:
        registry = context(info).registry
        try:
            read = ManifestInput.read(wire(manifest))
        except Invalid as wrong:
            raise await with_all_problems(registry.store, wrong) from None
        check_manifest(read, context(info).roles, await turned_round(read, registry.store))
        done = await register(registry.committer, read, context(info).person)
        context(info).answered_at(await registry.sequence())
        created = len(done.created)
        return Registration(
            created=Count(created),
            existing=Count(len(done.records) - created),
            records=[
                RegisteredRecord(id=strawberry.ID(r.id), ref=Ref(Brief(0, r.kind, r.id, r.label).ref), kind=r.kind)
                for r in done.records
            ],
        )


@strawberry.type
class EventSubscription:
    """Following the log."""

    @strawberry.subscription(description="Every record after a cursor (of now where none is given), as it is recorded.")
    async def events(
        self,
        info: Info,
        after: Annotated[
            str | None,
            strawberry.argument(description="The `cursor` of an event, to go on after it; `0` is before the first."),
        ] = None,
        kinds: Kinds = None,
    ) -> AsyncIterator[LogEvent]:
        async for entry in events(context(info).registry, after, frozenset(kinds) if kinds else None):
            record = entry.record
            brief = Brief(entry.sequence, record.kind, record.id, record.label)
            context(info).entries.prime(entry.sequence, entry)
            yield LogEvent(cursor=str(entry.sequence), record=node(brief, entry.sequence))
