"""Every request gets a request id, security headers, a line in the log and a count in the metrics.

Requests from pages of other origins, and those with an unknown Host (DNS rebinding), are refused.
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
    """Outermost middleware. `hosts` are the Host names that are accepted beside those of this machine.

    `refusals` make the answers to requests that are refused, by path; elsewhere the answer is an RFC 9457 problem.
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
                await self._refuse(scope, receive, sending)
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
        """False where a page of another origin may be behind this: by its Origin, or by a Host that was rebound."""
        asked = _host(headers.get("host", ""))
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
            return False
        return is_loopback(asked) or asked in self._hosts

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "Origin or Host refused"})
            return
        refused = Forbidden(
            "The request's Host or Origin is not this server's: use the server's own address, or add the name to "
            "DESCENT_HOSTS."
        )
        refuse = self._refusals.get(scope["path"])
        await (refuse(scope, refused) if refuse else problem_response(refused))(scope, receive, send)


def _host(given: str) -> str:
    """The host of a Host header in lower case, without the port."""
    host = given.lower()
    return host if host.endswith("]") else host.rpartition(":")[0] or host
