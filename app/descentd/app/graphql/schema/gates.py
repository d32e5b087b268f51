"""Gates: whether a version may be promoted to an environment, promotions, and recorded decisions."""

from collections.abc import Sequence
from typing import Annotated, Any

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.arguments import AsOf, Of
from descentd.app.graphql.schema.enums import GateOutcome
from descentd.app.graphql.schema.records import Receipt, Record, named, node
from descentd.app.graphql.schema.scalars import Count, Digest
from descentd.app.graphql.schema.versions import ModelVersion
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.gate import decide, promotion

Place = Annotated[str, strawberry.argument(description="The environment.")]


@strawberry.type(description="The outcome of one rule.")
class RuleOutcome:
    """Rule."""

    name: str = strawberry.field(
        description="The name of the rule. Rules that no policy defines: no-policy, retracted, no-profile, flagged, "
        "no-go, quorum."
    )
    outcome: GateOutcome = strawberry.field(
        description="INCOMPLETE: evidence is missing, or the expression has no boolean value."
    )
    message: str = strawberry.field(description="What the rule demands, or why it cannot be decided, in one sentence.")
    saw: str | None = strawberry.field(
        description="The values that it used, in words; null if there are none, or in decisions of older versions."
    )
    ids: strawberry.Private[Sequence[str]]
    at: strawberry.Private[int]

    @strawberry.field(description="The records that the outcome relies on.")
    @batched
    async def evidence(self, info: Info) -> list[Record]:
        return [node(brief, self.at) for brief in await context(info).named.load_many(list(self.ids))]


@strawberry.type(description="The decision of an environment's gate about a version.")
class Gate:
    """Gate."""

    outcome: GateOutcome = strawberry.field(
        description="BLOCKED takes precedence over INCOMPLETE; an unmet quorum blocks only if nothing else does."
    )
    policy_digest: Digest | None = strawberry.field(description="The digest of the policy; null if none is in force.")
    rules: list[RuleOutcome] = strawberry.field(description="The outcome of each rule, in the order of the policy.")


@strawberry.type(description="A promotion that was recorded.")
class Promoted(Receipt):
    """Promotion that was recorded."""

    decision: strawberry.ID = strawberry.field(description="The content id of the decision of the gate.")
    outcome: GateOutcome = strawberry.field(description="PASSED: anything else is the error GATE_BLOCKED.")
    rules: list[RuleOutcome] = strawberry.field(description="The outcome of each rule.")


@strawberry.type(description="A decision that was evaluated again, on the log up to the sequence that it was made at.")
class Replay:
    """Replay."""

    same: bool = strawberry.field(description="Whether every rule has the same outcome as in the decision.")
    outcome: GateOutcome = strawberry.field(description="The outcome.")
    policy_digest: Digest | None = strawberry.field(description="The digest of the policy that was in force then.")
    rules: list[RuleOutcome] = strawberry.field(description="The outcome of each rule.")


@strawberry.type(description="A recorded decision of a gate, with its evidence.")
class GateDecision(Record, kind=Kind.GATE_DECISION):
    """Decision."""

    @strawberry.field(description="The version that it is about.")
    @batched
    async def version(self, info: Info) -> ModelVersion:
        found: ModelVersion = await named(info, (await self._content(info))["subject"], self.at)
        return found

    @strawberry.field(description="The environment that it should be promoted to.")
    @batched
    async def environment(self, info: Info) -> str:
        return str((await self._content(info))["environment"])

    @strawberry.field(description="The outcome.")
    @batched
    async def outcome(self, info: Info) -> GateOutcome:
        return GateOutcome((await self._content(info))["outcome"])

    @strawberry.field(description="The digest of the policy; null if none was in force.")
    @batched
    async def policy_digest(self, info: Info) -> Digest | None:
        return (await self._content(info)).get("policyDigest")

    @strawberry.field(description="The outcome of each rule.")
    @batched
    async def rules(self, info: Info) -> list[RuleOutcome]:
        return [_recorded(rule, self.at) for rule in (await self._content(info))["rules"]]

    @strawberry.field(description="The position of the log that it was made at.")
    @batched
    async def seen(self, info: Info) -> Count:
        return Count((await self._content(info))["sequence"])

    @strawberry.field(description="The decision, evaluated again on the log up to that position.")
    async def replay(self, info: Info) -> Replay:
        found = await promotion.replay(context(info).registry, self.id)
        return Replay(
            same=found.same,
            outcome=found.gate.outcome,
            policy_digest=_digest(found.gate),
            rules=rules(found.gate.rules, found.gate.upto),
        )


@strawberry.type(description="A promotion of a version to an environment.")
class Promotion(Record, kind=Kind.PROMOTION):
    """Promotion."""

    @strawberry.field(description="The version.")
    @batched
    async def version(self, info: Info) -> ModelVersion:
        found: ModelVersion = await named(info, (await self._content(info))["subject"], self.at)
        return found

    @strawberry.field(description="The environment that it was promoted to.")
    @batched
    async def environment(self, info: Info) -> str:
        return str((await self._content(info))["environment"])

    @strawberry.field(description="The decision of the gate.")
    @batched
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

    @strawberry.field(description="Whether a version may be promoted to an environment; nothing is recorded.")
    async def gate(self, info: Info, of: Of, environment: Place, as_of: AsOf = None) -> Gate | None:
        found = await decide.gate(context(info).registry, of, environment, as_of)
        context(info).answered_at(found.upto, as_of)
        return Gate(outcome=found.outcome, policy_digest=_digest(found), rules=rules(found.rules, found.upto))


@strawberry.type
class PromotionMutation:
    """Promoting."""

    @strawberry.mutation(
        description="Promotes a version to an environment. The decision of the gate is recorded; unless it is PASSED, "
        "the error GATE_BLOCKED has outcome, rules and the id of the decision in its extensions."
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
