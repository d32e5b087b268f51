"""A real receiver of webhooks on loopback, which answers as it is told and keeps what came."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes....").decode()
OTHER = "whsec_" + base64.b64encode(b"another one of 24 bytes.").decode()


@dataclass(frozen=True, slots=True)
class Received:
    """A delivery as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def is_signed(self, secret: str) -> bool:
        """As the specification of Standard Webhooks has it, written without looking at what signs."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        wanted = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return wanted in self.headers["webhook-signature"].split(" ")


Answering = Callable[[Received], int]


class Receiver:
    """Listens on a free port, or on one that was used before, while it is entered.

    `statuses` are what it answers in turn, and 200 after the last. With `held` set, an answer waits for it.
    """

    def __init__(self, port: int = 0, statuses: Sequence[int] = ()) -> None:
        self.received: list[Received] = []
        self.statuses = list(statuses)
        self.headers: dict[str, str] = {}
        self.body = b""
        self.held: threading.Event | None = None
        self.news = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                with receiver.news:
                    receiver.received.append(Received(self.path, headers, body))
                    status = receiver.statuses.pop(0) if receiver.statuses else 200
                    receiver.news.notify_all()
                if receiver.held is not None:
                    receiver.held.wait(60)
                try:
                    self.send_response(status)
                    for name, value in receiver.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(receiver.body)))
                    self.end_headers()
                    self.wfile.write(receiver.body)
                except OSError:
                    pass  # whoever sent it is gone

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=hidden"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.held is not None:
            self.held.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for(self, done: Callable[[list[Received]], bool]) -> list[Received]:
        """What was received, once that is enough."""
        with self.news:
            assert self.news.wait_for(lambda: done(self.received), 120), [one.json for one in self.received]
            return list(self.received)

    def told(self) -> list[tuple[str, int]]:
        """Type and sequence of what came."""
        return [(one.json["type"], one.json["sequence"]) for one in self.received]
