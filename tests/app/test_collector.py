"""The garbage collection of a worker: what is new while requests are answered, everything when it is idle."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from descentd.app.server.collector import Collector

pytestmark = pytest.mark.anyio


class Clock:
    """Seconds of processor time, and bytes of memory."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.bytes = 100_000_000

    def time(self) -> float:
        return self.seconds

    def memory(self) -> int:
        return self.bytes


class Cycle:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def clock() -> Iterator[Clock]:
    """A clock; the settings of the collector are as before afterwards, and what was frozen is frozen again."""
    enabled, callbacks, frozen = gc.isenabled(), list(gc.callbacks), gc.get_freeze_count()
    thresholds = gc.get_threshold()
    gc.disable()  # so that only the test collects
    yield Clock()
    gc.callbacks[:] = callbacks
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    if frozen:  # what was imported and collected: to go through it takes half a second each time
        gc.collect()
        gc.freeze()
    if enabled:
        gc.enable()


def collect(times: int = 1) -> None:
    for _ in range(times):
        gc.collect()


def frozen(times: int = 1) -> weakref.ref[Cycle]:
    """A cycle that became garbage after it had survived some collections."""
    cycle = Cycle()
    collect(times)
    return weakref.ref(cycle)


async def started(clock: Clock) -> Collector:
    collector = Collector(clock.time, clock.memory, every=3600)
    collector.start()
    await asyncio.sleep(0)
    return collector


async def test_what_survived_a_collection_is_not_examined_again(clock: Clock) -> None:
    await started(clock)
    kept = [[] for _ in range(1_000)]  # type: ignore[var-annotated]
    before = gc.get_freeze_count()
    collect()
    assert gc.get_freeze_count() >= before + 1_000
    assert not any(one is kept for one in gc.get_objects())


@pytest.mark.parametrize("busy", [True, False])
async def test_everything_is_examined_when_the_process_is_idle(clock: Clock, busy: bool) -> None:
    collector = await started(clock)
    gone = frozen(50)
    collect()
    assert gone() is not None, "it was frozen before it was garbage"
    found = []
    for _ in range(10):
        clock.seconds += 3600 * (0.5 if busy else 0.01)
        found.append(collector.check())
    assert (gone() is None) is not busy
    assert [one for one in found if one is not None] == found[2:3] * (not busy)


async def test_everything_is_examined_when_memory_grew_by_much(clock: Clock) -> None:
    collector = await started(clock)
    gone = frozen()
    clock.seconds += 3600
    assert collector.check() is None
    clock.bytes = 500_000_000
    assert collector.check() is not None
    assert gone() is None
    assert collector.check() is None, "it has not grown since"


async def test_everything_is_examined_after_ten_minutes_of_work(clock: Clock) -> None:
    collector = await started(clock)
    gone = frozen()
    found = []
    for _ in range(1_300):
        clock.seconds += 3600
        found.append(collector.check())
        if gone() is None and len(found) < 700:
            collect()  # something is frozen anew
    assert gone() is None
    assert [number for number, one in enumerate(found, 1) if one is not None] == [600, 1_200]
