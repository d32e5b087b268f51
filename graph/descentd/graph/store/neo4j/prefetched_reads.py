"""Look-ups inside a transaction that holds the lock of all writers: nothing changes there, so each is made once.

A statement costs a round trip while everybody else waits, so those of many proposals are made together.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Generic

from descentd.graph.model.kinds import Role
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief
from descentd.graph.store.base import Link, Proposal
from descentd.graph.store.batch import Located
from descentd.graph.store.neo4j.batching import BatchLoader, Key, Value
from descentd.graph.store.neo4j.connection import Row, Run
from descentd.graph.store.neo4j.reads import Neo4jReads


class PrefetchedReads:
    """What a transaction has looked up so far. Implements Reads."""

    def __init__(self, run: Run) -> None:
        self._reads = reads = Neo4jReads(_in_turn(run))
        self._named = Remembered(self._resolve)
        self._briefs = Remembered(_by_sequence(reads.briefs))
        self._entries = Remembered(_by_sequence(reads.entries))
        self._holders = Remembered(reads.find_by_keys)
        self._links: dict[tuple[frozenset[Role], bool], Remembered[int, list[Link]]] = {}

    async def rehearse(self, proposals: Sequence[Proposal]) -> None:
        """Run all drafts at once, for what they look up.

        What becomes of them does not count: each is run again after those before it, and finds its problems then.
        """
        if len(proposals) > 1:
            await asyncio.gather(*(proposal.draft(self) for proposal in proposals), return_exceptions=True)

    async def resolve(self, names: Collection[str]) -> dict[str, Brief]:
        """See Reads."""
        return await self._named.get(names)

    async def _resolve(self, names: Collection[str]) -> Mapping[str, Brief]:
        found = await self._reads.resolve(names)
        self._named.learn({brief.id: brief for brief in found.values()})
        return found

    async def briefs(self, sequences: Sequence[int]) -> list[Brief]:
        """See Reads."""
        found = await self._briefs.get(sequences)
        return [found[s] for s in sequences if s in found]

    async def entries(self, sequences: Sequence[int]) -> list[Entry]:
        """See Reads."""
        found = await self._entries.get(sequences)
        return [found[s] for s in sequences if s in found]

    async def find_by_keys(self, keys: Collection[str]) -> dict[str, list[int]]:
        """See Reads."""
        return {key: list(held) for key, held in (await self._holders.get(keys)).items()}

    async def links(self, sequences: Collection[int], roles: Collection[Role], *, inward: bool) -> list[Link]:
        """See Reads."""
        shape = frozenset(roles), inward

        async def find(ends: Collection[int]) -> dict[int, list[Link]]:
            found: dict[int, list[Link]] = {end: [] for end in ends}
            for link in await self._reads.links(ends, roles, inward=inward):
                found[link.target if inward else link.source].append(link)
            return found

        remembered = self._links.setdefault(shape, Remembered(find))
        found = [link for links in (await remembered.get(set(sequences))).values() for link in links]
        return sorted(found, key=lambda link: (link.source, link.role, link.target))


class Remembered(Generic[Key, Value]):
    """What was found for each key, or that nothing was; what is asked for at once is looked for at once."""

    def __init__(self, find: Callable[[Collection[Key]], Awaitable[Mapping[Key, Value]]]) -> None:
        self._gathered = BatchLoader(find)
        self._found: dict[Key, Value | None] = {}

    def learn(self, found: Mapping[Key, Value]) -> None:
        """Take in what was found under other keys."""
        self._found |= found

    async def get(self, keys: Collection[Key]) -> dict[Key, Value]:
        """The values of those keys that have one."""
        unknown = [key for key in keys if key not in self._found]
        if unknown:
            found = await self._gathered.get(unknown)
            self._found |= {key: found.get(key) for key in unknown}
        return {key: value for key in keys if (value := self._found[key]) is not None}


def _in_turn(run: Run) -> Run:
    """A transaction takes one statement at a time."""
    lock = asyncio.Lock()

    async def run_alone(query: str, /, **parameters: Any) -> list[Row]:
        async with lock:
            return await run(query, **parameters)

    return run_alone


def _by_sequence(
    find: Callable[[Sequence[int]], Awaitable[list[Located]]],
) -> Callable[[Collection[int]], Awaitable[dict[int, Located]]]:
    async def found(sequences: Collection[int]) -> dict[int, Located]:
        return {one.sequence: one for one in await find(list(sequences))}

    return found
