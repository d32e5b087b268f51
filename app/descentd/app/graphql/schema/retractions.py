"""Retracting records: they stay, marked, and what rested on them shows that."""

from typing import Annotated, Any, Final

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.inputs import made, wire
from descentd.app.graphql.schema.lineage import KindCount, kind_counts
from descentd.app.graphql.schema.records import Receipt
from descentd.graph.inputs.acts import RetractionInput
from descentd.graph.model.accounts import AccessRole
from descentd.queries import retractions

Retracting: Final[Any] = made(RetractionInput)


@strawberry.type(description="What was retracted, and how much rested on it.")
class RetractionDone(Receipt):
    """Retraction."""

    affected: list[KindCount] = strawberry.field(
        description="How many records of each kind come from what was retracted, or rest on it."
    )


@strawberry.type
class RetractionMutation:
    """Retracting."""

    @strawberry.mutation(description="Retract records: nothing is removed, but nothing rests on them from now on.")
    async def retract(
        self, info: Info, input: Annotated[Retracting, strawberry.argument(description="What, and why.")]
    ) -> RetractionDone:
        asked = context(info)
        own, admin = AccessRole.REVIEWER not in asked.roles, AccessRole.ADMIN in asked.roles
        given = RetractionInput.read(wire(input))
        done = await retractions.retract(asked.registry, given, asked.person, own=own, admin=admin)
        context(info).answered_at(done.upto)
        return RetractionDone(id=strawberry.ID(done.id), at=done.upto, affected=kind_counts(done.affected))
