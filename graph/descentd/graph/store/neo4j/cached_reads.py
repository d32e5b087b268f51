"""Look-ups in Neo4j that keep what they found: records never change, so none is read twice while there is room."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from descentd.graph.cache import Cache
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief
from descentd.graph.store.neo4j.batching import MOST, BatchLoader
from descentd.graph.store.neo4j.connection import Run
from descentd.graph.store.neo4j.reads import Neo4jReads

NAMES: Final = 30_000
"""Briefs that are kept, by each of their names and by sequence."""

ROOM: Final = 16_000_000
"""Bytes of entries that are kept, by and large."""

_BESIDE: Final = 700
"""Bytes of an entry beside its content."""


class CachedReads(Neo4jReads):
    """Look-ups of what is registered, on a connection. What is not there yet is asked for each time."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._by_name = BatchLoader(self._resolve)
        self._by_sequence = BatchLoader(self._read)
        CachedReads.forget(self)

    def forget(self) -> None:
        """Forget what was found."""
        self._briefs = Cache[Brief](NAMES)
        self._entries = Cache[Entry](ROOM)

    async def resolve(self, names: Collection[str]) -> dict[str, Brief]:
        """See Reads."""
        known = {name: brief for name in names if (brief := self._briefs.get(name)) is not None}
        return known | dict(await self._by_name.get([name for name in names if name not in known]))

    async def _resolve(self, names: Collection[str]) -> Mapping[str, Brief]:
        """Whoever asks for a few by name mostly goes on to what they hold, so that this comes with them."""
        if len(names) > MOST:
            return await super().resolve(names)
        found = await self.found(names)
        for name, (brief, entry) in found.items():
            self._briefs.keep(name, brief, 1)
            self._briefs.keep(brief.sequence, brief, 1)
            self._keep(entry)
        return {name: brief for name, (brief, _) in found.items()}

    async def briefs(self, sequences: Sequence[int]) -> list[Brief]:
        """See Reads."""
        known = {s: brief for s in sequences if (brief := self._briefs.get(s)) is not None}
        for brief in await super().briefs([s for s in sequences if s not in known]):
            known[brief.sequence] = brief
            self._briefs.keep(brief.sequence, brief, 1)
        return [known[s] for s in sequences if s in known]

    async def entries(self, sequences: Sequence[int]) -> list[Entry]:
        """See Reads."""
        known = {s: entry for s in sequences if (entry := self._entries.get(s)) is not None}
        known |= await self._by_sequence.get([s for s in sequences if s not in known])
        return [known[s] for s in sequences if s in known]

    async def _read(self, sequences: Collection[int]) -> Mapping[int, Entry]:
        found = await super().entries(list(sequences))
        if len(found) <= MOST:
            for entry in found:
                self._keep(entry)
        return {entry.sequence: entry for entry in found}

    def _keep(self, entry: Entry) -> None:
        self._entries.keep(entry.sequence, entry, _BESIDE + len(entry.record.body))
