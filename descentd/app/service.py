"""The registry behind a server: opened when the store lets us, opened again until it does, closed in order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from descentd.app.errors import fault
from descentd.app.policy_files import read_policies
from descentd.app.settings import Settings
from descentd.app.stores import scheme, store_at, without_credentials
from descentd.graph.errors import InvalidInput, Unavailable
from descentd.graph.store.committer import Committer
from descentd.graph.walker import Walker
from descentd.queries.policies import register_policies
from descentd.queries.registry import Registry

log = structlog.get_logger()

_RETRY: Final = 1.0
_PATIENCE: Final = 5.0


class Service:
    """A registry that is there, or will be. `ending` is set when the server is told to stop."""

    def __init__(self, settings: Settings) -> None:
        """Raises InvalidInput where the settings name no store, or one that cannot do what is asked.

        Raises Invalid for what is wrong with the policies.
        """
        if settings.topology == "store":
            raise InvalidInput("No store walks the graph by itself yet: leave out --topology store.")
        if scheme(settings.store) == "memory" and settings.workers > 1:
            raise InvalidInput("A registry in memory lives in one process: use --workers 1, or a file.")
        self._policies = read_policies(settings.policies) if settings.policies else ()
        self._store = store_at(settings.store)
        self._address = without_credentials(settings.store)
        self._registry: Registry | None = None
        self._reason = "The registry is being opened: try again in a moment."
        self._opening: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self.ending = asyncio.Event()

    @property
    def registry(self) -> Registry:
        """The registry; raises Unavailable while it is not open."""
        if self._registry is None:
            raise Unavailable(self._reason)
        return self._registry

    async def start(self, when_ready: Callable[[int], None]) -> None:
        """Open the registry; where that fails, return and go on trying.

        So a worker takes requests only once it can answer them, or has to say that nobody can. `when_ready` is called
        with the number of records once the registry is open.
        """
        self._opening = asyncio.create_task(self._open(when_ready))
        await self._tried.wait()

    async def sequence(self) -> int:
        """How far the log is; raises Unavailable also where the store takes too long to say."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self.registry.store.sequence()
        except TimeoutError:
            raise Unavailable("The store does not answer: try again in a moment.") from None

    async def stop(self) -> None:
        """Let writes that were begun end, and close the store."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._registry is not None:
            registry, self._registry, self._reason = self._registry, None, "The server is stopping: try again."
            await registry.committer.close()
        await self._store.close()

    async def _open(self, when_ready: Callable[[int], None]) -> None:
        await self._until_it_works(self._store.open)
        walker, records = Walker(self._store), 0

        async def catch_up() -> None:
            nonlocal records
            records = await self._store.sequence()
            await walker.catch_up(records)

        await self._until_it_works(catch_up)
        registry = Registry(self._store, walker, Committer(self._store))

        async def put_policies() -> None:
            nonlocal records
            for id in await register_policies(registry, self._policies):
                log.info("policy_registered", id=id)
                records += 1

        await self._until_it_works(put_policies)
        self._registry = registry
        self._tried.set()
        log.info("ready", store=self._address, records=records)
        when_ready(records)

    async def _until_it_works(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await step()
            except Unavailable as error:
                if error.message != self._reason:
                    log.warning("store_unavailable", store=self._address, reason=error.message)
                self._reason = error.message
            except Exception as error:
                self._reason = fault(error).message
            self._tried.set()
            await asyncio.sleep(_RETRY)
