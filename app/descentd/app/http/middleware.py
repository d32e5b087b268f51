"""What is done to every request: an id, safe headers, a line in the log, a count.

Requests from foreign pages, and those under a foreign name (DNS rebinding), are sent away.
"""

import re
import secrets
import time
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from descentd.app.auth.access_control import Refuse
from descentd.app.http.errors import fault, problem_response
from descentd.app.server.logging import REQUEST_ID
from descentd.app.server.metrics import Metrics
from descentd.app.server.settings import is_loopback
from descentd.graph.model.errors import Forbidden

log = structlog.get_logger()

_SANE: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_AGAIN: Final = "1"
"""Seconds after which to ask again while the store is away: it is looked for all the time."""

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class RequestMiddleware:
    """Outermost middleware. `hosts` are the names, beside those of this machine, that requests may ask for.

    `refusals` make the answers to what is sent away from a path; elsewhere it is a problem.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, hosts: Collection[str], refusals: Mapping[str, Refuse]) -> None:
        self._app = app
        self._refusals = refusals
        self._metrics = metrics
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        id = given if _SANE.fullmatch(given) else secrets.token_hex(8)
        token = REQUEST_ID.set(id)
        start, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                answered = MutableHeaders(scope=message)
                answered["X-Request-Id"] = id
                for name, value in _HEADERS.items():
                    answered.setdefault(name, value)
                if status == HTTPStatus.SERVICE_UNAVAILABLE:
                    answered.setdefault("Retry-After", _AGAIN)
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            if self._trusts(headers):
                await self._app(scope, receive, sending)
            else:
                await self._send_away(scope, receive, sending)
        except Exception as error:
            if status or scope["type"] == "websocket":
                raise
            await problem_response(fault(error))(scope, receive, sending)
        finally:
            taken = time.perf_counter() - start
            self._metrics.requested(scope["path"], status)
            log.info(
                "request",
                method=scope.get("method", "WEBSOCKET"),
                path=scope["path"],
                status=status,
                milliseconds=round(taken * 1000, 2),
                operation=scope.get("descent.operation"),
            )
            REQUEST_ID.reset(token)

    def _trusts(self, headers: Headers) -> bool:
        """Whether a browser may have been led here by a foreign page: by its origin, or by a name that was rebound."""
        asked = _host(headers.get("host", ""))
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            return False
        return is_loopback(asked) or asked in self._hosts

    async def _send_away(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "Foreign origin"})
            return
        foreign = Forbidden(
            "The request came under a foreign name or from a foreign page: ask by the server's own address."
        )
        refuse = self._refusals.get(scope["path"])
        await (refuse(scope, foreign) if refuse else problem_response(foreign))(scope, receive, send)


def _host(given: str) -> str:
    """A Host header without its port."""
    host = given.lower()
    return host if host.endswith("]") else host.rpartition(":")[0] or host
