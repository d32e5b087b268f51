"""Threads of works that take turns: how many compute at a time, and that none is kept for what was given up."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from descentd.graph import turns
from descentd.graph.turns import in_thread, in_turns
from descentd.graph.work import Work
from tests.graph.test_turns import Clock, long_work

pytestmark = pytest.mark.anyio


class Threads:
    """Counts how many compute at a time; each computes until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.lock = threading.Lock()
        self.running = self.most = self.done = 0

    def compute(self) -> int:
        """Compute."""
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.go.acquire()
        with self.lock:
            self.running -= 1
            self.done += 1
            return self.done

    async def let_go(self, number: int) -> None:
        """Let so many end, one after the other, each once the one before has."""
        for done in range(number):
            await until(lambda done=done: self.running > 0 and self.done == done)  # type: ignore[misc]
            self.go.release()


async def until(found: Callable[[], bool]) -> None:
    while not found():
        await asyncio.sleep(0.001)


@pytest.mark.usefixtures("taking_turns")
async def test_long_works_compute_in_one_thread_at_a_time_and_short_ones_beside_it() -> None:
    threads = Threads()
    long = [asyncio.create_task(in_turns(long_work("a"), in_thread(threads.compute))) for _ in range(4)]
    await until(lambda: threads.running == 1)
    short = asyncio.create_task(in_turns(Work("b"), in_thread(threads.compute)))
    await until(lambda: threads.running == 2)
    await threads.let_go(5)
    assert sorted(await asyncio.gather(*long, short)) == [1, 2, 3, 4, 5]
    assert threads.most == 2


@pytest.mark.usefixtures("taking_turns")
async def test_of_the_short_works_of_a_person_two_compute_at_a_time_and_those_of_others_beside_them() -> None:
    threads = Threads()
    tasks = [asyncio.create_task(in_turns(Work("a"), in_thread(threads.compute))) for _ in range(6)]
    await until(lambda: threads.running == 2)
    tasks[2].cancel()  # which waits
    tasks.append(asyncio.create_task(in_turns(Work("b"), in_thread(threads.compute))))
    await until(lambda: threads.running == 3)
    await threads.let_go(6)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert threads.done == 6
    assert threads.most == 3


@pytest.mark.usefixtures("taking_turns")
async def test_the_next_thread_begins_once_one_that_was_given_up_has_ended() -> None:
    threads = Threads()
    tasks = [asyncio.create_task(in_turns(long_work("a"), in_thread(threads.compute))) for _ in range(3)]
    await until(lambda: threads.running == 1)
    for task in tasks[:2]:  # of which one computes, and the other one waits
        task.cancel()
    await asyncio.gather(*tasks[:2], return_exceptions=True)
    for _ in range(20):
        await asyncio.sleep(0)
    assert threads.most == 1
    threads.go.release()
    await until(lambda: threads.done == 1 and threads.running == 1)
    threads.go.release()
    assert await tasks[2] == 2
    assert threads.most == 1


@pytest.mark.usefixtures("taking_turns")
@pytest.mark.parametrize("its_turn", [False, True])
async def test_a_thread_is_not_kept_for_a_coroutine_that_is_closed(its_turn: bool) -> None:
    threads = Threads()
    first = asyncio.create_task(in_turns(long_work("a"), in_thread(threads.compute)))
    await until(lambda: threads.running == 1)

    async def closing() -> None:
        waiting = in_thread(threads.compute)
        waiting.send(None)
        if its_turn:
            threads.go.release()
            await first
        waiting.close()

    await in_turns(long_work("b"), closing())
    threads.go.release()
    threads.go.release()
    await first
    assert await in_turns(long_work("c"), in_thread(threads.compute)) == 2


@pytest.mark.parametrize(("computed", "rested"), [(0.05, 0.05), (8 * 3600.0, 0.1)], ids=["long", "stopped for a night"])
async def test_after_a_thread_of_background_work_those_of_people_go_on_while_it_rests_for_as_long(
    computed: float, rested: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "LONGEST_REST", 0.1)
    clock, ended = Clock(), list[str]()
    loop, threads = asyncio.get_running_loop(), Threads()

    async def assess() -> float:
        await in_thread(threads.compute)
        ended.append("background")
        return loop.time()

    async def answer() -> None:
        for _ in range(3):
            await in_thread(lambda: None)
        ended.append("person")

    with turns.take_turns(loop, clock):
        assessing = asyncio.create_task(in_turns(Work(background=True), assess()))
        await until(lambda: threads.running == 1)
        answering = asyncio.create_task(in_turns(long_work("ana"), answer()))
        await asyncio.sleep(0)
        clock.compute(computed)
        began = loop.time()
        threads.go.release()
        await answering
        assert await assessing - began >= rested
    assert ended == ["person", "background"]
