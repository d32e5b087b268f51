"""Tokens, as people and programs use them with running servers."""

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from descentd.app.auth.tokens import hash_of, is_secret, new_secret
from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from tests.app.command_line import call
from tests.app.test_process import with_credentials
from tests.app.tokens import ASK, REGISTER, ask, code, descentd, ids, log_of, new_token, until
from tests.support.neo4j_server import Neo4jServer
from tests.support.server_process import PLAIN, SECONDS, ServerProcess

# ------------------------------------------------------------ secrets


def test_secrets_are_long_and_never_the_same() -> None:
    secrets = {new_secret() for _ in range(1000)}
    assert len(secrets) == 1000
    assert all(re.fullmatch(r"descent_[0-9A-Za-z]{39}", secret) and is_secret(secret) for secret in secrets)
    assert 62**33 > 2**192  # the digits hold all of the randomness
    assert len({hash_of(secret) for secret in secrets}) == 1000


@given(st.integers(8, 46), st.characters(codec="ascii"))
def test_one_wrong_character_is_noticed(place: int, other: str) -> None:
    secret = new_secret()
    wrong = secret[:place] + other + secret[place + 1 :]
    assert is_secret(wrong) == (wrong == secret)


@given(st.text())
def test_what_is_no_secret(text: str) -> None:
    assert not is_secret("descent_" + text)


# ------------------------------------------------------------ the command line


def test_making_listing_and_revoking(store_file: str) -> None:
    given = ("--person", "Ada", "--role", "viewer", "--role", "auditor")
    made = descentd("token", "create", "--store", store_file, *given)
    secret = made.stdout.removesuffix("\n")
    assert is_secret(secret)
    assert "of Ada (auditor, viewer), without end" in made.stderr
    assert secret not in made.stderr
    assert secret.encode() not in Path(store_file.removeprefix("sqlite:///")).read_bytes()
    id = ids(store_file)["Ada"]
    listed = call("token", "list", "--store", store_file).stdout
    assert listed == f"{id} of Ada (auditor, viewer), without end; is good\n"
    assert call("token", "revoke", id, "--store", store_file).stdout == f"Revoked {id} of Ada\n"
    assert "has been revoked" in call("token", "list", "--store", store_file).stdout


def test_one_person_is_written_in_one_way(store_file: str) -> None:
    made = ("token", "create", "--store", store_file, "--role", "viewer", "--person")
    assert is_secret(call(*made, "ci@example.org").stdout.strip())
    assert is_secret(call(*made, "ci@example.org").stdout.strip())
    refused = call(*made, "CI@example.org")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "is known as ci@example.org" in refused.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("create", "--person", "a", "--role", "boss"), "There is no role 'boss'"),
        (("create", "--person", "", "--role", "viewer"), "is empty"),
        (("create", "--person", "a\x1bb", "--role", "viewer"), "U+001B"),
        (("create", "--person", "../x", "--role", "viewer"), "path steps"),
        (("create", "--person", "a", "--role", "viewer", "--expires", "tomorrow"), "Expected --expires as 90d"),
        (("create", "--person", "a", "--role", "viewer", "--expires", "1999-01-01T00:00:00Z"), "has passed already"),
        (("create", "--person", "a", "--role", "viewer", "--expires", "99-01-01T00:00:00Z"), "Expected --expires as"),
        (("create", "--person", "a"), "--role"),
        (("create", "--role", "viewer"), "--person"),
        (("revoke", "nothing"), "There is no"),
        (("list", "--store", "memory:"), "gone with its server"),
    ],
)
def test_commands_that_cannot_be_meant(store_file: str, command: tuple[str, ...], said: str) -> None:
    where = () if "--store" in command else ("--store", store_file)
    ended = call("token", *command, *where)
    assert ended.returncode in {1, 2}
    assert ended.stdout == ""
    assert said in ended.stderr


# ------------------------------------------------------------ running servers


def check_a_life(store: str, *options: str) -> None:
    with ServerProcess(store, *options) as server:
        assert code(ask(server, None, REGISTER % "1")) == "OK"  # open to this machine
        ada = new_token(store, "Ada", "registrar")
        until(lambda: ask(server, None).status_code == 401)
        auditor = new_token(store, "Aud", "auditor")
        assert code(ask(server, ada, REGISTER % "2")) == "OK"
        entity = '{ entity(ref: "model:m@%s") { recordedBy } }'
        assert ask(server, ada, entity % "1").json()["data"]["entity"] == {"recordedBy": "local"}
        assert ask(server, auditor, entity % "2").json()["data"]["entity"] == {"recordedBy": "Ada"}
        assert code(ask(server, auditor, REGISTER % "3")) == "FORBIDDEN"
        id = ids(store)["Ada"]
        assert call("token", "revoke", id, "--store", store).returncode == 0
        until(lambda: ask(server, ada, REGISTER % "2").status_code == 401)  # adds nothing if it is let through
        refused = log_of(server, auditor, refused=True, person="Ada")[0]
        assert refused["credential"] == id
        assert refused["outcome"] == "UNAUTHENTICATED"
        assert "revoked" in refused["detail"]
        assert "sequence" in ask(server, auditor).json()["extensions"]
        assert ask(server, auditor).json()["extensions"]["sequence"] == 2
        server.stop()
        server.start()
        assert ask(server, None).status_code == 401
        assert ask(server, ada).status_code == 401
        done = {(entry["person"], entry["operation"]) for entry in log_of(server, auditor, refused=False)}
        assert {("local", "register"), ("Ada", "register"), ("Aud", "entity")} <= done
    assert call("verify", "--store", store).returncode == 0


def test_from_open_to_closed_to_revoked(store_file: str) -> None:
    check_a_life(store_file)


def test_from_open_to_closed_to_revoked_with_workers(store_file: str) -> None:
    new_token(store_file, "Aud", "auditor")
    ada = new_token(store_file, "Ada", "registrar")
    with ServerProcess(store_file, "--workers", "2") as server:
        for _ in range(6):
            assert ask(server, ada).status_code == 200
        call("token", "revoke", ids(store_file)["Ada"], "--store", store_file)
        time_of_use = [ask(server, ada).status_code for _ in range(6)]
        assert set(time_of_use) <= {200, 401}
        until(lambda: all(ask(server, ada).status_code == 401 for _ in range(6)))


def test_from_open_to_closed_to_revoked_in_neo4j(neo4j_empty: Neo4jServer) -> None:
    check_a_life(with_credentials(neo4j_empty))


def test_beyond_this_machine_only_with_tokens(store_file: str) -> None:
    refused = call("serve", "--store", store_file, "--host", "0.0.0.0", "--port", "0")
    assert refused.returncode == 2
    assert "has no token" in refused.stderr
    token = new_token(store_file, "Ada", "viewer")
    with ServerProcess(store_file, "--host", "0.0.0.0") as server:
        local = server.url.replace("0.0.0.0", "127.0.0.1")
        with httpx2.Client(base_url=local, verify=PLAIN) as client:
            assert client.post("/graphql", json={"query": ASK}).status_code == 401
            answer = client.post("/graphql", json={"query": ASK}, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200


# ------------------------------------------------------------ streams

EVENTS = "subscription { events(kinds: [MODEL_VERSION]) { cursor } }"
FOLLOW = {"id": "1", "type": "subscribe", "payload": {"query": EVENTS}}


def test_a_websocket_says_who_it_is(store_file: str) -> None:
    token = new_token(store_file, "Ada", "registrar")
    app = create(Settings(store=store_file))
    hello = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
    with TestClient(app, base_url="http://localhost") as client:

        def answer(first: dict[str, Any], **headers: str) -> Any:
            where = ("ws://localhost/graphql", ["graphql-transport-ws"])
            with client.websocket_connect(*where, headers=headers) as socket:
                socket.send_json(first)
                return socket.receive_json()

        assert answer(hello) == {"type": "connection_ack"}
        assert answer({"type": "connection_init"}, Authorization=f"Bearer {token}") == {"type": "connection_ack"}
        for first in ({"type": "connection_init"}, hello | {"payload": {"authorization": "Bearer x"}}):
            with pytest.raises(WebSocketDisconnect) as closed:
                answer(first)
            assert closed.value.code == 4403
        with pytest.raises(WebSocketDisconnect) as closed:
            answer(hello | {"payload": {"authorization": 1}})
        assert closed.value.code == 4400


def test_streams_end_with_the_token(store_file: str) -> None:
    ada, bo = new_token(store_file, "Ada", "viewer"), new_token(store_file, "Bo", "registrar")
    with ServerProcess(store_file) as server:
        address = server.url.replace("http", "ws") + "/graphql"
        with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            socket.send(json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {ada}"}}))
            assert json.loads(socket.recv(SECONDS)) == {"type": "connection_ack"}
            socket.send(json.dumps(FOLLOW))
            # The subscription is running once something that was sent after it has been answered and recorded.
            numbers = iter(range(1, 10_000))
            message: dict[str, Any] | None = None
            while message is None:
                assert code(ask(server, bo, REGISTER % next(numbers))) == "OK"
                try:
                    message = json.loads(socket.recv(0.2))
                except TimeoutError:
                    continue
            assert message["type"] == "next"
            call("token", "revoke", ids(store_file)["Ada"], "--store", store_file)
            until(lambda: ask(server, ada).status_code == 401)
            assert code(ask(server, bo, REGISTER % next(numbers))) == "OK"
            while message["type"] == "next":
                message = json.loads(socket.recv(SECONDS))
            assert message["type"] == "error"
            assert message["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
            # Nor does the connection let anything else begin.
            socket.send(json.dumps({"id": "2", "type": "subscribe", "payload": {"query": ASK}}))
            again = json.loads(socket.recv(SECONDS))
            assert again["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
            socket.send('{"type": "connection_init"}')
            with pytest.raises(ConnectionClosedError):
                socket.recv(SECONDS)
