"""The token of the environment, or the identity that GitHub or GitLab gives to a job."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from descent.identity import NoIdentity, token_for
from tests.client.cli import run
from tests.client.registry import Registry

HTTPS = "https://descent.example.org"


class GitHub:
    """What Actions offers a job: an address that gives out identity tokens."""

    def __init__(self, url: str) -> None:
        self.environment = {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret",
            "DESCENT_AUDIENCE": "descent & others",
        }
        self.asked: list[tuple[str, str]] = []
        self.answer: tuple[int, Any] = (200, {"value": "an.identity.token"})


@pytest.fixture
def github() -> Iterator[GitHub]:
    with running() as one:
        yield one


@contextmanager
def running() -> Iterator[GitHub]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.asked.append((self.path, self.headers["Authorization"]))
            status, body = hub.answer
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub = GitHub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_token_comes_first(github: GitHub) -> None:
    given = github.environment | {"DESCENT_TOKEN": "t", "DESCENT_ID_TOKEN": "i"}
    assert token_for(HTTPS, given) == "t"
    assert token_for("http://registry.example", given) == "t"
    del given["DESCENT_TOKEN"]
    assert token_for(HTTPS, given) == "i"
    assert github.asked == []


def test_nobody_is_asked_without_an_audience(github: GitHub) -> None:
    del github.environment["DESCENT_AUDIENCE"]
    assert token_for(HTTPS, github.environment) is None
    assert token_for(HTTPS, {"DESCENT_TOKEN": "", "DESCENT_ID_TOKEN": "", "DESCENT_AUDIENCE": ""}) is None
    assert github.asked == []


def test_github_is_asked_for_the_audience(github: GitHub) -> None:
    assert token_for(HTTPS, github.environment) == "an.identity.token"
    assert github.asked == [("/token?api-version=2.0&audience=descent+%26+others", "Bearer secret")]


@pytest.mark.parametrize(
    "answer", [(403, {}), (200, {}), (200, []), (200, {"value": ""}), (200, {"value": 1}), (200, b"<html>")]
)
def test_a_job_without_an_identity_says_so(github: GitHub, answer: tuple[int, Any]) -> None:
    github.answer = answer
    with pytest.raises(NoIdentity, match="gave the job no identity token"):
        token_for(HTTPS, github.environment)


def test_a_job_that_may_not_ask_says_what_it_needs() -> None:
    with pytest.raises(NoIdentity, match="permissions: id-token: write"):
        token_for(HTTPS, {"DESCENT_AUDIENCE": "descent"})


@pytest.mark.parametrize("url", ["http://registry.example", "http://10.0.0.1:8600", "http://localhost.example"])
@pytest.mark.parametrize("given", [{"DESCENT_ID_TOKEN": "i"}, {"DESCENT_AUDIENCE": "a"}])
def test_identities_are_sent_over_tls_or_to_this_machine(url: str, given: dict[str, str]) -> None:
    with pytest.raises(NoIdentity, match="over TLS only"):
        token_for(url, given)
    assert token_for("http://localhost:8600", {"DESCENT_ID_TOKEN": "i"}) == "i"
    assert token_for("http://127.0.0.1:8600", {"DESCENT_ID_TOKEN": "i"}) == "i"
    assert token_for("http://[::1]:8600", {"DESCENT_ID_TOKEN": "i"}) == "i"


@pytest.mark.parametrize("name", ["DESCENT_TOKEN", "DESCENT_ID_TOKEN"])
def test_a_command_refuses_a_token_that_cannot_be_sent(registry: Registry, name: str) -> None:
    done = run("search", "m", registry=registry, **{name: "s3cret…"})
    assert done.exit_code == 1
    assert "The token" in done.stderr
    assert "s3cret" not in done.output
    assert registry.asked == []


def test_commands_send_it(registry: Registry, github: GitHub) -> None:
    registry.on(
        "Search", {"search": {"totalCount": 0, "edges": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}}
    )
    done = run("search", "m", registry=registry, **github.environment)
    assert done.exit_code == 0, done.stderr
    assert registry.asked[-1][0]["Authorization"] == "Bearer an.identity.token"
    refused = run("search", "m", registry=registry, DESCENT_AUDIENCE="a")
    assert refused.exit_code == 1
    assert "may not ask for an identity token" in refused.stderr
