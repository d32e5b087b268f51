"""Loaders: what resolvers of one request ask for by key at about the same time is looked up at once, and kept."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Loader(Generic[K, V]):
    """Values by key, for one request; `batch` finds those of several keys, in their order."""

    def __init__(self, batch: Callable[[list[K]], Awaitable[Sequence[V]]]) -> None:
        self._batch = batch
        self._found: dict[K, asyncio.Future[V]] = {}
        self._wanted: list[K] = []
        self._task: asyncio.Task[None] | None = None

    def load(self, key: K) -> asyncio.Future[V]:
        """The value of a key, to be awaited; raises what looking it up raised."""
        future = self._found.get(key)
        if future is None or future.cancelled():
            loop = asyncio.get_running_loop()
            if not self._wanted:
                loop.call_soon(self._begin)
            self._wanted.append(key)
            future = self._found[key] = loop.create_future()
        return future

    async def load_many(self, keys: Iterable[K]) -> list[V]:
        """The values of keys, in their order."""
        futures = [self.load(key) for key in keys]
        return [await future for future in futures]

    def prime(self, key: K, value: V) -> None:
        """Keep a value that is known already."""
        future = self._found[key] = asyncio.get_running_loop().create_future()
        future.set_result(value)

    def _begin(self) -> None:
        keys, self._wanted = self._wanted, []
        self._task = asyncio.create_task(self._look_up(keys))

    async def _look_up(self, keys: list[K]) -> None:
        waiting = [self._found[key] for key in keys]
        try:
            for future, value in zip(waiting, await self._batch(keys), strict=True):
                if not future.done():
                    future.set_result(value)
        except Exception as error:
            for future in waiting:
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # where several wait for it, the first that hears of it says so
