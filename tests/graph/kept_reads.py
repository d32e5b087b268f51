"""Questions to a store that keeps what it has looked up, and a memory store to compare the answers with."""

from collections.abc import Awaitable, Callable
from typing import Any

from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.records import Record
from descentd.graph.store.base import Reads, Store
from descentd.graph.store.memory import MemoryStore

Question = Callable[[Reads, int], Awaitable[Any]]
"""Looks something up and leaves out what is later than a sequence."""

FIRST = Record.of(Kind.MODEL_VERSION, {"name": "m", "version": "1"})


def child(number: int, **more: Any) -> Record:
    parents = [{"node": FIRST.id, "relation": "FINE_TUNE"}]
    content = {"name": "n", "version": str(number), "description": "Later.", "parents": parents}
    return Record.of(Kind.MODEL_VERSION, content | more)


async def oracle_of(store: Store) -> MemoryStore:
    """A memory store with the log of a store."""
    oracle = MemoryStore()
    await oracle.import_log([await store.entries(range(1, await store.sequence() + 1))])
    await oracle.open()
    return oracle


def by_keys(*keys: str) -> Question:
    async def ask(reads: Reads, upto: int) -> Any:
        found = await reads.find_by_keys(keys)
        return {key: kept for key, held in found.items() if (kept := [s for s in held if s <= upto])}

    return ask


def any_by_keys(*keys: str) -> Question:
    """Which keys have a holder; that the one named is one, and which of them it is, is up to the store."""

    async def ask(reads: Reads, upto: int) -> Any:
        found = await reads.any_by_keys(keys)
        held = await reads.find_by_keys(keys)  # afterwards: others may write meanwhile
        assert all(found[key] in held[key] for key in found)
        return {key for key in found if held[key][0] <= upto}

    return ask


def links(*ends: int, roles: frozenset[Role], inward: bool) -> Question:
    async def ask(reads: Reads, upto: int) -> Any:
        return [link for link in await reads.links(ends, roles, inward=inward) if link.source <= upto]

    return ask


def resolve(*names: str) -> Question:
    async def ask(reads: Reads, upto: int) -> Any:
        return {name: brief for name, brief in (await reads.resolve(names)).items() if brief.sequence <= upto}

    return ask


def located(*sequences: int) -> Question:
    async def ask(reads: Reads, upto: int) -> Any:
        asked = [s for s in sequences if s <= upto]
        return await reads.briefs(asked), [entry.record for entry in await reads.entries(asked)]

    return ask


FEW = range(1, 40)
LOOK_UPS: dict[str, Question] = {
    "holders of keys": by_keys("model:m", "model:n"),
    "any holder": any_by_keys("model:m", "model:n"),
    "edges that arrive": links(*FEW, roles=frozenset({Role.ABOUT, Role.DERIVED_FROM}), inward=True),
    "edges that leave": links(*FEW, roles=frozenset({Role.ABOUT, Role.DERIVED_FROM}), inward=False),
    "names": resolve("model:m@1", *(f"model:n@{number}" for number in FEW)),
    "places": located(*FEW),
}
