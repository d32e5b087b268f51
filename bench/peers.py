"""What a user would pick instead, on the same records in the same run, and how many times faster Descent answers.

`@neo4j/graphql` with Apollo Server stands before the database that Descent has filled; a recursive query asks the file
of SQLite; the plainest Cypher asks the database. Each is asked for less than Descent gives: no peer checks who may see
what, answers as of a moment, or pages by distance.
"""

import shutil
import sqlite3
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from neo4j import GraphDatabase

from bench.load import Answers, ask
from bench.processes import Server
from bench.questions import CLIENTS, IMPACT, LOOKUP, ROUNDS
from bench.registry import CACHE, Landmarks
from descentd.graph.model.kinds import INFLUENCE, ROLE_NUMBER, Role

SOURCES: Final = Path(__file__).with_name("neo4j_graphql")
_THEIR_LOOKUP: Final = """
query ($ref: String!) {
  modelVersions(where: {label: {eq: $ref}}) { id label name version parents { label } trainedOn { label } }
}
"""
_THEIR_IMPACT: Final = "query ($ref: String!) { records(where: {label: {eq: $ref}}) { affected } }"
_WALK: Final = f"(d:Record {{label: $ref}})<-[:{'|'.join(sorted(INFLUENCE))}*1..]-(x)"
_COUNT: Final = f"CYPHER 5 MATCH {_WALK} WITH DISTINCT x RETURN x.kind, count(*)"
_PAGE: Final = (
    f"CYPHER 5 MATCH p = {_WALK} WITH x, min(length(p)) AS k ORDER BY k, x.seq LIMIT 100 RETURN collect(x.label)"
)
_RECURSIVE: Final = """
WITH RECURSIVE reached(seq) AS (
  SELECT seq FROM record WHERE label = :ref
  UNION SELECT edge.src FROM edge JOIN reached ON edge.dst = reached.seq WHERE edge.role IN ({roles})
)
SELECT record.kind, count(*) FROM reached JOIN record USING (seq) GROUP BY record.kind
"""


@dataclass(frozen=True)
class Comparison:
    """A piece of work, what Descent takes for it, and what a peer takes; in ms, or requests a second."""

    work: str
    store: str
    ours: float
    peer: str
    theirs: float
    unit: str = "ms"

    @property
    def ratio(self) -> float:
        """How many times better Descent is."""
        return self.ours / self.theirs if self.unit == "/s" else self.theirs / self.ours

    def line(self) -> str:
        """As a row of a Markdown table."""
        ours, theirs = (f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}" for figure in (self.ours, self.theirs))
        return (
            f"| {self.work} | {self.store} | {ours} {self.unit} | {self.peer} | {theirs} {self.unit} "
            f"| {self.ratio:.1f}× |"
        )


HEADER: Final = "| work | Descent on | Descent | beside it | its figure | ahead |\n|---|---|---|---|---|---|"


class Neo4jGraphQL:
    """`@neo4j/graphql` before a database: a context manager, ready when it is entered.

    Raises RuntimeError without Node and npm, or where it does not start.
    """

    def __init__(self, bolt: str) -> None:
        self._bolt = bolt
        self.url = ""

    def __enter__(self) -> Self:
        command = ["node", "server.mjs", self._bolt, "|".join(sorted(INFLUENCE))]
        self._process = subprocess.Popen(command, cwd=_installed(), stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip().rstrip("/")
        if not self.url:
            self.__exit__(None, None, None)
            raise RuntimeError("@neo4j/graphql did not start.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process as process:
            process.terminate()


def _installed() -> Path:
    """A folder with the server and its packages, as the lock file has them."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        raise RuntimeError("Node 20 or newer, with npm, is needed to measure @neo4j/graphql.")
    folder = CACHE / "neo4j_graphql"
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    subprocess.run((npm, "ci", "--no-progress", "--silent"), cwd=folder, check=True)
    return folder


def beside_neo4j(bolt: str, landmarks: Landmarks) -> Iterator[Comparison]:
    """Look-ups and impact over HTTP, of Descent and of `@neo4j/graphql` in turn, and plain Cypher."""
    cause = landmarks.largest.refs[0]
    with Server(bolt) as server:
        server.settle()
        ours = _lookups(server.url, LOOKUP, landmarks)
        impact = _impact(server, landmarks, cause)
    with Neo4jGraphQL(bolt) as peer:
        theirs = _lookups(peer.url, _THEIR_LOOKUP, landmarks)
        count = ask(peer.url, _THEIR_IMPACT, [{"ref": cause}] * ROUNDS).median
    name = "`@neo4j/graphql` 7"
    yield Comparison(f"look-up, {CLIENTS} clients", "Neo4j", ours[0].rate, name, theirs[0].rate, "/s")
    yield Comparison("look-up, one client, p50", "Neo4j", ours[1].median, name, theirs[1].median)
    yield Comparison("impact: counts and first 100", "Neo4j", impact, f"{name}: one count", count)
    with GraphDatabase.driver(bolt, notifications_min_severity="OFF") as driver:

        def plain() -> None:
            driver.execute_query(_COUNT, ref=cause)
            driver.execute_query(_PAGE, ref=cause)

        yield Comparison("impact: counts and first 100", "Neo4j", impact, "plain Cypher", _median(plain))


def beside_sqlite(file: Path, landmarks: Landmarks) -> Iterator[Comparison]:
    """Impact over HTTP beside a recursive query in process, which counts and lists nothing."""
    cause = landmarks.largest.refs[0]
    with Server(f"sqlite:///{file}") as server:
        server.settle()
        impact = _impact(server, landmarks, cause)
    roles = ", ".join(str(ROLE_NUMBER[role]) for role in Role if role in INFLUENCE)
    with sqlite3.connect(file) as connection:

        def recursive() -> None:
            connection.execute(_RECURSIVE.format(roles=roles), {"ref": cause}).fetchall()

        taken = _median(recursive)
    yield Comparison("impact: counts and first 100", "SQLite", impact, "recursive SQL: counts", taken)


def _lookups(url: str, query: str, landmarks: Landmarks) -> tuple[Answers, Answers]:
    """Of 16 clients, and of one."""
    variables = [{"ref": ref} for ref in landmarks.versions]
    ask(url, query, variables, CLIENTS)
    return ask(url, query, variables * 2, CLIENTS), ask(url, query, variables[:300])


def _impact(server: Server, landmarks: Landmarks, cause: str) -> float:
    # Each question names another leaf beside the cause, so that none is answered from what an earlier one found.
    variables = [{"of": [cause, leaf], "first": 100} for leaf in landmarks.leaves[: ROUNDS + 3]]
    ask(server.url, IMPACT, variables[:3])
    return ask(server.url, IMPACT, variables[3:]).median


def _median(work: Callable[[], None]) -> float:
    times = []
    for _ in range(7):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[1:])
