"""The files that a registry in SQLite is in: whether they may be written, and whether they are still the same."""

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote


def may_write(path: Path) -> bool:
    """Whether a file may be written, and files may be made beside it, as writing takes."""
    effective = os.access in os.supports_effective_ids
    return all(os.access(one, os.W_OK, effective_ids=effective) for one in (path, path.parent))


def open_read_only(path: Path) -> tuple[sqlite3.Connection, bool]:
    """A connection to a file that is only read, and whether it relies on nobody changing the file; see `unchanged`.

    It does where SQLite can make no files beside it and there are none. Raises sqlite3.Error.
    """
    effective = os.access in os.supports_effective_ids
    alone = not os.access(path.parent, os.W_OK, effective_ids=effective) and not Path(f"{path}-wal").exists()
    address = f"file:{quote(str(path.absolute()))}?mode=ro{'&immutable=1' if alone else ''}"
    settings = "PRAGMA busy_timeout = 10000; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY;"
    return connect(address, settings), alone


def connect(address: str, settings: str) -> sqlite3.Connection:
    """A connection to the file at a `file:` address, with settings; closed again where it raises sqlite3.Error."""
    connection = sqlite3.connect(
        address, uri=True, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    try:
        connection.executescript(settings)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def names(path: Path) -> list[str]:
    """The names of the files that a registry is in which may be written."""
    return [f"{path}{suffix}" for suffix in ("", "-wal", "-shm", "-lock")]


def identities(names: Sequence[str]) -> list[tuple[int, int]]:
    """Device and inode of each of some files, as their names lead to them now. Raises OSError."""
    return [(status.st_dev, status.st_ino) for status in map(os.stat, names)]


def unchanged(path: Path) -> list[tuple[int, int]]:
    """What is the same for as long as nobody changes a file, or opens it to do so. Raises OSError."""
    status = path.stat()
    written = int(Path(f"{path}-wal").exists())
    return [*identities([str(path)]), (status.st_size, status.st_mtime_ns), (written, 0)]
