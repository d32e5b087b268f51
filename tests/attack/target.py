"""The server that is attacked: a real one, with people, and one lineage to be asked about."""

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx2
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from descentd.app.checkpoints.signed_note import SigningKey
from tests.app.tokens import new_token
from tests.support.server_process import PLAIN, ServerProcess

SECRET: Final = "a-secret-of-at-least-24-bytes"
PEOPLE: Final = {
    "ada": ("registrar",),
    "eva": ("evaluator",),
    "rev": ("reviewer",),
    "eve": ("registrar", "evaluator", "reviewer"),
    "adm": ("admin",),
    "vic": ("viewer",),
}
"""Who has a token, and which roles."""
PATIENCE: Final = 40.0
"""Seconds for one answer: an operation is ended after 30."""
POLICY: Final = """\
environment: production
rules:
  - name: documented
    expression: profile.present
"""


def digest(number: int) -> str:
    """A digest that no file has."""
    return f"sha256:{number:064x}"


def lineage() -> dict[str, Any]:
    """What the registry holds before it is attacked; Eve registered it."""
    train = {"name": "train", "digest": digest(1)}
    profile = {"intendedUse": "Rank.", "mustNotDo": ["Decide."]}
    first = {"name": "m", "version": "1", "artifacts": [{"uri": "s3://m", "digest": digest(2)}]}
    second = {"name": "m", "version": "2", "artifacts": [{"uri": "s3://m", "digest": digest(3)}]}
    trained = [{"ref": "dataset:d@1#train", "role": "TRAIN"}]
    parents = [{"ref": "model:m@1", "relation": "FINE_TUNE"}]
    return {
        "datasets": [{"name": "d", "version": "1", "partitions": [train]}],
        "models": [
            {**first, "trainedOn": trained, "safetyProfile": profile},
            {**second, "parents": parents, "trainedOn": trained, "safetyProfile": profile},
        ],
    }


class Target:
    """The server; a context manager, which starts it on an empty store in a folder and ends it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = f"sqlite:///{folder / 'registry.db'}"
        self.key = SigningKey.generate("example.org/attacked")
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.tokens = {person: new_token(self.store, person, *roles) for person, roles in PEOPLE.items()}
        (self.folder / "policies").mkdir()
        (self.folder / "policies" / "production.yaml").write_text(POLICY, "utf-8")
        options = ("--policies", str(self.folder / "policies"))
        secrets, key = json.dumps([SECRET]), self.key.dump()
        self.server = self._stack.enter_context(
            ServerProcess(self.store, *options, DESCENT_WEBHOOK_SECRETS=secrets, DESCENT_SIGNING_KEY=key)
        )
        self.url = self.server.url
        parts = urlsplit(self.url)
        self.host, self.port = parts.hostname or "", parts.port or 0
        self.http = self._stack.enter_context(httpx2.Client(base_url=self.url, timeout=PATIENCE, verify=PLAIN))
        answer = self.ask("mutation M($m: ManifestInput!) { register(manifest: $m) { created } }", "eve", m=lineage())
        assert "errors" not in answer, answer
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def post(self, body: bytes, person: str | None = "vic", path: str = "/graphql", **headers: str) -> httpx2.Response:
        """The answer to a body, sent as it is; names of headers have _ for -."""
        given = {"content-type": "application/json", "accept": "application/graphql-response+json"}
        if person is not None:
            given["authorization"] = f"Bearer {self.tokens[person]}"
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(path, content=body, headers=given)

    def ask(self, query: str, person: str | None = "vic", **variables: Any) -> dict[str, Any]:
        """The answer to an operation."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        answer: dict[str, Any] = self.post(body, person).json()
        return answer

    def refused(self, code: str, query: str, person: str | None = "vic", **variables: Any) -> dict[str, Any]:
        """The first error of an operation, which has to have a code."""
        answer = self.ask(query, person, **variables)
        assert answer.get("errors"), f"it was answered: {str(answer)[:300]}"
        error: dict[str, Any] = answer["errors"][0]
        assert error["extensions"]["code"] == code, error
        return error

    def raw(self, sent: bytes, *, most: int = 1 << 20) -> bytes:
        """What comes back over a connection of its own until the server closes it, or answered `most` bytes."""
        found = b""
        with socket.create_connection((self.host, self.port), timeout=PATIENCE) as connection:
            try:
                connection.sendall(sent)
                while len(found) < most and (more := connection.recv(65_536)):
                    found += more
            except (ConnectionError, TimeoutError):
                pass
        return found

    def frames(self, *messages: str | bytes, person: str | None = None) -> list[str]:
        """What comes back over a WebSocket for some messages: as many, or the code that it was closed with, too."""

        async def talk() -> list[str]:
            headers = {} if person is None else {"Authorization": f"Bearer {self.tokens[person]}"}
            found: list[str] = []
            async with connect(
                f"ws://{self.host}:{self.port}/graphql",
                subprotocols=[Subprotocol("graphql-transport-ws")],
                additional_headers=headers,
                max_size=None,
                open_timeout=PATIENCE,
                close_timeout=1,
                proxy=None,
            ) as connection:
                try:
                    for message in messages:
                        await connection.send(message)
                    while len(found) < len(messages):
                        found.append(str(await asyncio.wait_for(connection.recv(), PATIENCE)))
                except ConnectionClosed:
                    found.append(f"closed {connection.close_code}")
            return found

        return asyncio.run(talk())

    def sequence(self) -> int:
        """How many records there are."""
        number: int = self.ask("{ __typename }")["extensions"]["sequence"]
        return number

    def check_alive(self) -> float:
        """Seconds that a look-up took; raises AssertionError where there was no right answer."""
        begin = time.perf_counter()
        answer = self.ask('{ entity(ref: "model:m@2") { ref } }')
        assert answer.get("data") == {"entity": {"ref": "model:m@2"}}, answer
        return time.perf_counter() - begin

    def traces(self) -> list[dict[str, Any]]:
        """Errors of the server's own that are in its log."""
        return [entry for entry in self.server.log if entry.get("event") == "internal_error"]


def signed(body: bytes, id: str, at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    """The headers of a delivery that is signed by Standard Webhooks."""
    sent = str(int(time.time() if at is None else at))
    raw = hmac.new(secret.encode(), f"{id}.{sent}.".encode() + body, hashlib.sha256).digest()
    return {"webhook_id": id, "webhook_timestamp": sent, "webhook_signature": "v1," + base64.b64encode(raw).decode()}
