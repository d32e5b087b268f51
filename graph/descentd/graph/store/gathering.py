"""Gathered look-ups: whoever asks while others do shares one look-up with them, and none is made twice."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from typing_extensions import override

from descentd.graph.model.kinds import Role
from descentd.graph.model.log import Entry
from descentd.graph.model.reach import Sequences
from descentd.graph.model.records import Brief
from descentd.graph.store.base import Link, Reads, Store, Wanted
from descentd.graph.store.batch import Located
from descentd.graph.store.link_order import in_order
from descentd.graph.turns import apart

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

MOST: Final = 100
"""Who asks for more than this at once would have others wait, and asks alone."""


class BatchLoader(Generic[Key, Value]):
    """Asks for keys, one look-up at a time, which begins after everybody who waits for it has asked."""

    def __init__(self, batch_load: Callable[[Collection[Key]], Awaitable[Mapping[Key, Value]]]) -> None:
        self._batch_load = batch_load
        self._wanted: dict[Key, None] = {}
        self._next: asyncio.Task[Mapping[Key, Value]] | None = None
        self._last: asyncio.Task[Mapping[Key, Value]] | None = None

    async def load(self, keys: Collection[Key]) -> Mapping[Key, Value]:
        """The values of those keys that have one; raises what the look-up raised, which all who share it are told."""
        if not keys:
            return {}
        if len(keys) > MOST:
            return await self._batch_load(keys)
        self._wanted |= dict.fromkeys(keys)
        if self._next is None:
            self._next = self._last = apart(self._load_next(self._last))
        found = await asyncio.shield(self._next)
        return {key: found[key] for key in keys if key in found}

    async def _load_next(self, before: asyncio.Task[Mapping[Key, Value]] | None) -> Mapping[Key, Value]:
        if before is not None and not before.done():
            await asyncio.wait({before})
        self._next = None
        wanted, self._wanted = self._wanted, {}
        return await self._batch_load(wanted.keys())


class CachingLoader(Generic[Key, Value]):
    """What was found for each key, or that nothing was; what is asked for at once is looked for at once."""

    def __init__(self, batch_load: Callable[[Collection[Key]], Awaitable[Mapping[Key, Value]]]) -> None:
        self._loader = BatchLoader(batch_load)
        self._found: dict[Key, Value | None] = {}

    def prime(self, found: Mapping[Key, Value]) -> None:
        """Take in what was found under other keys."""
        self._found |= found

    async def load(self, keys: Collection[Key]) -> dict[Key, Value]:
        """The values of those keys that have one."""
        unknown = [key for key in keys if key not in self._found]
        if unknown:
            found = await self._loader.load(unknown)
            self._found |= {key: found.get(key) for key in unknown}
        return {key: value for key in keys if (value := self._found[key]) is not None}


class GatheredReads(Reads):
    """Look-ups on others, of which those at once are one, and each is made once.

    What was found stays, and that nothing was: for as long as nothing else is recorded, or what is does not matter.
    """

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._named = CachingLoader(self._resolve)
        self._briefs = CachingLoader(_by_sequence(reads.briefs))
        self._entries = CachingLoader(_by_sequence(reads.entries))
        self._holders = CachingLoader(reads.find_by_keys)
        self._any_holder = CachingLoader(reads.any_by_keys)
        self._links: dict[tuple[frozenset[Role], bool], CachingLoader[int, list[Link]]] = {}

    @override
    async def prefetch(self, find: Callable[[], Wanted]) -> None:
        wanted = find()
        # What fails is asked for again by whoever needs it.
        await asyncio.gather(
            self.resolve(wanted.names),
            self.find_by_keys(wanted.keys),
            self.any_by_keys(wanted.any_keys),
            return_exceptions=True,
        )

    @override
    async def resolve(self, names: Collection[str]) -> dict[str, Brief]:
        return await self._named.load(names)

    async def _resolve(self, names: Collection[str]) -> Mapping[str, Brief]:
        found = await self._reads.resolve(names)
        self._named.prime({brief.id: brief for brief in found.values()})
        return found

    @override
    async def briefs(self, sequences: Sequence[int]) -> list[Brief]:
        found = await self._briefs.load(sequences)
        return [found[s] for s in sequences if s in found]

    @override
    async def entries(self, sequences: Sequence[int]) -> list[Entry]:
        found = await self._entries.load(sequences)
        return [found[s] for s in sequences if s in found]

    @override
    async def find_by_keys(self, keys: Collection[str]) -> dict[str, list[int]]:
        return {key: list(held) for key, held in (await self._holders.load(keys)).items()}

    @override
    async def any_by_keys(self, keys: Collection[str]) -> dict[str, int]:
        return await self._any_holder.load(keys)

    @override
    async def links(self, sequences: Collection[int], roles: Collection[Role], *, inward: bool) -> list[Link]:
        shape = frozenset(roles), inward

        async def find(ends: Collection[int]) -> dict[int, list[Link]]:
            found: dict[int, list[Link]] = {end: [] for end in ends}
            for link in await self._reads.links(ends, roles, inward=inward):
                found[link.target if inward else link.source].append(link)
            return found

        loader = self._links.setdefault(shape, CachingLoader(find))
        found = [link for links in (await loader.load(set(sequences))).values() for link in links]
        return await in_order(found)


class _GatheredStore(GatheredReads):
    """A store whose look-ups are gathered; all else is as it is there."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._store = store
        self._prefixes: dict[str, asyncio.Task[Sequences]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def find_by_prefix(self, prefix: str) -> Sequences:
        """The sequences of the records that have a key with this beginning, ascending; asked for once."""

        async def find() -> Sequences:
            return await self._store.find_by_prefix(prefix)

        if prefix not in self._prefixes:
            self._prefixes[prefix] = asyncio.create_task(find())
        return await asyncio.shield(self._prefixes[prefix])


def gathered(store: Store) -> Store:
    """A store for many questions at once as of one sequence: see GatheredReads."""
    return _GatheredStore(store)


def _by_sequence(
    find: Callable[[Sequence[int]], Awaitable[list[Located]]],
) -> Callable[[Collection[int]], Awaitable[dict[int, Located]]]:
    async def found(sequences: Collection[int]) -> dict[int, Located]:
        return {one.sequence: one for one in await find(list(sequences))}

    return found
