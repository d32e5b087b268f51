"""A registry that says what a test tells it to, behind a real socket."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from typing import Any

Answer = Callable[[dict[str, Any]], Any]


class Registry:
    """Answers by operation name; remembers the headers and bodies of what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str | None, Answer] = {}
        self.asked: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.raw: tuple[int, bytes] | None = None
        self.version = metadata.version("descent-client")
        self.visits = 0
        self.log: list[bytes] = []
        """The lines of its log."""
        self.cuts: list[int] = []
        """After how many bytes of its log the connection is lost, each time that it is asked for."""
        self.announced = False
        """Whether it says how long its log is before it sends it."""
        self.problem: tuple[int, dict[str, Any]] | None = None
        """A status and a problem instead of its log."""
        self.fetched: list[tuple[str, dict[str, str]]] = []

    def on(self, operation: str, data: Any) -> None:
        """Give the same data whenever the operation is asked for."""
        self.answers[operation] = lambda _variables: {"data": data}

    def refuse(self, operation: str, *errors: dict[str, Any]) -> None:
        self.answers[operation] = lambda _variables: {"data": None, "errors": list(errors)}

    def variables(self, operation: str) -> list[dict[str, Any]]:
        return [body["variables"] for _, body in self.asked if body["operationName"] == operation]


@contextmanager
def running_registry() -> Iterator[Registry]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = {"operationName": None, **json.loads(self.rfile.read(int(self.headers["Content-Length"])))}
            registry.asked.append(({"path": self.path, **dict(self.headers)}, body))
            if registry.raw is not None:
                status, answer = registry.raw
            else:
                status, answer = 200, json.dumps(registry.answers[body["operationName"]](body["variables"])).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/graphql-response+json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self) -> None:
            if self.path.startswith("/records"):
                self.send_log()
                return
            registry.visits += 1
            answer = json.dumps({"name": "descentd", "version": registry.version}).encode()
            self.send_response(200 if self.path == "/version" else 404)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def send_log(self) -> None:
            registry.fetched.append((self.path, dict(self.headers)))
            status, body = 200, b"".join(registry.log[int(self.path.partition("?after=")[2]) :])
            if registry.problem is not None:
                status, body = registry.problem[0], json.dumps(registry.problem[1]).encode()
            self.send_response(status)
            self.send_header("Connection", "close")
            if registry.announced:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: registry.cuts.pop(0) if registry.cuts else len(body)])
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry = Registry(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
