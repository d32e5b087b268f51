"""The snapshots of a lineage index: opened at the start, and written anew as the log grows."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from descentd.graph.index.columns import Columns, Misfit
from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.index.snapshot import file
from descentd.graph.index.snapshot.origin import Log, Origin
from descentd.graph.index.topology import Topology
from descentd.graph.model.reach import Tail

CONTENTS: Final = "index"
LEAST: Final = 10_000
"""A log that is shorter is read as fast as a snapshot, and one that grew by less is not worth another."""
SHARE: Final = 16
"""A snapshot is written anew once the log has grown by this part of it."""
AT_END: Final = 1_000
"""When a server ends, one is written if the log has grown by this many records: fewer are read in milliseconds."""


class GrowingLog(Log, Protocol):
    """A log whose growth an index can take in."""

    async def tail(self, after: int) -> Tail:
        """What the influence graph needs to know of the records after a sequence."""
        ...


class IndexSnapshots:
    """The snapshots in a file of the index of a log. All methods raise Unavailable while the log cannot be read.

    `ignored` is called with the reason where there is a snapshot that cannot be used.
    """

    def __init__(self, path: Path, log: GrowingLog, ignored: Callable[[str], object]) -> None:
        self._path = path
        self._log = log
        self._ignored = ignored
        self._known: tuple[int, ...] | None = None
        """The file that was looked at last."""
        self._sequence = 0
        """Of the snapshot that the index is on."""
        self._tried = 0
        """Where the index was when one was opened or written last, or could not be."""

    async def restore(self, index: LineageIndex) -> bool:
        """Go on from the snapshot in the file; False where there is none that can be used."""
        self._known = file.identity(self._path)
        try:
            found = await asyncio.to_thread(file.read, self._path, CONTENTS)
            if found is None:
                return False
            await found.origin.check(self._log)
            topology = Topology(Columns(found.columns))
        except Misfit as misfit:
            self._ignored(str(misfit))
            return False
        self._known = found.identity
        await index.replace(topology)
        self._sequence = self._tried = found.origin.sequence
        return True

    def due(self, sequence: int, *, ending: bool = False) -> bool:
        """Whether a log that ends at a sequence has grown by enough for another snapshot."""
        least = AT_END if ending else max(LEAST, self._tried // SHARE)
        return sequence >= LEAST and sequence - self._tried >= least

    async def renew(self, index: LineageIndex) -> bool:
        """Put the index on a newer snapshot: one that another process wrote, or else one that is written now.

        False where another process is about to write one. Raises OSError where it cannot be written.
        """
        before, newer = self._sequence, file.identity(self._path) not in {None, self._known}
        if newer and await self.restore(index) and self._sequence > before:
            return True
        return await self.write(index) and await self.restore(index)

    async def write(self, index: LineageIndex) -> bool:
        """Write a snapshot of the index as of now; False where another process is about to. Raises OSError."""
        head = await self._log.head()
        await index.catch_up(head.sequence)
        before, topology = self._tried, index.topology
        self._tried = topology.size
        stored = await asyncio.to_thread(topology.columns)
        origin = await Origin.of(self._log, head.frontier, len(stored["kinds"]) - 1)
        if await asyncio.to_thread(file.write, self._path, CONTENTS, origin, stored):
            return True
        self._tried = before  # so that what the other process writes is gone on from
        return False
