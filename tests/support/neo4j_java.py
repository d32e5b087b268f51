"""A Neo4j that Java runs on this machine, with the kernel, Cypher and Bolt of a real one."""

import asyncio
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self
from urllib.parse import urlsplit

from tests.support.java import JVM_OPTIONS, SHORT_LIVED, Program, exercise, fetch_jars, find_java, program
from tests.support.neo4j_server import START_SECONDS, Neo4jServer


class JavaNeo4j(Neo4jServer):
    """One that Java runs here, from jars that Maven fetched; it ends with the process that started it.

    Without `data` (a folder) they are temporary, and `stop` drops them. Port 0 takes a free one, and keeps it.
    `options` are of the JVM.
    """

    kind = "Java on this machine"

    def __init__(
        self,
        java: str,
        program: Program,
        data: Path | None = None,
        port: int = 0,
        options: Sequence[str] = SHORT_LIVED,
    ) -> None:
        self._command = [java, *JVM_OPTIONS, *options, *program.archive, *program.words]
        self._data = data
        self._port = port
        self._temporary: TemporaryDirectory[str] | None = None
        self.process: subprocess.Popen[str] | None = None

    @classmethod
    def prepare(cls, data: Path | None = None, port: int = 0, options: Sequence[str] = SHORT_LIVED) -> Self:
        """Find Java and have the jars here. Raises NoNeo4jError without Java 17, its compiler, or the jars."""
        java = find_java()
        return cls.run_by(java, fetch_jars(), data, port, options)

    @classmethod
    def run_by(
        cls, java: str, jars: Path, data: Path | None = None, port: int = 0, options: Sequence[str] = SHORT_LIVED
    ) -> Self:
        """The one of some jars, run by a JDK of some version."""

        def archive(program: Program, file: Path) -> None:
            trained = JavaNeo4j(
                java, program, options=[*SHORT_LIVED, f"-XX:ArchiveClassesAtExit={file}", "-Xlog:disable"]
            )
            trained.start()
            with ThreadPoolExecutor(1) as pool:  # whoever asks for the first Neo4j may run an event loop already
                pool.submit(asyncio.run, exercise(trained.uri)).result()
            trained.end_by_itself()

        return cls(java, program(java, jars, archive), data, port, options)

    def start(self) -> None:
        if not self._data and not self._temporary:
            self._temporary = TemporaryDirectory(prefix="descent-neo4j-", ignore_cleanup_errors=True)
        data = self._data or Path(self._temporary.name if self._temporary else "")
        data.mkdir(parents=True, exist_ok=True)
        log = data / "console.log"
        with log.open("w") as console:
            self.process = subprocess.Popen(
                [*self._command, str(data), str(self._port), "--until-stdin-closes"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=console,
                text=True,
                # Ctrl-C is for the tests, which still need their database while they tidy up.
                start_new_session=True,
            )
        deadline = threading.Timer(START_SECONDS, self.process.kill)
        deadline.start()
        assert self.process.stdout
        self.uri = next((line.split()[1] for line in self.process.stdout if line.startswith("ready ")), "")
        deadline.cancel()
        if not self.uri:
            said = [line for line in log.read_text(errors="replace").splitlines() if not line.startswith("\tat ")]
            self.stop()
            raise RuntimeError("\n".join(["Neo4j did not start; it says:", *said[-20:]]))
        self._port = urlsplit(self.uri).port or 0

    def stop(self) -> None:
        self._end(subprocess.Popen.terminate)
        if self._temporary:
            self._temporary.cleanup()
            self._temporary = None

    def end_by_itself(self) -> None:
        """Let it end as when its parent dies, and wait; it writes what it was asked to at its exit."""
        assert self.process
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(START_SECONDS)
        self.stop()

    def kill(self) -> None:
        self._end(subprocess.Popen.kill)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Let the database be read but not written meanwhile; returns when that is so."""
        self._tell("read-only")
        try:
            yield
        finally:
            self._tell("writable")

    def _tell(self, line: str) -> None:
        assert self.process
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == line + "\n"

    def _end(self, by: Callable[[subprocess.Popen[str]], None]) -> None:
        if self.process:
            with self.process as process:  # which closes its pipes and waits
                by(process)
            self.process = None
