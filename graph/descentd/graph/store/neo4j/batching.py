"""Shared statements: prefetched look-ups, cached reads, and a single search for equal simultaneous requests.

Each statement costs a round trip and much of the driver, whatever it asks. What a record is never changes, so that none
is read twice while there is room.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from typing_extensions import override

from descentd.graph.cache import Cache
from descentd.graph.model.kinds import Role
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief
from descentd.graph.store.base import Link
from descentd.graph.store.batch import Appended
from descentd.graph.store.gathering import MOST, BatchLoader, GatheredReads
from descentd.graph.store.link_order import in_order
from descentd.graph.store.neo4j.connection import Row, Run
from descentd.graph.store.neo4j.reads import Neo4jReads, last_sequence
from descentd.graph.turns import apart, each

Answer = TypeVar("Answer")


class SingleFlight(Generic[Answer]):
    """The last `most` answers by question; whoever asks meanwhile waits for the same one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: OrderedDict[Hashable, asyncio.Task[Answer]] = OrderedDict()

    async def get(self, question: Hashable, find: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to `question`, by `find` where it is not there; raises what `find` raises, for this time."""

        async def found() -> Answer:
            return await find()

        task = self._tasks.get(question)
        if task is None:
            task = self._tasks[question] = apart(found())
            task.add_done_callback(lambda done: self._drop(question, done))
            while len(self._tasks) > self._most:
                self._tasks.popitem(last=False)
        self._tasks.move_to_end(question)
        return await asyncio.shield(task)

    def _drop(self, question: Hashable, done: "asyncio.Task[Answer]") -> None:
        if (done.cancelled() or done.exception()) and self._tasks.get(question) is done:
            del self._tasks[question]

    def clear(self) -> None:
        """Forget everything; what is being found is given up."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()


NAMES: Final = 30_000
"""Briefs that are kept, by each of their names and by sequence."""

ROOM: Final = 16_000_000
"""Bytes of entries that are kept, by and large."""

HELD: Final = 100_000
"""Holders of keys, edges that arrive at records, and edges that leave them, of each of which as many are kept."""

_MANY: Final = 5_000
"""Edges are neither kept nor looked for among those that are, where so many ends and roles are asked for."""

_LAST: Final = None
"""Asks for the sequence of the newest record, where names of records are asked for."""

_BESIDE: Final = 700
"""Bytes of an entry beside its content."""


class _Kept:
    """What was found, or that nothing was, once the log was known to have come to some sequence.

    That is all there is for whoever asks as of that sequence or an earlier one.
    """

    def __init__(self) -> None:
        self.holders = Cache[Sequence[int]](HELD)
        self.any_holder = Cache[int](HELD)
        self.inward = Cache[Sequence[Link]](HELD)

    def drop(self, items: Iterable[Appended]) -> None:
        """Let go of what new records add to."""
        for item in items:
            for key in item.entry.record.keys:
                self.holders.drop(key)
                self.any_holder.drop(key)
            for link in item.links:
                self.inward.drop((link.target, link.role))


class CachedReads(Neo4jReads):
    """Look-ups of what is registered, on a connection, while other processes add to it.

    What is found by key, and edges that arrive at a record, stay as they were found until the log is known to have
    grown otherwise than by `added`; names that are not there yet are asked for each time. So a look-up misses nothing
    up to `newest`, and whoever asks for the sequence first, as every request does, misses nothing of before. Without
    that it may miss what another process has added since; so whoever writes looks up in the transaction, or checks in
    it that the log still ends at `newest` (see `writer`).
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._by_name: BatchLoader[Any, Any] = BatchLoader(self._look_up)
        """By label or id the record, by `_LAST` the sequence of the newest one."""
        self._by_sequence = BatchLoader(self._read)
        CachedReads.clear(self)

    def clear(self) -> None:
        """Forget what was found."""
        self._briefs = Cache[Brief](NAMES)
        self._entries = Cache[Entry](ROOM)
        self._outward = Cache[Sequence[Link]](HELD)
        self.newest = 0
        """The last sequence that anybody who asks can know of: nothing later was ever found."""
        self._kept = _Kept()

    def saw(self, sequences: Iterable[int]) -> None:
        """Note sequences that were found: whoever asks from now on may mean what was recorded up to the last."""
        newest = max(sequences, default=0)
        if newest > self.newest:
            self.newest, self._kept = newest, _Kept()

    def added(self, after: int, items: Sequence[Appended]) -> None:
        """Note records that this process has added after a sequence: what they do not touch stays as it was found."""
        if self.newest == after and items:
            self.newest = items[-1].entry.sequence
            self._kept.drop(items)

    @override
    async def resolve(self, names: Collection[str]) -> dict[str, Brief]:
        known = {name: brief for name in names if (brief := self._briefs.get(name)) is not None}
        return known | dict(await self._by_name.load([name for name in names if name not in known]))

    async def last(self, *names: str) -> tuple[int, dict[str, Brief]]:
        """The sequence of the newest record, and what these names stand for, by one statement."""
        known = {name: brief for name in names if (brief := self._briefs.get(name)) is not None}
        found = dict(await self._by_name.load([_LAST, *(name for name in names if name not in known)]))
        return found.pop(_LAST), known | found

    async def _look_up(self, wanted: Collection[str | None]) -> Mapping[str | None, Any]:
        """Whoever asks for a few by name mostly goes on to what they hold and name, so that this comes with them."""
        names = [name for name in wanted if name is not None]
        if not names:
            return {_LAST: await self._last()}
        if len(names) > MOST:
            many: Mapping[Any, Any] = await super().resolve(names)
            self.saw(brief.sequence for brief in many.values())
            return {**many, _LAST: await self._last()} if _LAST in wanted else many
        sequence, rows = await self.found(names)
        self.saw([sequence, *(one.brief.sequence for one in rows)])
        for one in rows:
            self._briefs.keep(one.name, one.brief, 1)
            self._briefs.keep(one.brief.sequence, one.brief, 1)
            self._keep(one.entry)
            for brief in one.near:
                self._briefs.keep(brief.id, brief, 1)
        return {_LAST: sequence, **{one.name: one.brief for one in rows}}

    async def _last(self) -> int:
        sequence = await last_sequence(self._run)
        self.saw([sequence])
        return sequence

    @override
    async def briefs(self, sequences: Sequence[int]) -> list[Brief]:
        known = {s: brief async for s in each(sequences) if (brief := self._briefs.get(s)) is not None}
        async for brief in each(await super().briefs([s for s in sequences if s not in known])):
            known[brief.sequence] = brief
            self._briefs.keep(brief.sequence, brief, 1)
        self.saw(known)
        return [known[s] for s in sequences if s in known]

    @override
    async def entries(self, sequences: Sequence[int]) -> list[Entry]:
        known = {s: entry async for s in each(sequences) if (entry := self._entries.get(s)) is not None}
        known |= await self._by_sequence.load([s for s in sequences if s not in known])
        return [known[s] for s in sequences if s in known]

    async def _read(self, sequences: Collection[int]) -> Mapping[int, Entry]:
        found = await super().entries(list(sequences))
        self.saw(entry.sequence for entry in found)
        if len(found) <= MOST:
            for entry in found:
                self._keep(entry)
        return {entry.sequence: entry for entry in found}

    def _keep(self, entry: Entry) -> None:
        self._entries.keep(entry.sequence, entry, _BESIDE + len(entry.record.body))

    @override
    async def find_by_keys(self, keys: Collection[str]) -> dict[str, list[int]]:
        at, kept = self.newest, self._kept.holders
        known = {key: held async for key in each(keys) if (held := kept.get(key)) is not None}
        if asked := [key for key in keys if key not in known]:
            found = await super().find_by_keys(asked)
            known |= {key: found.get(key, []) for key in asked}
            async for key in each(asked):
                if at == self.newest:
                    kept.keep(key, known[key], 1 + len(known[key]))
            self.saw(sequence for held in found.values() for sequence in held)
        return {key: list(held) for key, held in known.items() if held}

    @override
    async def any_by_keys(self, keys: Collection[str]) -> dict[str, int]:
        at, kept = self.newest, self._kept.any_holder
        known = {key: held async for key in each(keys) if (held := kept.get(key)) is not None}
        if asked := [key for key in keys if key not in known]:
            found = await super().any_by_keys(asked)
            known |= {key: found.get(key, 0) for key in asked}
            async for key in each(asked):
                if at == self.newest:
                    kept.keep(key, known[key], 1)
            self.saw(found.values())
        return {key: held for key, held in known.items() if held}

    @override
    async def links(self, sequences: Collection[int], roles: Collection[Role], *, inward: bool) -> list[Link]:
        if len(sequences) * len(roles) > _MANY:
            return await super().links(sequences, roles, inward=inward)
        at, kept = self.newest, self._kept.inward if inward else self._outward
        known = {(end, role): kept.get((end, role)) async for end in each(sequences) for role in roles}
        ends = {end for (end, _), held in known.items() if held is None}
        if ends:
            found: dict[tuple[int, Role], list[Link]] = {(end, role): [] for end in ends for role in roles}
            async for link in each(await super().links(ends, roles, inward=inward)):
                found[link.target if inward else link.source, link.role].append(link)
            async for place, held in each(found.items()):
                # What leaves a record is there as soon as the record is.
                if at == self.newest if inward else place[0] <= at:
                    kept.keep(place, held, 1 + len(held))
            known |= found
            self.saw(link.source for held in found.values() for link in held)
        return await in_order([link for held in known.values() for link in held or ()])


class PrefetchedReads(GatheredReads):
    """What a transaction has looked up so far."""

    def __init__(self, run: Run) -> None:
        super().__init__(Neo4jReads(_in_turn(run)))


def _in_turn(run: Run) -> Run:
    """A transaction takes one statement at a time, and after one that failed none: its error says whether to retry."""
    lock = asyncio.Lock()
    failed: Exception | None = None

    async def run_alone(query: str, /, **parameters: Any) -> list[Row]:
        nonlocal failed
        async with lock:
            if failed is not None:
                raise failed
            try:
                return await run(query, **parameters)
            except Exception as error:
                failed = error
                raise

    return run_alone
