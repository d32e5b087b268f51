"""Tokens as whoever runs a registry makes them: by `descentd token`."""

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import httpx2
from typer.testing import CliRunner

from descentd.app.server.cli import app
from tests.app.command_line import call
from tests.support import preloaded
from tests.support.server_process import SECONDS, ServerProcess


def descentd(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return preloaded.run(preloaded.SERVER, *command, environment=environment)


def new_token(store: str, person: str, *roles: str, **options: str) -> str:
    """The secret of a new token; options are `expires`."""
    given = [part for role in roles for part in ("--role", role)]
    given += [part for name, value in options.items() for part in (f"--{name}", value)]
    # In this process: there are many, and to start one of its own takes far longer than making a token.
    done = CliRunner().invoke(app, ["token", "create", "--store", store, "--person", person, *given])
    assert done.exit_code == 0, done.stderr
    return done.stdout.splitlines()[-1]


ASK = "{ populationVocabulary { attribute } }"
REGISTER = 'mutation { register(manifest: {models: [{name: "m", version: "%s"}]}) { created } }'
LOG = """query ($person: String, $refused: Boolean, $first: Int, $after: String) {
  accessLog(person: $person, refused: $refused, first: $first, after: $after) {
    pageInfo { hasNextPage endCursor }
    edges { node { at person credential client route operation outcome detail count } } } }"""


def ask(server: ServerProcess, token: str | None, query: str = ASK, **variables: Any) -> httpx2.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    with server.client() as client:
        return client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)


def code(answer: httpx2.Response) -> str:
    body = answer.json()
    return str(body["errors"][0]["extensions"]["code"]) if "errors" in body else "OK"


def log_of(server: ServerProcess, token: str, **given: Any) -> list[dict[str, Any]]:
    connection = ask(server, token, LOG, **given).json()["data"]["accessLog"]
    return [edge["node"] for edge in connection["edges"]]


def until(condition: Callable[[], bool]) -> None:
    """Return once a condition holds that another process brings about."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end


def ids(store: str) -> dict[str, str]:
    """The ids of tokens by person."""
    listed = json.loads(call("token", "list", "--store", store, "--format", "json").stdout)
    return {token["person"]: token["id"] for token in listed}
