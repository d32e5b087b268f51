"""What is kept beside the log is chained: whatever is changed, removed, added or put in another order is found."""

import hashlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from descentd.graph.model.accounts import Access
from descentd.graph.model.chain import Chain, Change, Event, beginning, link
from descentd.graph.model.clock import now
from descentd.graph.model.errors import Unavailable
from descentd.graph.pruning import prune, sign_base
from descentd.graph.store.base import Store
from descentd.graph.store.changes import ACCESS
from descentd.graph.store.journal import MemoryJournal
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.operational import Arrival, DeliveryState
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.graph.verify import verify
from descentd.graph.verify_chains import NAMES, KnownEvent
from tests.graph.beside import access, delivery, fill, token, unchain
from tests.graph.opened import InMemory, InNeo4j, InSQLite
from tests.support.neo4j_server import Neo4jServer

pytestmark = pytest.mark.anyio

DAY = 86_400_000_000


async def numbers(store: Store) -> list[int]:
    heads = await store.journal.heads()
    return [heads[chain].number for chain in Chain]


async def events_of(store: Store, chain: Chain) -> list[Event]:
    return await store.journal.events(chain, -1, 1000)


async def problem(store: Store, *known: KnownEvent, closed: Any = None) -> str | None:
    return (await verify(store, events=known, closed=closed)).problem


def note(chain: Chain, number: int, hash: bytes) -> str:
    """In the place of a signed note."""
    return f"closed {chain} {number} {hash.hex()}"


def closed(chain: Chain, number: int, hash: bytes, closing: str) -> str | None:
    return None if closing == note(chain, number, hash) else "nobody signed that"


class ChainContract:
    """What every store's journal does. A subclass has a fixture `store`, open and empty."""

    async def test_a_new_store_has_the_beginnings_of_all_chains(self, store: Store) -> None:
        heads = await store.journal.heads()
        assert set(heads) == set(Chain)
        for chain, head in heads.items():
            start = hashlib.sha256(f"descent.chain.v1\n{chain}".encode()).digest()
            assert (head.number, head.hash, head.base, head.base_hash, head.closing) == (0, start, 0, start, "")
            assert await events_of(store, chain) == []
        assert await problem(store) is None

    async def test_every_event_is_hashed_as_it_is_documented(self, store: Store) -> None:
        await fill(store)
        counts = {Chain.ACCESSES: 3, Chain.TOKENS: 3, Chain.ARRIVALS: 4, Chain.DELIVERIES: 8}
        for chain, head in (await store.journal.heads()).items():
            events = await events_of(store, chain)
            assert len(events) == head.number == counts[chain]
            hash = hashlib.sha256(f"descent.chain.v1\n{chain}".encode()).hexdigest()
            for number, event in enumerate(events, 1):
                lines = ("descent.event.v1", chain.value, str(number), str(event.at), json.dumps(event.item), hash)
                hash = hashlib.sha256("\n".join([*lines, event.content]).encode()).hexdigest()
                assert (event.number, event.hash.hex()) == (number, hash)
            assert head.hash.hex() == hash
        assert await problem(store) is None

    async def test_events_say_what_became_of_items(self, store: Store) -> None:
        await fill(store)
        said = [json.loads(event.content) for event in await events_of(store, Chain.TOKENS)]
        assert [(one["id"], one["revokedAt"]) for one in said] == [("t1", None), ("t2", None), ("t1", 9)]
        said = [json.loads(event.content) for event in await events_of(store, Chain.ARRIVALS)]
        assert [(one["identity"][0], one["sent"]) for one in said] == [
            ("a", 100),
            ("b", 0),
            ("a", 200),
            ("c", 9_000_000_000),
        ]
        said = [json.loads(event.content) for event in await events_of(store, Chain.DELIVERIES)]
        assert [(one["destination"], one.get("position", one.get("state"))) for one in said] == [
            ("ci", 0),
            ("board of review", 0),
            ("ci", 1),
            ("ci", "DELIVERED"),
            ("ci", "WAITING"),
            ("board of review", 2),
            ("board of review", "PARKED"),
            ("ci", "WAITING"),
        ]
        said = [json.loads(event.content) for event in await events_of(store, Chain.ACCESSES)]
        assert [(one["outcome"], one["refused"]) for one in said] == [("OK", False), ("FORBIDDEN", True), ("OK", False)]

    async def test_what_changes_nothing_is_no_event(self, store: Store) -> None:
        await fill(store)
        before = await store.journal.heads()
        await store.inbox.take(Arrival("a" * 64, 150, ()))
        await store.accounts.revoke(["t1", "t3"], 10)
        assert await store.outbox.claim("ci", "w", 5, 20, 9) == 1
        assert await store.outbox.keep("ci", "w", 0)
        await store.outbox.release("ci", "w")
        assert await store.journal.heads() == before

    async def test_a_signature_without_a_time_is_known_for_ever(self, store: Store) -> None:
        for sent in (7, 0, 9):
            await store.inbox.take(Arrival("d" * 64, sent, ()))
        assert await store.inbox.arrived("d" * 64) == Arrival("d" * 64, 0, ())

    async def test_known_events_have_to_be_continued(self, store: Store) -> None:
        await fill(store)
        known = [KnownEvent(chain, head.number, head.hash) for chain, head in (await store.journal.heads()).items()]
        starts = [KnownEvent(chain, 0, beginning(chain)) for chain in Chain]
        assert await problem(store, *known, *starts) is None
        await store.accounts.record_accesses([access(4)])
        await store.accounts.add_token(token("t3"))
        assert await problem(store, *known) is None
        for one in known:
            longer = replace(one, number=one.number + 2)
            assert f"{NAMES[one.chain][4:]} was cut off" in str(await problem(store, longer))
            other = replace(one, hash=bytes(32))
            assert f"{NAMES[one.chain][4:]} was rewritten" in str(await problem(store, other))

    async def test_accesses_are_forgotten_and_the_chain_goes_on(self, store: Store) -> None:
        await fill(store)
        known = [KnownEvent(Chain.ACCESSES, one.number, one.hash) for one in await events_of(store, Chain.ACCESSES)]
        assert await prune(store, Chain.ACCESSES, 1_000_000, note) == 0
        assert await prune(store, Chain.ACCESSES, 2_000_001, note) == 2
        assert [kept for _, kept in await store.accounts.accesses(None, 9)] == [access(3)]
        head = (await store.journal.heads())[Chain.ACCESSES]
        assert (head.base, head.base_hash, head.number) == (2, known[1].hash, 3)
        assert await problem(store) is None
        assert await problem(store, *known, closed=closed) is None
        await store.accounts.record_accesses([access(4)])
        assert [number for number, _ in await store.accounts.accesses(None, 9)] == [4, 3]
        assert await problem(store, *known, closed=closed) is None
        assert "no key" in str(await problem(store, known[0]))
        assert await prune(store, Chain.ACCESSES, now(), note) == 2
        assert await store.accounts.accesses(None, 9) == []
        assert await problem(store, *known, closed=closed) is None

    async def test_what_was_forgotten_without_a_key_is_signed_later(self, store: Store) -> None:
        await fill(store)
        assert await prune(store, Chain.ACCESSES, now(), lambda *_: "") == 3
        assert await problem(store) is None
        assert "nobody signed that" in str(await problem(store, closed=closed))
        assert await sign_base(store, Chain.ACCESSES, note)
        assert not await sign_base(store, Chain.ACCESSES, note)
        assert not await sign_base(store, Chain.TOKENS, note)
        assert await problem(store, closed=closed) is None

    async def test_arrivals_are_forgotten_but_for_those_that_may_be_sent_again(self, store: Store) -> None:
        await fill(store)
        before = 5_000_000_000 * 1_000_000  # of the year 2128: all events are older
        assert await prune(store, Chain.ARRIVALS, before, note) == 4
        assert await store.inbox.arrived("a" * 64) is None
        assert await store.inbox.arrived("b" * 64) == Arrival("b" * 64, 0, ())
        assert await store.inbox.arrived("c" * 64) == Arrival("c" * 64, 9_000_000_000, ("sha256:2",))
        head = (await store.journal.heads())[Chain.ARRIVALS]
        assert (head.base, head.number) == (4, 6)
        assert await problem(store, closed=closed) is None
        await store.inbox.take(Arrival("a" * 64, 300, ()))
        assert await problem(store, closed=closed) is None

    async def test_deliveries_that_arrived_are_forgotten(self, store: Store) -> None:
        await fill(store)
        ahead = delivery(7, DeliveryState.DELIVERED)
        assert await store.outbox.claim("ci", "w", 0, 10, 0) == 1
        assert await store.outbox.keep("ci", "w", 1, ahead)
        kept = await store.outbox.deliveries(9)
        assert await prune(store, Chain.DELIVERIES, now() + DAY, note) == 9
        assert await store.outbox.deliveries(9) == [one for one in kept if (one.sequence, one.destination) != (1, "ci")]
        assert [(one.name, one.position) for one in await store.outbox.destinations()] == [
            ("board of review", 2),
            ("ci", 1),
        ]
        assert await problem(store, closed=closed) is None
        assert await store.outbox.redeliver("board of review", None) == [2]
        assert await problem(store, closed=closed) is None

    async def test_nothing_is_forgotten_that_somebody_else_has_forgotten(self, store: Store) -> None:
        await fill(store)
        first, second, _ = await events_of(store, Chain.ACCESSES)
        keeps: Callable[[str], bool] = lambda _: False  # noqa: E731
        assert not await store.journal.prune(Chain.ACCESSES, replace(second, hash=bytes(32)), "", keeps)
        assert not await store.journal.prune(Chain.ACCESSES, replace(second, number=4), "", keeps)
        assert await store.journal.prune(Chain.ACCESSES, second, "", keeps)
        assert not await store.journal.prune(Chain.ACCESSES, first, "", keeps)
        assert await problem(store) is None


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
        assert await store.upgrade(tmp_path / "backup.json.gz", lambda hash: hash[::-1])
        await store.open()
        assert await numbers(store) == [3 + 2, 2, 3, 5], "accesses are moved to the others"
        assert [kept for _, kept in await store.accounts.accesses(None, 2)] == [access(4)] * 2
        assert {token.id: token.hash[::-1] for token in await store.accounts.tokens()} == before
        with neo4j_empty.driver() as driver:
            assert not driver.execute_query("MATCH (a) WHERE a:_Access OR a:_AccessLog RETURN a").records
        assert await problem(store) is None
        await fill_more(store)
        assert await problem(store) is None


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
