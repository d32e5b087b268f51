"""Where one step farther is offered: exactly where the drawing with one step more has more records."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.model.reach import Direction
from descentd.graph.store.committer import Committer
from descentd.graph.store.memory import MemoryStore
from descentd.queries.lineage.selection.select import EACH, Choice, Opened, select
from descentd.queries.registry import Registry
from tests.support.effort import some_of
from tests.support.registries import send

pytestmark = pytest.mark.anyio

LARGEST = 12
Json = dict[str, Any]


def version(number: int, parents: list[int], data: list[int]) -> Json:
    return {
        "name": "m",
        "version": str(number),
        "parents": [{"ref": f"model:m@{one}", "relation": "FINE_TUNE"} for one in parents],
        "trainedOn": [{"ref": f"dataset:d@{one}#p", "role": "TRAIN"} for one in data],
    }


def dataset(number: int) -> Json:
    return {"name": "d", "version": str(number), "partitions": [{"name": "p", "digest": f"sha256:{number:064x}"}]}


async def is_said_rightly(registry: Registry, ref: str, choice: Choice) -> None:
    found = await select(registry, ref, choice)
    farther = {
        Direction.ANCESTORS: replace(choice, above=choice.above + 1),
        Direction.DESCENDANTS: replace(choice, below=choice.below + 1),
    }
    for direction, more in farther.items():
        then = await select(registry, ref, more)
        assert found.members.keys() <= then.members.keys()
        assert (direction in found.farther) == (len(then.members) > len(found.members)), direction


@settings(max_examples=some_of(300))
@given(st.data())
async def test_a_step_farther_is_offered_exactly_where_it_draws_more(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, LARGEST))
    models, datasets = [], data.draw(st.integers(0, 2))
    for number in range(size):
        parents = data.draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set[int]()
        learned = data.draw(st.sets(st.integers(0, datasets - 1), max_size=2)) if datasets else set[int]()
        models.append(version(number, sorted(parents), sorted(learned)))
    store = MemoryStore()
    registry = Registry(store, LineageIndex(store), Committer(store))
    await send(registry, datasets=[dataset(number) for number in range(datasets)], models=models)
    upto = await registry.sequence()
    records = {(await registry.find(f"model:m@{number}", upto)).sequence for number in range(size)}
    opened = st.builds(Opened, st.sampled_from(sorted(records)), st.sampled_from(Direction), st.integers(1, 2))
    choice = Choice(
        data.draw(st.integers(0, 3)),
        data.draw(st.integers(0, 3)),
        data.draw(st.sampled_from([1, 2, EACH])),
        opened=tuple({(one.record, one.direction): one for one in data.draw(st.lists(opened, max_size=3))}.values()),
    )
    refs = [*(f"model:m@{number}" for number in range(size)), *(f"dataset:d@{number}" for number in range(datasets))]
    ref = data.draw(st.sampled_from(refs))
    await is_said_rightly(registry, ref, choice)


async def test_a_dataset_goes_on_by_what_learned_from_a_part_of_it(registry: Registry) -> None:
    await send(registry, datasets=[dataset(0)], models=[version(0, [], [0])])
    found = await select(registry, "dataset:d@0", Choice(0, 0))
    assert found.farther == set(Direction)
    await is_said_rightly(registry, "dataset:d@0", Choice(0, 1))


async def test_no_step_farther_is_offered_beside_paths(registry: Registry) -> None:
    await send(registry, models=[version(0, [], []), version(1, [0], []), version(2, [1], [])])
    assert (await select(registry, "model:m@1", Choice(0, 0))).farther == set(Direction)
    assert (await select(registry, "model:m@1", Choice(to="model:m@2"))).farther == set()
