"""Subscriptions, queries and mutations over one WebSocket: the graphql-transport-ws protocol."""

import asyncio
from contextlib import aclosing
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from descentd.app.auth.access_control import AccessControl
from descentd.app.auth.authentication import Principal
from descentd.app.graphql.documents import Request, RequestError
from descentd.app.graphql.http import encode
from descentd.app.graphql.operations import Operations
from descentd.app.http import strict_json
from descentd.app.http.errors import Shape, shaped
from descentd.graph.model.errors import DescentError, InvalidInput, TooCostly
from descentd.graph.turns import begin
from descentd.graph.work import Work

PROTOCOL: Final = "graphql-transport-ws"
_PATIENCE: Final = 10.0
_MOST: Final = 100
"""Operations that run on one connection at a time."""
_FIRST: Final = 16_384
"""Bytes of the first message: until it is admitted, a stranger sends."""


class CloseConnection(Exception):
    """The connection is to be closed with a code of the protocol; `reason` is shown to the client."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class WebSocketEndpoint:
    """What answers WebSockets at /graphql."""

    def __init__(self, operations: Operations, access_control: AccessControl) -> None:
        self._operations = operations
        self._access_control = access_control

    async def connect(self, socket: WebSocket) -> None:
        """Serve one connection until either side closes it."""
        if PROTOCOL not in socket.scope["subprotocols"]:
            await socket.accept()
            await socket.close(4406, "Subprotocol not acceptable")
            return
        await socket.accept(PROTOCOL)
        await Connection(socket, self._operations, self._access_control).serve()


class Connection:
    """One connection and the operations that run on it, by the ids that the client gave them."""

    def __init__(self, socket: WebSocket, operations: Operations, access_control: AccessControl) -> None:
        self._socket = socket
        self._operations = operations
        self._access_control = access_control
        self._principal: Principal | None = socket.scope.get("descent.principal")
        self._running: dict[str, asyncio.Task[None]] = {}

    async def serve(self) -> None:
        """Handle messages until either side closes the connection, then cancel the operations that run."""
        try:
            await self._begin()
            while True:
                await self._handle(await self._receive())
        except WebSocketDisconnect:
            pass
        except CloseConnection as closing:
            await self._socket.close(closing.code, closing.reason)
        finally:
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _begin(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                message = await self._receive(_FIRST)
        except TimeoutError:
            raise CloseConnection(4408, "Connection initialisation timeout") from None
        if message["type"] != "connection_init":
            raise CloseConnection(4401, "Unauthorized")
        await self._admit(message.get("payload"))
        admitted = self._socket.scope.get("descent.admitted")
        if admitted is not None:
            admitted()
        await self._send(type="connection_ack")

    async def _admit(self, payload: Any) -> None:
        """Authenticate by the payload of the first message, where no Authorization header did."""
        given = payload if isinstance(payload, dict) else {}
        said = [value for name, value in given.items() if name.lower() == "authorization"]
        if self._principal is not None and not said:
            return
        try:
            if not all(isinstance(value, str) for value in said):
                raise CloseConnection(4400, "Expected the authorization as text")
            self._principal = await self._access_control.admit(self._socket.scope, "/graphql", said)
        except DescentError as error:
            raise CloseConnection(4403, error.message[:120]) from None

    async def _receive(self, limit: int | None = None) -> dict[str, Any]:
        try:
            text = await self._socket.receive_text()
            if limit is not None and len(text) > limit:
                raise CloseConnection(1009, f"The first message may have {limit} characters")
            message = await strict_json.read_in_turns(text.encode(), "The message")
        except KeyError:
            raise CloseConnection(4400, "Expected messages as text") from None
        except InvalidInput as error:
            raise CloseConnection(4400, error.message[:120]) from None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise CloseConnection(4400, "Expected an object with a type")
        return message

    async def _send(self, **message: Any) -> None:
        await self._socket.send_text(encode(message).decode())

    async def _handle(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "ping":
                await self._send(type="pong")
            case "pong":
                pass
            case "connection_init":
                raise CloseConnection(4429, "Too many initialisation requests")
            case "subscribe":
                await self._subscribe(message.get("id"), message.get("payload"))
            case "complete":
                task = self._running.pop(str(message.get("id")), None)
                if task is not None:
                    task.cancel()
            case _:
                raise CloseConnection(4400, "Unknown type of message")

    async def _subscribe(self, id: Any, payload: Any) -> None:
        if not isinstance(id, str) or not id:
            raise CloseConnection(4400, "Expected the id of a subscription as text")
        if id in self._running:
            raise CloseConnection(4409, f"Subscriber for {repr(id)[:80]} already exists")
        if len(self._running) >= _MOST:
            busy = TooCostly(f"{_MOST} operations run on this connection: end one, or open another connection.")
            await self._send(type="error", id=id, payload=shaped(busy))
            return
        assert self._principal is not None
        self._running[id] = begin(Work(self._principal.person), self._run(id, payload))

    async def _run(self, id: str, payload: Any) -> None:
        assert self._principal is not None
        errors: list[Shape] | None = None
        try:
            request = Request.of(payload)
            operation = await self._operations.documents.prepare(request)
            async with aclosing(self._operations.answers(operation, request.variables, self._principal)) as answers:
                async for answer in answers:
                    if "data" not in answer:
                        errors = answer["errors"]
                        break
                    await self._send(type="next", id=id, payload=answer)
        except RequestError as error:
            errors = error.errors
        except DescentError as error:
            errors = shaped(error)
        # From here on the client may use the id again.
        self._running.pop(id, None)
        if errors is None:
            await self._send(type="complete", id=id)
        else:
            await self._send(type="error", id=id, payload=errors)
