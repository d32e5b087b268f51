"""Several coroutines in one task: for those that wait for nothing but futures of the request that they belong to."""

import asyncio
from collections.abc import Coroutine, Generator, Iterable, Iterator, Sequence
from inspect import CORO_CREATED, getcoroutinelocals, getcoroutinestate
from types import CoroutineType
from typing import Any, Final
from weakref import WeakKeyDictionary

from descentd.graph.turns import due

Waiting = tuple[int, Coroutine[Any, Any, Any] | None, asyncio.Future[Any]]
"""The place of a result, the coroutine that gives it (None: the future itself does), and what is waited for."""


async def together(awaited: Sequence[Any]) -> list[Any]:
    """The results of coroutines and futures, in their order; raises what the first that fails raises.

    Where `asyncio.gather` makes a task of each coroutine, these are run within the task that is running: each at once,
    up to where it has to wait. So they must not hold what belongs to a task, for example `asyncio.timeout`, while they
    wait. The others are closed when one fails; futures are left to whoever made them.
    """
    results: list[Any] = [None] * len(awaited)
    waiting: list[Waiting] = []
    try:
        for place, one in enumerate(awaited):
            if type(one) is CoroutineType:
                _step(place, one, results, waiting)
            else:
                waiting.append((place, None, one))
            if due():
                await asyncio.sleep(0)
        while waiting:
            ready = [one for one in waiting if one[2].done()]
            if not ready:
                await _any([future for _, _, future in waiting])
                continue
            waiting = [one for one in waiting if not one[2].done()]
            for place, coroutine, future in ready:
                if coroutine is None:
                    results[place] = future.result()
                else:
                    _step(place, coroutine, results, waiting)
                if due():
                    await asyncio.sleep(0)
    except BaseException:
        abandon(awaited)
        raise
    return results


def abandon(awaited: Iterable[Any]) -> None:
    """Close the coroutines among them.

    Those that were not begun are not begun for it, since each may begin many more: what they were given to await is
    closed with them.
    """
    found = list(awaited)
    while found:
        one = found.pop()
        if type(one) is CoroutineType:
            if getcoroutinestate(one) == CORO_CREATED:
                found.extend(_given(one))
            one.close()


def _given(coroutine: Coroutine[Any, Any, Any]) -> Iterator[Any]:
    """The arguments of a coroutine that was not begun, and the elements of those that are lists, tuples or dicts."""
    for value in getcoroutinelocals(coroutine).values():
        if isinstance(value, dict):
            yield from value.values()
        elif isinstance(value, list | tuple):
            yield from value
        else:
            yield value


def _step(place: int, coroutine: Coroutine[Any, Any, Any], results: list[Any], waiting: list[Waiting]) -> None:
    """Run a coroutine up to where it waits, or ends."""
    try:
        future = coroutine.send(None)
    except StopIteration as ended:
        results[place] = ended.value
        return
    if future is None:  # a bare `yield`, as in asyncio.sleep(0): let others have their turns
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_soon(_set, future)
    future._asyncio_future_blocking = False  # as a task does with what it waits for
    waiting.append((place, coroutine, future))


class _Pause:
    """Waits for a future, whatever becomes of it."""

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self._future = future

    def __await__(self) -> Generator[asyncio.Future[Any], None, None]:
        self._future._asyncio_future_blocking = True
        try:
            yield self._future
        except GeneratorExit:
            raise
        except BaseException:  # a task throws in what became of the future, which is for whoever wants its result
            if not self._future.done():
                raise


_WAITERS: Final[WeakKeyDictionary[asyncio.Future[Any], dict[asyncio.Future[None], None]]] = WeakKeyDictionary()
"""Who waits for a future beside others. A future looks through all its callbacks to remove one, and thousands may wait
for the same one of a loader: so it gets a single callback, which wakes them all."""


async def _any(futures: Sequence[asyncio.Future[Any]]) -> None:
    """Wait until one of several futures, none of which is done, is."""
    if len(futures) == 1:
        await _Pause(futures[0])
        return
    waiter = asyncio.get_running_loop().create_future()
    for future in futures:
        _waiters(future)[waiter] = None
    try:
        await waiter
    finally:
        for future in futures:
            _WAITERS.get(future, {}).pop(waiter, None)


def _waiters(future: asyncio.Future[Any]) -> dict[asyncio.Future[None], None]:
    """The waiters of a future, in the order in which they are woken."""
    found = _WAITERS.get(future)
    if found is None:
        found = _WAITERS[future] = {}
        future.add_done_callback(_wake)
    return found


def _wake(future: asyncio.Future[Any]) -> None:
    for waiter in _WAITERS.pop(future, ()):
        _set(waiter)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
