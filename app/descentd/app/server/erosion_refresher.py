"""The erosion refresher: a background task that assesses the erosion of versions as results arrive, before requests."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from descentd.graph.model.errors import DescentError
from descentd.queries.erosion.registry_ranking import Ranking
from descentd.queries.erosion.registry_refresh import advance
from descentd.queries.registry import Registry

log = structlog.get_logger()


class ErosionRefresher:
    """Keeps the ranking of eroded versions up to date with the log; `registry` raises Unavailable while it is not open.

    `note` is called with the sequence up to which the ranking is complete. The end of the log is read every `look`
    seconds, because other processes write to it too.
    """

    def __init__(self, registry: Callable[[], Registry], note: Callable[[int], None], look: float = 1.0) -> None:
        self._registry = registry
        self._note = note
        self._look = look
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start refreshing."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End it, in the middle of a step too, which takes seconds in a large registry; half a step leaves nothing."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        assessed = 0
        while True:
            start, level = time.monotonic(), True
            try:
                registry = self._registry()
                level = await advance(registry)
                if level and registry.cache(Ranking).upto != assessed:
                    assessed = registry.cache(Ranking).upto
                    self._note(assessed)
                    log.debug("erosions_assessed", sequence=assessed)
            except DescentError as error:
                log.debug("assessing_interrupted", reason=error.message)
            except Exception as error:
                log.error("assessing_failed", exc_info=error)
            # While there is more, half of the time is for those who ask.
            await asyncio.sleep(self._look if level else time.monotonic() - start)
