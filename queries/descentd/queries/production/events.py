"""The log as it grows, for whoever wants to follow."""

import asyncio
from collections.abc import AsyncIterator

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.queries.registry import Registry

_CHUNK = 500
_INTERVAL = 0.2
"""Seconds between looks at the log's end: other processes write to it too."""


async def events(registry: Registry, after: str | None, kinds: frozenset[Kind] | None) -> AsyncIterator[Entry]:
    """Every entry after a cursor (of now where none is given), then each new one once it is durable."""
    position = await registry.sequence() if after is None else _position(after)
    while True:
        newest = await registry.sequence()
        while position < newest:
            span = range(position + 1, min(position + _CHUNK, newest) + 1)
            for entry in await registry.store.entries(span):
                if kinds is None or entry.record.kind in kinds:
                    yield entry
            position = span[-1]
        await asyncio.sleep(_INTERVAL)


def _position(cursor: str) -> int:
    if not cursor.isdecimal() or len(cursor) > 15:
        raise InvalidInput("That is no cursor of an event: use one as it was given.", "after")
    return int(cursor)
