"""Every store passes the contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from neo4j import AsyncGraphDatabase

from descentd.graph.store.base import Store
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.sqlite.store import SQLiteStore
from tests.support.contract.suite import StoreContract
from tests.support.contract.writes import Handles
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio


class Opened(StoreContract):
    """The contract on whatever the fixture `handles` makes."""

    @pytest.fixture
    async def store(self, handles: Handles) -> AsyncIterator[Store]:
        store = handles()
        await store.open()
        yield store
        await store.close()


class TestMemory(Opened):
    @pytest.fixture
    def handles(self) -> Handles:
        one = MemoryStore()  # it lives as long as its object
        return lambda: one


class TestSQLite(Opened):
    @pytest.fixture
    def handles(self, tmp_path: Path) -> Handles:
        return lambda: SQLiteStore(tmp_path / "registry.db")


class TestNeo4j(Opened):
    @pytest.fixture
    def handles(self, neo4j_empty: Neo4jServer) -> Handles:
        return lambda: Neo4jStore(neo4j_empty.uri, neo4j_empty.auth)

    @pytest.mark.forgets_plans
    async def test_several_open_a_database_without_constraints_at_once(
        self, handles: Handles, neo4j_empty: Neo4jServer
    ) -> None:
        neo4j_empty.wipe()
        await self.test_several_open_what_is_not_there_yet_at_once(handles)

    @pytest.mark.forgets_plans
    async def test_opening_makes_what_is_missing_of_the_schema(
        self, handles: Handles, neo4j_empty: Neo4jServer
    ) -> None:
        async def names() -> set[str]:
            async with AsyncGraphDatabase.driver(neo4j_empty.uri, auth=neo4j_empty.auth) as driver:
                found = await driver.execute_query("SHOW INDEXES YIELD name, state, type WHERE type <> 'LOOKUP'")
                assert {row["state"] for row in found.records} == {"ONLINE"}
                return {row["name"] for row in found.records}

        store = handles()
        await store.open()
        await store.close()
        everything = await names()
        async with AsyncGraphDatabase.driver(neo4j_empty.uri, auth=neo4j_empty.auth) as driver:
            await driver.execute_query("DROP CONSTRAINT record_label")
            await driver.execute_query("DROP INDEX record_words")
        assert await names() == everything - {"record_label", "record_words"}
        await store.open()
        await store.close()
        assert await names() == everything
