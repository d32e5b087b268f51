"""The gate: asking it, promoting through it, and its decisions on record."""

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import AsOf, Of
from descentd.app.graphql.schema.enums import GateOutcome
from descentd.app.graphql.schema.records import Receipt, Record, named, node
from descentd.app.graphql.schema.scalars import Count, Digest
from descentd.app.graphql.schema.versions import ModelVersion
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.gate import decide, promotion

Place = Annotated[str, strawberry.argument(description="The environment.")]


@strawberry.type(description="What one rule of a policy came to.")
class RuleOutcome:
    """Rule."""

    name: str = strawberry.field(
        description="The rule. Whatever a policy says: no-policy, retracted, no-profile, flagged, no-go, quorum."
    )
    outcome: GateOutcome = strawberry.field(
        description="INCOMPLETE: what it speaks of is not known, or it came to no boolean."
    )
    message: str = strawberry.field(description="A sentence: what it demands, or why nothing can be said.")
    saw: str | None = strawberry.field(
        description="The values that it saw, in words; null where there are none, or in decisions of before."
    )
    ids: strawberry.Private[Sequence[str]]
    at: strawberry.Private[int]

    @strawberry.field(description="The records that it rests on.")
    async def evidence(self, info: Info) -> list[Record]:
        return [node(brief, self.at) for brief in await context(info).named.load_many(list(self.ids))]


@strawberry.type(description="What the gate of an environment says of a version.")
class Gate:
    """Gate."""

    outcome: GateOutcome = strawberry.field(
        description="BLOCKED before INCOMPLETE; an unreached quorum blocks where nothing else is in the way."
    )
    policy_digest: Digest | None = strawberry.field(
        description="The digest of what the policy demands; null where none is in force."
    )
    rules: list[RuleOutcome] = strawberry.field(description="What each rule came to, in the order of the policy.")


@strawberry.type(description="A version that was let into an environment.")
class Promoted(Receipt):
    """Promotion that was recorded."""

    decision: strawberry.ID = strawberry.field(description="The content id of the decision of the gate.")
    outcome: GateOutcome = strawberry.field(description="PASSED: anything else is the error GATE_BLOCKED.")
    rules: list[RuleOutcome] = strawberry.field(description="What each rule came to.")


@strawberry.type(description="A decision evaluated again, from the log as of the sequence that it saw.")
class Replay:
    """Replay."""

    same: bool = strawberry.field(description="It comes to the same outcome, rule by rule.")
    outcome: GateOutcome = strawberry.field(description="What it comes to.")
    policy_digest: Digest | None = strawberry.field(description="The digest of the policy in force then.")
    rules: list[RuleOutcome] = strawberry.field(description="What each rule comes to.")


@strawberry.type(description="What a policy said of a version, on which evidence.")
class GateDecision(Record, kind=Kind.GATE_DECISION):
    """Decision."""

    @strawberry.field(description="The version that it is about.")
    async def version(self, info: Info) -> ModelVersion:
        found: ModelVersion = await named(info, (await self._content(info))["subject"], self.at)
        return found

    @strawberry.field(description="The environment that it wanted to be let into.")
    async def environment(self, info: Info) -> str:
        return str((await self._content(info))["environment"])

    @strawberry.field(description="What the gate said.")
    async def outcome(self, info: Info) -> GateOutcome:
        return GateOutcome((await self._content(info))["outcome"])

    @strawberry.field(description="The digest of what the policy demanded; null where none was in force.")
    async def policy_digest(self, info: Info) -> Digest | None:
        return (await self._content(info)).get("policyDigest")

    @strawberry.field(description="What each rule came to.")
    async def rules(self, info: Info) -> list[RuleOutcome]:
        return [_recorded(rule, self.at) for rule in (await self._content(info))["rules"]]

    @strawberry.field(description="The position of the log that it saw.")
    async def seen(self, info: Info) -> Count:
        return Count((await self._content(info))["sequence"])

    @strawberry.field(description="The same evaluated again, as of what it saw.")
    async def replay(self, info: Info) -> Replay:
        found = await promotion.replay(context(info).registry, self.id)
        return Replay(
            same=found.same,
            outcome=found.gate.outcome,
            policy_digest=_digest(found.gate),
            rules=rules(found.gate.rules, found.gate.upto),
        )


@strawberry.type(description="A version was let into an environment.")
class Promotion(Record, kind=Kind.PROMOTION):
    """Promotion."""

    @strawberry.field(description="The version.")
    async def version(self, info: Info) -> ModelVersion:
        found: ModelVersion = await named(info, (await self._content(info))["subject"], self.at)
        return found

    @strawberry.field(description="The environment that it was let into.")
    async def environment(self, info: Info) -> str:
        return str((await self._content(info))["environment"])

    @strawberry.field(description="The decision of the gate that let it in.")
    async def decision(self, info: Info) -> GateDecision:
        found: GateDecision = await named(info, (await self._content(info))["gateDecision"], self.at)
        return found


def rules(found: Sequence[decide.RuleOutcome], at: int) -> list[RuleOutcome]:
    """Outcomes as their GraphQL type."""
    return [
        RuleOutcome(
            name=one.name, outcome=one.outcome, message=one.message, saw=one.saw or None, ids=one.evidence, at=at
        )
        for one in found
    ]


def _recorded(rule: Content, at: int) -> RuleOutcome:
    return RuleOutcome(
        name=rule["name"],
        outcome=GateOutcome(rule["outcome"]),
        message=rule["message"],
        saw=rule.get("saw"),
        ids=rule["evidence"],
        at=at,
    )


def _digest(gate: decide.Gate) -> Any:
    return gate.policy.digest if gate.policy else None


@strawberry.type
class GateQuery:
    """Questions to the gate."""

    @strawberry.field(description="Whether a version may be let into an environment; records nothing.")
    async def gate(self, info: Info, of: Of, environment: Place, as_of: AsOf = None) -> Gate | None:
        found = await decide.gate(context(info).registry, of, environment, as_of)
        context(info).answered_at(found.upto, as_of)
        return Gate(outcome=found.outcome, policy_digest=_digest(found), rules=rules(found.rules, found.upto))


@strawberry.type
class PromotionMutation:
    """Promoting."""

    @strawberry.mutation(
        description="Let a version into an environment. Whatever the gate says is recorded; where that is not PASSED, "
        "the error GATE_BLOCKED has it in its extensions: outcome, rules, and the id of the decision."
    )
    async def promote(self, info: Info, of: Of, environment: Place) -> Promoted:
        done = await promotion.promote(context(info).registry, of, environment, context(info).person)
        context(info).answered_at(done.upto)
        return Promoted(
            id=strawberry.ID(done.id),
            at=done.upto,
            decision=strawberry.ID(done.decision),
            outcome=done.gate.outcome,
            rules=rules(done.gate.rules, done.upto),
        )
