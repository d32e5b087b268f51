"""The access log: who asked for what. Accesses are collected for a second, counted if equal, and written together.

So it costs a request very little, and nobody can make it grow by more than `_DIFFERENT` rows a second. A refusal of a
known person is durable before the answer. So is an accepted write, which the log of records has with person and time.
Of all other accesses, a killed process may lose those of its last second. If the store may only be read, accesses go to
the log of the server.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Final

import structlog

from descentd.graph.model.accounts import Access
from descentd.graph.model.errors import DescentError, ReadOnly
from descentd.graph.store.operational import Accounts
from descentd.graph.turns import apart

log = structlog.get_logger()

_PERIOD: Final = 1.0
_PAUSE: Final = 0.025
"""Seconds from one write to the next, also while refusals wait for it: at most 40 synced writes a second."""
_MOST: Final = 10_000
"""How many different accesses wait at most, while the store is away."""
_DIFFERENT: Final = 100
"""How many different accesses of one person and address a batch holds; what is beyond is counted in one row."""
_BEYOND: Final = "and others within the same second"


class _Batch:
    def __init__(self) -> None:
        self.accesses: dict[Access, tuple[int, int]] = {}
        """Each access without its time and count, and these."""
        self.written = asyncio.Event()
        self._different: Counter[tuple[str | None, str]] = Counter()
        """How many different accesses there are of a person and an address."""

    def add(self, access: Access) -> None:
        key = replace(access, at=0, count=0)
        source = access.person, access.client
        if key not in self.accesses and self._different[source] >= _DIFFERENT:
            key = replace(key, operation="", detail=_BEYOND)
        self._different[source] += key not in self.accesses
        at, count = self.accesses.get(key, (access.at, 0))
        self.accesses[key] = (at, count + access.count)


class AuditLog:
    """The part of the access log that one process writes. `accounts` raises Unavailable while there is no store."""

    def __init__(self, accounts: Callable[[], Accounts]) -> None:
        self._accounts = accounts
        self._waiting = _Batch()
        self._writing = _Batch()
        """That which is being written, or was last."""
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._closing = False

    def note(self, access: Access) -> None:
        """Add an access within a second."""
        if len(self._waiting.accesses) >= _MOST:
            log.error("access_not_kept", person=access.person, operation=access.operation, outcome=access.outcome)
            return
        self._waiting.add(access)
        if self._task is None or self._task.done():
            self._task = apart(self._write())

    async def keep(self, access: Access) -> None:
        """Add an access and return once that is durable, or was tried."""
        self.note(access)
        await self.flush()

    async def flush(self) -> None:
        """Return once what was added before is durable, or was tried."""
        writing, waiting = self._writing, self._waiting
        if waiting.accesses:
            self._hurry.set()
        for batch in (writing, waiting):
            if batch.accesses:
                await batch.written.wait()

    async def close(self) -> None:
        """Write what waits, or try to; nothing is added after this."""
        self._closing = True
        self._hurry.set()
        if self._task is not None:
            await self._task

    async def _write(self) -> None:
        while self._waiting.accesses:
            try:
                async with asyncio.timeout(_PERIOD):
                    await self._hurry.wait()
            except TimeoutError:
                pass
            self._hurry.clear()
            self._writing, self._waiting = self._waiting, _Batch()
            await self._write_batch(self._writing)
            if self._closing:
                return
            await asyncio.sleep(_PAUSE)

    async def _write_batch(self, batch: _Batch) -> None:
        given = [replace(key, at=at, count=count) for key, (at, count) in batch.accesses.items()]
        try:
            await self._accounts().record_accesses(given)
        except ReadOnly:
            for access in given:
                log.warning("access", **asdict(access))
        except DescentError as error:
            log.error("accesses_not_written", reason=error.message, accesses=len(given))
            for access in given:
                self._waiting.add(access)
        except Exception as error:
            log.error("accesses_lost", accesses=len(given), exc_info=error)
        finally:
            batch.written.set()
