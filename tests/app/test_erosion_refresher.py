"""The refresher goes on whatever happens, and ends when it is told to."""

import asyncio
from collections.abc import Callable

import pytest

from descentd.app.server.erosion_refresher import ErosionRefresher, Load
from descentd.graph.model.errors import Unavailable
from descentd.queries.erosion import registry_refresh
from descentd.queries.erosion.registry_ranking import Ranking
from descentd.queries.registry import Registry
from tests.support.registries import send

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("store_kind", ["memory"])
async def test_a_store_that_was_away_is_caught_up_with(registry: Registry) -> None:
    problems = [Unavailable("The store is away."), RuntimeError("A bug.")]
    noted: list[int] = []
    level = asyncio.Event()

    def current() -> Registry:
        if problems:
            raise problems.pop()
        if registry.cache(Ranking).upto == 3:
            level.set()
        return registry

    result = {
        "subject": "model:m@1",
        "suite": {"name": "s", "version": "1"},
        "metrics": [{"name": "acc", "value": 0.5}],
    }
    await send(registry, models=[{"name": "m", "version": "1"}], evaluations=[result, result | {"evaluator": "eva"}])
    refresher = ErosionRefresher(current, noted.append, look=0)
    refresher.start()
    async with asyncio.timeout(60):
        await level.wait()
        await refresher.stop()
    assert noted == [3]


@pytest.mark.parametrize("store_kind", ["memory"])
async def test_it_ends_in_the_middle_of_a_step(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever ends a server does not wait until all of a large registry has been assessed."""
    begun = asyncio.Event()

    async def never(_: Registry) -> bool:
        begun.set()
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr("descentd.app.server.erosion_refresher.advance", never)
    refresher = ErosionRefresher(lambda: registry, lambda _: None, look=0)
    refresher.start()
    async with asyncio.timeout(60):
        await begun.wait()
        await refresher.stop()


def test_a_load_is_waited_for_but_not_for_ever() -> None:
    now = 0.0
    load = Load(lambda: now)
    waited: list[bool] = []
    # 100,000 records that are there at first are no load; then 500 come a second.
    for sequence in range(100_000, 140_000, 500):
        waited.append(load.goes_on(sequence))
        now += 1
    assert waited == [False, *[True] * 59, *[False] * 20]
    assert not load.goes_on(140_000 - 401)  # a second in which less than 100 came
    now += 1
    assert load.goes_on(141_000)


@pytest.mark.parametrize("store_kind", ["memory"])
async def test_others_wait_for_no_more_than_one_version_to_be_assessed(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread ends as soon as it has computed for a piece of time: other long works need the same one."""
    threads: list[int] = []

    async def counted(look: Callable[[], None]) -> None:
        look()
        threads.append(1)

    refs = [f"model:m@{number}" for number in range(4)]
    parents = [[], *([{"ref": ref, "relation": "FINE_TUNE"}] for ref in refs)]
    result = {"suite": {"name": "s", "version": "1"}, "metrics": [{"name": "acc", "value": 0.5}]}
    await send(
        registry,
        models=[{"name": "m", "version": str(number), "parents": parents[number]} for number in range(4)],
        evaluations=[result | {"subject": ref} for ref in refs],
    )
    monkeypatch.setattr(registry_refresh, "PIECE", -1.0)
    monkeypatch.setattr(registry_refresh, "in_thread", counted)
    await registry_refresh.catch_up(registry)
    assert (len(threads), registry.cache(Ranking).upto) == (4, await registry.sequence())
