"""A schema of a few fields that do what tests need, and a server in this process that serves it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, NewType

import httpx2
import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from descentd.app.auth.authorization import READERS
from descentd.app.graphql.context import context
from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from descentd.graph.model.errors import GateBlocked, Invalid, InvalidInput, NotFound, UnknownReference

Even = NewType("Even", int)


def _even(value: Any) -> int:
    if not isinstance(value, int) or value % 2:
        raise ValueError(f"{value!r} is not even: send an even number.")
    return value


@strawberry.input
class PartInput:
    """A part."""

    size: int
    even: Even | None = None


@strawberry.input
class WholeInput:
    """What is sent."""

    name: str
    parts: list[PartInput] | None = None
    share: float | None = None


@strawberry.type
class Node:
    """Something that has others."""

    name: str

    @strawberry.field
    def next(self) -> "Node":
        return Node(name=self.name + "'")

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError("bolt://user:secret@host went away")


class Waiting:
    """Whether a field that waits was begun, and whether it was cancelled."""

    begun = asyncio.Event()
    cancelled = asyncio.Event()


@strawberry.type
class Query:
    """Questions."""

    @strawberry.field
    async def node(self, info: Info, name: str = "n") -> Node:
        if name == "nowhere":
            raise NotFound("There is no such node: check its spelling.", "name")
        context(info).answered_at(7)
        return Node(name=name)

    @strawberry.field
    def maybe(self) -> Node | None:
        raise GateBlocked("The gate is closed: read its rules.")

    @strawberry.field
    async def wait(self) -> str:
        Waiting.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            Waiting.cancelled.set()
            raise
        return "never"


@strawberry.type
class Mutation:
    """Additions."""

    @strawberry.mutation
    async def add(self, whole: WholeInput) -> str:
        parts = whole.parts or []
        problems = [UnknownReference(f"Part {i} is unknown.", f"parts[{i}]") for i, p in enumerate(parts) if p.size < 0]
        if problems:
            raise Invalid(problems)
        return f"{whole.name}: {len(parts)}"


@strawberry.type
class Subscription:
    """Streams."""

    @strawberry.subscription
    async def count(self, upto: int, forever: bool = False) -> AsyncIterator[int]:
        if upto < 0:
            raise InvalidInput("Counting goes up: send a number that is not negative.", "upto")
        for i in range(upto):
            yield i
        if forever:
            await asyncio.Event().wait()

    @strawberry.subscription
    async def fail(self) -> AsyncIterator[int]:
        yield 1
        raise RuntimeError("bolt://user:secret@host went away")


FIELDS = {
    "Query": ("node", "maybe", "wait", "__schema", "__typename"),
    "Mutation": ("add", "__typename"),
    "Subscription": ("count", "fail"),
}
SCHEMA = strawberry.Schema(
    Query,
    Mutation,
    Subscription,
    config=StrawberryConfig(
        scalar_map={Even: strawberry.scalar(name="Even", serialize=int, parse_value=_even, description="Even.")}
    ),
)

TABLE = {f"{kind}.{field}": READERS for kind, fields in FIELDS.items() for field in fields}


@contextlib.asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a ready server of `SCHEMA`, over a store in memory."""
    app = create(Settings(**{"store": "memory:", **settings}), SCHEMA, table=TABLE)
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client
