"""POST /mcp: the Model Context Protocol by streamable HTTP, without sessions, where the `mcp` package is installed.

The package takes a second to import, so that is done by the first request. What it does for each request runs in tasks
of its session manager, which lives in one task of ours from then on.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from descentd.app.http import strict_json
from descentd.app.http.errors import Refusal, refusal_response
from descentd.app.http.negotiation import read_body, require_content_type
from descentd.graph.model.errors import DescentError, InvalidInput, NotFound
from descentd.graph.turns import apart

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from descentd.app.mcp.catalogue import Catalogue

_PACKAGE: Final = "mcp"
LONGEST: Final = 256 * 1024
"""Bytes of a request: arguments are short."""


class MCPEndpoint:
    """The ASGI application at /mcp."""

    def __init__(self, catalogue: "Callable[[], Catalogue]") -> None:
        """`catalogue` makes the tools, where the package is there: others start sooner without."""
        self._catalogue = None if find_spec(_PACKAGE) is None else catalogue()
        self._manager: asyncio.Future[StreamableHTTPSessionManager] | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        request = Request(scope, receive)
        try:
            body = await self._read(request)
        except ClientDisconnect:
            return
        except (Refusal, DescentError) as error:
            await refusal_response(error)(scope, receive, send)
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return messages.pop() if messages else await receive()

        await (await self._started()).handle_request(scope, again, send)

    async def _read(self, request: Request) -> bytes:
        """The body of a request; raises Refusal and DescentErrors where it is not to be passed on."""
        if self._catalogue is None:
            raise NotFound("This server has no MCP: install descentd[mcp] on it, and start it again.")
        if request.method != "POST":  # there are no sessions, so that nothing is streamed by GET and ended by DELETE
            raise Refusal(
                InvalidInput("Expected POST: every request of MCP is answered by itself."), 405, {"Allow": "POST"}
            )
        require_content_type(request.headers, "application/json")
        body = await read_body(request, LONGEST)
        strict_json.read(body)
        return body

    async def stop(self) -> None:
        """End what is still answered."""
        self._ending.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _started(self) -> "StreamableHTTPSessionManager":
        if self._manager is None:
            self._manager = asyncio.get_running_loop().create_future()
            self._task = apart(self._run(self._manager))
        return await asyncio.shield(self._manager)

    async def _run(self, ready: "asyncio.Future[StreamableHTTPSessionManager]") -> None:
        try:
            made = await asyncio.to_thread(self._make)
            async with made.run():
                ready.set_result(made)
                await self._ending.wait()
        except BaseException as error:
            with suppress(asyncio.InvalidStateError):
                ready.set_exception(error)
            raise

    def _make(self) -> "StreamableHTTPSessionManager":
        from descentd.app.mcp.server import session_manager

        assert self._catalogue is not None
        return session_manager(self._catalogue)
