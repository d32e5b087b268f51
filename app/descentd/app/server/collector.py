"""The garbage collection of a worker: what is new while requests are answered, everything when the process is idle.

Python's own full collections examine every object, and every request waits: up to half a second beside answers of a
million objects. Here, what survives a full collection is frozen (`gc.freeze`), so that the next one examines only what
is new since. Reference counts free frozen objects as usual. A reference cycle that became garbage after it was frozen
stays until everything is examined: when the process is idle, has grown by much, or at the latest after ten minutes.
So such garbage is never more than `_GROWTH` allows and ten minutes create.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog

from descentd.app.server.memory import give_back_memory, resident

log = structlog.get_logger()

_THRESHOLDS: Final = 700, 10, 4
"""Of Python's three generations; by its own, 700, 10 and 10, some 70,000 objects are examined at once, or 60 ms."""
_ENOUGH: Final = 50
"""Times that survivors were frozen, some 28,000 objects each, after which an idle process examines everything."""
_IDLE_SHARE: Final = 0.02
"""Share of a processor below which a process is idle."""
_IDLE_CHECKS: Final = 3
"""Checks in a row at which it has to be."""
_GROWTH: Final = 256 * 2**20
"""Bytes, beside half of what it had, by which a process may grow before everything is examined, busy or not."""
_AT_LATEST: Final = 600
"""Checks after which everything is examined, busy or not: memory that is fragmented need not grow."""


class Collector:
    """Collects from `start` on, in the running loop; what exists by then is frozen.

    `clock` gives seconds of processor time, and `memory` bytes. Seconds between two checks are `every`.
    """

    def __init__(
        self, clock: Callable[[], float] = time.process_time, memory: Callable[[], int] = resident, every: float = 1.0
    ) -> None:
        self._clock = clock
        self._memory = memory
        self._every = every
        self._frozen = self._idle = self._checks = 0
        self._used = clock()
        self._size = memory()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        gc.freeze()
        gc.set_threshold(*_THRESHOLDS)
        gc.callbacks.append(self._collected)
        self._task = asyncio.create_task(self._run())

    def _collected(self, phase: str, info: Mapping[str, Any]) -> None:
        if phase == "stop" and info["generation"] == 2:
            gc.freeze()
            self._frozen += 1

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            self.check()

    def check(self) -> int | None:
        """Examine everything if that is due; how many objects were garbage, None if it was not due."""
        used, self._used = self._used, self._clock()
        self._idle = self._idle + 1 if self._used - used < _IDLE_SHARE * self._every else 0
        self._checks += 1
        due = (
            (self._idle >= _IDLE_CHECKS and self._frozen >= _ENOUGH)
            or (self._checks >= _AT_LATEST and self._frozen > 0)
            or self._memory() > 1.5 * self._size + _GROWTH
        )
        return self._collect() if due else None

    def _collect(self) -> int:
        gc.unfreeze()
        found = gc.collect()  # which freezes what is left
        give_back_memory()
        self._frozen = self._checks = 0
        self._size = self._memory()
        self._used = self._clock()
        log.debug("collected", garbage=found, resident=self._size)
        return found
