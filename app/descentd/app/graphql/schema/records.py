"""The Record interface, and the kinds of record that have few fields of their own."""

from typing import Any, Final

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.resolvers import batched
from descentd.app.graphql.schema.enums import RecordKind, Role
from descentd.app.graphql.schema.scalars import JSON, DateTime, Digest, Ref
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.names import rfc3339
from descentd.graph.model.records import Brief
from descentd.queries.retractions import retracted_origins

TYPES: Final[dict[Kind, type["Record"]]] = {}
"""The GraphQL type of each kind of record; each class adds itself."""


@strawberry.interface(description="An object with an id by which it can be fetched again.")
class Node:
    """Node, as Relay's specification of global object identification has it."""

    id: strawberry.ID = strawberry.field(description="The content id, `sha256:` and 64 hexadecimal digits.")


@strawberry.interface(description="Anything that is recorded: immutable, with an id that is the hash of its content.")
class Record(Node):
    """A record as seen at the log position `at`."""

    ref: Ref = strawberry.field(description="The label where the record has one, else the id.")
    kind: RecordKind = strawberry.field(description="The kind of record.")
    sequence: strawberry.Private[int]
    at: strawberry.Private[int]

    def __init_subclass__(cls, kind: Kind) -> None:
        TYPES[kind] = cls

    @strawberry.field(description="When it was recorded; never decreases along the log.")
    @batched
    async def recorded_at(self, info: Info) -> DateTime:
        return DateTime(rfc3339((await self._entry(info)).recorded_at))

    @strawberry.field(description="The person who recorded it.")
    @batched
    async def recorded_by(self, info: Info) -> str:
        return (await self._entry(info)).recorded_by

    @strawberry.field(description="Whether it was retracted: then it stays, but nothing may rely on it any more.")
    @batched
    async def retracted(self, info: Info) -> bool:
        return await context(info).retractions.load((self.id, self.at)) is not None

    @strawberry.field(
        description="The retraction in force, the first if there are several; null if it is not retracted."
    )
    @batched
    async def retraction(self, info: Info) -> "Retraction | None":
        retraction = await context(info).retractions.load((self.id, self.at))
        found: Retraction | None = None if retraction is None else node(retraction, self.at)
        return found

    @strawberry.field(description="The retracted records in its ancestry, on which it relies.")
    async def retracted_origins(self, info: Info) -> list["Record"]:
        found = await retracted_origins(context(info).registry, self.sequence, self.at)
        return [node(one.of, self.at) for one in found]

    @strawberry.field(
        description="The recorded content, from which the id is computed; it names other records by their ids."
    )
    @batched
    async def content(self, info: Info) -> JSON:
        return JSON(await self._content(info))

    @strawberry.field(description="The records that its content names, with their roles.")
    @batched
    async def links(self, info: Info) -> list["Link"]:
        edges = (await self._entry(info)).record.edges
        named = await context(info).named.load_many([edge.target for edge in edges])
        return [Link(role=edge.role, node=node(brief, self.at)) for edge, brief in zip(edges, named, strict=True)]

    async def _entry(self, info: Info) -> Entry:
        return await context(info).entries.load(self.sequence)

    async def _content(self, info: Info) -> Content:
        return (await self._entry(info)).record.content


@strawberry.type(description="Another record that a record's content names.")
class Link:
    """Link."""

    role: Role = strawberry.field(description="The role of the other record.")
    node: Record = strawberry.field(description="The other record.")


def node(brief: Brief, at: int) -> Any:
    """The record as its GraphQL type, seen at a log position."""
    return TYPES[brief.kind](
        id=strawberry.ID(brief.id), ref=Ref(brief.ref), kind=brief.kind, sequence=brief.sequence, at=at
    )


async def named(info: Info, id: str, at: int) -> Any:
    """The record with an id that is known to be registered, as its GraphQL type."""
    return node(await context(info).named.load(id), at)


@strawberry.type(description="A claim that something happened elsewhere before this registry was in use.")
class Claimed:
    """Claimed."""

    by: str = strawberry.field(description="The person who decided or deployed then.")
    source: str = strawberry.field(description="Where the evidence can be found: a document, another system.")


def claimed(given: Content | None) -> Claimed | None:
    """What an act's content says of where it was claimed."""
    return None if given is None else Claimed(by=given["by"], source=given["source"])


@strawberry.type
class Receipt:
    """What mutations return inherit from this: a receipt gives the id of its record, and the record itself."""

    id: strawberry.ID = strawberry.field(description="The content id of the record.")
    at: strawberry.Private[int]

    @strawberry.field(description="The record: caches that go by type and id know it by this, not by the receipt.")
    @batched
    async def record(self, info: Info) -> Record:
        found: Record = await named(info, self.id, self.at)
        return found


@strawberry.type(description="A statement that an earlier record is not to be relied on.")
class Retraction(Record, kind=Kind.RETRACTION):
    """Retraction."""

    @strawberry.field(description="The reason for the retraction.")
    @batched
    async def reason(self, info: Info) -> str:
        return str((await self._content(info))["reason"])


@strawberry.type(description="The code that built a version.")
class Code(Record, kind=Kind.CODE):
    """Code."""

    @strawberry.field(description="The address of the repository.")
    @batched
    async def repository(self, info: Info) -> str:
        return str((await self._content(info))["repository"])

    @strawberry.field(description="The commit that was used.")
    @batched
    async def commit(self, info: Info) -> str:
        return str((await self._content(info))["commit"])

    @strawberry.field(description="The folder or file within the repository.")
    @batched
    async def path(self, info: Info) -> str | None:
        return (await self._content(info)).get("path")

    @strawberry.field(description="The digest of what differed from the commit; null if nothing did.")
    @batched
    async def diff(self, info: Info) -> Digest | None:
        return (await self._content(info)).get("diff")


@strawberry.type(description="The configuration of a training.")
class Config(Record, kind=Kind.CONFIG):
    """Configuration."""

    @strawberry.field(description="The parameters, as they were registered.")
    @batched
    async def parameters(self, info: Info) -> JSON:
        return JSON((await self._content(info)).get("parameters"))


@strawberry.type(description="A package and its version.")
class Dependency:
    """Dependency."""

    name: str = strawberry.field(description="The package.")
    version: str = strawberry.field(description="Its version.")


@strawberry.type(description="The environment in which a version was built.")
class Environment(Record, kind=Kind.ENVIRONMENT):
    """Environment."""

    @strawberry.field(description="The version of Python.")
    @batched
    async def python(self, info: Info) -> str | None:
        return (await self._content(info)).get("python")

    @strawberry.field(description="The hardware.")
    @batched
    async def hardware(self, info: Info) -> str | None:
        return (await self._content(info)).get("hardware")

    @strawberry.field(description="The packages that were installed.")
    @batched
    async def dependencies(self, info: Info) -> list[Dependency]:
        return [Dependency(**one) for one in (await self._content(info)).get("dependencies", ())]


def _plain(kind: Kind, name: str, description: str) -> None:
    """A type for a kind of record that offers no more than what all records do."""
    strawberry.type(type(name, (Record,), {"__doc__": description}, kind=kind), description=description)


for _kind, _description in (
    (Kind.METRIC_DEFINITION, "What a metric means in this registry."),
    (Kind.POPULATION, "A statement about the population of a partition."),
):
    _plain(_kind, _kind.title().replace("_", ""), _description)
