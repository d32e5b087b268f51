"""Look-ups of many requests in one statement: each costs a round trip and much of the driver, whatever is asked.

As a group commit does for writes: what is asked for while a statement is under way goes together into the next.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

MOST: Final = 100
"""Who asks for more than this at once would have others wait, and asks alone."""


class BatchLoader(Generic[Key, Value]):
    """Asks for keys, one statement at a time, which begins after everybody who waits for it has asked."""

    def __init__(self, find: Callable[[Collection[Key]], Awaitable[Mapping[Key, Value]]]) -> None:
        self._find = find
        self._wanted: dict[Key, None] = {}
        self._next: asyncio.Task[Mapping[Key, Value]] | None = None
        self._last: asyncio.Task[Mapping[Key, Value]] | None = None

    async def get(self, keys: Collection[Key]) -> Mapping[Key, Value]:
        """The values of those keys that have one; raises what the statement raised, which all who share it are told."""
        if not keys:
            return {}
        if len(keys) > MOST:
            return await self._find(keys)
        self._wanted |= dict.fromkeys(keys)
        if self._next is None:
            self._next = self._last = asyncio.create_task(self._ask(self._last))
        found = await asyncio.shield(self._next)
        return {key: found[key] for key in keys if key in found}

    async def _ask(self, before: asyncio.Task[Mapping[Key, Value]] | None) -> Mapping[Key, Value]:
        if before is not None and not before.done():
            await asyncio.wait({before})
        self._next = None
        wanted, self._wanted = self._wanted, {}
        return await self._find(wanted.keys())
