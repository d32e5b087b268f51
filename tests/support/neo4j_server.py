"""A Neo4j for tests and development: one that is there, one in Docker, or one that Java runs here.

`find()` takes the first of

1. `DESCENT_TEST_NEO4J_URI` (`bolt://user:password@host:7687`): a database that is there already. **It is wiped.**
2. Docker, by testcontainers.
3. Java 17 or later with Maven: the jars of Neo4j are fetched once into `.cache/neo4j/`, and `neo4j/Neo4jServer.java`
   runs the real kernel from them, with Cypher and Bolt, on the loopback.

`python -m tests.support.neo4j_server` runs the third in the foreground, with data that stays.
"""

import argparse
import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn, Self
from urllib.parse import unquote, urlsplit

from neo4j import Driver, GraphDatabase
from neo4j.exceptions import DriverError, Neo4jError, ServiceUnavailable
from testcontainers.core.container import DockerContainer

from tests.support.java import (
    CACHE,
    JVM_OPTIONS,
    SHORT_LIVED,
    NoNeo4jError,
    Program,
    exercise,
    fetch_jars,
    find_java,
    program,
)

URI_VARIABLE = "DESCENT_TEST_NEO4J_URI"
IMAGE = "neo4j:5.26.30"
START_SECONDS = 180.0
WIPE_NODES = "MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS"


class Neo4jServer(ABC):
    """One Neo4j that tests may fill, wipe and, where `can_be_killed`, kill.

    `uri` is without credentials, which are in `auth`, and holds from `start` on. Data outlive `kill` and `restart`;
    what `stop` leaves of them is up to the kind.
    """

    kind: str
    can_be_killed = True
    uri: str
    auth: tuple[str, str] | None = None

    @abstractmethod
    def start(self) -> None:
        """Return when Bolt answers. Raises RuntimeError where it does not come to that."""

    @abstractmethod
    def stop(self) -> None:
        """Shut it down cleanly."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once, as a power cut would."""

    def restart(self) -> None:
        """Kill it and start it again, on the same data and the same port."""
        self.kill()
        self.start()

    def driver(self) -> Driver:
        """A blocking driver for this server, which the caller closes."""
        return GraphDatabase.driver(self.uri, auth=self.auth)

    def describe(self) -> str:
        """Which Neo4j this is, in one line: `Neo4j/5.26.30 at bolt://127.0.0.1:40123 (Java on this machine)`."""
        with self.driver() as driver:
            return f"{driver.get_server_info().agent} at {self.uri} ({self.kind})"

    def is_empty(self) -> bool:
        """Whether the database holds no node."""
        with self.driver() as driver:
            return not driver.execute_query("MATCH (n) RETURN 1 LIMIT 1").records

    def clear(self) -> None:
        """Delete every node and relationship; constraints, indexes and the plans of queries stay."""
        with self.driver() as driver, driver.session() as session:
            session.run(WIPE_NODES).consume()

    def replan(self) -> None:
        """Forget the plans of queries, which were made when other data were there; Java's would be kept for a day."""
        with self.driver() as driver:
            driver.execute_query("CALL db.clearQueryCaches()")

    def wipe(self) -> None:
        """Drop every node, relationship, constraint and index."""
        with self.driver() as driver, driver.session() as session:
            session.run(WIPE_NODES).consume()
            # An index goes with the constraint that owns it; the two look-up indexes belong to a database as it comes.
            constraints = session.run("SHOW CONSTRAINTS YIELD name").value()
            with session.begin_transaction() as transaction:
                for name in constraints:
                    transaction.run(f"DROP CONSTRAINT `{name}`")
            indexes = session.run("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name").value()
            with session.begin_transaction() as transaction:
                for name in indexes:
                    transaction.run(f"DROP INDEX `{name}`")


class GivenNeo4j(Neo4jServer):
    """The one that `DESCENT_TEST_NEO4J_URI` names; it is neither started nor stopped from here."""

    kind = URI_VARIABLE
    can_be_killed = False

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.uri = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        if parts.username is not None:
            self.auth = unquote(parts.username), unquote(parts.password or "")

    def start(self) -> None:
        try:
            with self.driver() as driver:
                driver.verify_connectivity()
        except (DriverError, Neo4jError) as problem:
            raise RuntimeError(f"{URI_VARIABLE} names {self.uri}, where no Neo4j lets us in: {problem}") from problem
        if not self.is_empty():
            raise RuntimeError(
                f"The tests wipe the database that {URI_VARIABLE} names, and the one at {self.uri} is not empty. "
                f"Name another, or empty it yourself: {WIPE_NODES}"
            )

    def stop(self) -> None:
        self.wipe()

    def kill(self) -> NoReturn:
        raise RuntimeError(f"The Neo4j that {URI_VARIABLE} names is not ours to kill; ask `can_be_killed` first.")


class DockerNeo4j(Neo4jServer):
    """One in a container, behind a password of its own as Docker may publish its port beyond the loopback."""

    kind = "Docker"

    def __init__(self) -> None:
        self.auth = "neo4j", secrets.token_hex(16)
        # A port that Docker picks would change with a restart.
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self._container = (
            DockerContainer(IMAGE)
            .with_bind_ports(7687, port)
            .with_env("NEO4J_AUTH", "/".join(self.auth))
            .with_env("NEO4J_dbms_usage__report_enabled", "false")
            .with_env("NEO4J_server_memory_pagecache_size", "256m")
            .with_env("NEO4J_server_memory_heap_max__size", "1g")
        )
        self._created = False

    @classmethod
    def prepare(cls) -> Self:
        """Have the image here. Raises NoNeo4jError without a Docker that answers, or where it cannot be pulled."""
        if not shutil.which("docker") or not succeeds("docker", "info"):
            raise NoNeo4jError("no Docker daemon answers")
        if not succeeds("docker", "image", "inspect", IMAGE) and not succeeds("docker", "pull", "--quiet", IMAGE):
            raise NoNeo4jError(f"Docker cannot pull {IMAGE}")
        return cls()

    def start(self) -> None:
        if self._created:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._created = True
        self.uri = f"bolt://{self._container.get_container_host_ip()}:{self._container.get_exposed_port(7687)}"
        self._wait_for_bolt()

    def stop(self) -> None:
        self._container.stop()
        self._created = False

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def _wait_for_bolt(self) -> None:
        # Docker's proxy accepts connections before Neo4j does, so nothing less than Bolt will tell.
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                with self.driver() as driver:
                    return driver.verify_connectivity()
            except ServiceUnavailable:
                if time.monotonic() > until:
                    logs = b"".join(self._container.get_logs()).decode(errors="replace")
                    self.stop()
                    raise RuntimeError(f"Neo4j in Docker did not answer; it says:\n{logs[-2000:]}") from None
            time.sleep(0.2)


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
            with ThreadPoolExecutor(1) as beside:  # whoever asks for a Neo4j may have a loop running here
                beside.submit(asyncio.run, exercise(trained.uri)).result()
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


def succeeds(*command: str) -> bool:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def find(environ: Mapping[str, str] = os.environ) -> Neo4jServer:
    """The first Neo4j that is to be had, not started yet. Raises NoNeo4jError, saying why each way is closed."""
    if url := environ.get(URI_VARIABLE):
        return GivenNeo4j(url)
    closed = [f"{URI_VARIABLE} is not set"]
    for kind in (DockerNeo4j, JavaNeo4j):
        try:
            return kind.prepare()
        except NoNeo4jError as problem:
            closed.append(str(problem))
    raise NoNeo4jError("; ".join(closed))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.neo4j_server", description="Run a Neo4j for development."
    )
    parser.add_argument("--port", type=int, default=7687, help="of Bolt, on 127.0.0.1 (default: %(default)s; 0: any)")
    parser.add_argument("--data", type=Path, default=CACHE / "data", help="folder of the data, which stay")
    parser.add_argument("--heap", default="1g", help="largest heap of the JVM (default: %(default)s)")
    options = parser.parse_args()
    data = options.data.absolute()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server = JavaNeo4j.prepare(data, options.port, [f"-Xmx{options.heap}"])
        server.start()
    except (NoNeo4jError, RuntimeError) as problem:
        sys.exit(
            f"{problem}\nWith Docker, this runs one too:\n"
            f"  docker run --rm -p 127.0.0.1:7687:7687 -e NEO4J_AUTH=none {IMAGE}"
        )
    sys.stdout.write(
        f"{server.describe()}; data and logs in {data}\n"
        f"  .venv/bin/descentd serve --store {server.uri}\n"
        "Ctrl-C stops it.\n"
    )
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        assert server.process
        sys.exit(f"Neo4j ended by itself ({server.process.wait()}); see {data / 'console.log'}.")
    server.stop()


if __name__ == "__main__":
    main()
