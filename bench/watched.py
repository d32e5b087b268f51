"""`python -m bench.watched FILE serve …`: `descentd serve …`, which notes how long its loop's turns are.

A turn is what the event loop computes before it comes to whatever waits for it. It is measured in processor time of the
loop's thread, which other processes of the machine do not lengthen. FILE, which `Watch` reads, is shared memory.
"""

import asyncio
import gc
import mmap
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from descentd.app.server.cli import main
from descentd.graph import turns

_FORMAT: Final = struct.Struct("ddd")
_EVERY: Final = 0.001


@dataclass(frozen=True)
class Noted:
    """The longest turn in milliseconds, the longest collection of garbage in one, and how many looked at everything."""

    turn: float
    collection: float
    collections: int


class Watch:
    """What a server notes in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        file.write_bytes(bytes(_FORMAT.size))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), _FORMAT.size)

    def take(self) -> Noted:
        """What was noted since the last time."""
        turn, collection, collections = _FORMAT.unpack(self._memory[:])
        self._memory[:] = bytes(_FORMAT.size)
        return Noted(turn * 1000, collection * 1000, int(collections))


class _Notes:
    """Measures in the server's process."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), _FORMAT.size)
        self._began = self._last = 0.0

    def _note(self, turn: float, collection: float = 0, collections: int = 0) -> None:
        longest, paused, number = _FORMAT.unpack(self._memory[:])
        self._memory[:] = _FORMAT.pack(max(longest, turn), max(paused, collection), number + collections)

    def collecting(self, phase: str, info: dict[str, int]) -> None:
        """A callback of the garbage collector, which stops every thread."""
        if phase == "start":
            self._began = time.thread_time()
        else:
            self._note(0, time.thread_time() - self._began, info["generation"] == 2)

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at the time again and again, in the loop."""
        self._last = time.thread_time()
        loop.call_later(_EVERY, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._note(time.thread_time() - self._last)
        self.watch(loop)


def _serve(file: Path) -> None:
    notes = _Notes(file)
    begin = turns.Scheduler.__init__

    def watched(self: turns.Scheduler, loop: asyncio.AbstractEventLoop, *given: Any) -> None:
        begin(self, loop, *given)
        notes.watch(loop)

    turns.Scheduler.__init__ = watched  # type: ignore[assignment, method-assign]
    gc.callbacks.append(notes.collecting)
    main()


if __name__ == "__main__":
    _serve(Path(sys.argv.pop(1)))
