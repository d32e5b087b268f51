"""The folders that signed notes are written into, by one process at a time."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog

from descentd.graph.model.errors import Unavailable

log = structlog.get_logger()

_LOCK: Final = ".lock"


class Folders:
    """The first of `paths` has what was signed before; the others get copies. There may be none."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Keep all other processes of this machine from signing for the folder; raises Unavailable."""
        if not self._paths:
            yield
            return
        try:
            self._paths[0].mkdir(parents=True, exist_ok=True)
            file = (self._paths[0] / _LOCK).open("a")
        except OSError as error:
            raise _unwritable(error) from error
        with file:  # and with it the lock is given back
            await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
            yield

    def latest(self, name: str) -> str | None:
        """The note under a name; raises Unavailable where it cannot be read."""
        if not self._paths:
            return None
        try:
            return (self._paths[0] / name).read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            raise Unavailable("The last checkpoint cannot be read: check its folder.") from None

    def put(self, name: str, number: int, note: str) -> None:
        """Write a note under its name, for whoever wants the latest, and under its number.

        Raises Unavailable where the first folder cannot be written; of the others that is logged.
        """
        for place, folder in enumerate(self._paths):
            try:
                _write(folder, name, number, note)
            except OSError as error:
                if place == 0:
                    raise _unwritable(error) from error
                log.error("checkpoint_not_copied", reason=error.strerror or str(error))


def _unwritable(error: OSError) -> Unavailable:
    return Unavailable(
        f"The checkpoint cannot be written ({error.strerror or 'it cannot be opened'}): check its folder."
    )


def _write(folder: Path, name: str, number: int, note: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for each in (f"{name}.{number}", name):
        partial = folder / f".{each}.{os.getpid()}"
        with partial.open("w", encoding="utf-8") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / each)
