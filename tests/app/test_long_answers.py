"""Answers that are long, or that nobody receives: others are served meanwhile, memory is bounded, an end is an end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette

from descentd.app.http import bulk, middleware
from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from descentd.graph.store.memory import MemoryStore
from tests.app.asgi import Client, until

pytestmark = pytest.mark.anyio

RECORDS = {"memory": 20_000, "neo4j": 2_000}
EVENTS = 'subscription { events(after: "0") { cursor record { id } } }'


@pytest.fixture(params=["memory", "neo4j"])
def store(request: pytest.FixtureRequest) -> tuple[str, int]:
    """The address of an empty store, and how many records it is to hold: Neo4j takes longer to be filled."""
    address = request.getfixturevalue("neo4j_empty").uri if request.param == "neo4j" else "memory:"
    return address, RECORDS[request.param]


@asynccontextmanager
async def running(store: str = "memory:") -> AsyncIterator[Starlette]:
    app = create(Settings(store=store))
    async with app.router.lifespan_context(app):
        yield app


def post(app: Starlette, path: str, kind: str, **headers: str) -> Client:
    return Client(app, "http", path, {"content-type": kind, **headers}, method="POST")


def models(line: int, count: int) -> bytes:
    return json.dumps({"models": [{"name": f"m{line}", "version": str(i)} for i in range(count)]}).encode() + b"\n"


async def fill(app: Starlette, records: int) -> None:
    client = post(app, "/bulk", "application/x-ndjson")
    for line in range(records // 500):
        client.push(type="http.request", body=models(line, 500), more_body=True)
    client.push(type="http.request", body=b"", more_body=False)
    await client.start()
    assert all(b"errors" not in one.get("body", b"") for one in client.sent)


@asynccontextmanager
async def connected(app: Starlette) -> AsyncIterator[Client]:
    client = Client(app, "websocket", "/graphql", {}, subprotocols=["graphql-transport-ws"], scheme="ws")
    client.push(type="websocket.connect")
    client.push_json(type="connection_init")
    serving = client.start()
    await until(lambda: client.received("connection_ack"))
    yield client
    client.reading.set()
    client.push(type="websocket.disconnect", code=1000)
    await serving


async def test_a_replay_leaves_others_their_turn_and_ends_when_it_is_asked_to(store: tuple[str, int]) -> None:
    address, records = store
    async with running(address) as app:
        await fill(app, records)
        async with connected(app) as client:
            client.push_json(type="subscribe", id="1", payload={"query": EVENTS})
            before, most = len(client.sent), 0
            while before < 1_000:
                await asyncio.sleep(0)
                most = max(most, len(client.sent) - before)
                before = len(client.sent)
            assert most <= 2, "so many events were sent in one turn"
            client.push_json(type="ping")
            await until(lambda: client.received("pong", before), 20)
            client.push_json(type="complete", id="1")
            await until(client.incoming.empty, 20)
            sent = len(client.sent)
            for _ in range(100):
                await asyncio.sleep(0)
            assert len(client.sent) - sent <= 2, "it went on after it had been ended"
            client.push_json(type="subscribe", id="1", payload={"query": "{ __typename }"})
            await until(lambda: client.received("complete", sent))
            assert len(client.sent) < records


async def test_a_replay_reads_the_log_in_parts_and_nothing_for_each_event(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for name in ("sequence", "entries", "briefs", "links"):
        own = getattr(MemoryStore, name)

        def counted(self: MemoryStore, *args: Any, name: str = name, own: Any = own, **more: Any) -> Any:
            asked.append(name)
            return own(self, *args, **more)

        monkeypatch.setattr(MemoryStore, name, counted)
    query = 'subscription { events(after: "0") { cursor record { id recordedAt recordedBy content } } }'
    async with running() as app:
        await fill(app, 2_000)
        async with connected(app) as client:
            before = len(client.sent)
            asked.clear()
            client.push_json(type="subscribe", id="1", payload={"query": query})
            await until(lambda: len(client.sent) - before == 2_000)
            assert len(asked) < 40, asked
            last = json.loads(client.sent[-1]["text"])
            assert last["payload"]["extensions"] == {"sequence": 2_000}
            assert last["payload"]["data"]["events"]["record"]["content"] == {"name": "m3", "version": "499"}


async def test_a_replay_that_nobody_receives_waits(store: tuple[str, int]) -> None:
    async with running(store[0]) as app:
        await fill(app, 1_000)
        async with connected(app) as client:
            client.reading.clear()
            before = len(client.sent)
            client.push_json(type="subscribe", id="1", payload={"query": EVENTS})
            await until(lambda: len(client.sent) > before)
            for _ in range(1_000):
                await asyncio.sleep(0)
            assert client.received("next", before) == 1
            client.reading.set()
            await until(lambda: client.received("next", before) == 1_000)


class Answers(bulk._Answers):
    """The last ones that were made."""

    last: "Answers"

    def __init__(self) -> None:
        super().__init__()
        Answers.last = self


@pytest.mark.parametrize("content", [models(0, 1), b"nonsense\n"])
async def test_bulk_answers_that_nobody_receives_stop_the_reading(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_WAITING", 10_000)
    monkeypatch.setattr(bulk, "_Answers", Answers)
    async with running() as app:
        client = post(app, "/bulk", "application/x-ndjson")
        client.reading.clear()
        for _ in range(100):
            client.push(type="http.request", body=content * 100, more_body=True)
        client.push(type="http.request", body=b"", more_body=False)
        answering = client.start()
        await until(lambda: client.taken and not Answers.last._room.is_set())
        for _ in range(1_000):
            await asyncio.sleep(0)
        assert client.taken < 50
        client.reading.set()
        await answering
        lines = [line for one in client.sent for line in one.get("body", b"").splitlines()]
        assert [json.loads(line)["line"] for line in lines] == list(range(1, 10_001))


async def test_a_client_that_receives_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "_STALLED", 0.05)
    async with running() as app:
        client = post(app, "/graphql", "application/json")
        client.reading.clear()
        client.push(type="http.request", body=b'{"query": "{ __typename }"}', more_body=False)
        async with asyncio.timeout(30):
            await client.start()
        assert [one["type"] for one in client.sent] == ["http.response.start", "http.response.body"]


async def test_a_stranger_sends_little_over_a_websocket() -> None:
    async with running() as app:
        client = Client(app, "websocket", "/graphql", {}, subprotocols=["graphql-transport-ws"], scheme="ws")
        client.push(type="websocket.connect")
        client.push_json(type="connection_init", payload={"x": "y" * 20_000})
        await client.start()
        closed: Any = client.sent[-1]
        assert (closed["type"], closed["code"]) == ("websocket.close", 1009)
