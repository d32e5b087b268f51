"""The lines of a body, in batches: as many as have come when somebody takes them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from descentd.graph.model.errors import TooCostly

BATCH: Final = 500
"""Lines that are taken at a time at most, and may become one transaction."""
_SIZE: Final = 2**20
"""Bytes of lines that nobody has taken, from which on no more are read."""


class Lines:
    """The lines of a stream of bytes, of which each has at most `limit` bytes.

    `read` has to run in a task of its own. Whoever takes lines never waits for more than one, so that a client may wait
    for an answer before it sends the next line; while others are being registered, those that come are gathered.
    """

    def __init__(self, stream: AsyncIterator[bytes], limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._error: Exception | None = None
        self._ended = False
        self._come = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def read(self) -> None:
        """Read the stream until it ends or a line is too long."""
        try:
            await self._read()
        except Exception as error:
            self._error = error
        self._ended = True
        self._come.set()

    async def _read(self) -> None:
        begun: list[bytes] = []
        size = 0
        async for chunk in self._stream:
            first, *others = chunk.split(b"\n")
            begun.append(first)
            size += len(first)
            if size > self._limit:
                raise TooCostly(f"The line is longer than {self._limit} bytes: send smaller manifests.")
            if others:
                await self._add([b"".join(begun), *others[:-1]])
                begun, size = [others[-1]], len(others[-1])
        if size:
            await self._add([b"".join(begun)])

    async def _add(self, lines: list[bytes]) -> None:
        self._lines += lines
        self._size += sum(map(len, lines))
        self._come.set()
        if len(self._lines) >= BATCH or self._size >= _SIZE:
            self._room.clear()
        await self._room.wait()

    async def take(self) -> list[bytes]:
        """The next lines, `BATCH` at most; none after the last.

        Raises what reading the stream raised, and TooCostly for a line that is too long, after the lines before it.
        """
        await self._come.wait()
        taken = [self._lines.popleft() for _ in range(min(BATCH, len(self._lines)))]
        self._size -= sum(map(len, taken))
        if len(self._lines) < BATCH and self._size < _SIZE:
            self._room.set()
        if not self._lines and not self._ended:
            self._come.clear()
        if not taken and self._error is not None:
            raise self._error
        return taken
