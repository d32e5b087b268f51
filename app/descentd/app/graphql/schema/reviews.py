"""Reviews: people's decisions on versions."""

from typing import Annotated, Any, Final

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.enums import Decision
from descentd.app.graphql.schema.inputs import made, wire
from descentd.app.graphql.schema.records import Claimed, Receipt, Record, claimed
from descentd.app.graphql.schema.scalars import DateTime
from descentd.graph.inputs.acts import ReviewInput
from descentd.graph.model.kinds import Kind
from descentd.queries.governance import record_review

Reviewing: Final[Any] = made(ReviewInput)


@strawberry.type(description="A person's decision on a version, on exact evidence.")
class Review(Record, kind=Kind.REVIEW):
    """Review."""

    @strawberry.field(description="The environment that it is about.")
    async def environment(self, info: Info) -> str:
        return str((await self._content(info))["environment"])

    @strawberry.field(description="What was decided.")
    async def decision(self, info: Info) -> Decision:
        return Decision((await self._content(info))["decision"])

    @strawberry.field(description="Why.")
    async def reason(self, info: Info) -> str:
        return str((await self._content(info))["reason"])

    @strawberry.field(description="What has to hold for it to hold.")
    async def conditions(self, info: Info) -> list[str]:
        return list((await self._content(info)).get("conditions", ()))

    @strawberry.field(description="When it ends; null for a veto that stands until its author decides again.")
    async def expires_at(self, info: Info) -> DateTime | None:
        return (await self._content(info)).get("expiresAt")

    @strawberry.field(description="Who decided it elsewhere, before; null for a decision that was made here.")
    async def claimed(self, info: Info) -> Claimed | None:
        return claimed((await self._content(info)).get("claimed"))

    @strawberry.field(description="The person who decided it here, or who recorded what is claimed.")
    async def by(self, info: Info) -> str:
        return str((await self._content(info))["by"])

    @strawberry.field(description="It still counts: it is neither void nor expired, nor claimed of elsewhere.")
    async def valid(self, info: Info) -> bool:
        return await self._void(info) is None

    @strawberry.field(description="Why it does not count any more; null while it does.")
    async def void(self, info: Info) -> str | None:
        return await self._void(info)

    async def _void(self, info: Info) -> str | None:
        subject = await context(info).named.load((await self._content(info))["subject"])
        states = await context(info).reviews.load((subject.sequence, self.at))
        return next(one.void for one in states if one.entry.sequence == self.sequence)


@strawberry.type(description="How many people have to say GO, and how many do.")
class Quorum:
    """Quorum."""

    needed: int = strawberry.field(description="People who have to say GO.")
    reached: int = strawberry.field(description="People who say GO on the evidence as it is now.")


@strawberry.type(description="A decision that was recorded, and how the quorum stands with it.")
class ReviewDone(Receipt):
    """Decision."""

    decision: Decision = strawberry.field(description="What was decided.")
    reviewers: list[str] = strawberry.field(description="The people whose GO counts.")
    quorum: Quorum = strawberry.field(description="How the quorum of the environment stands.")
    expires_at: DateTime | None = strawberry.field(
        description="When it ends; null for a veto that stands until its author decides again."
    )


@strawberry.type
class ReviewMutation:
    """Reviewing."""

    @strawberry.mutation(description="Decide on a version for an environment, on the evidence as it is now.")
    async def review(
        self, info: Info, input: Annotated[Reviewing, strawberry.argument(description="What, and why.")]
    ) -> ReviewDone:
        done = await record_review.review(context(info).registry, ReviewInput.read(wire(input)), context(info).person)
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
