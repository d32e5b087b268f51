"""The refresher goes on whatever happens, and ends when it is told to."""

import asyncio

import pytest

from descentd.app.server.erosion_refresher import ErosionRefresher, Load, rest_after
from descentd.graph.model.errors import Unavailable
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


@pytest.mark.parametrize(("step", "rest"), [(0.5, 0.5), (4.0, 4.0), (8 * 3600.0, 10.0)])
def test_it_rests_for_as_long_as_a_step_took_unless_the_process_was_stopped_meanwhile(step: float, rest: float) -> None:
    assert rest_after(step) == rest
