"""Deployments: which version serves, or served, at which endpoint."""

import asyncio
from typing import Annotated, Any, Final

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.arguments import AsOf
from descentd.app.graphql.schema.gates import RuleOutcome, rules
from descentd.app.graphql.schema.inputs import made, wire
from descentd.app.graphql.schema.records import Claimed, Record, claimed, named, node
from descentd.app.graphql.schema.scalars import DateTime
from descentd.app.graphql.schema.versions import ModelVersion
from descentd.graph.inputs.acts import DeploymentInput, EndDeploymentInput
from descentd.graph.model import clock
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import rfc3339
from descentd.graph.model.records import Brief
from descentd.queries.governance.gate.decide import Gate
from descentd.queries.governance.gate.rules import GateOutcome
from descentd.queries.governance.policies import likely_environment
from descentd.queries.production import deployments, record_deployment
from descentd.queries.production.record_deployment import Then, gate_then, profile_current
from descentd.queries.registry import moment_of

Deploying: Final[Any] = made(DeploymentInput)
Ending: Final[Any] = made(EndDeploymentInput)


@strawberry.type(description="A version that serves, or served, at an endpoint.")
class Deployment(Record, kind=Kind.DEPLOYMENT):
    """Deployment; a record that ends a deployment has the fields of the one that it ends."""

    @strawberry.field(description="The environment in which it serves.")
    @batched
    async def environment(self, info: Info) -> str:
        return str((await self._content(info))["environment"])

    @strawberry.field(description="The endpoint in the environment.")
    @batched
    async def endpoint(self, info: Info) -> str:
        return str((await self._content(info))["endpoint"])

    @strawberry.field(description="The version that serves; null if an end was reported where nothing served.")
    @batched
    async def version(self, info: Info) -> ModelVersion | None:
        deployment = await self._deployment(info)
        if deployment is None:
            return None
        found: ModelVersion = await named(info, deployment.version, self.at)
        return found

    @strawberry.field(description="Since when it serves; null if an end was reported where nothing served.")
    @batched
    async def since(self, info: Info) -> DateTime | None:
        deployment = await self._deployment(info)
        return None if deployment is None else DateTime(rfc3339(deployment.since))

    @strawberry.field(
        description="Until when it served: its end, or the next deployment at that endpoint; null while it serves."
    )
    @batched
    async def until(self, info: Info) -> DateTime | None:
        deployment = await self._deployment(info)
        ended = (await self._content(info)).get("until") if deployment is None else deployment.ended
        return None if ended is None else DateTime(ended)

    @strawberry.field(
        description=(
            "Who claims that it served before this registry was in use: it needs no promotion and never meets a policy."
        )
    )
    @batched
    async def claimed(self, info: Info) -> Claimed | None:
        return claimed((await self._content(info)).get("claimed"))

    async def _deployment(self, info: Info) -> deployments.Deployment | None:
        return await context(info).deployments.load((self.sequence, self.at))


@strawberry.type(description="What serves at an endpoint at a moment.")
class Serving:
    """Serving."""

    environment: str = strawberry.field(description="The environment in which it serves.")
    endpoint: str = strawberry.field(description="The endpoint in the environment.")
    since: DateTime = strawberry.field(description="Since when it serves.")
    version: ModelVersion = strawberry.field(description="The version that serves.")
    deployment: Deployment = strawberry.field(description="The record of the deployment.")
    facts: strawberry.Private[deployments.Deployment]
    then: strawberry.Private[Then]
    asked: strawberry.Private["asyncio.Task[Gate | None] | None"] = None

    @strawberry.field(description="Whether it passes the gate of the environment, by what was recorded at that moment.")
    async def meets_policy(self, info: Info) -> bool:
        asked = await self._asked(info)
        return asked is not None and asked.outcome is GateOutcome.PASSED

    @strawberry.field(
        description="The rules that are not met, by what was recorded at that moment; empty if the version was not "
        "registered then."
    )
    async def unmet(self, info: Info) -> list[RuleOutcome]:
        asked = await self._asked(info)
        unmet = [rule for rule in asked.rules if rule.outcome is not GateOutcome.PASSED] if asked else []
        return rules(unmet, self.then.upto)

    async def _asked(self, info: Info) -> Gate | None:
        """What its gate says, asked once for all fields."""
        if self.asked is None:
            self.asked = asyncio.ensure_future(gate_then(context(info).registry, self.facts, self.then))
        return await self.asked

    @strawberry.field(description="A safety profile was recorded then, and none superseded it since the promotion.")
    async def profile_current(self, info: Info) -> bool:
        return await profile_current(context(info).registry, self.facts, self.then)


@strawberry.type
class ServingQuery:
    """Asking what serves."""

    @strawberry.field(
        description="The versions that serve, or served at a moment, by the times that deployments give for themselves."
    )
    async def serving(
        self,
        info: Info,
        environment: Annotated[
            str | None, strawberry.argument(description="Only in this one; in all by default.")
        ] = None,
        endpoint: Annotated[str | None, strawberry.argument(description="Only in this one; in all by default.")] = None,
        at: Annotated[
            DateTime | None, strawberry.argument(description="The moment; that of asOf, or now, by default.")
        ] = None,
        as_of: AsOf = None,
    ) -> list[Serving]:
        registry = context(info).registry
        upto = await registry.sequence(as_of)
        context(info).answered_at(upto, as_of)
        moment = moment_of(at, "at")
        if moment is None:
            asked = moment_of(as_of)
            then = Then(clock.now() if asked is None else asked, upto)
        else:
            then = Then(moment, min(upto, await registry.store.sequence_at(moment)))
        found = await deployments.serving(registry, environment, endpoint, then.moment, upto)
        if not found and environment and (other := await likely_environment(registry, environment, upto)):
            context(info).warn(f"No policy is for {environment} and nothing serves there: did you mean {other}?")
        return [await _serving(info, one, then, upto) for one in found]


async def _serving(info: Info, facts: deployments.Deployment, then: Then, upto: int) -> Serving:
    environment, endpoint = facts.place
    entry = facts.entry
    return Serving(
        environment=environment,
        endpoint=endpoint,
        since=DateTime(rfc3339(facts.since)),
        version=await named(info, facts.version, upto),
        deployment=node(Brief(entry.sequence, Kind.DEPLOYMENT, entry.record.id, None), upto),
        facts=facts,
        then=then,
    )


@strawberry.type
class DeploymentMutation:
    """Deploying."""

    @strawberry.mutation(
        description="Record that a promoted version serves; this ends the deployment at that endpoint."
    )
    async def deploy(
        self,
        info: Info,
        input: Annotated[Deploying, strawberry.argument(description="The version, the environment and the endpoint.")],
    ) -> Deployment:
        given = DeploymentInput.read(wire(input))
        done = await record_deployment.deploy(context(info).registry, given, context(info).person)
        return _node(info, done)

    @strawberry.mutation(description="Record that the deployment at an endpoint has ended.")
    async def end_deployment(
        self,
        info: Info,
        input: Annotated[Ending, strawberry.argument(description="The environment, the endpoint and the reason.")],
    ) -> Deployment:
        given = EndDeploymentInput.read(wire(input))
        done = await record_deployment.end(context(info).registry, given, context(info).person)
        return _node(info, done)


def _node(info: Info, done: record_deployment.Deployed) -> Deployment:
    context(info).answered_at(done.upto)
    entry = done.deployment.entry
    found: Deployment = node(Brief(entry.sequence, Kind.DEPLOYMENT, entry.record.id, None), done.upto)
    return found
