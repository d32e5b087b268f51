"""What is asked for while a statement is under way goes together into the next, and nobody is told what is older."""

import asyncio
from collections.abc import Collection, Mapping

import pytest

from descentd.graph.model.errors import Unavailable
from descentd.graph.store.gathering import BatchLoader

pytestmark = pytest.mark.anyio


class Database:
    """Holds the keys of `held`; a statement ends when `gate` lets it."""

    def __init__(self) -> None:
        self.held: dict[int, str] = {}
        self.asked: list[set[int]] = []
        self.gate = asyncio.Semaphore(0)
        self.away = False

    async def find(self, keys: Collection[int]) -> Mapping[int, str]:
        self.asked.append(set(keys))
        found = {key: self.held[key] for key in keys if key in self.held}
        await self.gate.acquire()
        if self.away:
            raise Unavailable("Away.")
        return found


async def begun(loader: BatchLoader[int, str], *keys: int) -> "asyncio.Task[Mapping[int, str]]":
    """One who asks and waits."""
    task = asyncio.create_task(loader.load(keys))
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_those_who_wait_share_the_next_statement() -> None:
    database = Database()
    database.held = {1: "one", 2: "two", 3: "three"}
    loader = BatchLoader(database.find)
    first = await begun(loader, 1)
    others = [await begun(loader, 2, 3), await begun(loader, 3, 4), await begun(loader, 1)]
    assert database.asked == [{1}]
    database.gate.release()
    assert await first == {1: "one"}
    database.gate.release()
    assert await asyncio.gather(*others) == [{2: "two", 3: "three"}, {3: "three"}, {1: "one"}]
    assert database.asked == [{1}, {1, 2, 3, 4}]


async def test_who_asks_after_a_write_sees_it() -> None:
    database = Database()
    loader = BatchLoader(database.find)
    before = await begun(loader, 1)
    database.held[1] = "one"
    after = await begun(loader, 1)
    database.gate.release()
    database.gate.release()
    assert not await before
    assert await after == {1: "one"}


async def test_a_statement_that_fails_is_told_to_those_who_share_it_and_to_nobody_else() -> None:
    database = Database()
    database.held[2] = "two"
    loader = BatchLoader(database.find)
    database.away = True
    first = await begun(loader, 1)
    shared = [await begun(loader, 1), await begun(loader, 2)]
    database.gate.release()
    database.gate.release()
    outcomes = await asyncio.gather(first, *shared, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
    database.away = False
    database.gate.release()
    assert await loader.load((2,)) == {2: "two"}


async def test_who_gives_up_takes_nothing_from_the_others() -> None:
    database = Database()
    database.held = {1: "one", 2: "two"}
    loader = BatchLoader(database.find)
    first = await begun(loader, 1)
    gives_up, stays = await begun(loader, 1), await begun(loader, 2)
    first.cancel()
    gives_up.cancel()
    database.gate.release()
    database.gate.release()
    assert await stays == {2: "two"}


async def test_who_asks_for_much_asks_alone() -> None:
    database = Database()
    loader = BatchLoader(database.find)
    many = await begun(loader, *range(1_000))
    one = await begun(loader, 1)
    assert [len(keys) for keys in database.asked] == [1_000, 1]
    database.gate.release()
    database.gate.release()
    assert not any(await asyncio.gather(many, one))
