"""The servers that are measured: `descentd serve`, and a Neo4j."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.neo4j_java import JavaNeo4j

_TICKS = os.sysconf("SC_CLK_TCK")


class Server:
    """`descentd serve` on a free port, with what it logs thrown away: a context manager, ready when it is entered."""

    def __init__(self, store: str, *options: str, watched: Path | None = None) -> None:
        """`watched` is the file in which it notes how long its turns are."""
        self._command = [
            sys.executable,
            "-m",
            *(["descentd.app"] if watched is None else ["bench.watched", str(watched)]),
            "serve",
            "--store",
            store,
            "--port",
            "0",
            *options,
        ]
        self.url = ""
        self.ready_after = 0.0
        """Seconds from the start of the process to its line that says it answers."""

    def __enter__(self) -> Self:
        start = time.perf_counter()
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        self.ready_after = time.perf_counter() - start
        found = re.search(r"ready at (\S+),", line)
        if not found:
            self.__exit__(None, None, None)
            raise RuntimeError("descentd did not become ready.")
        self.url = found[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process as process:
            process.send_signal(signal.SIGTERM)

    @property
    def seconds_used(self) -> float:
        """Processor time of the process and of its workers so far."""
        return sum(map(_seconds_used, [self._process.pid, *self._workers()]))

    def _workers(self) -> list[int]:
        """The numbers of the processes that it has started."""
        number = self._process.pid
        return [int(one) for one in Path(f"/proc/{number}/task/{number}/children").read_text().split()]

    def settle(self) -> None:
        """Return once it has worked out what it works out after its start, or after ten minutes of it."""
        for _ in range(1_200):
            with urllib.request.urlopen(f"{self.url}/metrics") as answer:
                shown = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[0] != "#")
            if shown["descent_assessed_sequence"] == shown["descent_log_sequence"]:
                return
            time.sleep(0.5)

    def memory(self) -> dict[str, float]:
        """What the process holds, in megabytes: all that is resident (`VmRSS`) and what is its own (`RssAnon`)."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        sizes = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
        return {name: int(sizes[name][0]) * 1024 / 1e6 for name in ("VmRSS", "RssAnon", "VmHWM")}


def _seconds_used(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class Database:
    """A Neo4j that Java runs here, with data in a folder that stays: a context manager."""

    def __init__(self, folder: Path) -> None:
        self._server = JavaNeo4j.prepare(folder, options=["-Xmx3g"])
        self.uri = ""

    def __enter__(self) -> Self:
        self._server.start()
        self.uri = self._server.uri
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()
