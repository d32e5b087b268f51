"""Writes checkpoints as a registry grows, and a last one when its server stops."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from descentd.app.checkpoints.signer import Signer, checkpoint_signer
from descentd.app.http.errors import problem_response
from descentd.graph.model.errors import DescentError, NotFound, Unavailable
from descentd.queries.proofs import LogTree
from descentd.queries.registry import Registry

log = structlog.get_logger()


class CheckpointWriter:
    """Writes a checkpoint after every `every` entries; `registry` raises Unavailable while it is not open.

    With a checkpoint, or after as many events beside the log, it also writes a note about the chains of events. The end
    of the log is read every `look` seconds, because other processes write to it too.
    """

    def __init__(
        self, signer: Signer | None, registry: Callable[[], Registry], every: int, *, writes: bool, look: float = 1.0
    ) -> None:
        self._signer = signer
        self._registry = registry
        self._every = every
        self._writes = writes and signer is not None
        self._look = look
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def answer(self, _request: Request) -> Response:
        """The present signed checkpoint as an HTTP response; 404 if there is no key."""
        try:
            registry = self._registry()
            note = await checkpoint_signer(self._signer).sign(registry.store, registry.cache(LogTree))
        except (NotFound, Unavailable) as error:
            return problem_response(error)
        return PlainTextResponse(note, headers={"Cache-Control": "no-cache"})

    def start(self) -> None:
        """Start writing."""
        if self._writes:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write the last one."""
        self._ending.set()
        if self._task is not None:
            await self._task
            await self._write(1)

    async def _run(self) -> None:
        while not self._ending.is_set():
            await self._write(self._every)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look):
                    await self._ending.wait()

    async def _write(self, least: int) -> None:
        try:
            registry, signer = self._registry(), checkpoint_signer(self._signer)
            written = await signer.write(registry.store, registry.cache(LogTree), least)
            await signer.write_chains(registry.store, 1 if written else least)
        except DescentError as error:
            log.warning("checkpoint_not_written", reason=error.message)
        except Exception as error:
            log.error("checkpoint_not_written", exc_info=error)
