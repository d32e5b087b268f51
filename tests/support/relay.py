"""An address that stays the same while the server behind it is killed and started again."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Relay:
    """Passes connections on to the server whose address is in `behind`, a context manager; `url` is its own address.

    A connection is closed at once where nobody listens behind it.
    """

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _begin(self, target: object, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=target, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                asking, _ = self._listener.accept()
            except OSError:  # shut down
                return
            place = urlsplit(self.behind)
            try:
                answering = socket.create_connection((place.hostname, place.port))
            except OSError:
                asking.close()
                continue
            self._begin(self._join, asking, answering)

    def _join(self, asking: socket.socket, answering: socket.socket) -> None:
        with asking, answering:
            other = threading.Thread(target=_copy, args=(answering, asking))
            other.start()
            _copy(asking, answering)
            other.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes until one of the two ends, and end both."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
