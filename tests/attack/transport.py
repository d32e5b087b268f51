"""Attacks below GraphQL: heads, hosts, bodies, JSON and frames that are not as they should be."""

import json
import socket
import time
from pathlib import Path

from tests.attack.attack import Run, Table
from tests.attack.target import PATIENCE, Target

attack = Table()
REGISTER = "mutation M($m: ManifestInput!) { register(manifest: $m) { created } }"


def manifest(config: str) -> bytes:
    """A registration with a configuration that is written by hand, of a version that is not there yet."""
    whole = json.dumps({"query": REGISTER, "variables": {"m": {"models": [{"name": "j", "version": "1"}]}}})
    return whole.replace('"version": "1"', f'"version": "1", "config": {config}').encode()


def json_refused(config: str) -> Run:
    """A registration that is refused for its JSON, and records nothing."""

    def run(target: Target) -> None:
        before = target.sequence()
        answer = target.post(manifest(config), "ada")
        assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID_INPUT", answer.text[:300]
        assert target.sequence() == before

    return run


attack.each(
    {
        "JSON: NaN": json_refused('{"a": NaN}'),
        "JSON: Infinity": json_refused('{"a": -Infinity}'),
        "JSON: 1e400": json_refused('{"a": 1e400}'),
        "JSON: an integer of 5,000 digits": json_refused('{"a": ' + "9" * 5000 + "}"),
        "JSON: an integer beyond 2^53": json_refused('{"a": 9007199254740993}'),
        "JSON: one key twice": json_refused('{"a": 1, "a": 2}'),
        "JSON: one key twice, once escaped": json_refused('{"a": 1, "\\u0061": 2}'),
        "JSON: half a character": json_refused('{"a": "\\ud800"}'),
        "JSON: half a character as a key": json_refused('{"\\udc00": 1}'),
        "JSON: 70 deep": json_refused('{"a":' * 70 + "1" + "}" * 70),
        "JSON: 100,000 deep": json_refused("[" * 100_000 + "]" * 100_000),
        "JSON: a comment": json_refused('{"a": 1 /* one */}'),
        "JSON: a comma too many": json_refused('{"a": 1,}'),
        "JSON: single quotes": json_refused("{'a': 1}"),
    }
)


@attack("24,000 keys, of which the last is there twice, in 264 kB")
def _(target: Target) -> None:
    pairs = ",".join(f'"{i:06}":1' for i in range(24_000))
    twice = "{" + pairs + ',"023999":1}'
    begin = time.perf_counter()
    assert target.frames(twice)[0].startswith("closed")
    assert target.post(twice.encode()).status_code == 400
    line = target.post(twice.encode(), "ada", "/bulk", content_type="application/x-ndjson").text
    assert "twice" in line
    assert target.post(twice.encode(), "ada", "/webhooks/alerts").status_code == 400
    assert time.perf_counter() - begin < PATIENCE


@attack("UTF-16, UTF-7, a byte order mark, bytes that are no text")
def _(target: Target) -> None:
    query = '{"query": "{ __typename }"}'
    for body in (query.encode("utf-16"), b"\xef\xbb\xbf" + query.encode(), b"\xff\xfe{}", b"\xc0\xaf", b"\xed\xa0\x80"):
        assert target.post(body).status_code == 400
    assert target.post(query.encode("utf-7"), content_type="application/json; charset=utf-7").status_code == 415


@attack("bodies that are no request")
def _(target: Target) -> None:
    for body in (b"", b"null", b"1", b'"x"', b"[]", b"{}", b'{"query": 1}', b'{"query": "{a}", "variables": []}'):
        assert target.post(body).status_code == 400, body


@attack("a body of 17 MB")
def _(target: Target) -> None:
    assert target.post(b" " * (17 << 20)).status_code == 413


@attack("a length that says 10 GB")
def _(target: Target) -> None:
    head = (
        b"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9999999999\r\n"
    )
    assert b" 413 " in target.raw(head + _bearer(target) + b"\r\n{", most=200).split(b"\r\n", 1)[0]


@attack("a body that ends before its length")
def _(target: Target) -> None:
    before = len(target.traces())
    for path in ("/graphql", "/bulk", "/webhooks/alerts"):
        kind = b"application/x-ndjson" if path == "/bulk" else b"application/json"
        head = b"POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: %s\r\ncontent-length: 999\r\n"
        with socket.create_connection((target.host, target.port), timeout=PATIENCE) as connection:
            connection.sendall(head % (path.encode(), kind) + _bearer(target, "ada") + b"\r\n{")
    target.check_alive()
    assert len(target.traces()) == before


@attack("two lengths; a length and chunks; chunks that are none")
def _(target: Target) -> None:
    head = b"POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" + _bearer(target)
    for sent in (
        b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
        b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    ):
        answer = target.raw(head + sent, most=60)
        assert not answer or answer.split(b" ")[1] in {b"400", b"413"}, answer


@attack("two Host headers")
def _(target: Target) -> None:
    answer = target.raw(b"GET /version HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n", most=60)
    assert b" 400 " in answer


@attack("another Host, as after DNS was rebound")
def _(target: Target) -> None:
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "2130706433", ""):
        answer = target.http.get("/version", headers={"host": host})
        assert answer.status_code in {400, 403}, host


@attack("a page of another origin")
def _(target: Target) -> None:
    for origin in ("http://evil.example", "null", target.url.replace("http", "https", 1) + ".evil.example"):
        assert target.post(b'{"query": "{ __typename }"}', origin=origin).status_code == 403, origin


@attack("a header of 40 MB")
def _(target: Target) -> None:
    begin = time.perf_counter()
    answer = target.raw(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * (40 << 20))
    assert not answer or b" 431 " in answer
    assert time.perf_counter() - begin < PATIENCE


@attack("10,000 headers")
def _(target: Target) -> None:
    answer = target.raw(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n" + b"x: y\r\n" * 20_000 + b"\r\n")
    assert not answer or b" 431 " in answer


@attack("nonsense for HTTP")
def _(target: Target) -> None:
    for sent in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"\x00" * 1000,
        b"PRI * HTTP/2.0\r\n\r\n",
    ):
        answer = target.raw(sent + b"\r\n\r\n", most=60)
        assert not answer or b" 400 " in answer or b" 505 " in answer, answer


@attack("line breaks in what is answered in a header")
def _(target: Target) -> None:
    answer = target.raw(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nx-request-id: a\rset-cookie: b\r\n\r\n", most=400)
    assert b"set-cookie" not in answer.lower()


@attack("300 connections that say nothing")
def _(target: Target) -> None:
    idle = [socket.create_connection((target.host, target.port)) for _ in range(300)]
    try:
        target.check_alive()
    finally:
        for connection in idle:
            connection.close()


@attack("50 heads and 50 bodies that never end")
def _(target: Target) -> None:
    begun = b"POST /webhooks/alerts HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n"
    slow = [socket.create_connection((target.host, target.port)) for _ in range(100)]
    try:
        for i, connection in enumerate(slow):
            connection.sendall(begun + (b"content-type: application/json\r\n\r\n{" if i % 2 else b""))
        target.check_alive()
    finally:
        for connection in slow:
            connection.close()


@attack("paths out of the house")
def _(target: Target) -> None:
    for path in (
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/graphql/",
        "/.git/config",
        "//evil.example",
        "/%00",
    ):
        answer = target.raw(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        assert answer.split(b" ")[1] in {b"400", b"401", b"404"}, (path, answer[:100])
        assert b"root:" not in answer


@attack("frames without a token: operations, binary, large, and none at all")
def _(target: Target) -> None:
    subscribe = '{"id":"1","type":"subscribe","payload":{"query":"{ __typename }"}}'
    for first in (subscribe, b"\x00\x01", "x" * 200_000, '{"type":"connection_init","payload":{"a":' + "[" * 9000):
        assert target.frames(first)[-1].startswith("closed"), first[:50]
    assert target.frames('{"type":"connection_init"}')[-1] == "closed 4403"


@attack("one id for two operations on a socket; an init after an init")
def _(target: Target) -> None:
    events = '{"id":"1","type":"subscribe","payload":{"query":"subscription { events { cursor } }"}}'
    assert target.frames('{"type":"connection_init"}', events, events, person="vic")[-1] == "closed 4409"
    init = '{"type":"connection_init"}'
    assert target.frames(init, init, person="vic")[-1] == "closed 4429"


@attack("a line of 17 MB, and 100,000 empty lines, in bulk")
def _(target: Target) -> None:
    long = target.post(b'{"models":"' + b"x" * (17 << 20), "ada", "/bulk", content_type="application/x-ndjson")
    assert "TOO_COSTLY" in long.text
    empty = target.post(b"\n" * 100_000, "ada", "/bulk", content_type="application/x-ndjson")
    assert (empty.status_code, empty.text) == (200, "")


@attack("60 documents of their own, as large as they may be", cheap=False)
def _(target: Target) -> None:
    for i in range(60):
        fields = " ".join(f'f{n}: entity(ref: "model:m@{i}x{n}") {{ ref }}' for n in range(95))
        target.ask("{ " + fields + " }")
    lines = Path(f"/proc/{target.server.process.pid}/status").read_text("utf-8").splitlines()
    held = next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS"))
    assert held < 600, f"{held} MB"


def _bearer(target: Target, person: str = "vic") -> bytes:
    return f"authorization: Bearer {target.tokens[person]}\r\n".encode()
