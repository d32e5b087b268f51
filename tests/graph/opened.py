"""A store of each kind, open and empty, for contracts about what stores keep beside the lineage."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.sqlite.store import SQLiteStore
from tests.support.neo4j_server import Neo4jServer


class InMemory:
    """Gives a fixture `store`."""

    @pytest.fixture
    async def store(self) -> MemoryStore:
        return MemoryStore()


class InSQLite:
    """Gives a fixture `store`, in a file."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[SQLiteStore]:
        store = SQLiteStore(tmp_path / "registry.db")
        await store.open()
        yield store
        await store.close()


class InNeo4j:
    """Gives a fixture `store`, in a real Neo4j."""

    @pytest.fixture
    async def store(self, neo4j_empty: Neo4jServer) -> AsyncIterator[Neo4jStore]:
        store = Neo4jStore(neo4j_empty.uri, neo4j_empty.auth)
        await store.open()
        yield store
        await store.close()
