"""Flags: warnings on records, which may reach all descendants."""

from typing import Annotated, Any, Final

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.enums import FlagAction
from descentd.app.graphql.schema.inputs import made, wire
from descentd.app.graphql.schema.lineage import KindCount, kind_counts
from descentd.app.graphql.schema.records import Receipt, Record
from descentd.graph.inputs.acts import FlagInput
from descentd.graph.inputs.base import naming_as_given
from descentd.graph.model.kinds import Kind
from descentd.queries.governance import flags

Flagging: Final[Any] = made(FlagInput)


@strawberry.type(description="A warning on records, which may reach all their descendants.")
class Flag(Record, kind=Kind.FLAG):
    """Flag."""

    @strawberry.field(description="What it demands.")
    @batched
    async def action(self, info: Info) -> FlagAction:
        return FlagAction((await self._content(info))["action"])

    @strawberry.field(description="Why.")
    @batched
    async def reason(self, info: Info) -> str:
        return str((await self._content(info))["reason"])

    @strawberry.field(description="Whether it reaches all descendants of its subjects.")
    @batched
    async def propagates(self, info: Info) -> bool:
        return bool((await self._content(info)).get("propagate"))


@strawberry.type(description="A flag that was recorded.")
class FlagDone(Receipt):
    """Flag."""

    reason: str = strawberry.field(description="Why.")
    action: FlagAction = strawberry.field(description="What it demands.")
    propagates: bool = strawberry.field(description="Whether it reaches all descendants of its subjects.")
    affected: list[KindCount] = strawberry.field(
        description="The number of other records of each kind that it reaches; empty if it does not propagate."
    )


@strawberry.type
class FlagMutation:
    """Flagging."""

    @strawberry.mutation(description="Flag records, with `propagate` also all their descendants; or clear flags.")
    async def flag(
        self,
        info: Info,
        input: Annotated[Flagging, strawberry.argument(description="The records, the action and the reason.")],
    ) -> FlagDone:
        given = FlagInput.read(wire(input))
        with naming_as_given(given):
            done = await flags.flag(context(info).registry, given, context(info).person)
        context(info).answered_at(done.upto)
        content = done.record.content
        return FlagDone(
            id=strawberry.ID(done.record.id),
            at=done.upto,
            reason=content["reason"],
            action=FlagAction(content["action"]),
            propagates=bool(content.get("propagate")),
            affected=kind_counts(done.affected),
        )
