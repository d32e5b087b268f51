"""Reviews: the decisions of people on versions."""

from typing import Annotated, Any, Final

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.enums import Decision
from descentd.app.graphql.schema.inputs import made, wire
from descentd.app.graphql.schema.records import Claimed, Receipt, Record, claimed
from descentd.app.graphql.schema.scalars import DateTime
from descentd.graph.inputs.acts import ReviewInput
from descentd.graph.inputs.base import naming_as_given
from descentd.graph.model.kinds import Kind
from descentd.queries.governance import record_review

Reviewing: Final[Any] = made(ReviewInput)


@strawberry.type(description="A person's decision on a version, bound to the evidence at that time.")
class Review(Record, kind=Kind.REVIEW):
    """Review."""

    @strawberry.field(description="The environment that it is about.")
    @batched
    async def environment(self, info: Info) -> str:
        return str((await self._content(info))["environment"])

    @strawberry.field(description="The decision.")
    @batched
    async def decision(self, info: Info) -> Decision:
        return Decision((await self._content(info))["decision"])

    @strawberry.field(description="Why.")
    @batched
    async def reason(self, info: Info) -> str:
        return str((await self._content(info))["reason"])

    @strawberry.field(description="The conditions of the decision.")
    @batched
    async def conditions(self, info: Info) -> list[str]:
        return list((await self._content(info)).get("conditions", ()))

    @strawberry.field(description="When it expires; null for a NO_GO, which stays until its author decides again.")
    @batched
    async def expires_at(self, info: Info) -> DateTime | None:
        return (await self._content(info)).get("expiresAt")

    @strawberry.field(description="Who made it elsewhere, earlier; null for a decision that was made in this registry.")
    @batched
    async def claimed(self, info: Info) -> Claimed | None:
        return claimed((await self._content(info)).get("claimed"))

    @strawberry.field(description="The person who made it here, or who recorded the claim.")
    @batched
    async def by(self, info: Info) -> str:
        return str((await self._content(info))["by"])

    @strawberry.field(description="Whether it counts: it is not void, not expired, and not a claim.")
    @batched
    async def valid(self, info: Info) -> bool:
        return await self._void(info) is None

    @strawberry.field(description="Why it does not count any more; null while it counts.")
    @batched
    async def void(self, info: Info) -> str | None:
        return await self._void(info)

    async def _void(self, info: Info) -> str | None:
        subject = await context(info).named.load((await self._content(info))["subject"])
        states = await context(info).reviews.load((subject.sequence, self.at))
        return next(one.void for one in states if one.entry.sequence == self.sequence)


@strawberry.type(description="The number of people who must decide GO, and of those who have.")
class Quorum:
    """Quorum."""

    needed: int = strawberry.field(description="The number of people who must decide GO.")
    reached: int = strawberry.field(description="The number of people whose GO counts on the present evidence.")


@strawberry.type(description="A decision that was recorded, and the quorum with it.")
class ReviewDone(Receipt):
    """Decision."""

    decision: Decision = strawberry.field(description="The decision.")
    reviewers: list[str] = strawberry.field(description="The people whose GO counts.")
    quorum: Quorum = strawberry.field(description="The quorum of the environment.")
    expires_at: DateTime | None = strawberry.field(
        description="When it expires; null for a NO_GO, which stays until its author decides again."
    )


@strawberry.type
class ReviewMutation:
    """Reviewing."""

    @strawberry.mutation(description="Records a decision on a version for an environment, on the present evidence.")
    async def review(
        self,
        info: Info,
        input: Annotated[
            Reviewing, strawberry.argument(description="The version, the environment, the decision and the reason.")
        ],
    ) -> ReviewDone:
        given = ReviewInput.read(wire(input))
        with naming_as_given(given):
            done = await record_review.review(context(info).registry, given, context(info).person)
        context(info).answered_at(done.upto)
        content = done.record.content
        return ReviewDone(
            id=strawberry.ID(done.record.id),
            at=done.upto,
            decision=Decision(content["decision"]),
            reviewers=list(done.quorum.people),
            quorum=Quorum(needed=done.quorum.needed, reached=len(done.quorum.people)),
            expires_at=content.get("expiresAt"),
        )
