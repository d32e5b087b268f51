"""Deployments: what serves where, and served when."""

from typing import Annotated, Any, Final

import strawberry
from strawberry.types import Info

from descentd.app.gql.context import context
from descentd.app.gql.inputs import made, wire
from descentd.app.gql.models import ModelVersion
from descentd.app.gql.records import Record, named, node
from descentd.app.gql.scalars import DateTime
from descentd.graph.acts import DeploymentInput, EndDeploymentInput
from descentd.graph.names import rfc3339
from descentd.graph.records import Brief
from descentd.graph.relations import Kind
from descentd.queries import deployment
from descentd.queries.serving import Service

Deploying: Final[Any] = made(DeploymentInput)
Ending: Final[Any] = made(EndDeploymentInput)


@strawberry.type(description="A version that serves, or served, at an endpoint.")
class Deployment(Record, kind=Kind.DEPLOYMENT):
    """Deployment; a record that ends one tells of the one that it ends."""

    @strawberry.field(description="Where it serves.")
    async def environment(self, info: Info) -> str:
        return str((await self._content(info))["environment"])

    @strawberry.field(description="At which endpoint of the environment.")
    async def endpoint(self, info: Info) -> str:
        return str((await self._content(info))["endpoint"])

    @strawberry.field(description="The version that serves.")
    async def version(self, info: Info) -> ModelVersion:
        found: ModelVersion = await named(info, (await self._service(info)).version, self.at)
        return found

    @strawberry.field(description="Since when.")
    async def since(self, info: Info) -> DateTime:
        return DateTime(rfc3339((await self._service(info)).since))

    @strawberry.field(description="Until when: its end, or the next deployment at that endpoint; null while it serves.")
    async def until(self, info: Info) -> DateTime | None:
        ended = (await self._service(info)).ended
        return None if ended is None else DateTime(ended)

    async def _service(self, info: Info) -> Service:
        return await context(info).deployments.load((self.sequence, self.at))


@strawberry.type
class DeploymentMutation:
    """Deploying."""

    @strawberry.mutation(description="Record that a promoted version serves; this ends what served at that endpoint.")
    async def deploy(
        self, info: Info, input: Annotated[Deploying, strawberry.argument(description="What, and where.")]
    ) -> Deployment:
        given = DeploymentInput.read(wire(input))
        done = await deployment.deploy(context(info).registry, given, context(info).person)
        return _node(info, done)

    @strawberry.mutation(description="Record that what serves at an endpoint ends.")
    async def end_deployment(
        self, info: Info, input: Annotated[Ending, strawberry.argument(description="Where, and why.")]
    ) -> Deployment:
        given = EndDeploymentInput.read(wire(input))
        done = await deployment.end(context(info).registry, given, context(info).person)
        return _node(info, done)


def _node(info: Info, done: deployment.Deployed) -> Deployment:
    context(info).answered_at(done.upto)
    entry = done.service.entry
    found: Deployment = node(Brief(entry.sequence, Kind.DEPLOYMENT, entry.record.id, None), done.upto)
    return found
