"""How far others have been told: every store keeps it alike, and none takes it for part of the lineage."""

from dataclasses import replace

import pytest

from descentd.graph.store.base import Store
from descentd.graph.store.operational import Delivery, DeliveryState, DestinationState
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.graph.verify import verify
from tests.graph.opened import InMemory, InNeo4j, InSQLite
from tests.graph.samples import registry, send

pytestmark = pytest.mark.anyio

WAITING, DELIVERED, PARKED = DeliveryState


def delivery(sequence: int, state: DeliveryState = DELIVERED, to: str = "ci", type: str = "a.b") -> Delivery:
    return Delivery(to, sequence, type, f"msg_{sequence}", state, 3, 70, 90, 500, "HTTP 500")


async def kept(store: Store, *deliveries: Delivery, position: int = 0) -> None:
    for one in deliveries:
        assert await store.outbox.claim(one.destination, "w", 0, 1, 0) is not None
        assert await store.outbox.keep(one.destination, "w", position, one)


class OutboxContract:
    """What every store's Outbox does. A subclass has a fixture `store`, open and empty."""

    async def test_a_destination_begins_where_it_is_first_claimed(self, store: Store) -> None:
        assert await store.outbox.destinations() == []
        assert await store.outbox.claim("ci", "a", 10, 40, 7) == 7
        assert await store.outbox.claim("ci", "a", 20, 50, 9) == 7
        assert await store.outbox.destinations() == [DestinationState("ci", 7, "a", 50)]

    async def test_one_holder_at_a_time(self, store: Store) -> None:
        assert await store.outbox.claim("ci", "a", 10, 40, 0) == 0
        assert await store.outbox.claim("ci", "b", 39, 69, 0) is None
        assert await store.outbox.claim("board", "b", 39, 69, 0) == 0
        assert await store.outbox.keep("ci", "a", 3)
        assert await store.outbox.claim("ci", "b", 40, 70, 0) == 3
        assert await store.outbox.claim("ci", "a", 41, 71, 0) is None

    async def test_what_was_taken_by_another_is_not_kept(self, store: Store) -> None:
        assert not await store.outbox.keep("ci", "a", 3, delivery(3))
        await store.outbox.claim("ci", "a", 10, 40, 0)
        await store.outbox.claim("ci", "b", 40, 70, 0)
        assert not await store.outbox.keep("ci", "a", 3, delivery(3))
        assert await store.outbox.deliveries(10) == []
        assert (await store.outbox.destinations())[0].position == 0

    async def test_released_by_its_holder_alone(self, store: Store) -> None:
        await store.outbox.claim("ci", "a", 10, 40, 0)
        await store.outbox.release("ci", "b")
        assert await store.outbox.claim("ci", "b", 11, 41, 0) is None
        await store.outbox.release("ci", "a")
        assert await store.outbox.claim("ci", "b", 11, 41, 0) == 0

    async def test_the_position_never_goes_back(self, store: Store) -> None:
        await kept(store, delivery(5), position=5)
        await kept(store, replace(delivery(2), state=PARKED, status=None, reason=""), position=2)
        assert (await store.outbox.destinations())[0].position == 5
        assert await store.outbox.between("ci", 0, 5) == [
            replace(delivery(2), state=PARKED, status=None, reason=""),
            delivery(5),
        ]

    async def test_a_delivery_is_kept_as_it_is_now(self, store: Store) -> None:
        await kept(store, delivery(1, WAITING), delivery(2, WAITING), delivery(1, WAITING, "board"))
        assert await store.outbox.waiting("ci") == [delivery(1, WAITING), delivery(2, WAITING)]
        await kept(store, delivery(1), delivery(1, WAITING, type="c.d"))
        assert await store.outbox.waiting("ci") == [delivery(1, WAITING, type="c.d"), delivery(2, WAITING)]
        assert await store.outbox.between("ci", 0, 1) == [delivery(1), delivery(1, WAITING, type="c.d")]
        assert await store.outbox.between("ci", 1, 2) == [delivery(2, WAITING)]
        assert await store.outbox.between("nobody", 0, 9) == []

    async def test_deliveries_are_listed_newest_first(self, store: Store) -> None:
        given = [delivery(3), delivery(2, PARKED), delivery(2, DELIVERED, "qa"), delivery(1, PARKED, "qa")]
        await kept(store, *reversed(given))
        assert await store.outbox.deliveries(10) == given
        assert await store.outbox.deliveries(2) == given[:2]
        assert await store.outbox.deliveries(10, "qa") == given[2:]
        assert await store.outbox.deliveries(10, state=PARKED) == [given[1], given[3]]
        assert await store.outbox.deliveries(10, "ci", PARKED) == [given[1]]
        assert await store.outbox.deliveries(10, "ci", WAITING) == []

    async def test_redelivery_of_some(self, store: Store) -> None:
        given = [delivery(1), delivery(1, PARKED, type="c.d"), delivery(2), delivery(1, PARKED, "qa")]
        await kept(store, *given)
        assert await store.outbox.redeliver("ci", [1, 9]) == []
        assert await store.outbox.redeliver("nobody", [1]) == []
        assert await store.outbox.waiting("ci") == []
        assert await store.outbox.redeliver("ci", [1, 1]) == [1]
        again = [replace(one, state=WAITING, attempts=0, next_at=0) for one in given[:2]]
        assert await store.outbox.waiting("ci") == again
        assert await store.outbox.waiting("qa") == []

    async def test_redelivery_of_all_that_are_parked(self, store: Store) -> None:
        await kept(store, delivery(1), delivery(2, PARKED), delivery(3, PARKED), delivery(4, WAITING))
        assert await store.outbox.redeliver("ci", None) == [2, 3]
        assert await store.outbox.redeliver("ci", None) == []
        assert [one.sequence for one in await store.outbox.waiting("ci")] == [2, 3, 4]

    async def test_they_are_no_part_of_the_lineage(self, store: Store) -> None:
        await send(store, registry())
        before = await verify(store)
        await kept(store, delivery(1))
        after = await verify(store)
        assert after == before
        assert after.problem is None
        assert await store.resolve(["ci", "msg_1"]) == {}


class TestMemory(InMemory, OutboxContract):
    pass


class TestSQLite(InSQLite, OutboxContract):
    async def test_another_process_sees_it_at_once_and_it_stays(self, store: SQLiteStore) -> None:
        await kept(store, delivery(5), position=5)
        other = SQLiteStore(store._path)
        await other.open()
        assert await other.outbox.claim("ci", "v", 2, 3, 0) == 5
        assert not await store.outbox.keep("ci", "w", 6)
        await other.close()

    async def test_a_file_from_before_there_were_deliveries(self, store: SQLiteStore) -> None:
        store._writer.executescript(
            "DROP TABLE destination; DROP TABLE delivery; DROP TABLE event; DROP TABLE chain; PRAGMA user_version = 1"
        )
        await store.close()
        await store.open()
        await kept(store, delivery(1))


class TestNeo4j(InNeo4j, OutboxContract):
    pass
