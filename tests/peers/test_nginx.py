"""The configuration of docs/operations.md, in a real nginx: what passes, what it stops, and what it must not change."""

import asyncio
import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.app.tokens import new_token
from tests.attack.target import SECRET, signed
from tests.support.debian import NGINX, required
from tests.support.server_process import SECONDS, ServerProcess

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
HOST = "registry.example.org"
REGISTER = 'mutation { register(manifest: {models: [{name: "m", version: "1"}]}) { created } }'


@dataclass(frozen=True)
class Front:
    """nginx, and the server behind it."""

    port: int
    certificate: Path
    token: str
    server: ServerProcess

    def client(self, **options: Any) -> httpx2.Client:
        """A client of the server in front, by its own name."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        headers = {"authorization": f"Bearer {self.token}", "host": HOST}
        return httpx2.Client(
            base_url=f"https://localhost:{self.port}", verify=context, headers=headers, timeout=SECONDS, **options
        )


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number: int = found.getsockname()[1]
        return number


def configuration(folder: Path, port: int, behind: int) -> str:
    """That of the document, with ports and files of this test, and nothing else changed."""
    found = re.search(r"```nginx\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert found
    text = found[1]
    for documented, here in {
        "127.0.0.1:8600": f"127.0.0.1:{behind}",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/descent/": f"{folder}/",
    }.items():
        assert documented in text
        text = text.replace(documented, here)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"pid {folder}/pid;\nerror_log {folder}/error.log;\ndaemon off;\nevents {{}}\n"
        f"http {{ access_log off;\n{temporary}{text}\n}}\n"
    )


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    program = required(NGINX)
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    store = f"sqlite:///{folder / 'registry.db'}"
    token = new_token(store, "ada", "registrar", "viewer")
    hosts, secrets = json.dumps([HOST]), json.dumps([SECRET])
    with ServerProcess(store, DESCENT_HOSTS=hosts, DESCENT_WEBHOOK_SECRETS=secrets) as server:
        port = free_port()
        file = folder / "nginx.conf"
        file.write_text(configuration(folder, port, int(server.url.rpartition(":")[2])), "utf-8")
        with subprocess.Popen([program, "-c", str(file), "-e", str(folder / "error.log")]) as nginx:
            front = Front(port, certificate, token, server)
            try:
                for _ in range(200):
                    with front.client() as client:
                        try:
                            client.get("/livez")
                            break
                        except httpx2.ConnectError:
                            time.sleep(0.05)
                yield front
            finally:
                nginx.terminate()


def test_questions_and_pages_pass(front: Front) -> None:
    with front.client() as client:
        assert client.get("/readyz").status_code == 200
        answer = client.post("/graphql", json={"query": REGISTER}, headers={"origin": f"https://{HOST}"})
        assert answer.json().get("data") == {"register": {"created": 1}}, answer.text
        foreign = client.post("/graphql", json={"query": "{ __typename }"}, headers={"origin": "https://evil.example"})
        assert foreign.status_code == 403
        assert client.get("/version", headers={"host": "evil.example"}).status_code == 403
        assert client.get("/metrics").status_code == 403


def test_a_signed_body_is_not_changed(front: Front) -> None:
    body = b' {"title":"T",  "severity":"LOW","environment":"e","endpoint":"p"}\n'
    headers = {name.replace("_", "-"): value for name, value in signed(body, "front").items()}
    with front.client() as client:
        del client.headers["authorization"]
        answer = client.post("/webhooks/alerts", content=body, headers={**headers, "content-type": "application/json"})
    assert answer.status_code == 200, answer.text


def test_bulk_is_answered_as_it_comes(front: Front) -> None:
    """The second half is sent once the first was answered."""
    body, half = b"", b'{"models": [{"name": "b%d", "version": "1"}]}\n'
    first, second = b"".join(half % i for i in range(600)), b"".join(half % i for i in range(600, 700))
    body = first + second
    context = ssl.create_default_context(cafile=str(front.certificate))
    with (
        socket.create_connection(("localhost", front.port), timeout=SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        head = (
            f"POST /bulk HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Bearer {front.token}\r\nconnection: close\r\n"
            f"content-type: application/x-ndjson\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        connection.sendall(head.encode() + first)
        found = b""
        while b'"line":100' not in found:
            more = connection.recv(65_536)
            assert more
            found += more
        connection.sendall(second)
        while more := connection.recv(65_536):
            found += more
    assert b'"line":700' in found


def test_events_come_over_both_kinds_of_stream(front: Front) -> None:
    with front.client() as client:
        client.post("/graphql", json={"query": REGISTER})
    query = "subscription { events { cursor } }"

    async def over_websocket() -> str:
        context = ssl.create_default_context(cafile=str(front.certificate))
        async with connect(
            f"wss://localhost:{front.port}/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            additional_headers={"Authorization": f"Bearer {front.token}"},
            ssl=context,
            proxy=None,
        ) as socket_:
            await socket_.send('{"type":"connection_init"}')
            assert '"connection_ack"' in str(await socket_.recv())
            await socket_.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": "{ __typename }"}}))
            return str(await socket_.recv())

    assert '"next"' in asyncio.run(over_websocket())
    with (
        front.client() as client,
        client.stream("GET", "/graphql", params={"query": query}, headers={"accept": "text/event-stream"}) as stream,
    ):
        assert stream.status_code == 200
        other = 'mutation { register(manifest: {models: [{name: "s", version: "1"}]}) { created } }'
        with front.client() as writer:
            writer.post("/graphql", json={"query": other})
        lines = stream.iter_lines()
        assert any(line.startswith("event: next") for line in lines)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /stopped HTTP/1.1\r\nhost: registry.example.org\r\nx: " + b"y" * (40 << 20), b" 400 "),
        (b"GET /stopped HTTP/1.1\r\nhost: registry.example.org\r\nhost: evil.example\r\n\r\n", b" 400 "),
        (b"POST /stopped HTTP/1.1\r\nhost: registry.example.org\r\ncontent-length: 99999999\r\n\r\n{", b" 413 "),
    ],
)
def test_what_it_stops_does_not_reach_the_server(front: Front, sent: bytes, status: bytes) -> None:
    context = ssl.create_default_context(cafile=str(front.certificate))
    found = b""
    with (
        socket.create_connection(("localhost", front.port), timeout=SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        try:
            connection.sendall(sent)
            found = connection.recv(200)
        except (ConnectionError, ssl.SSLError):
            pass
    assert not found or status in found, found
    assert "/stopped" not in {entry.get("path") for entry in front.server.log}


def test_one_address_has_so_many_connections(front: Front) -> None:
    context = ssl.create_default_context(cafile=str(front.certificate))
    held = []
    try:
        for _ in range(105):
            plain = socket.create_connection(("localhost", front.port), timeout=SECONDS)
            connection = context.wrap_socket(plain, server_hostname="localhost")
            held.append(connection)
            # A body that is waited for keeps the connection in use.
            connection.sendall(
                f"POST /bulk HTTP/1.1\r\nhost: {HOST}\r\nauthorization: Bearer {front.token}\r\n"
                "content-type: application/x-ndjson\r\ncontent-length: 99\r\n\r\n{".encode()
            )
        answers = [connection.recv(100).split(b"\r\n")[0] for connection in held[100:]]
        assert all(b" 429 " in answer for answer in answers), answers
    finally:
        for connection in held:
            connection.close()
