"""Look-ups that are gathered find what each by itself would, by a query for all who ask at once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

import pytest

from descentd.graph.model.kinds import Role
from descentd.graph.store.base import Store
from descentd.graph.store.gathering import gathered
from descentd.graph.store.memory import MemoryStore
from tests.graph.samples import registry, send

pytestmark = pytest.mark.anyio


class Counting:
    """A store that counts its look-ups by name."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)

        def counted(*given: Any, **named: Any) -> Any:
            self.asked[name] += 1
            return found(*given, **named)

        return counted


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore()
    await store.open()
    await send(store, registry())
    yield store
    await store.close()


async def each(store: Store, sequences: Sequence[int], keys: Collection[str], labels: Sequence[str]) -> list[Any]:
    """What is looked up for one record after another, all at once."""
    roles = frozenset(Role) - {Role.SAME_DATA}

    async def one(place: int) -> list[Any]:
        sequence = sequences[place]
        return [
            await store.entries([sequence]),
            await store.briefs([sequence, sequence]),
            await store.links([sequence], roles, inward=True),
            await store.links([sequence], roles, inward=False),
            await store.find_by_keys(keys),
            await store.resolve([labels[place % len(labels)]]),
            (await store.find_by_prefix("digest:")).tolist(),
        ]

    return list(await asyncio.gather(*(one(place) for place in range(len(sequences)))))


async def test_what_many_ask_at_once_is_asked_once_and_found_as_by_each(store: MemoryStore) -> None:
    sequences = list(range(1, await store.sequence() + 5))  # the last ones are not there
    [entries] = [await store.entries(sequences)]
    keys = {key for entry in entries for key in entry.record.keys} | {"nothing holds this"}
    labels = [label for entry in entries if (label := entry.record.label)] + ["model:unknown@1"]
    expected = await each(store, sequences, keys, labels)
    counting = Counting(store)
    together = gathered(counting)
    for _ in range(2):
        assert await each(together, sequences, keys, labels) == expected
    assert await together.sequence() == await store.sequence()
    once = ("resolve", "briefs", "entries", "find_by_keys", "find_by_prefix")
    assert {name: counting.asked[name] for name in (*once, "links")} == dict.fromkeys(once, 1) | {"links": 2}
