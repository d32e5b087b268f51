"""Retractions: retracted records stay, are marked, and nothing relies on them any more."""

from typing import Annotated, Any, Final

import strawberry
from strawberry.types import Info

from descentd.app.auth.authorization import retraction_limits
from descentd.app.graphql.context import context
from descentd.app.graphql.schema.inputs import made, wire
from descentd.app.graphql.schema.lineage import KindCount, kind_counts
from descentd.app.graphql.schema.records import Receipt
from descentd.graph.inputs.acts import RetractionInput
from descentd.graph.inputs.base import naming_as_given
from descentd.queries import retractions

Retracting: Final[Any] = made(RetractionInput)


@strawberry.type(description="A retraction that was recorded, and the number of records that it affects.")
class RetractionDone(Receipt):
    """Retraction."""

    affected: list[KindCount] = strawberry.field(
        description="The number of records of each kind that descend from a retracted record or rely on it."
    )


@strawberry.type
class RetractionMutation:
    """Retracting."""

    @strawberry.mutation(description="Retracts records: nothing is removed, but no answer relies on them from now on.")
    async def retract(
        self, info: Info, input: Annotated[Retracting, strawberry.argument(description="The records, and the reason.")]
    ) -> RetractionDone:
        asked = context(info)
        limits = retraction_limits(asked.roles)
        given = RetractionInput.read(wire(input))
        with naming_as_given(given):
            done = await retractions.retract(asked.registry, given, asked.person, **limits)
        context(info).answered_at(done.upto)
        for warning in done.warnings:
            context(info).warn(warning)
        return RetractionDone(id=strawberry.ID(done.id), at=done.upto, affected=kind_counts(done.affected))
