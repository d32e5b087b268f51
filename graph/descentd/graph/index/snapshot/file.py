"""Snapshot files: named arrays with the origin that they were worked out from, mapped into memory.

    magic, format and length of the header, its SHA-256     48 + 8 bytes
    header                                                  JSON: contents, origin, and of each column its type,
                                                            length, room, place and checksum
    columns                                                 each at a page of its own, with room behind it

The room is a hole that takes no disk: it is there so that a process can append to a column where it is mapped. The file
is mapped copy-on-write, so what is appended or changed is the process's own, and the rest is shared by all of them. A
file is never changed: another takes its place, and those who have the old one mapped keep it.
"""

import fcntl
import hashlib
import json
import mmap
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from descentd.graph.index.arrays import Growing
from descentd.graph.index.columns import Misfit, Stored
from descentd.graph.index.snapshot.origin import Origin

FORMAT: Final = 2
"""Counted up with every change of the layout, of the columns, and of what is worked out into them."""

_MAGIC: Final = b"descent.snapshot"
_START: Final = struct.Struct(">16sII32s")
_LONGEST: Final = 1 << 16
"""Bytes of a header."""
_PAGE: Final = mmap.PAGESIZE
_TORN: Final = "it is damaged or cut off"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An opened snapshot. `identity` is of the file: device, inode, size and time of its last change."""

    origin: Origin
    columns: Mapping[str, Growing[Any]]
    identity: tuple[int, ...]


def identity(path: Path) -> tuple[int, ...] | None:
    """What is another for each file that is put at a path; None where there is none."""
    try:
        return _identity(path.stat())
    except OSError:
        return None


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def read(path: Path, contents: str) -> Snapshot | None:
    """The snapshot at a path, None where there is no file. Raises Misfit where it is none of `contents`, or damaged.

    All of it is compared with its checksums, which takes a tenth of a second for 100 MB.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            header = _header(file.read(_START.size + _LONGEST), contents)
            if status.st_size != header["size"]:
                raise Misfit(_TORN)
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        columns = {name: _column(mapped, *place) for name, *place in header["columns"]}
        return Snapshot(Origin(**header["origin"]), columns, _identity(status))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Misfit(f"it cannot be read ({error.strerror})") from None
    except (KeyError, TypeError, ValueError):
        raise Misfit(_TORN) from None


def _header(start: bytes, contents: str) -> dict[str, Any]:
    if len(start) < _START.size:
        raise Misfit(_TORN)
    magic, format, length, digest = _START.unpack_from(start)
    if magic != _MAGIC:
        raise Misfit("it is no snapshot")
    if format != FORMAT:
        raise Misfit(f"it has format {format}, and this release reads format {FORMAT}")
    text = start[_START.size : _START.size + length]
    if len(text) != length or hashlib.sha256(text).digest() != digest:
        raise Misfit(_TORN)
    header: dict[str, Any] = json.loads(text)
    if header["contents"] != contents:
        raise Misfit(f"it holds {header['contents']} and not {contents}")
    return header


def _column(mapped: mmap.mmap, dtype: str, length: int, room: int, place: int, checksum: int) -> Growing[Any]:
    buffer = np.frombuffer(mapped, np.dtype(dtype), room, place)
    if _checksum(buffer[:length]) != checksum:
        raise Misfit(_TORN)
    return Growing.over(buffer, length)


def _checksum(array: NDArray[Any]) -> int:
    return zlib.crc32(_bytes(array))


def _bytes(array: NDArray[Any]) -> memoryview:
    return memoryview(array.view(np.uint8).data) if len(array) else memoryview(b"")


def write(
    path: Path, contents: str, origin: Origin, stored: Stored, keep: Callable[[], bool] = lambda: False
) -> tuple[int, ...] | None:
    """Put a snapshot at a path, durably and all at once, and return its identity.

    None where another process is about to, and where `keep`, asked while nobody else writes, says that what is there is
    to stay. Raises OSError, with nothing changed, where it cannot be written.
    """
    part = path.with_name(f"{path.name}-part")
    file = _locked(part)
    if file is None:
        return None
    try:
        if keep():
            part.unlink()
            return None
        _fill(file, contents, origin, stored)
        written = _identity(os.fstat(file))
        part.rename(path)  # while it is locked, so that nobody else writes into it
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    finally:
        os.close(file)
    _sync_folder(path.parent)
    return written


def _fill(file: int, contents: str, origin: Origin, stored: Stored) -> None:
    arrays = [np.ascontiguousarray(array) for array in stored.values()]
    header, places, size = _layout(contents, origin, dict(zip(stored, arrays, strict=True)))
    os.truncate(file, 0)
    _write(file, 0, memoryview(header))
    for place, array in zip(places, arrays, strict=True):
        _write(file, place, _bytes(array))
    os.truncate(file, size)
    os.fsync(file)


def _write(file: int, place: int, rest: memoryview) -> None:
    while rest:
        written = os.pwrite(file, rest, place)
        place, rest = place + written, rest[written:]


def _locked(part: Path) -> int | None:
    """The opened file that the next snapshot is written into, locked; None where another process has it."""
    while True:
        file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if identity(part) == _identity(os.fstat(file)):
                return file
        except BlockingIOError:
            os.close(file)
            return None
        os.close(file)  # who had it before has put it in its place


def _layout(contents: str, origin: Origin, stored: Stored) -> tuple[bytes, list[int], int]:
    """The beginning of a file, where its columns are, and its size."""
    columns: list[list[Any]] = []
    room = [(len(array) + len(array) // 8 + 64) for array in stored.values()]
    place = _START.size + _LONGEST
    for (name, array), items in zip(stored.items(), room, strict=True):
        place = -(-place // _PAGE) * _PAGE
        columns.append([name, array.dtype.str, len(array), items, place, _checksum(array)])
        place += items * array.dtype.itemsize
    header = {"contents": contents, "origin": asdict(origin), "columns": columns, "size": place}
    text = json.dumps(header).encode()
    start = _START.pack(_MAGIC, FORMAT, len(text), hashlib.sha256(text).digest())
    return start + text, [column[4] for column in columns], place


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
