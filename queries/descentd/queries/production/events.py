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
    """Every entry after a cursor (of now where none is given), then each new one once it is durable.

    Raises InvalidInput for a cursor that is not a number, or is beyond the end of the log: that of a registry that was
    restored from a backup, whose next entries are others than those that the cursor's owner has seen.
    """
    newest = await registry.sequence()
    position = newest if after is None else _position(after)
    if position > newest:
        raise InvalidInput(
            f"The cursor {after} is beyond the end of the log, {newest}: the registry may have been restored from a "
            "backup. Read again from `0`, or leave `after` out.",
            "after",
        )
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
        raise InvalidInput("Expected the `cursor` of an event, or `0`.", "after")
    return int(cursor)
