"""What is kept beside the log is chained: whatever is changed, removed, added or put in another order is found."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from descentd.graph.model.accounts import Access
from descentd.graph.model.chain import Chain, Change, Event, beginning, link
from descentd.graph.model.clock import now
from descentd.graph.model.errors import Unavailable
from descentd.graph.pruning import prune
from descentd.graph.store.base import Store
from descentd.graph.store.changes import ACCESS
from descentd.graph.store.journal import MemoryJournal
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.operational import Arrival, DeliveryState
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.graph.verify_chains import NAMES, KnownEvent
from tests.graph.beside import access, delivery, fill, unchain
from tests.graph.chains import ChainContract, closed, events_of, note, numbers, problem
from tests.graph.opened import InMemory, InNeo4j, InSQLite
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio


# Tampering that is consistent in itself


@pytest.fixture
async def rewritten(tmp_path: Path) -> AsyncIterator[tuple[SQLiteStore, dict[Chain, list[Event]]]]:
    """A store whose chains were rewritten with all that follows, and the events that they had before."""
    store = SQLiteStore(tmp_path / "registry.db")
    await store.open()
    await fill(store)
    before = {chain: await events_of(store, chain) for chain in Chain}
    with closing(sqlite3.connect(store._path, isolation_level=None)) as connection:
        connection.execute("UPDATE token SET roles = 'admin' WHERE id = 't2'")
        connection.execute("UPDATE access SET person = 'eve' WHERE seq = 2")
        connection.execute("DELETE FROM arrival WHERE identity = ?", ("c" * 64,))
        connection.execute("UPDATE destination SET position = 5 WHERE name = 'ci'")
        edits = {Chain.TOKENS: ("evaluator registrar", "admin"), Chain.DELIVERIES: ('"position":1', '"position":5')}
        for chain in (Chain.TOKENS, Chain.DELIVERIES, Chain.ARRIVALS):
            old, new = edits.get(chain, ("", ""))
            kept = before[chain][:-1] if chain is Chain.ARRIVALS else before[chain]
            said = [one.content if one.item == "t1" else one.content.replace(old, new) for one in kept]
            changes = [Change(one.at, one.item, text) for one, text in zip(kept, said, strict=True)]
            events = link(chain, 0, beginning(chain), changes)
            connection.execute("DELETE FROM event WHERE chain = ?", (chain,))
            rows = [(chain, one.number, one.at, one.item, one.content, one.hash) for one in events]
            connection.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", rows)
            end = (events[-1].number, events[-1].hash, chain)
            connection.execute("UPDATE chain SET number = ?, hash = ? WHERE name = ?", end)
        accesses = [json.loads(one.content) for one in before[Chain.ACCESSES]]
        changes = [
            Change(one.at, "", one.content.replace("ada", "eve") if one.number == 2 else one.content)
            for one in before[Chain.ACCESSES]
        ]
        assert len(accesses) == 3
        for event in link(Chain.ACCESSES, 0, beginning(Chain.ACCESSES), changes):
            connection.execute("UPDATE access SET hash = ? WHERE seq = ?", (event.hash, event.number))
            connection.execute("UPDATE chain SET hash = ? WHERE name = 'accesses'", (event.hash,))
    yield store, before
    await store.close()


class TestMemory(InMemory, ChainContract):
    async def test_more_than_one_step(self, store: MemoryStore) -> None:
        await store.accounts.record_accesses([access(number) for number in range(1, 5002)])
        assert await prune(store, Chain.ACCESSES, 5_001_000_000, note) == 5000
        assert await problem(store, closed=closed) is None

    async def test_what_was_changed_is_not_forgotten(self, store: MemoryStore) -> None:
        await fill(store)
        events = store._journal._events[Chain.ACCESSES]
        events[1] = replace(events[1], content=events[1].content.replace("ada", "eve"))
        with pytest.raises(Unavailable, match="Event 2 of the accesses is not what was recorded"):
            await prune(store, Chain.ACCESSES, now(), note)

    async def test_what_is_appended_or_pruned_meanwhile_is_no_misfit(self, store: MemoryStore) -> None:
        await fill(store)

        class Busy(MemoryJournal):
            turns = 0

            async def heads(self) -> Any:
                self.turns += 1
                if self.turns in (2, 3, 4, 7):
                    await store.accounts.record_accesses([access(10 + self.turns)])
                if self.turns == 5:
                    self.turns += 1
                    await prune(store, Chain.ACCESSES, 3_000_000, note)
                return await super().heads()

        busy = Busy()
        busy.__dict__.update(store._journal.__dict__)
        store._journal = busy
        store._accounts._journal = busy
        assert await problem(store, closed=closed) is None
        assert busy.turns > 7


class TestSQLite(InSQLite, ChainContract):
    async def test_a_file_without_chains_is_chained_when_it_is_opened(self, store: SQLiteStore) -> None:
        await fill(store)
        before = [
            await store.accounts.accesses(None, 9),
            await store.accounts.tokens(),
            await store.outbox.deliveries(9),
        ]
        unchain(store._writer)
        await store.close()
        await store.open()
        after = [
            await store.accounts.accesses(None, 9),
            await store.accounts.tokens(),
            await store.outbox.deliveries(9),
        ]
        assert after == before
        assert await store.inbox.arrived("b" * 64) == Arrival("b" * 64, 0, ())
        assert await numbers(store) == [3, 2, 3, 5]
        assert await problem(store) is None
        await fill_more(store)
        assert await problem(store) is None

    async def test_an_upgrade_that_fails_leaves_the_file_as_it_was(self, store: SQLiteStore) -> None:
        await fill(store)
        unchain(store._writer)
        await store.close()
        with closing(sqlite3.connect(store._path, isolation_level=None)) as connection:
            connection.execute("CREATE TABLE access_1 (one)")  # which the upgrade needs the name of
        with pytest.raises(Unavailable, match="cannot be opened"):
            await store.open()
        with closing(sqlite3.connect(store._path, isolation_level=None)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (1,)
            assert connection.execute("SELECT count(*) FROM access").fetchone() == (3,)
            connection.execute("DROP TABLE access_1")
        await store.open()
        assert await problem(store) is None


async def fill_more(store: Store) -> None:
    await store.accounts.record_accesses([access(8)])
    await store.accounts.revoke(["t2"], 10)
    await store.inbox.take(Arrival("e" * 64, 1, ()))
    assert await store.outbox.claim("ci", "w", 50, 60, 0) is not None
    assert await store.outbox.keep("ci", "w", 6, delivery(6, DeliveryState.DELIVERED))


class TestNeo4j(InNeo4j, ChainContract):
    @pytest.mark.forgets_plans
    async def test_a_registry_without_chains_is_chained_when_it_is_upgraded(
        self, store: Neo4jStore, neo4j_empty: Neo4jServer, tmp_path: Path
    ) -> None:
        await fill(store)
        tokens = await store.accounts.tokens()
        await store.close()
        with neo4j_empty.driver() as driver, driver.session() as session:
            session.run("MATCH (n:_Event|_Chain) DETACH DELETE n").consume()
            kept = {column: getattr(access(4), column) for column in (*ACCESS, "at")}
            session.run("UNWIND [1, 2] AS seq CREATE (a:_Access) SET a = $kept, a.seq = seq", kept=kept).consume()
            session.run("CREATE (:_AccessLog {one: 1, seq: 2})").consume()
            session.run("MATCH (l:_Log) SET l.format = 3").consume()
            session.run("CREATE CONSTRAINT access_log_one FOR (l:_AccessLog) REQUIRE l.one IS UNIQUE").consume()
        before = {token.id: token.hash for token in tokens}
        backup = tmp_path / "backup.json.gz"
        assert await store.upgrade(backup, lambda hash: hash[::-1])
        assert backup.stat().st_mode & 0o777 == 0o600, "hashes of tokens are in it"
        await store.open()
        assert await numbers(store) == [3 + 2, 2, 3, 5], "accesses are moved to the others"
        assert [kept for _, kept in await store.accounts.accesses(None, 2)] == [access(4)] * 2
        assert {token.id: token.hash[::-1] for token in await store.accounts.tokens()} == before
        with neo4j_empty.driver() as driver:
            assert not driver.execute_query("MATCH (a) WHERE a:_Access OR a:_AccessLog RETURN a").records
        assert await problem(store) is None
        await fill_more(store)
        assert await problem(store) is None


async def test_a_consistent_rewrite_is_found_by_what_was_signed_also_after_growth(
    rewritten: tuple[SQLiteStore, dict[Chain, list[Event]]],
) -> None:
    store, before = rewritten
    assert await problem(store) is None  # for it is consistent
    for grown in (False, True):
        if grown:
            await fill_more(store)
            await store.inbox.take(Arrival("f" * 64, 1, ()))
            assert await problem(store) is None
        for chain, events in before.items():
            known = KnownEvent(chain, events[-1].number, events[-1].hash)
            found = str(await problem(store, known))
            cut = chain is Chain.ARRIVALS and not grown
            assert ("was cut off" if cut else "was rewritten") in found, (chain, grown)
            assert NAMES[chain][4:] in found
        # What was the same until then is continued.
        assert await problem(store, KnownEvent(Chain.ACCESSES, 1, before[Chain.ACCESSES][0].hash)) is None


async def test_a_prefix_that_was_taken_away_is_not_closed_by_a_note_about_less(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "registry.db")
    await store.open()
    await fill(store)
    assert await prune(store, Chain.ACCESSES, 1_000_001, note) == 1
    events = await events_of(store, Chain.ACCESSES)
    with closing(sqlite3.connect(store._path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM access WHERE seq = 2")
        connection.execute("UPDATE chain SET base = 2, base_hash = ? WHERE name = 'accesses'", (events[0].hash,))
    assert await problem(store, closed=closed) == "The first 2 entries of the access log are gone: nobody signed that."
    await store.close()


def test_an_access_is_told_from_all_others() -> None:
    """Each field is in its content."""
    from descentd.graph.store.changes import access_change

    given = access(1)
    others = [replace(given, **{name: value}) for name, value in changes_of(given).items()]
    assert len({access_change(one).content for one in [given, *others]}) == len(others) + 1


def changes_of(given: Access) -> dict[str, Any]:
    return {
        name: value + 1 if isinstance(value, int) else f"{value}x"
        for name in given.__slots__
        if name != "at"
        for value in [getattr(given, name)]
    }
