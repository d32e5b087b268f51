"""A sample of the crashes that `make test-thorough` makes: who ends in a write takes nothing that was acknowledged."""

import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from descentd.graph.store.sqlite.store import SQLiteStore
from tests.graph.beside import fill
from tests.graph.crashes import check, missing
from tests.support.effort import PROFILE, some_of
from tests.support.neo4j_server import Neo4jServer

THOROUGH = PROFILE == "thorough"


def crashes(*options: str, module: str = "crashes") -> str:
    """What the harness says, in a process of its own, because it forks."""
    command = [sys.executable, "-m", f"tests.graph.{module}", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_kills_at_random_lose_nothing() -> None:
    kills = some_of(60)
    assert f"{kills} kills at random: " in crashes("--kills", str(kills))


def test_a_process_that_ends_at_any_statement_loses_nothing() -> None:
    every = 1 if THOROUGH else 16
    said = crashes("--points", "statements", "--every", str(every)).splitlines()
    points = {what: int(line.split(" of ")[1].split(" ")[0]) for line in said for what in [line.partition(":")[0]]}
    assert points.keys() == {"a new file", "a file without chains", "everything that writes"}
    assert min(points.values()) > 50


def test_a_process_or_its_connection_that_ends_at_a_statement_loses_nothing_on_neo4j(neo4j_empty: Neo4jServer) -> None:
    auth = ["--auth", ":".join(neo4j_empty.auth)] if neo4j_empty.auth else []
    options = ["--points", "--only", "writes", "--first", "5", "--every", "8" if THOROUGH else "40"]
    said = crashes("--uri", neo4j_empty.uri, *auth, *options, module="crashes_neo4j").splitlines()
    assert [line.partition(":")[0] for line in said] == [f"everything that writes, {way}" for way in ("killed", "cut")]
    assert not any(": 0 of" in line for line in said)


@pytest.mark.anyio
async def test_what_is_lost_is_found(tmp_path: Path) -> None:
    """The check of all this can fail."""
    store = SQLiteStore(tmp_path / "r.db")
    await store.open()
    await fill(store)
    lost = ["register w-1", "token w-1", "revoke t2", "arrival w-1", "delivery w-1"]
    assert await missing(store, [*lost, "token t2", "revoke t1"]) == lost
    assert "9 accesses, of which 3 are there" in await missing(store, ["access w-1"] * 9)
    store._writer.execute("DELETE FROM event WHERE number = 2 AND chain = 'tokens'")
    assert "Entry 2 of the log of tokens is missing: the next one is 3." in await missing(store, [])
    await store.close()


def test_a_file_that_lost_something_is_no_success(tmp_path: Path) -> None:
    async def made() -> None:
        store = SQLiteStore(tmp_path / "r.db")
        await store.open()
        await store.close()

    anyio.run(made)
    check(tmp_path / "r.db", [])
    with pytest.raises(AssertionError, match="token w-0"):
        check(tmp_path / "r.db", ["token w-0"])
