"""The index refresher: a background task that puts the lineage index on a snapshot, and writes one as the log grows."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from descentd.app.server.memory import give_back_memory
from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.index.snapshot.index_snapshots import IndexSnapshots
from descentd.graph.model.errors import DescentError
from descentd.graph.store.base import Store

log = structlog.get_logger()

_EVERY: Final = 10.0
"""Seconds between two looks at how far the log has grown."""


class IndexRefresher:
    """Keeps the snapshot of a store's index in a file. `path` is None where none is kept."""

    def __init__(self, path: Path | None, store: Store) -> None:
        self._path = path
        self._store = store
        self._snapshots = None if path is None else IndexSnapshots(path, store, self._ignored)
        self._index: LineageIndex | None = None
        self._task: asyncio.Task[None] | None = None

    def _ignored(self, reason: str) -> None:
        log.warning("snapshot_ignored", file=str(self._path), reason=reason)

    async def restore(self, index: LineageIndex) -> None:
        """Put the index on the snapshot, if there is one that can be used. Raises Unavailable."""
        if self._snapshots is not None and await self._snapshots.restore(index):
            log.info("snapshot_opened", file=str(self._path), sequence=index.topology.size)

    def start(self, index: LineageIndex) -> None:
        """Start looking after an index, which is loaded."""
        self._index = index
        if self._snapshots is not None:
            self._task = asyncio.create_task(self._run(self._snapshots, index))

    async def stop(self) -> None:
        """End it, and leave a snapshot for the next start if the log has grown since the last one."""
        if self._task is None or self._snapshots is None or self._index is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._renew(self._snapshots, self._index, ending=True)

    async def _run(self, snapshots: IndexSnapshots, index: LineageIndex) -> None:
        while True:
            await self._renew(snapshots, index)
            await asyncio.sleep(_EVERY)

    async def _renew(self, snapshots: IndexSnapshots, index: LineageIndex, *, ending: bool = False) -> None:
        try:
            if self._store.read_only or not snapshots.due(await self._store.sequence(), ending=ending):
                return
            if await (snapshots.write(index) if ending else snapshots.renew(index)):
                give_back_memory()
                log.info("snapshot_written", file=str(self._path), sequence=index.topology.size)
        except OSError as error:
            log.warning("snapshot_not_written", file=str(self._path), reason=error.strerror)
        except DescentError as error:
            log.debug("snapshot_interrupted", reason=error.message)
        except Exception as error:
            log.error("snapshot_failed", exc_info=error)
