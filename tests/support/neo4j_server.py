"""A Neo4j for tests, as they see it: one that is there, or one in Docker; `neo4j_java` has one that Java runs here."""

import secrets
import shutil
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from typing import NoReturn, Self
from urllib.parse import unquote, urlsplit

from neo4j import Driver, GraphDatabase
from neo4j.exceptions import DriverError, Neo4jError, ServiceUnavailable
from testcontainers.core.container import DockerContainer

from tests.support.java import NoNeo4jError

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


def succeeds(*command: str) -> bool:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
