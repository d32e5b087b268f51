"""Shared statements: prefetched look-ups, cached reads, and a single search for equal simultaneous requests.

Each statement costs a round trip and much of the driver, whatever it asks. What a record is never changes, so that none
is read twice while there is room.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from typing_extensions import override

from descentd.graph.cache import Cache
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief
from descentd.graph.store.base import Proposal
from descentd.graph.store.gathering import MOST, BatchLoader, GatheredReads
from descentd.graph.store.neo4j.connection import Row, Run
from descentd.graph.store.neo4j.reads import Neo4jReads, last_sequence
from descentd.graph.turns import apart

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

_LAST: Final = None
"""Asks for the sequence of the newest record, where names of records are asked for."""

_BESIDE: Final = 700
"""Bytes of an entry beside its content."""


class CachedReads(Neo4jReads):
    """Look-ups of what is registered, on a connection. What is not there yet is asked for each time."""

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
            return {_LAST: await last_sequence(self._run)}
        if len(names) > MOST:
            many: Mapping[Any, Any] = await super().resolve(names)
            return {**many, _LAST: await last_sequence(self._run)} if _LAST in wanted else many
        sequence, rows = await self.found(names)
        for one in rows:
            self._briefs.keep(one.name, one.brief, 1)
            self._briefs.keep(one.brief.sequence, one.brief, 1)
            self._keep(one.entry)
            for brief in one.near:
                self._briefs.keep(brief.id, brief, 1)
        return {_LAST: sequence, **{one.name: one.brief for one in rows}}

    @override
    async def briefs(self, sequences: Sequence[int]) -> list[Brief]:
        known = {s: brief for s in sequences if (brief := self._briefs.get(s)) is not None}
        for brief in await super().briefs([s for s in sequences if s not in known]):
            known[brief.sequence] = brief
            self._briefs.keep(brief.sequence, brief, 1)
        return [known[s] for s in sequences if s in known]

    @override
    async def entries(self, sequences: Sequence[int]) -> list[Entry]:
        known = {s: entry for s in sequences if (entry := self._entries.get(s)) is not None}
        known |= await self._by_sequence.load([s for s in sequences if s not in known])
        return [known[s] for s in sequences if s in known]

    async def _read(self, sequences: Collection[int]) -> Mapping[int, Entry]:
        found = await super().entries(list(sequences))
        if len(found) <= MOST:
            for entry in found:
                self._keep(entry)
        return {entry.sequence: entry for entry in found}

    def _keep(self, entry: Entry) -> None:
        self._entries.keep(entry.sequence, entry, _BESIDE + len(entry.record.body))


class PrefetchedReads(GatheredReads):
    """What a transaction has looked up so far."""

    def __init__(self, run: Run) -> None:
        super().__init__(Neo4jReads(_in_turn(run)))

    async def prefetch(self, proposals: Sequence[Proposal]) -> None:
        """Run all drafts at once, for what they look up.

        What becomes of them does not count: each is run again after those before it, and finds its problems then.
        """
        if len(proposals) > 1:
            await asyncio.gather(*(proposal.draft(self) for proposal in proposals), return_exceptions=True)


def _in_turn(run: Run) -> Run:
    """A transaction takes one statement at a time."""
    lock = asyncio.Lock()

    async def run_alone(query: str, /, **parameters: Any) -> list[Row]:
        async with lock:
            return await run(query, **parameters)

    return run_alone
