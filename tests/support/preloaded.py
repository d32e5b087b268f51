"""Programs that begin where their imports end: forked from a process that has made them already.

A Python that starts `descentd serve` spends most of its first second and a half on imports, and tests start it by the
hundred. Here one process for each that runs tests imports once; `Forked` is a copy of it that runs a command line in a
process, a session of files and an environment of its own, and is spoken to like a `subprocess.Popen`. Servers that the
copy starts as workers are copies as well.
"""

import atexit
import contextlib
import gc
import importlib
import json
import multiprocessing
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Final

import uvicorn._subprocess

from descentd.app.explorer.rendering import Rendering

SERVER: Final = "descentd.app"
CLIENT: Final = "descent"
"""What is run, as `python -m` does it."""

IMPORTED: Final = (
    *("descentd.app.server.cli", "descentd.app.server.main", "descentd.app.server.process"),
    *("descentd.app.demo.story", "descent.cli"),
)
SECONDS: Final = 300.0
LENGTH: Final = 2**20
"""Of a request, at most."""


class Forked:
    """`python -m` a module with some arguments, in a process of its own; the part of Popen that tests need.

    It runs in `folder`, this process's own unless one is given. Raises RuntimeError where it cannot be started.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path | None = None
    ) -> None:
        self.module = module
        self.returncode: int | None = None
        (out, theirs), (err, also_theirs) = os.pipe(), os.pipe()
        ours, its_end = socket.socketpair()
        request = {"module": module, "arguments": list(arguments), "environment": dict(environment)}
        request["folder"] = str(folder or Path.cwd())
        socket.send_fds(_preloaded(), [json.dumps(request).encode()], [theirs, also_theirs, its_end.fileno()])
        for number in (theirs, also_theirs):
            os.close(number)
        its_end.close()
        self.stdout: IO[str] = os.fdopen(out, "r", encoding="utf-8")
        self.stderr: IO[str] = os.fdopen(err, "r", encoding="utf-8")
        self._news = ours.makefile("rb", buffering=0)
        self._socket = ours
        told = self._news.readline()
        if not told:
            raise RuntimeError("the process that servers are forked from has ended")
        self.pid = int(told)

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended; raises TimeoutExpired where it does not within `timeout` seconds."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired([self.module], timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it may have ended since it was asked
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._socket], [], [], timeout)[0]:
            told = self._news.readline()
            self.returncode = int(told) if told else -signal.SIGKILL
            self._news.close()
            self._socket.close()
        return self.returncode


def run(
    module: str, *arguments: str, folder: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What a program writes until it ends, and its exit code; `environment` is what differs from this process's own.

    It is killed where that takes longer than `SECONDS`.
    """
    process = Forked(module, arguments, {**os.environ, **(environment or {})}, folder)
    deadline = threading.Timer(SECONDS, process.kill)
    deadline.start()
    with process.stdout, process.stderr, ThreadPoolExecutor(1) as pool:
        complained = pool.submit(process.stderr.read)
        written = process.stdout.read()
        done = subprocess.CompletedProcess([module, *arguments], process.wait(SECONDS), written, complained.result())
    deadline.cancel()
    return done


_socket: socket.socket | None = None


def _preloaded() -> socket.socket:
    """The socket of the process that copies are made of, which is started when it is first needed."""
    global _socket
    if _socket is None:
        _socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.preloaded", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(_end, process, _socket)
    return _socket


def _end(process: "subprocess.Popen[bytes]", control: socket.socket) -> None:
    control.close()
    process.wait()


class Preloaded:
    """The process that copies are made of: forks one for each request, and passes on how each ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._listeners: dict[int, socket.socket] = {}
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which end their servers themselves
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno())

    def copied(self) -> dict[str, Any] | None:
        """Fork for each request; returns what was requested in each copy, and None here when no more requests come."""
        while True:
            readable, _, _ = select.select([self._control, self._woken], [], [])
            if self._woken in readable:
                self._woken.recv(4096)
                self._report()
            if self._control not in readable:
                continue
            request, descriptors, _, _ = socket.recv_fds(self._control, LENGTH, 3)
            if not request:
                return None
            out, err, news = descriptors
            listener = socket.socket(fileno=news)
            if (pid := os.fork()) == 0:
                listener.close()
                self._become(out, err)
                found: dict[str, Any] = json.loads(request)
                return found
            os.close(out)
            os.close(err)
            self._listeners[pid] = listener
            self._tell(pid, pid)

    def _report(self) -> None:
        while self._listeners:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._tell(pid, os.waitstatus_to_exitcode(status))
            self._listeners.pop(pid).close()

    def _tell(self, pid: int, number: int) -> None:
        with contextlib.suppress(OSError):  # whoever asked may be gone
            self._listeners[pid].sendall(b"%d\n" % number)

    def _become(self, out: int, err: int) -> None:
        """Leave in a copy nothing of what is the original's alone."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for one in (self._control, self._woken, self._waker, *self._listeners.values()):
            one.close()
        for number, place in ((out, 1), (err, 2)):
            os.dup2(number, place)
            os.close(number)
        # Those that there are were made for whatever files the original began with.
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115


def main(control: int) -> None:
    """Serve requests for copies that come by the socket of this number; in each copy, run the program."""
    for name in IMPORTED:
        importlib.import_module(name)
    Rendering.of().compile()
    gc.collect()
    gc.freeze()
    request = Preloaded(socket.socket(fileno=control)).copied()
    if request is not None:
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        # uvicorn starts workers by Pythons of their own.
        uvicorn._subprocess.spawn = multiprocessing.get_context("fork")  # type: ignore[assignment]
        sys.argv[1:] = request["arguments"]
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
