"""The server that takes events of OpenLineage: `POST /api/v1/lineage` and `/api/v1/lineage/batch`.

Paths, bodies and answers are those of OpenLineage's API (spec/OpenLineage.yml), which its clients' HTTP transport uses.
Refusals are problems of RFC 9457 with the codes of the registry.
"""

import io
import json
import re
import socket
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from gzip import GzipFile
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Final

from descent import console
from descent.client import Client
from descent.errors import DescentError, InvalidInput, NotImported, Problem, Refused, Unauthenticated
from descent.importers.reading import json_value
from descent.receivers.lineage import Json, Receiver

MAX_BODY: Final = 16 * 2**20
"""The largest body in bytes, after decompression."""

MAX_BATCH: Final = 1_000
AT_ONCE: Final = 32
"""Requests that are worked on at once; further ones wait to be accepted."""

SECONDS: Final = 30.0
"""How long the receiver waits for a sender, and for the registry."""

_STATUS: Final[Mapping[str, int]] = {
    "INVALID_INPUT": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "VERSION_CONFLICT": 409,
    "TOO_COSTLY": 400,
    "CYCLE": 422,
    "UNKNOWN_REFERENCE": 422,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
}
_RETRIABLE: Final = frozenset({"INTERNAL", "UNAVAILABLE"})
_BEARER: Final = re.compile(r"Bearer +(\S+)", re.IGNORECASE)
_ONE, _BATCH, _LIVE = "/api/v1/lineage", "/api/v1/lineage/batch", "/livez"


class _Answered(Exception):
    """A request that is refused before its events are looked at."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers


class _Clients:
    """Clients of the registry, kept for the next request with the same token: to connect takes longer than an event."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._idle: list[tuple[str | None, Client]] = []
        self._lock = threading.Lock()

    @contextmanager
    def of(self, token: str | None) -> Iterator[Client]:
        with self._lock:
            found = next((one for one in self._idle if one[0] == token), None)
            if found is not None:
                self._idle.remove(found)
        client = found[1] if found is not None else Client(self._url, token=token, timeout=SECONDS)
        try:
            yield client
        finally:
            with self._lock:
                self._idle.append((token, client))
                surplus = self._idle.pop(0)[1] if len(self._idle) > AT_ONCE else None
            if surplus is not None:
                surplus.close()

    def close(self) -> None:
        for _, client in self._idle:
            client.close()


class Server(ThreadingHTTPServer):
    """Takes events at an address, until `shutdown`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], receiver: Receiver, url: str) -> None:
        """Listen at a host and port (0: any free one) for the registry at `url`. Raises OSError."""
        self.receiver = receiver
        self.clients = _Clients(url)
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind the socket; the base class would ask the network for the name of this machine."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Work on a request in a thread of its own, as soon as one is free."""
        self._free.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Work on a request."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Say in one line that a sender went away; the base class would print a traceback."""
        console.warn(f"The connection with {client_address[0]} ended before it was answered.")

    def server_close(self) -> None:
        """Close the socket and the connections with the registry."""
        super().server_close()
        self.clients.close()


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "descent"
    sys_version = ""
    timeout = SECONDS

    def do_GET(self) -> None:
        if self.path == _LIVE:
            self._send(HTTPStatus.OK, {"status": "ok"})
        elif self.path in (_ONE, _BATCH):
            message = f"{self.path} takes events of OpenLineage: send them with POST."
            self._refuse(_Answered(HTTPStatus.METHOD_NOT_ALLOWED, "INVALID_INPUT", message, Allow="POST"))
        else:
            self._refuse(self._not_here())

    def do_POST(self) -> None:
        try:
            if self.path not in (_ONE, _BATCH):
                raise self._not_here()
            body = self._body()
            with self.server.clients.of(self._token()) as client:
                person = self.server.receiver.person(client)
                if self.path == _BATCH:
                    self._send(HTTPStatus.OK, self._batch(_list(body), client, person))
                else:
                    self._send(HTTPStatus.OK, self._one(body, client, person))
        except _Answered as refusal:
            self._refuse(refusal)
        except DescentError as error:
            self._send_problem(error)

    def _not_here(self) -> _Answered:
        message = f"There is nothing at {self.path[:100]}: events are sent to {_ONE}, several to {_BATCH}."
        return _Answered(HTTPStatus.NOT_FOUND, "NOT_FOUND", message)

    # ------------------------------------------------------------ reading

    def _token(self) -> str | None:
        given = self.headers.get("Authorization")
        if given is None:
            return None
        if (match := _BEARER.fullmatch(given.strip())) is None:
            message = "Expected a header Authorization: Bearer TOKEN: set `auth` of the HTTP transport to an api_key."
            raise Unauthenticated([Problem(message, Unauthenticated.answers_to)])
        return match[1]

    def _body(self) -> Any:
        """Return the JSON value of the body."""
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,12}", length):
            self.close_connection = True
            raise _Answered(HTTPStatus.LENGTH_REQUIRED, "INVALID_INPUT", "Send the body with its Content-Length.")
        if int(length) > MAX_BODY:
            self.close_connection = True  # what is not read must not be taken for the next request
            raise _too_large()
        data = self.rfile.read(int(length))
        if len(data) < int(length):
            self.close_connection = True
            raise _Answered(HTTPStatus.BAD_REQUEST, "INVALID_INPUT", "The body is shorter than its Content-Length.")
        encoding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding == "gzip":
            data = _decompressed(data)
        elif encoding != "identity":
            message = "The body's Content-Encoding is not known: send it as it is, or with gzip."
            raise _Answered(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "INVALID_INPUT", message)
        return _json(data)

    # ------------------------------------------------------------ events

    def _one(self, event: Any, client: Client, person: str) -> Json:
        answer = self.server.receiver.receive(event, client, person)
        _log(answer)
        return answer

    def _batch(self, events: Sequence[Any], client: Client, person: str) -> Json:
        """Return how many events were taken, and which failed: one that is wrong does not stop the others."""
        results: list[Json] = []
        failed: list[Json] = []
        for index, event in enumerate(events):
            try:
                results.append(self._one(event, client, person))
            except DescentError as error:
                code = _code(error)
                failed.append({"index": index, "code": code, "reason": str(error), "retriable": code in _RETRIABLE})
        again = sum(one["retriable"] for one in failed)
        summary = {
            "received": len(events),
            "successful": len(results),
            "failed": len(failed),
            "retriable": again,
            "non_retriable": len(failed) - again,
        }
        status = "partial_success" if failed else "success"
        return {"status": status, "summary": summary, "failed_events": failed, "results": results}

    # ------------------------------------------------------------ answering

    def _send(self, status: int, answer: Json, type: str = "application/json", **headers: str) -> None:
        body = json.dumps(answer, ensure_ascii=False).encode("utf-8", "backslashreplace")
        self.send_response(status)
        self.send_header("Content-Type", type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, refusal: _Answered) -> None:
        self._problem(refusal.status, refusal.code, str(refusal), None, [], refusal.headers)

    def _send_problem(self, error: DescentError) -> None:
        code = _code(error)
        headers = {"UNAUTHENTICATED": {"WWW_Authenticate": "Bearer"}, "UNAVAILABLE": {"Retry_After": "5"}}
        others = [{"detail": p.message, "code": p.code or code, "field": p.field} for p in error.problems]
        self._problem(_STATUS.get(code, 422), code, error.message, error.field, others, headers.get(code, {}))

    def _problem(
        self, status: int, code: str, message: str, field: str | None, others: list[Json], headers: Mapping[str, str]
    ) -> None:
        shape = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": int(status), "detail": message}
        shape |= {"code": code} | ({"field": field} if field else {})
        if len(others) > 1:
            shape["errors"] = others
        console.warn(f"{code}: {message}")
        self._send(status, shape, "application/problem+json", **headers)

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: what became of each event is said by itself, without its address and token."""


def _code(error: DescentError) -> str:
    """Return the code of an error: that of the registry, else UNAVAILABLE, since the same event may do later."""
    return error.code or ("INVALID_INPUT" if isinstance(error, NotImported | Refused) else "UNAVAILABLE")


def _log(answer: Json) -> None:
    name = next((f"{kind} {answer[kind]}" for kind in ("run", "job", "dataset") if kind in answer), "event")
    counts = f": {answer['created']} created, {answer['existing']} existing" if "created" in answer else ""
    console.say(f"{name}: {answer['state'].lower()}{counts}")
    for one in answer.get("notPlaced", ()):
        console.say(f"  not placed: {one['place']}: {one['reason']}")


def _list(body: Any) -> list[Any]:
    if not isinstance(body, list) or len(body) > MAX_BATCH:
        got = f"{len(body):,} events" if isinstance(body, list) else "another value"
        message = f"Expected a list of at most {MAX_BATCH:,} events, got {got}."
        raise InvalidInput([Problem(message, "INVALID_INPUT")])
    return body


def _too_large() -> _Answered:
    message = f"The body is larger than {MAX_BODY:,} bytes: send fewer events at once."
    return _Answered(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "INVALID_INPUT", message)


def _decompressed(data: bytes) -> bytes:
    try:
        with GzipFile(fileobj=io.BytesIO(data)) as file:
            found = file.read(MAX_BODY + 1)
    except (OSError, EOFError, zlib.error) as error:
        message = "The body is not gzip, or is cut off: send it again, or without Content-Encoding."
        raise InvalidInput([Problem(message, "INVALID_INPUT")]) from error
    if len(found) > MAX_BODY:
        raise _too_large()
    return found


def _json(data: bytes) -> Any:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput([Problem("The body is not UTF-8: send JSON in UTF-8.", "INVALID_INPUT")]) from error
    try:
        return json_value(text, "body").value
    except NotImported as error:
        message = error.message.replace("The file ends", "The body ends")
        raise InvalidInput([Problem(message, "INVALID_INPUT")]) from error
