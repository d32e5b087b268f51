"""Limits of connections: of the head of a request, of the time that one may be idle, and of their number."""

import asyncio
import resource
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from descentd.app.server import connections
from descentd.app.server.connections import HEAD, LimitedHTTP
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.anyio


class Transport(asyncio.Transport):
    """A transport whose other end is the test."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = b""
        self.closed = asyncio.Event()

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        self.closed.set()

    def abort(self) -> None:
        self.closed.set()

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


def connect(state: ServerState, keep_alive: int = 5) -> tuple[LimitedHTTP, Transport]:
    config = uvicorn.Config(echo, log_config=None, lifespan="off", timeout_keep_alive=keep_alive)
    config.load()
    protocol, transport = LimitedHTTP(config, state, {}), Transport()
    protocol.connection_made(transport)
    return protocol, transport


async def answered(transport: Transport, times: int = 1) -> bytes:
    for _ in range(1_000):
        if transport.written.count(b"HTTP/1.1") >= times and transport.written.endswith((b"0", b"1", b"2", b"3", b"4")):
            return transport.written
        await asyncio.sleep(0)
    return transport.written


GET = b"GET / HTTP/1.1\r\nhost: localhost\r\n"
POST = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 200001\r\n"


@pytest.mark.parametrize("piece", [1, 1_000, 70_000, 10**9])
async def test_a_head_that_is_too_large_is_refused_while_it_is_read(piece: int) -> None:
    protocol, transport = connect(ServerState())
    head = GET + b"x: " + b"y" * HEAD
    sent = 0
    for start in range(0, len(head), piece):
        if transport.is_closing():
            break
        protocol.data_received(head[start : start + piece])
        sent += piece
    assert transport.written.startswith(b"HTTP/1.1 431 ")
    assert transport.is_closing()
    assert sent <= HEAD + piece


@pytest.mark.parametrize("piece", [1, 7, len(POST), len(POST) + 1, len(POST) + 2, 10**9])
async def test_a_large_body_is_no_large_head(piece: int) -> None:
    protocol, transport = connect(ServerState())
    sent = POST + b"\r\n" + b"z" * 200_001
    for start in range(0, len(sent), piece):
        protocol.data_received(sent[start : start + piece])
        if start % 10_000 < piece:
            await asyncio.sleep(0)
    assert (await answered(transport)).endswith(b"200001")
    protocol.data_received(GET + b"\r\n")
    assert (await answered(transport, 2)).count(b"200 OK") == 2
    protocol.connection_lost(None)


@pytest.mark.parametrize("sent", [b"", b"G", GET, POST + b"\r\n", POST + b"\r\nzzz", GET + b"\r\n" + GET])
async def test_what_stops_is_closed(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_TIMEOUT", 0.05)
    monkeypatch.setattr(connections, "BODY_TIMEOUT", 0.05)
    protocol, transport = connect(ServerState(), keep_alive=0)
    protocol.data_received(sent) if sent else None
    async with asyncio.timeout(10):
        await transport.closed.wait()
    protocol.connection_lost(None)


async def test_beyond_their_number_the_longest_idle_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 3)
    state = ServerState()
    made = [connect(state) for _ in range(3)]
    made[0][0].data_received(GET + b"\r\n")
    await answered(made[0][1])
    _, newest = connect(state)
    assert [transport.is_closing() for _, transport in made] == [False, True, False]
    assert not newest.is_closing()
    for one in list(state.connections):
        one.connection_lost(None)


async def test_where_all_are_busy_the_newest_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 2)
    state = ServerState()
    made = [connect(state) for _ in range(2)]
    for protocol, _ in made:
        protocol.data_received(POST + b"\r\n")
    _, newest = connect(state)
    assert [transport.is_closing() for _, transport in (*made, (None, newest))] == [False, False, True]
    for one in list(state.connections):
        one.connection_lost(None)


async def test_a_server_answers_while_idle_connections_use_up_its_file_handles(store_file: str) -> None:
    with ServerProcess(store_file) as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (200, 200))
        host, port = server.url.removeprefix("http://").split(":")
        idle = [await asyncio.open_connection(host, int(port)) for _ in range(250)]
        answer = await asyncio.to_thread(server.ask, "{ __typename }")
        assert answer["data"] == {"__typename": "Query"}
        for _, writer in idle:
            writer.close()
        assert [line for line in server.log if line["event"] == "too_many_connections"]
