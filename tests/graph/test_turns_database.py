"""Statements of works that take turns: a database runs few for the long works of one person at a time."""

import asyncio

import pytest

from descentd.graph.turns import in_database, in_turns
from descentd.graph.work import Work
from tests.graph.test_turns import long_work

pytestmark = pytest.mark.anyio


class Database:
    """Counts the statements that it runs at a time; each ends when it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Semaphore(0)
        self.running = self.most = self.done = 0

    async def run(self) -> int:
        """Run a statement."""
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.go.acquire()
        finally:
            self.running -= 1
        self.done += 1
        return self.done

    def ask(self, work: Work) -> "asyncio.Task[int]":
        """A statement for a work."""
        return asyncio.create_task(in_turns(work, in_database(self.run)))

    async def begun(self) -> int:
        """How many run, once all have begun that may."""
        for _ in range(50):
            await asyncio.sleep(0)
        return self.running


@pytest.mark.usefixtures("taking_turns")
async def test_two_run_for_the_long_works_of_a_person_and_those_of_others_beside_them() -> None:
    database = Database()
    tasks = [database.ask(long_work("a")) for _ in range(5)]
    assert await database.begun() == 2
    tasks += [database.ask(long_work("b")), database.ask(Work("a")), database.ask(Work("a"))]
    assert await database.begun() == 5
    for _ in tasks:
        database.go.release()
    assert sorted(await asyncio.gather(*tasks)) == [*range(1, 9)]
    assert database.most == 5


@pytest.mark.usefixtures("taking_turns")
async def test_the_next_begins_where_one_is_given_up() -> None:
    database = Database()
    work = long_work("a")
    tasks = [database.ask(work) for _ in range(4)]
    assert await database.begun() == 2
    for task in (tasks[0], tasks[2]):  # of which one runs, and the other one waits
        task.cancel()
    await asyncio.gather(tasks[0], tasks[2], return_exceptions=True)
    assert await database.begun() == 2
    database.go.release()
    database.go.release()
    assert sorted(await asyncio.gather(tasks[1], tasks[3])) == [1, 2]
    assert await database.begun() == 0


@pytest.mark.usefixtures("taking_turns")
async def test_what_fails_leaves_its_place() -> None:
    async def fail() -> None:
        raise ValueError("It fails.")

    work = long_work("a")
    for _ in range(5):
        with pytest.raises(ValueError, match="It fails"):
            await in_turns(work, in_database(fail))


async def test_without_turns_everything_runs_at_once() -> None:
    database = Database()
    tasks = [database.ask(long_work("a")) for _ in range(5)]
    assert await database.begun() == 5
    for _ in tasks:
        database.go.release()
    assert len(await asyncio.gather(*tasks)) == 5
