"""`descent mcp`: what an assistant sends over standard input is asked of the registry, and answered on standard output.

A proxy and no more: the tools, their limits and who may use them are the server's, at /mcp. Messages are JSON-RPC, one
a line, as the stdio transport of the Model Context Protocol has them.
"""

import base64
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import typer

from descent.client import Client
from descent.errors import DescentError
from descent.options import Session, Url

_VERSION: Final = "io.modelcontextprotocol/protocolVersion"
"""Where a request names its version of the protocol, from that of 2026-07-28 on; before, the first one agreed on it."""
_PARSE_ERROR, _INVALID_REQUEST, _UNAVAILABLE = -32700, -32600, -32603
"""Codes of JSON-RPC."""
_PLAIN: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")

Json = dict[str, Any]


def mcp(context: typer.Context, url: Url = None) -> None:
    """Connect an assistant that starts a command to the registry, by MCP over standard input and output."""
    with Session.of(context, url, None).client() as client:
        for answer in answers(client, sys.stdin.buffer):
            sys.stdout.buffer.write(answer.encode() + b"\n")  # in UTF-8, whatever the terminal would have
            sys.stdout.buffer.flush()


def answers(client: Client, lines: Iterable[bytes]) -> Iterator[str]:
    """Yield the answers of the registry to messages, a line each; what cannot be asked is an error of JSON-RPC."""
    agreed: str | None = None
    for line in lines:
        if not line.strip():
            continue
        try:
            message = json.loads(line)
        except ValueError:
            yield _line(_failed(None, _PARSE_ERROR, "The line is not JSON: send one message of JSON-RPC a line."))
            continue
        if not isinstance(message, dict):
            yield _line(_failed(None, _INVALID_REQUEST, "Expected one message of JSON-RPC a line: send an object."))
            continue
        answer = _answer(client, message, agreed)
        if answer is not None:
            if message.get("method") == "initialize":
                agreed = (answer.get("result") or {}).get("protocolVersion", agreed)
            yield _line(answer)


def _answer(client: Client, message: Json, agreed: str | None) -> Json | None:
    """Return the answer to a message, None to a notification."""
    try:
        response = client.mcp(json.dumps(message).encode(), headers(message, agreed))
    except DescentError as error:
        return _failed(message["id"], _UNAVAILABLE, str(error)) if "id" in message else None
    if response.status_code == HTTPStatus.ACCEPTED or "id" not in message:
        return None
    try:
        answer = response.json()
    except ValueError:
        answer = None  # a proxy between may answer anything
    if isinstance(answer, dict) and "jsonrpc" in answer:
        return answer
    # A refusal before the request was looked at: a problem of RFC 9457, whose detail says what to do.
    detail = answer.get("detail") if isinstance(answer, dict) else None
    text = detail or f"The registry answered {response.status_code}: check that DESCENT_URL is its address."
    return _failed(message["id"], _UNAVAILABLE, str(text))


def headers(message: Mapping[str, Any], agreed: str | None) -> dict[str, str]:
    """Return what the streamable HTTP transport says of a message in headers."""
    params = message.get("params")
    params = params if isinstance(params, dict) else {}
    meta = params.get("_meta")
    version = meta.get(_VERSION) if isinstance(meta, dict) else None
    told = {
        "Mcp-Protocol-Version": version or agreed,
        "Mcp-Method": message.get("method"),
        "Mcp-Name": params.get("name") or params.get("uri"),
    }
    named = {name: _written(value) for name, value in told.items() if isinstance(value, str)}
    return {"Accept": "application/json, text/event-stream", **named}


def _written(value: str) -> str:
    """A value as a header carries it: what is not printable ASCII in Base64, as the protocol has it."""
    return value if _PLAIN.fullmatch(value) else f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def _failed(id: Any, code: int, message: str) -> Json:
    return {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}


def _line(answer: Json) -> str:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
