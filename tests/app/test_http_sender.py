"""One attempt: only to where it may go, and whatever answers is no danger."""

import asyncio
import datetime
import socket
import ssl
import threading
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from httpcore2 import AnyIOBackend

from descentd.app.notifications import ssrf_guard
from descentd.app.notifications.http_sender import Answer, HTTPSender
from descentd.app.notifications.ssrf_guard import is_public
from tests.app.receiver import Receiver

pytestmark = pytest.mark.anyio


async def send(url: str, *allowed: str, timeout: float = 20) -> Answer:
    sender = HTTPSender(allowed, timeout)
    try:
        return await sender.send(url, {"content-type": "application/json"}, b"{}")
    finally:
        await sender.close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
        "169.254.1.1", "168.63.129.16", "100.100.100.200", "192.0.2.1", "198.18.0.1", "224.0.0.1", "224.0.1.1",
        "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "ff0e::1",
        "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "2002:a9fe:a9fe::1", "fec0::1", "192.0.0.192", "192.0.0.9", "192.88.99.1", "192.31.196.1",
        "192.52.193.1", "192.175.48.1", "64:ff9b:1::1", "5f00::1", "100::1", "3fff::1", "2001:20::1", "2620:4f:8000::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_that_are(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"])
async def test_this_machine_is_refused_however_it_is_written(host: str) -> None:
    with Receiver() as receiver:
        answer = await send(f"http://{host}:{receiver.port}/")
        assert answer.status is None
        assert "not public" in answer.reason
        assert receiver.received == []


def answering(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name be at these addresses; returns the names that were asked for."""
    asked: list[str] = []

    async def found(_loop: Any, host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop().__class__, "getaddrinfo", found)
    return asked


async def test_a_name_that_turns_out_to_be_this_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "8.8.8.8", "127.0.0.1")
    with Receiver() as receiver:
        answer = await send(f"http://hooks.example.org:{receiver.port}/")
        assert "not public" in answer.reason
        assert receiver.received == []


async def test_what_is_connected_to_is_what_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is asked for twice may answer twice: it is asked for once, and nobody resolves it again."""
    asked = answering(monkeypatch, "127.0.0.1")
    with Receiver() as receiver:
        answer = await send(f"http://hooks.example.org:{receiver.port}/", "hooks.example.org")
    assert answer.taken
    assert asked == ["hooks.example.org"]
    assert receiver.received[0].headers["host"] == f"hooks.example.org:{receiver.port}"


async def test_a_peer_that_is_another_than_was_asked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "8.8.8.8")

    class Misled(AnyIOBackend):
        async def connect_tcp(self, host: str, *given: Any, **other: Any) -> Any:
            return await super().connect_tcp("127.0.0.1", *given, **other)

    monkeypatch.setattr(ssrf_guard, "AnyIOBackend", Misled)
    with Receiver() as receiver:
        answer = await send(f"http://hooks.example.org:{receiver.port}/")
        assert answer.reason == "another address answered than was asked"
        assert receiver.received == []


async def test_redirects_are_not_followed() -> None:
    with Receiver() as inner, Receiver(statuses=[307]) as receiver:
        receiver.headers = {"location": f"http://127.0.0.1:{inner.port}/"}
        answer = await send(receiver.url, "127.0.0.1")
        assert (answer.status, answer.taken) == (307, False)
        assert "redirect" in answer.reason
        assert inner.received == []


async def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver() as proxy, Receiver() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await send(receiver.url, "127.0.0.1")).taken
        assert proxy.received == []


async def test_a_name_that_nobody_has() -> None:
    answer = await send("https://nowhere.invalid/")
    assert answer == Answer(None, "the receiver cannot be connected to")


class Raw:
    """Answers a connection with these bytes, again and again where `forever`."""

    def __init__(self, answer: bytes, *, forever: bool = False) -> None:
        self._answer = answer
        self._forever = forever
        self.sent = 0

    def __enter__(self) -> "Raw":
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            connection.recv(65536)
            try:
                connection.sendall(self._answer)
                while self._forever:
                    self.sent += connection.send(b"x" * 65536)
                connection.settimeout(60)
                while connection.recv(65536):
                    pass
            except OSError:
                pass


async def test_an_endless_answer_is_cut() -> None:
    with Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n", forever=True) as raw:
        assert (await send(raw.url, "127.0.0.1")).taken
    assert raw.sent < 64 * 1024 * 1024  # what the system's own buffers took


async def test_an_endless_head_is_cut() -> None:
    with Raw(b"HTTP/1.1 200 OK\r\nx: ", forever=True) as raw:
        answer = await send(raw.url, "127.0.0.1")
    assert answer.status is None
    assert raw.sent < 64 * 1024 * 1024


async def test_silence_ends() -> None:
    with Raw(b"") as raw:
        answer = await send(raw.url, "127.0.0.1", timeout=0.2)
    assert answer == Answer(None, "no answer within 0.2 seconds")


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.9\r\n\r\n", b"HTTP/1.1 secret-of-the-receiver\r\n\r\n"])
async def test_what_does_not_speak_http(said: bytes) -> None:
    with Raw(said) as raw:
        answer = await send(raw.url, "127.0.0.1", timeout=20)
    assert answer == Answer(None, "the connection broke, or what answered does not speak HTTP")


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime.now(datetime.UTC)
    tomorrow = today + datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), today, tomorrow)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    unencrypted = serialization.NoEncryption()
    file = tmp_path / "both.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unencrypted)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with Receiver() as receiver:
        receiver._server.socket = context.wrap_socket(receiver._server.socket, server_side=True)
        answer = await send(f"https://localhost:{receiver.port}/", "localhost")
        assert answer == Answer(None, "the receiver's certificate is not good")
        assert receiver.received == []
