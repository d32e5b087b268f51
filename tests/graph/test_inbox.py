"""Which deliveries from outside came: every store keeps it alike, and none takes it for part of the lineage."""

import asyncio

import pytest

from descentd.graph.store.base import Store
from descentd.graph.store.operational import Arrival
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.graph.verify import verify
from tests.graph.opened import InMemory, InNeo4j, InSQLite
from tests.graph.samples import registry, send

pytestmark = pytest.mark.anyio

ONE = Arrival("a" * 64, 7, ("sha256:1", None, "sha256:2"))


class InboxContract:
    """What every store's Inbox does. A subclass has a fixture `store`, open and empty."""

    async def test_what_came_is_known_by_its_identity_alone(self, store: Store) -> None:
        assert await store.inbox.arrived(ONE.identity) is None
        await store.inbox.take(ONE)
        await store.inbox.take(Arrival("b" * 64, 0, ()))
        assert await store.inbox.arrived(ONE.identity) == ONE
        assert await store.inbox.arrived("b" * 64) == Arrival("b" * 64, 0, ())
        assert await store.inbox.arrived("c" * 64) is None

    async def test_what_comes_again_is_what_it_was_first(self, store: Store) -> None:
        await store.inbox.take(ONE)
        await store.inbox.take(Arrival(ONE.identity, 9, ("sha256:3",)))
        assert await store.inbox.arrived(ONE.identity) == Arrival(ONE.identity, 9, ONE.records)
        await store.inbox.take(Arrival(ONE.identity, 8, ()))
        assert await store.inbox.arrived(ONE.identity) == Arrival(ONE.identity, 9, ONE.records)

    async def test_many_at_once(self, store: Store) -> None:
        await asyncio.gather(*(store.inbox.take(Arrival("d" * 64, sent, ("sha256:1",))) for sent in range(1, 8)))
        assert await store.inbox.arrived("d" * 64) == Arrival("d" * 64, 7, ("sha256:1",))

    async def test_they_are_no_part_of_the_lineage(self, store: Store) -> None:
        await send(store, registry())
        before = await verify(store)
        await store.inbox.take(ONE)
        after = await verify(store)
        assert after == before
        assert after.problem is None
        assert await store.resolve([ONE.identity]) == {}


class TestMemory(InMemory, InboxContract):
    pass


class TestSQLite(InSQLite, InboxContract):
    async def test_another_process_sees_it_at_once_and_it_stays(self, store: SQLiteStore) -> None:
        await store.inbox.take(ONE)
        other = SQLiteStore(store._path)
        await other.open()
        assert await other.inbox.arrived(ONE.identity) == ONE
        await other.close()

    async def test_a_file_from_before_deliveries_were_kept(self, store: SQLiteStore) -> None:
        store._writer.executescript("DROP TABLE arrival; DROP TABLE event; DROP TABLE chain; PRAGMA user_version = 1")
        await store.close()
        await store.open()
        await store.inbox.take(ONE)


class TestNeo4j(InNeo4j, InboxContract):
    pass
