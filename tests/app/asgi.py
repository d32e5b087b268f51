"""An ASGI application spoken to without a server, so that tests decide when a client receives what is sent."""

import asyncio
import json
from collections.abc import Callable, MutableMapping
from typing import Any

from starlette.types import ASGIApp

Message = MutableMapping[str, Any]


class Client:
    """One request or WebSocket; what the application sends waits until `reading` is set, as behind a full socket."""

    def __init__(self, app: ASGIApp, kind: str, path: str, headers: dict[str, str], **scope: Any) -> None:
        self.sent: list[Message] = []
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.taken = 0
        self.reading = asyncio.Event()
        self.reading.set()
        fields = [(name.lower().encode(), value.encode()) for name, value in [("host", "localhost"), *headers.items()]]
        about = {
            "type": kind,
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "path": path,
            "raw_path": path.encode(),
        }
        about |= {"query_string": b"", "headers": fields, "client": ("127.0.0.1", 1), "server": ("localhost", 80)}
        about |= {"scheme": "http", "root_path": "", "extensions": {}, **scope}
        self._call = app(about, self._receive, self._send)

    def start(self) -> asyncio.Task[None]:
        """Begin."""

        async def call() -> None:
            await self._call

        return asyncio.create_task(call())

    async def _receive(self) -> Message:
        message = await self.incoming.get()
        self.taken += 1
        return message

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        if message["type"] != "http.response.start":
            await self.reading.wait()

    def push(self, **message: Any) -> None:
        """Send the application a message."""
        self.incoming.put_nowait(message)

    def push_json(self, **content: Any) -> None:
        """Send the application a WebSocket message."""
        self.push(type="websocket.receive", text=json.dumps(content))

    def received(self, kind: str, since: int = 0) -> int:
        """How many WebSocket messages of a type came, past the first `since` of all kinds."""
        texts = [one["text"] for one in self.sent[since:] if one["type"] == "websocket.send"]
        return sum(text.startswith(f'{{"type":"{kind}"') for text in texts)


async def until(condition: Callable[[], object], turns: int = 1_000_000) -> None:
    """Let everything else have its turns until a condition holds."""
    for _ in range(turns):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come to that")
