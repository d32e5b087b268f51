"""Which versions of Neo4j a registry is kept in."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from descentd.graph.model.errors import Unavailable
from descentd.graph.store.neo4j import versions
from descentd.graph.store.neo4j.connection import Connection
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.neo4j.versions import check_version, is_in_doubt, keeps_labels_and_types, refusal
from descentd.graph.verify import verify
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "version", ["4.4.38", "5.25.1", "5.26.0", "5.26.3", "2025.01.0", "2025.07.0", "5.26", "", "unknown"]
)
def test_what_damages_registries_is_refused_with_the_remedy(version: str) -> None:
    assert "upgrade it to 5.26.4 or later" in str(refusal(version))


@pytest.mark.parametrize("version", ["5.26.4", "5.26.30", "5.26.4-aura", "2025.08.0", "2026.01.3", "2026.08.1"])
def test_what_keeps_them_is_taken(version: str) -> None:
    assert refusal(version) is None


def test_only_some_versions_have_to_be_tried() -> None:
    tried = [version for version in ("5.26.4", "2025.08.0", "2025.11.2", "2026.01.3") if is_in_doubt(version)]
    assert tried == ["2025.08.0", "2025.11.2", "2026.01.3"]
    assert not is_in_doubt("2026.02.0")


@pytest.fixture
async def connection(neo4j_server: Neo4jServer) -> AsyncIterator[Connection]:
    neo4j_server.clear()
    connection = Connection(neo4j_server.uri, neo4j_server.auth, None)
    await connection.open()
    yield connection
    await connection.close()


async def test_this_one_keeps_labels_and_types_and_types_apart(connection: Connection) -> None:
    assert await check_version(connection)
    assert await keeps_labels_and_types(connection)
    assert not await connection.run("MATCH (n) RETURN n LIMIT 1"), "the trial leaves nothing behind"


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Agree on Bolt 5.8, and end the connection when the driver greets, as 2025.07.0 does over Bolt 6."""
    await reader.readexactly(20)
    writer.write(b"\0\0\x08\x05")
    await reader.read(1)
    writer.close()


async def test_a_neo4j_that_does_not_answer_the_greeting_is_refused_with_the_remedy() -> None:
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        store = Neo4jStore(f"bolt://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(Unavailable, match=r"as Neo4j 2025\.07\.0 does: upgrade it to 5\.26\.4 or later"):
            await store.open()
        await store.close()


MODULE = "descentd.graph.store.neo4j.versions"
MIXED = "UNWIND $rows AS row CREATE (:_Trial:_TrialA {number: row[1]})"


async def test_a_version_in_doubt_is_tried_when_it_is_met_for_the_first_time(
    connection: Connection, neo4j_server: Neo4jServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a registry is made, and again where the server of one that exists is of another version by now."""
    right = versions._CREATE
    store = Neo4jStore(neo4j_server.uri, neo4j_server.auth)
    for version in ("2025.11.2", "2026.01.3"):
        monkeypatch.setattr(f"{MODULE}._VERSION", f"RETURN '{version}'")
        monkeypatch.setattr(f"{MODULE}._CREATE", MIXED)
        with pytest.raises(Unavailable, match=f"This Neo4j {version} mixes up labels or types"):
            await store.open()
        monkeypatch.setattr(f"{MODULE}._CREATE", right)
        await store.open()
        await store.close()
        monkeypatch.setattr(f"{MODULE}._CREATE", MIXED)
        await store.open()  # it was tried
        assert (await verify(store)).problem is None
        await store.close()


async def test_a_database_that_holds_other_nodes_is_refused(connection: Connection, neo4j_server: Neo4jServer) -> None:
    await connection.write(lambda run: run("CREATE (:Customer {name: 'Ada'})"))
    store = Neo4jStore(neo4j_server.uri, neo4j_server.auth)
    with pytest.raises(Unavailable, match="a database of its own"):
        await store.open()
    assert await connection.run("MATCH (n) RETURN labels(n)") == [[["Customer"]]]
