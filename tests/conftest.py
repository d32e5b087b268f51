"""What every test may ask for: a Neo4j, the shared folder, and the event loop that async tests run on."""

import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import typer.testing
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from descentd.queries.registry import Registry
from tests.support import effort
from tests.support.java import NoNeo4jError
from tests.support.neo4j_find import find
from tests.support.neo4j_server import Neo4jServer
from tests.support.registries import STORES, opened, store_of

MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes that have to be free in memory for the files of tests to be kept there."""


def keep_files_in_memory() -> None:
    """Let files of tests be made where no disk is waited for, which every commit of a store does, if there is room."""
    try:
        runs_programs = not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
        if "TMPDIR" not in os.environ and runs_programs and shutil.disk_usage(MEMORY).free > ROOM:
            os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
    except OSError:
        return  # there is no such folder here


keep_files_in_memory()
# It makes all commands of an app anew for each invocation, which took a tenth of the processor time of all tests.
typer.testing._get_command = cache(typer.testing._get_command)  # type: ignore[attr-defined]
gc.disable()  # until all is collected: next to nothing of what imports make is garbage
TEMPORARY = TemporaryDirectory(prefix="descent-tests-")
# What a server with a registry in Neo4j keeps beside it, such as the access log, is not to lie in the project's folder.
os.environ["DESCENT_FOLDER"] = TEMPORARY.name

SHARED = Path(__file__).parents[2] / "shared"
LONGEST = (
    *("neo4j", "servers on neo4j", "tests/app/explorer/test_browser.py", "tests/app/test_process.py"),
    *("tests/test_docs.py", "tests/app/test_demo.py", "tests/graph/test_verify.py", "tests/graph/test_topology.py"),
    *("tests/queries/test_disclosed_erosion.py", "tests/app/explorer/test_lineage_browser.py"),
    *("tests/app/scenario/test_lender.py", "tests/attack/test_attacks.py"),
    *("tests/app/test_tokens.py", "tests/queries/test_erosion_oracle.py", "tests/app/test_pacing.py"),
    *("tests/compatibility/test_older_registries.py", "tests/queries/test_erosion_rules.py"),
    *("tests/client/test_cli.py", "tests/app/test_connections.py", "tests/test_packaging.py"),
)
"""What is dealt out first, so that no process ends long before the other: see `share_of`."""
NEO4J_USED = pytest.StashKey[str]()
NEO4J_MISSING = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of contracts and data beside the project."""
    if not SHARED.is_dir():
        pytest.skip("there is no ../shared beside the project, which this test reads")
    return SHARED


@pytest.fixture(scope="session")
def find_neo4j() -> Callable[[], Neo4jServer]:
    """How to come by a Neo4j that is not started yet; raises NoNeo4jError where none is to be had."""
    return find


@pytest.fixture(scope="session")
def neo4j_server(pytestconfig: pytest.Config, find_neo4j: Callable[[], Neo4jServer]) -> Iterator[Neo4jServer]:
    """The Neo4j of this session, as the test before left it; see `neo4j_clean`. Without one: skipped, failed in CI."""
    try:
        server, missing = find_neo4j(), ""
    except NoNeo4jError as problem:
        server, missing = None, str(problem)
    if server is None:
        pytestconfig.stash[NEO4J_MISSING] = missing
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI has to test with Neo4j: {missing}", pytrace=False)
        pytest.skip(f"no Neo4j: {missing}")
    server.start()
    pytestconfig.stash[NEO4J_USED] = server.describe()
    yield server
    server.stop()


@pytest.fixture
def neo4j_clean(neo4j_server: Neo4jServer) -> Neo4jServer:
    """The Neo4j of this session, empty: no node, no constraint, no index. Its `wipe()` empties it again."""
    neo4j_server.wipe()
    return neo4j_server


@pytest.fixture
def neo4j_empty(neo4j_server: Neo4jServer) -> Neo4jServer:
    """The Neo4j of this session without a node. It may have constraints and indexes: making them takes seconds."""
    neo4j_server.clear()
    return neo4j_server


@pytest.fixture(params=STORES)
def store_kind(request: pytest.FixtureRequest) -> str:
    """Each kind of store in turn."""
    return str(request.param)


@pytest.fixture
async def registry(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Registry]:
    """An empty registry on each store."""
    server = request.getfixturevalue("neo4j_empty") if store_kind == "neo4j" else None
    async with opened(store_of(store_kind, tmp_path, server)) as found:
        yield found


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal out whole modules, the longest first, and all that needs a Neo4j in two lots: so only two are started."""
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = share_of
    config.option.loadscopereorder = False  # it would go by how many tests there are: the longest have few
    return scheduler


def share_of(test: str) -> str:
    """With what a test is dealt out. Its name is all there is to tell by: what needs a Neo4j has to speak of one.

    Servers on Neo4j are the smaller lot: with all in one, the other process was done in half the time.
    """
    module = test.partition("::")[0]
    if "neo4j" not in test.lower():
        return module
    return "servers on neo4j" if module.startswith("tests/app/") else "neo4j"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and kill the Neo4j last: it has to learn anew what it knew about its queries.

    Before that comes what lets it forget them otherwise: the schema is not changed between tests of questions.
    Raises UsageError where a test needs a Neo4j and does not say so by its name: see `share_of`.
    """
    unnamed = [
        item.nodeid
        for item in items
        if "neo4j_server" in getattr(item, "fixturenames", ()) and "neo4j" not in item.nodeid.lower()
    ]
    if unnamed:
        raise pytest.UsageError(f"These tests need a Neo4j: let their names or parameters say so: {unnamed}")
    place = {share: number for number, share in enumerate(LONGEST)}

    def order(item: pytest.Item) -> tuple[bool, bool, int]:
        forgets = "neo4j_clean" in getattr(item, "fixturenames", ()) or item.get_closest_marker("forgets_plans")
        kills = item.get_closest_marker("kills_neo4j")
        return kills is not None, bool(forgets), place.get(share_of(item.nodeid), len(place))

    items.sort(key=order)


def pytest_collection_finish() -> None:
    """What was imported and collected lasts as long as the process: the garbage collector need not go through it."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_report_header() -> str:
    return f"effort: {effort.PROFILE}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a process that runs a part of the tests tell which Neo4j it used, or why it had none."""
    told: dict[str, str] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["neo4j_used"] = session.config.stash.get(NEO4J_USED, "")
        told["neo4j_missing"] = session.config.stash.get(NEO4J_MISSING, "")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    told = getattr(node, "workeroutput", {})
    for key, name in ((NEO4J_USED, "neo4j_used"), (NEO4J_MISSING, "neo4j_missing")):
        if told.get(name):
            node.config.stash[key] = told[name]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if used := config.stash.get(NEO4J_USED, None):
        terminalreporter.write_line(f"Neo4j: {used}")
    if missing := config.stash.get(NEO4J_MISSING, None):
        terminalreporter.write_sep("!", "THE NEO4J TESTS DID NOT RUN", red=True, bold=True)
        terminalreporter.write_line(f"{missing}.", red=True)
