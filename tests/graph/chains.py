"""What every store's journal does: the contract of the chains beside the log."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from descentd.graph.model.chain import Chain, Event, beginning
from descentd.graph.model.clock import now
from descentd.graph.pruning import prune, sign_base
from descentd.graph.store.base import Store
from descentd.graph.store.operational import Arrival, DeliveryState
from descentd.graph.verify import verify
from descentd.graph.verify_chains import NAMES, KnownEvent
from tests.graph.beside import access, delivery, fill, token

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
