"""Turns: others go first while a long work goes on, people have equal shares, and nothing else changes for a task."""

import asyncio
import threading
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from descentd.graph import turns
from descentd.graph.turns import SLICE, apart, each, end_tasks, identify, in_thread, in_turns, pause
from descentd.graph.work import STEPS, WORK, Work

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that goes on only where a step computes."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def compute(self, seconds: float) -> None:
        """Take time."""
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def taking_turns(clock: Clock) -> Any:
    with turns.take_turns(asyncio.get_running_loop(), clock):
        yield


def long_work(person: str = "") -> Work:
    work = Work(person)
    work.computed(1.0)
    return work


async def compute(clock: Clock, steps: int, seconds: float) -> None:
    for _ in range(steps):
        clock.compute(seconds)
        await asyncio.sleep(0)


async def fan_out(clock: Clock, tasks: int, steps: int, seconds: float) -> None:
    await asyncio.gather(*(compute(clock, steps, seconds) for _ in range(tasks)))


@pytest.mark.usefixtures("taking_turns")
@pytest.mark.parametrize("seconds", [0.00001, 0.0005, 0.005, 0.03])
async def test_short_work_waits_for_a_few_steps_of_the_long_ones(clock: Clock, seconds: float) -> None:
    """Eight works with a hundred tasks each, beside look-ups of ten steps."""
    greedy = [asyncio.create_task(in_turns(long_work("greedy"), fan_out(clock, 100, 50, seconds))) for _ in range(8)]
    await asyncio.sleep(0)
    took = []
    for _ in range(20):
        for _ in range(10):  # between its look-ups it waits for the network, and all of the time is theirs
            await asyncio.sleep(0)
        start = clock.now
        await in_turns(Work("other"), compute(clock, 10, 0.0002))
        took.append(clock.now - start - 10 * 0.0002)
    for task in greedy:
        task.cancel()
    await asyncio.gather(*greedy, return_exceptions=True)
    # At most one round that was begun before, and a quarter of the time that it computes by itself.
    assert max(took) <= max(64 * 0.00001, 2 * SLICE + seconds, 2 * seconds) + 0.002, took


@pytest.mark.usefixtures("taking_turns")
async def test_people_have_equal_shares(clock: Clock) -> None:
    steps: Counter[str] = Counter()

    async def count(person: str) -> None:
        while True:
            clock.compute(SLICE)
            steps[person] += 1
            await asyncio.sleep(0)

    people = ["many"] * 30 + ["one"]
    tasks = [asyncio.create_task(in_turns(long_work(person), count(person))) for person in people]
    while steps.total() < 400:
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert abs(steps["many"] - steps["one"]) <= 10, steps


@pytest.mark.usefixtures("taking_turns")
async def test_a_work_becomes_long_by_its_time_and_by_its_steps(clock: Clock) -> None:
    async def run(steps: int, seconds: float) -> bool:
        await compute(clock, steps, seconds)
        return turns.is_long()

    assert not await in_turns(Work("a"), run(5, 0.0015))
    assert await in_turns(Work("a"), run(5, 0.003))
    assert await in_turns(Work("a"), run(STEPS + 2, 0))
    assert not await in_turns(Work("a", shared=True), run(5, 1.0))
    assert not turns.is_long()


@pytest.mark.usefixtures("taking_turns")
async def test_works_of_one_person_share_what_is_short(clock: Clock) -> None:
    async def run(person: str) -> bool:
        identify(person)
        await asyncio.sleep(0)
        await compute(clock, 3, 0.002)
        return turns.is_long()

    assert not await in_turns(Work(), run("a"))
    found = await asyncio.gather(*(in_turns(Work(), run("a")) for _ in range(8)), in_turns(Work(), run("b")))
    assert found[7], "the eighth of a person"
    assert not found[8], "the only one of another"
    assert not await in_turns(Work(), run("a"))


@pytest.mark.usefixtures("taking_turns")
async def test_a_stream_whose_events_come_now_and_then_is_short_again(clock: Clock) -> None:
    events = [asyncio.Event() for _ in range(2)]
    found = []

    async def follow() -> None:
        for event in events:
            await event.wait()
            found.append(turns.is_long())

    task = asyncio.create_task(in_turns(long_work(), follow()))
    for event, later in zip(events, (0.5, 60.0), strict=True):
        await compute(clock, 5, 0)
        clock.compute(later)
        event.set()
    await task
    assert found == [True, False]


@pytest.mark.usefixtures("taking_turns")
async def test_pause_gives_way_after_a_slice_only(clock: Clock) -> None:
    order: list[str] = []

    async def loop(seconds: float, name: str) -> None:
        async for i in each(range(64)):
            clock.compute(seconds)
            if i % 32 == 31:
                order.append(name)
            await pause()

    first = asyncio.create_task(in_turns(Work("a"), loop(0.00001, "a")))
    second = asyncio.create_task(in_turns(Work("b"), loop(0.00001, "b")))
    await asyncio.gather(first, second)
    assert order == ["a", "a", "b", "b"], "together less than a slice each"
    order.clear()
    first = asyncio.create_task(in_turns(Work("a"), loop(SLICE, "a")))
    second = asyncio.create_task(in_turns(Work("b"), loop(SLICE, "b")))
    await asyncio.gather(first, second)
    assert order[0] != order[1]
    assert order[:2] == order[2:]


async def test_without_turns_everything_is_as_before() -> None:
    await pause()
    assert await in_thread(threading.get_ident) != threading.get_ident()
    assert await in_turns(Work(), asyncio.sleep(0, "done")) == "done"
    assert await apart(asyncio.sleep(0, "done")) == "done"
    end_tasks()
    identify("a")


@pytest.fixture(params=[False, True], ids=["short", "long"])
def work(request: pytest.FixtureRequest) -> Work:
    return long_work() if request.param else Work()


@pytest.mark.usefixtures("taking_turns")
async def test_tasks_return_raise_and_are_cancelled_as_ever(work: Work) -> None:
    async def failing() -> None:
        await asyncio.sleep(0)
        raise LookupError("no")

    async def cleaning(done: list[str]) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            done.append("cleaned")
            raise

    async def whole() -> str:
        assert WORK.get() is work
        assert await asyncio.create_task(asyncio.sleep(0, "value"), name="x") == "value"
        with pytest.raises(LookupError, match="no"):
            await asyncio.gather(failing(), asyncio.sleep(0))
        done: list[str] = []
        task = asyncio.create_task(cleaning(done))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        never = asyncio.create_task(cleaning(done))
        never.cancel()  # before its first step: Python warns of coroutines that are never awaited
        with pytest.raises(asyncio.CancelledError):
            await never
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.gather(*(asyncio.Event().wait() for _ in range(3)))
        return ",".join(done)

    assert await in_turns(work, whole()) == "cleaned"
    assert WORK.get() is None


@pytest.mark.usefixtures("taking_turns")
async def test_the_tasks_of_a_work_end_and_the_work_goes_on(work: Work) -> None:
    went_on: list[str] = []

    async def left_behind() -> None:
        with suppress(LookupError):
            for _ in range(1_000):
                await asyncio.sleep(0)
            went_on.append("left behind")

    async def whole() -> str:
        tasks = [asyncio.create_task(left_behind()) for _ in range(3)]
        for _ in range(5):
            await asyncio.sleep(0)
        end_tasks()
        assert all(
            isinstance(one, asyncio.CancelledError) for one in await asyncio.gather(*tasks, return_exceptions=True)
        )
        return await asyncio.create_task(asyncio.sleep(0, "answer"))

    assert await in_turns(work, whole()) == "answer"
    assert not went_on


@pytest.mark.usefixtures("taking_turns")
async def test_what_others_wait_for_goes_on_by_itself(clock: Clock) -> None:
    """A task that a long work begins for all is not as slow as that work."""
    order: list[str] = []

    async def committing() -> None:
        await compute(clock, 3, 0.001)
        order.append("committed")

    async def submit() -> None:
        own = asyncio.gather(*(compute(clock, 50, 0.01) for _ in range(10)))
        await apart(committing())
        order.append("submitted")
        own.cancel()

    async def other() -> None:
        await compute(clock, 30, 0.001)
        order.append("other")

    await asyncio.gather(in_turns(long_work("a"), submit()), in_turns(Work("b"), other()))
    assert order[0] == "committed"
