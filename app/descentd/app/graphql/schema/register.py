"""Registering manifests, and following the log as it grows."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import strawberry
from strawberry.types import Info

from descentd.app.auth.authorization import check_manifest
from descentd.app.graphql.context import Context, context
from descentd.app.graphql.schema.arguments import Kinds
from descentd.app.graphql.schema.connections import fields_below
from descentd.app.graphql.schema.inputs import made, wire
from descentd.app.graphql.schema.records import Record, node
from descentd.app.graphql.schema.scalars import Count
from descentd.app.graphql.variables import are_large
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import Invalid
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief
from descentd.graph.registration.metric_scope import turned_round
from descentd.graph.registration.register import register, with_all_problems
from descentd.graph.turns import in_thread
from descentd.queries.lineage.kinship import kinship_warnings
from descentd.queries.production.announcements import events

Manifest: Any = made(ManifestInput)
_AS_SENT: Final = {"id", "ref", "kind", "__typename"}
"""What is known of a registered record without reading it again."""


@strawberry.type(description="What a registration added.")
class Registration:
    """Registration."""

    created: Count = strawberry.field(description="The number of new records.")
    existing: Count = strawberry.field(
        description="The number of records that were registered already with the same content."
    )
    records: list[Record] = strawberry.field(description="Each record once, in the order of the manifest.")


@strawberry.type(description="A new record in the log.")
class LogEvent:
    """Event."""

    cursor: str = strawberry.field(description="Its position in the log, for `after`.")
    record: Record = strawberry.field(description="The new record.")
    entry: strawberry.Private[Entry]
    seen: strawberry.Private[int]

    def prime(self, own: Context) -> None:
        """Give the context that the event is resolved in what is known already: nothing is looked up for each event."""
        own.entries.prime(self.entry.sequence, self.entry)
        own.answered_at(self.seen)


@strawberry.type
class RegisterMutation:
    """Registering."""

    @strawberry.mutation(
        description="Registers a manifest, all of it or nothing. Content that is registered already adds nothing."
    )
    async def register(
        self, info: Info, manifest: Annotated[Manifest, strawberry.argument(description="The manifest.")]
    ) -> Registration:
        registry = context(info).registry
        try:
            large = are_large({"manifest": vars(manifest)})
            read = await in_thread(_read, manifest) if large else _read(manifest)
        except Invalid as wrong:
            raise await with_all_problems(registry.store, wrong) from None
        check_manifest(read, context(info).roles, await turned_round(read, registry.store))
        done = await register(registry.committer, read, context(info).person)
        at = await registry.store.sequence_after_write()
        context(info).answered_at(at)
        new = [record for record in done.records if record.id in done.created]
        for warning in [*done.warnings, *await kinship_warnings(registry, new, at)]:
            context(info).warn(warning)
        created = len(done.created)
        briefs = [Brief(0, record.kind, record.id, record.label) for record in done.records]
        if fields_below(info, "records") - _AS_SENT:
            recorded = await registry.store.resolve([brief.id for brief in briefs])
            briefs = [recorded[brief.id] for brief in briefs]
        return Registration(
            created=Count(created),
            existing=Count(len(done.records) - created),
            records=[node(brief, at) for brief in briefs],
        )


def _read(manifest: Any) -> ManifestInput:
    return ManifestInput.read(wire(manifest))


@strawberry.type
class EventSubscription:
    """Following the log."""

    @strawberry.subscription(
        description="Every record after a cursor (by default: after the present end of the log), as soon as it is "
        "recorded."
    )
    async def events(
        self,
        info: Info,
        after: Annotated[
            str | None,
            strawberry.argument(
                description="The `cursor` of an event, to continue after it; `0` is before the first. "
                "A `Last-Event-ID` header takes precedence."
            ),
        ] = None,
        kinds: Kinds = None,
    ) -> AsyncIterator[LogEvent]:
        after = context(info).resume_after or after
        async for entry, seen in events(context(info).registry, after, frozenset(kinds) if kinds else None):
            record = entry.record
            brief = Brief(entry.sequence, record.kind, record.id, record.label)
            at = entry.sequence
            yield LogEvent(cursor=str(at), record=node(brief, at), entry=entry, seen=seen)
