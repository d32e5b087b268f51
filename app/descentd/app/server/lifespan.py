"""The lifespan of a server's registry: it is opened, with retries until the store is available, and closed in order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import structlog

from descentd.app.http.errors import fault
from descentd.app.server.index_refresher import IndexRefresher
from descentd.app.server.memory import give_back_memory
from descentd.app.server.policy_files import read_policies
from descentd.app.server.settings import Settings
from descentd.app.server.store_url import NEO4J, scheme, snapshot_file, store_at, without_credentials
from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.model.errors import InvalidInput, ReadOnly, Unavailable
from descentd.graph.model.reach import SupportsReach
from descentd.graph.store.committer import Committer
from descentd.queries.governance.policies import register_policies
from descentd.queries.registry import Registry

log = structlog.get_logger()

_RETRY: Final = 1.0
_HEAD_START: Final = 0.25
"""How long the index may take to load before a store that walks by itself answers in its place."""
_PATIENCE: Final = 5.0

Begin = Callable[[Registry], Awaitable[None]]
"""What is done with a registry before it is asked."""


class Lifespan:
    """A registry that is open, or will be. `ending` is set when the server has to stop."""

    def __init__(self, settings: Settings) -> None:
        """Raises InvalidInput if the settings name no valid store, or one that lacks a required feature.

        Raises Invalid with the problems of the policies.
        """
        if settings.topology == "store" and scheme(settings.store) not in NEO4J:
            raise InvalidInput("Only Neo4j walks the graph by itself: leave out --topology store, or name a Neo4j.")
        if scheme(settings.store) == "memory" and settings.workers > 1:
            raise InvalidInput("A registry in memory lives in one process: use --workers 1, or a file.")
        self._policies = read_policies(settings.policies) if settings.policies else ()
        self._pushed_down = settings.topology == "store"
        self._store = store_at(settings.store)
        self._refresher = IndexRefresher(snapshot_file(settings.store, "index"), self._store)
        self._address = without_credentials(settings.store)
        self._registry: Registry | None = None
        self._reason = "The registry is being opened: try again in a moment."
        self._opening: asyncio.Task[None] | None = None
        self._begin: Sequence[Begin] = ()
        self._tried = asyncio.Event()
        self.ending = asyncio.Event()

    @property
    def registry(self) -> Registry:
        """The registry; raises Unavailable while it is not open."""
        if self._registry is None:
            raise Unavailable(self._reason)
        return self._registry

    async def start(self, when_ready: Callable[[int], None], *begin: Begin) -> None:
        """Open the registry; if that fails, return and retry in the background.

        So a worker accepts requests only when it can answer them, or must answer that the store is unavailable.
        `when_ready` is called with the number of records as soon as the registry is open; `begin` are run before that,
        perhaps more than once.
        """
        self._begin = begin
        self._opening = asyncio.create_task(self._open(when_ready))
        await self._tried.wait()

    async def sequence(self) -> int:
        """The sequence of the newest entry; raises Unavailable also if the store does not answer in time."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self.registry.store.sequence()
        except TimeoutError:
            raise Unavailable("The store does not answer: try again in a moment.") from None

    async def stop(self) -> None:
        """Wait for writes that were begun, and close the store."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await self._refresher.stop()
        if self._registry is not None:
            registry, self._registry, self._reason = self._registry, None, "The server is stopping: try again."
            await registry.committer.close()
        await self._store.close()

    async def _open(self, when_ready: Callable[[int], None]) -> None:
        await self._until_it_works(self._store.open)
        index = LineageIndex(self._store)
        loading = None if self._pushed_down else asyncio.create_task(self._until_it_works(self._loaded(index)))
        try:
            await self._serve(index, loading, when_ready)
        finally:
            if loading is not None:
                loading.cancel()

    async def _serve(
        self, index: LineageIndex, loading: "asyncio.Task[None] | None", when_ready: Callable[[int], None]
    ) -> None:
        """Answer requests: with the index as soon as it is loaded, before that with a store that can walk itself."""
        store = self._store
        by_itself = store if isinstance(store, SupportsReach) else None
        if loading is not None:
            await asyncio.wait({loading}, timeout=None if by_itself is None else _HEAD_START)
        loaded = loading is not None and loading.done()
        registry = Registry(store, index if loaded or by_itself is None else by_itself, Committer(store))
        records = 0

        async def put_policies() -> None:
            if self._policies:
                for id in await register_policies(registry, self._policies):
                    log.info("policy_registered", id=id)

        async def count() -> None:
            nonlocal records
            records = await store.sequence()

        steps: list[Callable[[], Awaitable[None]]] = [partial(begin, registry) for begin in self._begin]
        for step in (*steps, put_policies):
            await self._until_it_works(self._unless_read_only(step))
        await self._until_it_works(count)
        self._registry = registry
        self._tried.set()
        log.info("ready", store=self._address, records=records)
        when_ready(records)
        if loading is not None:
            await loading
            self._use(index)

    def _use(self, index: LineageIndex) -> None:
        """Let the index walk from now on, which is loaded, and look after it."""
        if self._registry is not None and self._registry.walk is not index:
            self._registry = replace(self._registry, walk=index)
            log.info("index_loaded", store=self._address)
        self._refresher.start(index)

    def _unless_read_only(self, step: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """`step` as far as it may be done: a registry that may only be read is served for reading."""

        async def done() -> None:
            try:
                await step()
            except ReadOnly as error:
                log.warning("read_only", store=self._address, reason=error.message)

        return done

    def _loaded(self, index: LineageIndex) -> Callable[[], Awaitable[None]]:
        async def load() -> None:
            await self._refresher.restore(index)
            await index.catch_up(await self._store.sequence())
            give_back_memory()

        return load

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
