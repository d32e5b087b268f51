"""A real `descentd serve` for tests: a process, a socket, and what it wrote."""

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx2

from tests.support.preloaded import SERVER, Forked

SECONDS = 300.0
"""After this long a process that does not do what it should is killed, so that the test fails rather than hangs."""

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody, and is not asked to: reading the certificates of the world takes 30 ms for each client."""


class Asking:
    """Whoever asks a registry at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def client(self) -> httpx2.Client:
        """A client of this server, which the caller closes."""
        return httpx2.Client(base_url=self.url, timeout=SECONDS, verify=PLAIN)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer to an operation, over a connection of its own."""
        with self.client() as client:
            answer: dict[str, Any] = client.post("/graphql", json={"query": query, "variables": variables}).json()
        return answer


def started(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    """`descentd` with some arguments in a Python of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "descentd.app", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


class ServerProcess(Asking):
    """`descentd serve` on a free port: a context manager, ready when it is entered, and terminated after.

    With `ready=False` it is entered as soon as it listens. `log` holds what it logged, `ready_line` what it printed.
    It is forked from a process that has imported the program, unless `fresh` asks for a Python of its own: that is for
    tests of how a process starts, ends and starts workers.
    """

    def __init__(self, store: str, *options: str, ready: bool = True, fresh: bool = False, **environment: str) -> None:
        super().__init__("")
        self.store = store
        self._options = options
        self._ready = ready
        self._fresh = fresh
        self._environment = environment
        self.ready_line = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, again perhaps; raises RuntimeError with what it wrote where it ends instead."""
        arguments = ["serve", "--store", self.store, "--log-format", "json", "--port", "0", *self._options]
        environment = {**os.environ, **self._environment}
        self.process = started(arguments, environment) if self._fresh else Forked(SERVER, arguments, environment)
        self.log: list[dict[str, Any]] = []
        self.other: list[str] = []
        self._ended = False
        self._news = threading.Condition()
        self._deadline = threading.Timer(SECONDS, self.process.kill)
        self._deadline.start()
        assert self.process.stderr
        self._reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self._reader.start()
        try:
            self.url = self.wait_for("listening")["url"]
            if self._ready:
                self.wait_until_ready()
        except RuntimeError:
            self.stop()
            raise

    def wait_until_ready(self) -> None:
        """Return when it has said that it is."""
        assert self.process.stdout
        self.ready_line = self.process.stdout.readline()
        if not self.ready_line:
            raise RuntimeError(f"descentd did not become ready: {self.log} {self.other}")

    def wait_for(self, event: str) -> dict[str, Any]:
        """Return the first entry of the log for an event, once it is there."""

        def found() -> list[dict[str, Any]]:
            return [entry for entry in self.log if entry["event"] == event]

        with self._news:
            self._news.wait_for(lambda: self._ended or found(), SECONDS)
            if not found():
                raise RuntimeError(f"descentd did not log {event}: {self.log} {self.other}")
            return found()[0]

    def _read(self, stream: Iterable[str]) -> None:
        for line in stream:
            with self._news:
                if line.startswith("{"):
                    self.log.append(json.loads(line))
                else:
                    self.other.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code: int = self.process.wait(SECONDS)
        self._deadline.cancel()
        self._reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream
            stream.close()
        return code
