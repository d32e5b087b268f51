"""The erosion refresher: a background task that assesses the erosion of versions as results arrive, before requests."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from descentd.graph.model.errors import DescentError
from descentd.graph.turns import begin
from descentd.graph.work import Work
from descentd.queries.erosion.assessment_snapshots import AssessmentSnapshots
from descentd.queries.erosion.registry_ranking import Ranking
from descentd.queries.erosion.registry_refresh import advance
from descentd.queries.registry import Registry

log = structlog.get_logger()

_EVERY: Final = 60.0
"""Seconds between two times at which what was assessed is kept."""


_MANY: Final = 100
"""Records between two looks at the log from which on many are being registered."""
_PATIENCE: Final = 60.0


class Load:
    """Whether many records are being registered at present; `clock` gives seconds.

    What they change is assessed once they are there: meanwhile it would be done again and again, and take from those
    who register. A load that goes on for more than a minute is not waited for.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sequence: int | None = None
        self._calm = clock()

    def goes_on(self, sequence: int) -> bool:
        """Whether to wait, now that the log ends at a sequence."""
        before, self._sequence = self._sequence, sequence
        now = self._clock()
        if before is None or sequence - before < _MANY:
            self._calm = now
        return 0 < now - self._calm < _PATIENCE


class ErosionRefresher:
    """Keeps the ranking of eroded versions up to date with the log; `registry` raises Unavailable while it is not open.

    `note` is called with the sequence up to which the ranking is complete. The end of the log is read every `look`
    seconds, because other processes write to it too. What was assessed is kept in the file at `path`, if there is one.
    """

    def __init__(
        self,
        registry: Callable[[], Registry],
        note: Callable[[int], None],
        look: float = 1.0,
        path: Path | None = None,
    ) -> None:
        self._registry = registry
        self._note = note
        self._look = look
        self._path = path
        self._snapshots = None if path is None else AssessmentSnapshots(path, self._ignored)
        self._written = -_EVERY
        self._task: asyncio.Task[None] | None = None

    def _ignored(self, reason: str) -> None:
        log.warning("snapshot_ignored", file=str(self._path), reason=reason)

    async def begin(self, registry: Registry) -> None:
        """Let a registry that is being opened begin with what was assessed before. Raises Unavailable."""
        if self._snapshots is not None and not registry.cache(Ranking).seen:
            await self._snapshots.restore(registry)

    def start(self) -> None:
        """Start refreshing."""
        self._task = begin(Work(background=True), self._run())

    async def stop(self) -> None:
        """End it, in the middle of a step too, which takes seconds in a large registry; the steps before are kept."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            with suppress(DescentError):
                await self._write(self._registry())

    async def _write(self, registry: Registry) -> None:
        """Keep what was assessed for the next start."""
        if self._snapshots is None or registry.store.read_only or not self._snapshots.due(registry):
            return
        try:
            if await self._snapshots.write(registry):
                log.info("snapshot_written", file=str(self._path), sequence=registry.cache(Ranking).seen)
        except OSError as error:
            log.warning("snapshot_not_written", file=str(self._path), reason=error.strerror)

    async def _run(self) -> None:
        assessed, load = 0, Load()
        while True:
            level = True
            try:
                registry = self._registry()
                if load.goes_on(await registry.sequence()):
                    await asyncio.sleep(self._look)
                    continue
                level = await advance(registry)
                if level and registry.cache(Ranking).upto != assessed:
                    assessed = registry.cache(Ranking).upto
                    self._note(assessed)
                    log.debug("erosions_assessed", sequence=assessed)
                if time.monotonic() - self._written >= _EVERY:
                    await self._write(registry)
                    self._written = time.monotonic()
            except DescentError as error:
                log.debug("assessing_interrupted", reason=error.message)
            except Exception as error:
                log.error("assessing_failed", exc_info=error)
            await asyncio.sleep(self._look if level else 0)
