"""Zip archives of other tools, read member by member and never extracted.

Names that lead out, links, encryption and members that are too large once decompressed are refused. Python's zipfile
knows Zstandard (method 93) from 3.14 on only, so its members are read here from the raw bytes.
"""

import stat
import struct
import sys
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any, Final

from descent.importers.at import At
from descent.importers.reading import MAX_BYTES, bounded, decode, json_value, refused

ZSTANDARD: Final = 93
MAX_MEMBERS: Final = 1_000_000
MAX_RATIO: Final = 2_000
"""How many bytes a compressed one may become. JSON of repeated text reaches some hundreds."""

_LOCAL: Final = struct.Struct("<4s5H3L2H")


class Archive:
    """A zip archive that is open for reading; a context manager."""

    def __init__(self, path: Path) -> None:
        self.source = str(path)
        try:
            self._file: IO[bytes] = path.open("rb")
        except OSError as error:
            raise refused(self.source, f"The file cannot be read: {error.strerror}.") from error
        try:
            self._zip = zipfile.ZipFile(self._file)
            self._members = {info.filename: info for info in self._zip.infolist()}
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            self._file.close()
            empty = path.stat().st_size == 0
            raise refused(
                self.source, "The file is empty." if empty else f"This is not a complete zip archive: {error}."
            ) from error
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._zip.close()
        self._file.close()

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def names(self) -> list[str]:
        """Return the names of all members, in the order of the archive."""
        return list(self._members)

    def size(self, name: str) -> int:
        """Return how large a member says that it is once it is decompressed."""
        return self._members[name].file_size

    def _check(self) -> None:
        if len(self._members) > MAX_MEMBERS:
            raise refused(self.source, f"The archive has more than {MAX_MEMBERS:,} members.")
        for name, info in self._members.items():
            posix, windows = PurePosixPath(name), PureWindowsPath(name)
            if posix.is_absolute() or windows.drive or windows.root or ".." in (*posix.parts, *windows.parts):
                raise refused(self.source, "The name of this member leads out of the archive.", name)
            if stat.S_ISLNK(info.external_attr >> 16):
                raise refused(self.source, "This member is a link; links in archives are not followed.", name)
            if info.flag_bits & 0x1:
                raise refused(self.source, "This member is encrypted.", name)

    def json(self, name: str) -> At:
        """Return the JSON value in a member."""
        source = f"{self.source}/{name}"
        return json_value(decode(self.read(name), source), source)

    def read(self, name: str, limit: int = MAX_BYTES) -> bytes:
        """Return the content of a member, checked against its CRC-32."""
        info = self._members.get(name)
        if info is None:
            raise refused(self.source, "The archive lacks this member.", name)
        limit = min(limit, max(info.compress_size, 1024) * MAX_RATIO)
        if info.file_size > limit:
            message = (
                f"The member would have {info.file_size:,} bytes once it is decompressed; at most {limit:,} are read."
            )
            raise refused(self.source, message, name)
        if info.compress_type == ZSTANDARD:
            data = self._zstandard(info, limit)
        else:
            try:
                with self._zip.open(info) as member:
                    data = bounded(member, self.source, limit, name)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
                raise refused(self.source, f"The member cannot be read: {error}.", name) from error
        if zlib.crc32(data) != info.CRC:
            raise refused(self.source, "The member is damaged: its checksum differs.", name)
        return data

    def _zstandard(self, info: zipfile.ZipInfo, limit: int) -> bytes:
        self._file.seek(info.header_offset)
        header = self._file.read(_LOCAL.size)
        if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
            raise refused(
                self.source, "The archive is damaged: there is no member where its directory says.", info.filename
            )
        *_, name_length, extra_length = _LOCAL.unpack(header)
        self._file.seek(name_length + extra_length, 1)
        module, error_type = _zstd()
        with module.ZstdFile(_Part(self._file, info.compress_size)) as member:
            try:
                return bounded(member, self.source, limit, info.filename)
            except error_type as error:
                raise refused(self.source, f"The compressed data is damaged: {error}.", info.filename) from error


class _Part:
    """The next bytes of a file as a file of their own."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        size = self._left if size < 0 else min(size, self._left)
        data = self._file.read(size)
        self._left -= len(data)
        return data

    def readable(self) -> bool:
        return True


def _zstd() -> tuple[Any, type[Exception]]:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd, zstd.ZstdError
