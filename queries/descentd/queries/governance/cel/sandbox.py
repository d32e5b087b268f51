"""A process for CEL that can be ended: what an expression may cost does not depend on what evaluators registered.

There is one for each process that serves, started when the first expression is compiled, and again after one was
ended. Its jobs are done one after the other. Where others have to be answered meanwhile, `in_turn` waits in a thread of
its own, so that no other work that needs a thread waits for it.
"""

import asyncio
import atexit
import json
import os
import pickle
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, TypeVar

from descentd.graph.model.errors import Unavailable
from descentd.queries.governance.cel.engine import HEAD, MEMORY

A_JOB: Final = 0.25
"""Seconds of processor time that an expression may take."""
A_POLICY: Final = 1.0
"""Seconds of processor time that the expressions of a policy may take together."""
_PATIENCE: Final = 60.0
"""Seconds in all after which an answer is not waited for any more, on however busy a machine."""
_COMMAND: Final = (sys.executable, "-P", "-m", "descentd.queries.governance.cel.engine")
_TIME: Final = f"it takes more than {A_JOB:g} s of processor time: ask less of each result, or make it several rules"
SPENT: Final = f"the rules before it took the {A_POLICY:g} s of processor time that a policy has: ask less in them"

T = TypeVar("T")


class Exceeded(Exception):
    """A job took more than it may, and was ended; says of what."""


@dataclass(slots=True)
class Allowance:
    """Seconds of processor time that are left to the rules of a policy."""

    left: float = A_POLICY


class Sandbox:
    """Does jobs of `engine` in its process, one at a time. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def run(self, do: str, given: Sequence[Any], allowance: Allowance | None = None) -> dict[str, Any]:
        """The answer to a job; raises Exceeded where it takes more than is left of the allowance, or than a job may."""
        allowance = allowance or Allowance()
        if allowance.left <= 0:
            raise Exceeded(SPENT)
        most = min(A_JOB, allowance.left)
        job = pickle.dumps({"do": do, "given": tuple(given), "allowance": most})
        with self._lock:
            process = self._started()
            try:
                line = _exchange(process, HEAD.pack(len(job)) + job)
            except OSError:
                line = b""
            if not line:
                self._process = None
                allowance.left -= most
                self._started()  # what comes next does not have to wait for all of a start
                raise Exceeded(_reason(process, most))
        found = json.loads(line)
        allowance.left -= found["used"]
        answer: dict[str, Any] = found["answer"]
        return answer

    def close(self) -> None:
        """End the process; the next job starts another."""
        with self._lock:
            if self._process is not None and self._owner == os.getpid():
                _end(self._process)
            self._process = None

    def _started(self) -> subprocess.Popen[bytes]:
        """The process; another one where it ended, or belongs to the process that this one was forked from."""
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            if self._process is not None and self._owner == os.getpid():
                _end(self._process)
            environment = {name: value for name, value in os.environ.items() if not name.startswith("DESCENT_")}
            try:
                self._process = subprocess.Popen(  # noqa: S603 - a command of our own
                    _COMMAND,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=environment,
                    start_new_session=True,
                )
            except OSError:
                raise Unavailable("No process can be started to evaluate policies: try again in a moment.") from None
            self._owner = os.getpid()
        return self._process


def _exchange(process: subprocess.Popen[bytes], job: bytes) -> bytes:
    """Send a job, and return the line that answers it; empty where the process ended, or had to be."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(job)
    process.stdin.flush()
    deadline, line = time.monotonic() + _PATIENCE, b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        more = os.read(process.stdout.fileno(), 1 << 16) if ready else b""
        if not more:
            return b""
        line += more
    return line


def _reason(process: subprocess.Popen[bytes], most: float) -> str:
    """Why a process gave no answer, once it has ended."""
    by_time = _end(process) == -signal.SIGPROF
    if by_time:
        return _TIME if most == A_JOB else SPENT
    return f"it takes more than {MEMORY >> 20} MiB of memory, or is nested too deeply: make it several rules"


def _end(process: subprocess.Popen[bytes]) -> int:
    """End a process, unless it has; its exit code."""
    try:
        return process.wait(0.1 if process.poll() is None else 0)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
    finally:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):  # what could not be sent
                    stream.close()


SANDBOX: Final = Sandbox()
"""The one of this process."""
atexit.register(SANDBOX.close)
_IN_TURN: Final = ThreadPoolExecutor(1, "cel")


async def in_turn(work: Callable[[], T]) -> T:
    """What some work returns that uses the sandbox, in the one thread for it."""
    return await asyncio.get_running_loop().run_in_executor(_IN_TURN, work)
