"""Every request gets a request id, security headers, a line in the log and a count in the metrics.

Requests from pages of other origins that are not named, and those with an unknown Host (DNS rebinding), are refused.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from descentd.app.auth.access_control import Refuse
from descentd.app.http.errors import fault, problem_response
from descentd.app.http.origins import Origins
from descentd.app.server.logging import REQUEST_ID
from descentd.app.server.metrics import Metrics
from descentd.app.server.settings import is_loopback
from descentd.graph.model.errors import DescentError, Forbidden, InvalidInput
from descentd.graph.turns import in_turns
from descentd.graph.work import Work

log = structlog.get_logger()

_SANE: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_PROBED: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""What probes and scrapers ask for all the time, by the address of a pod: under any Host, and logged at DEBUG."""
_STALLED: Final = 60.0
"""Seconds that a client may take to receive a piece of an answer before the connection is given up."""
_AGAIN: Final = b"1"
"""Seconds after which to ask again while the store is away: it is looked for all the time."""

_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""What every answer has, unless it says otherwise itself."""


class RequestMiddleware:
    """Outermost middleware. `hosts` are the Host names that are accepted beside those of this machine.

    `origins` decides which pages may ask. `refusals` make the answers to requests that are refused, by path; elsewhere
    the answer is an RFC 9457 problem.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, hosts: Collection[str], origins: Origins, refusals: Mapping[str, Refuse]
    ) -> None:
        self._app = app
        self._origins = origins
        self._refusals = refusals
        self._metrics = metrics
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI has it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        id = given if _SANE.fullmatch(given) else secrets.token_hex(8)
        token = REQUEST_ID.set(id)
        answer = _Answer(send, id)
        start = time.perf_counter()
        try:
            await self._serve(scope, receive, answer.send)
        except Exception as error:
            if answer.stalled:
                log.warning("client_stalled", path=scope["path"], client=(scope.get("client") or ("",))[0])
            elif answer.status or scope["type"] == "websocket":
                raise
            else:
                await problem_response(fault(error))(scope, receive, answer.send)
        finally:
            self._note(scope, answer.status, time.perf_counter() - start)
            REQUEST_ID.reset(token)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if len(headers.getlist("host")) > 1:
            several = InvalidInput("The request has several Host headers: send one.")
            await self._refuse(scope, receive, send, several)
        elif (untrusted := self._untrusted(headers, scope["path"])) is not None:
            await self._refuse(scope, receive, send, untrusted)
        else:
            # The operations of a WebSocket are works of their own.
            passing = self._pass_on(scope, receive, send)
            await (passing if scope["type"] == "websocket" else in_turns(Work(), passing))

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        self._metrics.requested(scope.get("descent.route", scope["path"]), status)
        note = log.debug if scope["path"] in _PROBED else log.info
        note(
            "request",
            method=scope.get("method", "WEBSOCKET"),
            path=scope["path"],
            status=status,
            milliseconds=round(seconds * 1000, 2),
            operation=scope.get("descent.operation"),
        )

    def _untrusted(self, headers: Headers, path: str) -> Forbidden | None:
        """Why a page of another origin may be behind this: by a Host that was rebound, or by its Origin."""
        asked = _host(headers.get("host", ""))
        if path not in _PROBED and not is_loopback(asked) and asked not in self._hosts:
            return Forbidden(
                "The request's Host is not a name of this server: use the server's own address, or add the name to "
                "DESCENT_HOSTS."
            )
        return self._origins.refusal(headers.get("origin"), headers.get("host", ""), path)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, problem: DescentError) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "Origin or Host refused"})
            return
        refuse = self._refusals.get(scope["path"])
        await (refuse(scope, problem) if refuse else problem_response(problem))(scope, receive, send)


class _Answer:
    """Sends one answer, with the headers that every answer has; `status` is 0 until it has begun."""

    def __init__(self, send: Send, id: str) -> None:
        self._send = send
        self._id = id
        self.status = 0
        self.stalled = False
        """The client did not receive a piece of the answer in time."""

    async def send(self, message: Message) -> None:
        """Send a part of the answer; raises TimeoutError where the client does not receive it."""
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            headers: list[tuple[bytes, bytes]] = [*message.get("headers", ()), (b"x-request-id", self._id.encode())]
            there = {name for name, _ in headers}
            headers += [header for header in _HEADERS if header[0] not in there]
            if self.status == HTTPStatus.SERVICE_UNAVAILABLE and b"retry-after" not in there:
                headers.append((b"retry-after", _AGAIN))
            message["headers"] = headers
        elif message["type"] == "websocket.accept":
            self.status = 101
        try:
            async with asyncio.timeout(_STALLED):
                await self._send(message)
        except TimeoutError:
            self.stalled = True
            raise


def _host(given: str) -> str:
    """The host of a Host header in lower case, without the port."""
    host = given.lower()
    return host if host.endswith("]") else host.rpartition(":")[0] or host
