"""Subscriptions: over server-sent events, and over WebSockets with graphql-transport-ws."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from tests.app.tiny import SCHEMA, TABLE, serving
from tests.support.server_process import ServerProcess

EVENTS = {"Accept": "text/event-stream"}
COUNT = "subscription Count($n: Int!) { count(upto: $n) }"


async def stream(query: str, **variables: Any) -> list[tuple[str, Any]]:
    async with serving() as client:
        answer = await client.post("/graphql", json={"query": query, "variables": variables}, headers=EVENTS)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = []
    for frame in answer.text.removesuffix("\n\n").split("\n\n"):
        event, data = (line.partition(":")[2].strip() for line in frame.split("\n"))
        events.append((event, json.loads(data) if data else None))
    return events


@pytest.mark.anyio
async def test_a_subscription_as_events() -> None:
    expected = [("next", {"data": {"count": i}, "extensions": {"sequence": 0}}) for i in range(3)]
    assert await stream(COUNT, n=3) == [*expected, ("complete", None)]


@pytest.mark.anyio
async def test_a_query_as_events() -> None:
    [(_, answer), end] = await stream("{ node { name } }")
    assert answer["data"] == {"node": {"name": "n"}}
    assert end == ("complete", None)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        (COUNT, {"n": -1}, "INVALID_INPUT"),
        (COUNT, {"n": "x"}, "INVALID_INPUT"),
        ("subscription { fail }", {}, "INTERNAL"),
    ],
)
async def test_what_fails_is_the_last_event(query: str, variables: dict[str, Any], code: str) -> None:
    events = await stream(query, **variables)
    assert events[-1] == ("complete", None)
    assert events[-2][1]["errors"][0]["extensions"]["code"] == code
    assert "secret" not in str(events)


@pytest.mark.anyio
async def test_an_operation_that_cannot_be_run_is_no_stream() -> None:
    async with serving() as client:
        answer = await client.post("/graphql", json={"query": "subscription { nope }"}, headers=EVENTS)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/graphql-response+json")


# ------------------------------------------------------------ WebSockets


@contextmanager
def connected(
    protocol: str = "graphql-transport-ws", *, begun: bool = True, **headers: str
) -> Iterator[WebSocketTestSession]:
    app = create(Settings(store="memory:"), SCHEMA, table=TABLE)
    with (
        TestClient(app, base_url="http://localhost") as client,
        client.websocket_connect("ws://localhost/graphql", [protocol], headers=headers) as socket,
    ):
        if begun:
            socket.send_json({"type": "connection_init"})
            assert socket.receive_json() == {"type": "connection_ack"}
        yield socket


def subscribe(socket: WebSocketTestSession, id: str, query: str, **variables: Any) -> None:
    socket.send_json({"type": "subscribe", "id": id, "payload": {"query": query, "variables": variables}})


def test_a_subscription_over_a_websocket() -> None:
    with connected() as socket:
        subscribe(socket, "1", COUNT, n=2)
        for i in range(2):
            answer = {"data": {"count": i}, "extensions": {"sequence": 0}}
            assert socket.receive_json() == {"type": "next", "id": "1", "payload": answer}
        assert socket.receive_json() == {"type": "complete", "id": "1"}
        subscribe(socket, "1", "{ node { name } }")  # the id is free again
        assert socket.receive_json()["payload"]["data"] == {"node": {"name": "n"}}
        assert socket.receive_json() == {"type": "complete", "id": "1"}


def test_several_at_once_and_ended_by_the_client() -> None:
    forever = "subscription { count(upto: 1, forever: true) }"
    with connected() as socket:
        for id in "ab":
            subscribe(socket, id, forever)
        assert sorted(socket.receive_json()["id"] for _ in "ab") == ["a", "b"]
        socket.send_json({"type": "complete", "id": "a"})
        socket.send_json({"type": "complete", "id": "unknown"})
        subscribe(socket, "a", forever)
        assert socket.receive_json()["id"] == "a"


def test_pings_are_answered() -> None:
    with connected() as socket:
        socket.send_json({"type": "pong"})
        socket.send_json({"type": "ping", "payload": {"x": 1}})
        assert socket.receive_json() == {"type": "pong"}


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "{"}, "INVALID_INPUT"),
        ({"query": "{ nope }"}, "INVALID_INPUT"),
        ({"query": COUNT, "variables": {"n": "x"}}, "INVALID_INPUT"),
        ({"query": COUNT, "variables": {"n": -1}}, "INVALID_INPUT"),
        ({"query": 1}, "INVALID_INPUT"),
        (None, "INVALID_INPUT"),
        ({"query": "{ node " + "{ next " * 30 + "{ name }" + " }" * 31}, "TOO_COSTLY"),
    ],
)
def test_an_operation_that_cannot_be_run_is_an_error(payload: Any, code: str) -> None:
    with connected() as socket:
        socket.send_json({"type": "subscribe", "id": "1", "payload": payload})
        answer = socket.receive_json()
        assert (answer["type"], answer["id"]) == ("error", "1")
        assert answer["payload"][0]["extensions"]["code"] == code
        subscribe(socket, "1", "{ node { name } }")
        assert socket.receive_json()["type"] == "next"


def test_a_subscription_that_breaks_tells_nothing() -> None:
    with connected() as socket:
        subscribe(socket, "1", "subscription { fail }")
        assert socket.receive_json()["payload"]["data"] == {"fail": 1}
        answer = socket.receive_json()
        assert answer["payload"][0]["extensions"]["code"] == "INTERNAL"
        assert "secret" not in str(answer)


@pytest.mark.parametrize(
    ("begun", "text", "code"),
    [
        (False, '{"type": "subscribe", "id": "1", "payload": {"query": "{a}"}}', 4401),
        (True, '{"type": "connection_init"}', 4429),
        (True, "nonsense", 4400),
        (True, '{"type": "nonsense"}', 4400),
        (True, '{"id": "1"}', 4400),
        (True, "[]", 4400),
        (True, '{"type": "ping", "type": "ping"}', 4400),
        (True, '{"type": "subscribe", "id": 1, "payload": {"query": "{a}"}}', 4400),
        (True, '{"type": "subscribe", "payload": {"query": "{a}"}}', 4400),
    ],
)
def test_what_breaks_the_protocol_closes_the_connection(begun: bool, text: str, code: int) -> None:
    with connected(begun=begun) as socket:
        socket.send_text(text)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == code


def test_bytes_close_the_connection() -> None:
    with connected() as socket:
        socket.send_bytes(b'{"type": "ping"}')
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 4400


def test_an_id_runs_once_at_a_time() -> None:
    with connected() as socket:
        for _ in range(2):
            subscribe(socket, "1", "subscription { count(upto: 0, forever: true) }")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert (closed.value.code, closed.value.reason) == (4409, "Subscriber for '1' already exists")


def test_only_this_protocol_is_spoken() -> None:
    with connected("graphql-ws", begun=False) as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    assert closed.value.code == 4406


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"authorization": "Bearer x"}])
def test_foreign_pages_and_unknown_tokens_do_not_connect(headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), connected(begun=False, **headers):
        pass


# ------------------------------------------------------------ the log, over real sockets


REGISTER = "mutation Register($manifest: ManifestInput!) { register(manifest: $manifest) { created } }"
FOLLOW = "subscription Events($after: String) { events(after: $after) { cursor record { ref } } }"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_log_is_followed_until_the_server_ends(store_file: str, workers: str) -> None:
    with ServerProcess(store_file, "--workers", workers) as server, server.client() as client:
        with client.stream("POST", "/graphql", json={"query": FOLLOW}, headers=EVENTS) as followed:
            lines = followed.iter_lines()
            for i in range(3):
                server.ask(REGISTER, manifest={"models": [{"name": "m", "version": str(i)}]})
                data = next(line for line in lines if line.startswith("data: "))
                assert json.loads(data[6:])["data"]["events"]["record"]["ref"] == f"model:m@{i}"
            server.process.send_signal(signal.SIGTERM)
            assert not [line for line in lines if line and not line.startswith(":")]
        assert server.stop() == 0
