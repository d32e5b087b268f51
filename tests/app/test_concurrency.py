"""Coroutines of one task: results in order, what fails, and what is cancelled."""

import asyncio
from collections.abc import Callable, Coroutine
from inspect import CORO_CLOSED, getcoroutinestate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.app.graphql import concurrency
from descentd.app.graphql.concurrency import abandon, together
from descentd.app.graphql.loaders import Loader

pytestmark = pytest.mark.anyio

ASKED = st.lists(st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=4), max_size=6)
"""For each coroutine, keys that it asks for, one list after the other."""


async def ask(loader: Loader[int, int], rounds: list[list[int]], broken: set[int]) -> list[list[int]]:
    found = []
    for keys in rounds:
        found.append(await loader.load_many(keys))
        if broken & set(keys):
            raise ValueError(keys)
    return found


@given(ASKED, st.sets(st.integers(10, 19), max_size=0) | st.sets(st.integers(0, 9), max_size=1))
def test_results_are_those_of_gather(asked: list[list[list[int]]], broken: set[int]) -> None:
    async def run(gather: Callable[[list[Any]], Any]) -> Any:
        async def squares(keys: list[int]) -> list[int]:
            await asyncio.sleep(0)
            return [key * key for key in keys]

        loader = Loader(squares)
        try:
            return await gather([ask(loader, rounds, broken) for rounds in asked])
        except ValueError as error:
            return str(error)

    async def gathered(coroutines: list[Any]) -> Any:
        return await asyncio.gather(*coroutines)

    assert asyncio.run(run(together)) == asyncio.run(run(gathered))


async def test_what_is_asked_for_in_one_round_is_looked_up_at_once() -> None:
    asked: list[list[int]] = []

    async def look_up(keys: list[int]) -> list[int]:
        asked.append(keys)
        return keys

    loader = Loader(look_up)

    async def item(number: int) -> list[int]:
        first = await loader.load(number)
        pair = await together([loader.load_many([first + 100]), loader.load_many([first + 200, 0])])
        return [first, *pair[0], *pair[1]]

    assert await together([item(i) for i in range(3)]) == [[i, i + 100, i + 200, 0] for i in range(3)]
    assert [sorted(keys) for keys in asked] == [[0, 1, 2], [100, 101, 102, 200, 201, 202]]


async def test_a_look_up_that_fails_fails_for_all_who_wait_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    async def look_up(keys: list[int]) -> list[int]:
        raise ValueError("away")

    loader: Loader[int, int] = Loader(look_up)

    async def one(key: int) -> int | str:
        try:
            return await loader.load(key)
        except ValueError as error:
            return str(error)

    assert await together([one(1), one(2), one(1)]) == ["away"] * 3
    with pytest.raises(ValueError, match="away"):
        await together([loader.load_many([5, 6])])
    assert not caplog.records


async def test_what_is_cancelled_closes_all_and_leaves_tasks_to_their_owner() -> None:
    closed: list[int] = []

    async def wait(number: int) -> None:
        try:
            await together([asyncio.Event().wait(), asyncio.Event().wait()])
        finally:
            closed.append(number)

    owned = asyncio.create_task(asyncio.Event().wait())
    task = asyncio.create_task(together([wait(1), wait(2), owned]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(closed) == [1, 2]
    assert not owned.done()
    owned.cancel()


async def test_turns_are_given_to_others_where_a_coroutine_gives_them() -> None:
    seen: list[str] = []

    async def polite() -> str:
        await asyncio.sleep(0)
        seen.append("polite")
        return "done"

    asyncio.get_running_loop().call_soon(seen.append, "other")
    assert await together([polite(), polite()]) == ["done", "done"]
    assert seen == ["other", "polite", "polite"]


async def test_what_is_abandoned_is_closed_with_what_it_would_have_awaited_and_not_begun_for_it() -> None:
    """What is begun may begin more than there is: to give up 250,000 fields began ten times as many."""
    begun: list[int] = []

    async def inner() -> None:
        begun.append(1)

    async def outer(*awaited: Any, **named: Any) -> None:
        await together([*awaited, *named.values(), inner()])

    some = [inner(), outer(inner(), deeper=outer(inner()))]
    abandon([outer(inner(), *some), outer(listed=some[1]), 7])
    assert all(getcoroutinestate(one) == CORO_CLOSED for one in some)
    assert not begun


async def test_however_many_wait_for_a_future_it_has_one_callback_and_forgets_who_gave_up() -> None:
    """A future looks through all its callbacks to remove one."""
    shared, waiting = asyncio.get_running_loop().create_future(), 50

    async def wait_for(future: asyncio.Future[int]) -> int:
        return await future

    def pair() -> Coroutine[Any, Any, list[int]]:
        return together([wait_for(shared), wait_for(asyncio.get_running_loop().create_future())])

    many = [pair() for _ in range(waiting)]
    given_up = asyncio.create_task(together(many))
    task = asyncio.create_task(together([wait_for(shared), together([wait_for(shared), wait_for(shared)])]))
    await asyncio.sleep(0)
    assert len(shared._callbacks) == 1
    assert len(concurrency._WAITERS[shared]) == waiting + 2
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert len(concurrency._WAITERS[shared]) == 2
    shared.set_result(7)
    assert await task == [7, [7, 7]]
    assert shared not in concurrency._WAITERS
