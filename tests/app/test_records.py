"""GET /records: the log as NDJSON, resumable by sequence, behind the same authorization as all else."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from descentd.app.auth import authentication
from descentd.app.http import records as endpoint
from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from descentd.graph.log_import import check_log
from descentd.graph.store.sqlite.store import SQLiteStore
from tests.app.asgi import Client, until
from tests.app.tiny import serving
from tests.app.tokens import new_token

pytestmark = pytest.mark.anyio

NDJSON = {"Content-Type": "application/x-ndjson"}
SENDS = NDJSON | {"Accept": "*/*"}


async def fill(client: httpx2.AsyncClient, number: int, name: str = "m", **headers: str) -> None:
    """Register a number of versions by POST /records."""
    lines = [json.dumps({"models": [{"name": name, "version": str(i)}]}) for i in range(number)]
    answer = await client.post("/records", content="\n".join(lines), headers=SENDS | headers)
    assert [json.loads(line) for line in answer.text.splitlines()] == [
        {"line": i, "created": 1, "existing": 0} for i in range(1, number + 1)
    ]


async def test_the_log_comes_whole_and_goes_on_after_any_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_BATCH", 7)
    file = tmp_path / "log.ndjson"
    async with serving() as client:
        await fill(client, 40)
        answer = await client.get("/records")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
        whole = answer.text.splitlines(keepends=True)
        assert [json.loads(line)["sequence"] for line in whole] == [*range(1, 41), 40]
        for after in (0, 1, 6, 7, 8, 39, 40):
            assert (await client.get("/records", params={"after": after})).text == "".join(whole[after:])
        await fill(client, 2, "later")
        later = (await client.get("/records?after=40")).text.splitlines(keepends=True)
        assert len(later) == 3
    file.write_text("".join([*whole[:-1], *later]))
    assert check_log(file).sequence == 42


async def test_an_empty_log_is_its_end() -> None:
    async with serving() as client:
        [end] = (await client.get("/records")).text.splitlines()
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of nothing (RFC 6962, 2.1)
    assert json.loads(end) == {"end": "descent.log.v1", "sequence": 0, "root": empty}


@pytest.mark.parametrize(
    ("method", "query", "headers", "status", "code", "reason"),
    [
        ("GET", "?after=3", {}, 400, "INVALID_INPUT", "Expected at most 2, the newest entry"),
        ("GET", "?after=-1", {}, 400, "INVALID_INPUT", "Expected the sequence of an entry"),
        ("GET", "?after=1e0", {}, 400, "INVALID_INPUT", "Expected the sequence of an entry"),
        ("GET", "?after=%D9%A1", {}, 400, "INVALID_INPUT", "Expected the sequence of an entry"),
        ("GET", f"?after={'9' * 5000}", {}, 400, "INVALID_INPUT", "Expected the sequence of an entry"),
        ("GET", "?after=1&after=2", {}, 400, "INVALID_INPUT", "at most one parameter"),
        ("GET", "?before=1", {}, 400, "INVALID_INPUT", "at most one parameter"),
        ("GET", "", {"Accept": "text/html"}, 406, "INVALID_INPUT", "application/x-ndjson"),
        ("DELETE", "", {}, 405, "INVALID_INPUT", "Expected GET"),
        ("GET", "", {"Authorization": "Bearer x"}, 401, "UNAUTHENTICATED", ""),
        ("GET", "", {"Origin": "https://elsewhere.example"}, 403, "FORBIDDEN", "DESCENT_ORIGINS"),
        ("POST", "", {"Content-Type": "application/json"}, 415, "INVALID_INPUT", "application/x-ndjson"),
    ],
)
async def test_refused(method: str, query: str, headers: dict[str, str], status: int, code: str, reason: str) -> None:
    async with serving() as client:
        await fill(client, 2)
        answer = await client.request(method, f"/records{query}", headers=SENDS | headers)
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (status, code)
        assert reason in problem["detail"]


@pytest.fixture
def closed(tmp_path: Path) -> tuple[str, str]:
    """The address of a store that asks for tokens, and the secret of one."""
    store = f"sqlite:///{tmp_path / 'registry.db'}"
    return store, new_token(store, "ruth", "registrar")


async def test_a_token_is_asked_for_and_the_access_log_says_who_read(closed: tuple[str, str]) -> None:
    store, secret = closed
    async with application(store=store) as (_, client):
        assert (await client.get("/records")).status_code == 401
        answer = await client.get("/records", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 200
        assert json.loads(answer.text)["sequence"] == 0
    opened = SQLiteStore(Path(store.removeprefix("sqlite:///")))
    await opened.open()
    seen = [access for _, access in await opened.accounts.accesses(None, 10, "ruth")]
    await opened.close()
    assert ("/records", "records", "OK") in {(one.route, one.operation, one.outcome) for one in seen}


@asynccontextmanager
async def application(**settings: Any) -> AsyncIterator[tuple[Starlette, httpx2.AsyncClient]]:
    app = create(Settings(**settings))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield app, client


def reading(app: Starlette, **headers: str) -> Client:
    return Client(app, "http", "/records", headers, method="GET")


def lines_of(client: Client) -> list[dict[str, Any]]:
    return [json.loads(line) for one in client.sent for line in one.get("body", b"").splitlines()]


async def test_nothing_is_read_ahead_of_who_receives_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_BATCH", 5)
    async with application(store="memory:") as (app, client):
        await fill(client, 200)
        slow = reading(app)
        slow.reading.clear()
        answering = slow.start()
        await until(lambda: len(slow.sent) > 1)
        for _ in range(1_000):
            await asyncio.sleep(0)
        assert len(lines_of(slow)) == 5
        slow.reading.set()
        await answering
        assert len(lines_of(slow)) == 201


async def test_reading_ends_when_the_client_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_BATCH", 5)
    async with application(store="memory:") as (app, client):
        await fill(client, 200)
        leaving = reading(app)
        leaving.reading.clear()
        answering = leaving.start()
        await until(lambda: len(leaving.sent) > 1)
        leaving.push(type="http.disconnect")
        await answering
        assert len(lines_of(leaving)) == 5


async def test_a_token_that_is_revoked_meanwhile_reads_no_further(
    closed: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "_BATCH", 5)
    monkeypatch.setattr(authentication, "FRESH", 0.0)
    store, secret = closed
    async with application(store=store) as (app, client):
        await fill(client, 20, authorization=f"Bearer {secret}")
        open = reading(app, authorization=f"Bearer {secret}")
        open.reading.clear()
        answering = open.start()
        await until(lambda: len(open.sent) > 1)
        accounts = app.state.registry().store.accounts
        await accounts.revoke([token.id for token in await accounts.tokens()], 1)
        open.reading.set()
        await answering
        *entries, last = lines_of(open)
        assert [entry["sequence"] for entry in entries] == [1, 2, 3, 4, 5]
        assert last["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_server_that_stops_says_where_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_BATCH", 5)
    async with application(store="memory:") as (app, client):
        await fill(client, 20)
        open = reading(app)
        open.reading.clear()
        answering = open.start()
        await until(lambda: len(open.sent) > 1)
        app.state.ending.set()  # which is what SIGTERM does first
        open.reading.set()
        await answering
        *entries, last = lines_of(open)
    assert len(entries) == 5
    assert last["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert "?after=5" in last["errors"][0]["message"]
