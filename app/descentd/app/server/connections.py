"""Limits of connections before the client is authenticated: their number, the size of heads, and the time to send.

These are uvicorn's protocols with limits that they lack. Too large a head is refused while it is read, because joining
its pieces takes time quadratic in their number. A connection that sends nothing, or stops within a head or a body, is
closed. If there are more connections than file handles, the one that was idle for longest is closed, with a line in the
log.
"""

import asyncio
import resource
import time
from typing import Any, Final

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

log = structlog.get_logger()

HEAD: Final = 64 * 1024
"""Bytes of a request's first line and headers."""
HEAD_TIMEOUT: Final = 10.0
"""Seconds from a connection, or from the first byte of a further request, to the end of its head."""
BODY_TIMEOUT: Final = 30.0
"""Seconds without a byte of a body that is being waited for."""
FIRST_MESSAGE: Final = 16 * 1024
"""Bytes of a WebSocket message before the connection is admitted."""
_RESERVED: Final = 96
"""File handles that are reserved for the store, the log and outgoing connections."""
_MOST: Final = 8192
_END: Final = b"\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_LOGGED: Final = 5.0
"""Seconds from one line in the log about too many connections to the next."""


def raise_file_limit() -> None:
    """Raise the process's own limit of file handles to what is wanted, or to what it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST + _RESERVED
    if resource.RLIM_INFINITY != soft < wanted:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
        )


def most_connections() -> int:
    """The number of connections that a process accepts: its file handles without those that it needs itself."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else max(16, min(_MOST, soft - _RESERVED))


class LimitedHTTP(HttpToolsProtocol):
    """One HTTP connection, within limits."""

    _warned = -_LOGGED

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, or close the longest idle one, or this one, where there are too many."""
        super().connection_made(transport)
        self._head = 0
        """Bytes of the head that is being read."""
        self._tail = b""
        self._in_head = True
        self._active_at = time.monotonic()
        self._watch: asyncio.TimerHandle | None = None
        if len(self.connections) > most_connections() and not self._make_room():
            transport.abort()
            return
        self._expect(HEAD_TIMEOUT)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._expect(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; raises nothing, but closes the connection where a head is too large."""
        self._active_at = time.monotonic()
        if self._in_head:
            if self._head == 0:
                self._expect(HEAD_TIMEOUT)
            if self._head + len(data) > HEAD and _END not in self._tail + data[: max(0, HEAD - self._head)]:
                self._refuse_head()
                return
            self._head += len(data)
            self._tail = data[-len(_END) :]
        super().data_received(data)
        if not self._in_head:
            self._expect(BODY_TIMEOUT if self._waits_for_body() else None)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        """Its head is over."""
        self._in_head, self._head = False, 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Its body is over: what follows is the head of another."""
        super().on_message_complete()
        self._expect(None)
        self._in_head, self._head = True, 0

    def handle_websocket_upgrade(self) -> None:
        """Hand over to the WebSocket."""
        self._expect(None)
        super().handle_websocket_upgrade()

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _waits_for_body(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and cycle.more_body and not cycle.response_complete

    def _expect(self, seconds: float | None) -> None:
        """Close the connection unless more comes within so many seconds; None: whenever it comes."""
        if self._watch is not None:
            self._watch.cancel()
        self._watch = None if seconds is None else self.loop.call_later(seconds, self._late, seconds)

    def _late(self, seconds: float) -> None:
        self._watch = None
        if not self._in_head and not self._waits_for_body():
            return
        if not self._in_head and self.flow.read_paused:
            self._expect(seconds)  # it is the application that does not read
            return
        if not self._in_head or self._head:
            log.warning("connection_timed_out", client=self.client and self.client[0], seconds=seconds)
        self.transport.abort()

    def _refuse_head(self) -> None:
        self._expect(None)
        log.warning("head_too_large", client=self.client and self.client[0])
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _make_room(self) -> bool:
        """Close the connection that has been idle for longest, if there is one but this."""
        now = time.monotonic()
        if now - LimitedHTTP._warned >= _LOGGED:
            LimitedHTTP._warned = now
            log.warning("too_many_connections", connections=len(self.connections), most=most_connections())
        others = [one for one in self.connections if isinstance(one, LimitedHTTP) and one is not self and one.idle]
        if not others:
            return False
        min(others, key=lambda one: one._active_at).transport.abort()
        return True


class LimitedWebSocket(WebSocketsSansIOProtocol):
    """One WebSocket, whose messages are small until `descent.admitted` in its scope is called."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._largest = self.conn.max_message_size
        self.conn.max_message_size = FIRST_MESSAGE

    async def run_asgi(self) -> None:
        """Run the application, which says when larger messages may come."""
        self.scope["descent.admitted"] = self._admitted  # type: ignore[typeddict-unknown-key]
        await super().run_asgi()

    def _admitted(self) -> None:
        self.conn.max_message_size = self._largest
