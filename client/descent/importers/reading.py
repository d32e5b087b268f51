"""Reading files of other tools: bounded in size, without following what leads out, and with places in messages.

No other module of this package opens a file. Pickles are never loaded. Every function raises NotImported with the file,
the place in it and the reason.
"""

import gzip
import io
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from descent.errors import NotImported, Problem
from descent.importers.at import At
from descent.nodes import shorten

MAX_BYTES: Final = 256 * 2**20
"""The largest file, after decompression, that is read into memory."""

MAX_LINES_BYTES: Final = 4 * 2**30
"""The largest file, after decompression, that is read line by line."""

MAX_LINE: Final = 64 * 2**20
MAX_FILES: Final = 100_000
MAX_DEPTH: Final = 400
_GZIP: Final = b"\x1f\x8b"
_PICKLE: Final = (".pkl", ".pickle", ".joblib", ".pt", ".pth")
_BINARY: Final = (
    (b"PK\x03\x04", "a zip archive, such as a workbook of Excel"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\x00", "a database of SQLite"),
    (b"%PDF-", "a PDF"),
)
_BOMS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def refused(source: str, message: str, place: str | None = None, line: int | None = None) -> NotImported:
    """Return the error for a file that cannot be imported: its name, the place in it, and the reason."""
    return NotImported([Problem(message, None, place, line)], source)


class Sources:
    """The files under what a user named; what was passed over is kept, to be said."""

    def __init__(self) -> None:
        self.passed_over: list[tuple[str, str]] = []
        """Files that were not read, and why."""
        self.failed: list[NotImported] = []

    def files(self, path: str, suffixes: Iterable[str] = ()) -> Iterator[Path]:
        """Yield a file, or the files in a folder, in the order of their names; only those with one of the suffixes.

        A file that was named itself is yielded whatever its suffix. Links that lead out of the folder are passed over.
        """
        start = Path(path)
        if start.is_file():
            yield start
        elif start.is_dir():
            yield from self._walk(start, tuple(suffixes))
        elif start.exists():
            raise refused(path, "This is neither a file nor a folder.")
        else:
            raise refused(path, "There is no such file or folder.")

    def _walk(self, start: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
        root = start.resolve()
        seen = 0
        for folder, folders, names in os.walk(start, onerror=self._unlisted):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                file = Path(folder) / name
                seen += 1
                if seen > MAX_FILES:
                    raise refused(str(start), f"The folder has more than {MAX_FILES:,} files: import a part of it.")
                if suffixes and not name.lower().endswith(suffixes):
                    self.passed_over.append((str(file), "another kind of file"))
                elif file.is_symlink() and not _within(file, root):
                    self.failed.append(refused(str(file), "This link leads out of the folder, and is not followed."))
                elif file.is_file():
                    yield file

    def _unlisted(self, error: OSError) -> None:
        self.failed.append(refused(str(error.filename), f"The folder cannot be read: {error.strerror}."))


def _within(file: Path, root: Path) -> bool:
    try:
        return file.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        return False


def inside(folder: Path, name: str, source: str, place: str | None = None) -> Path:
    """Return a file that another file names, which has to be within the folder."""
    file = folder / name
    if Path(name).is_absolute() or ".." in Path(name).parts or not _within(file, folder.resolve()):
        raise refused(source, f'"{shorten(name)}" is not a file within {folder}.', place)
    return file


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder, sorted."""
    try:
        names = sorted(one.name for one in folder.iterdir())
    except OSError as error:
        raise refused(str(folder), f"The folder cannot be read: {error.strerror}.") from error
    if len(names) > MAX_FILES:
        raise refused(str(folder), f"The folder has more than {MAX_FILES:,} files: import a part of it.")
    return names


def is_file(path: Path) -> bool:
    """Return whether a name is a file that may be read: no link that leads out, except into the cache's own blobs."""
    if not path.is_symlink():
        return path.is_file()
    cache = next((one for one in path.absolute().parents if one.name.startswith("models--")), path.parent)
    return path.is_file() and _within(path, cache.resolve())


# ---------------------------------------------------------------- bytes and text


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Return the content of a file, decompressed if it is gzip."""
    if path.suffix.lower() in _PICKLE:
        raise refused(str(path), "This is a pickle, or may hold one: such files can run code and are never loaded.")
    try:
        if (size := path.stat().st_size) > limit:
            raise _too_large(str(path), limit, size)
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise refused(str(path), f"The file cannot be read: {error.strerror}.") from error
    if not data:
        raise refused(str(path), "The file is empty.")
    if data.startswith(_GZIP):
        data = bounded(gzip.GzipFile(fileobj=io.BytesIO(data)), str(path), limit)
    if len(data) > limit:
        raise _too_large(str(path), limit, len(data))
    return data


def bounded(stream: Any, source: str, limit: int = MAX_BYTES, place: str | None = None) -> bytes:
    """Return all that a decompressing stream gives, unless it is more than `limit` bytes."""
    try:
        data: bytes = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise refused(source, f"The compressed data is damaged or cut off: {error}.", place) from error
    if len(data) > limit:
        raise refused(source, f"The content is larger than {limit:,} bytes once it is decompressed.", place)
    return data


def _too_large(source: str, limit: int, size: int) -> NotImported:
    return refused(source, f"The file has {size:,} bytes; at most {limit:,} are read: import it in parts.")


def decode(data: bytes, source: str, place: str | None = None) -> str:
    """Return the text of a file: UTF-8, or what its byte order mark says."""
    for mark, what in _BINARY:
        if data.startswith(mark):
            raise refused(source, f"This is {what}, and not text: export it as text.", place)
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = (
            f"Byte 0x{data[error.start]:02x} is not {encoding.upper()}: this is not text, or is in another encoding."
        )
        raise refused(source, message, place, line) from error


def read_text(path: Path, limit: int = MAX_BYTES) -> str:
    """Return the text of a file."""
    return decode(read_bytes(path, limit), str(path))


# ---------------------------------------------------------------- JSON and YAML


def read_json(path: Path, limit: int = MAX_BYTES) -> At:
    """Return the JSON value in a file. NaN and infinity, which many tools write, are read as such."""
    return json_value(read_text(path, limit), str(path))


def json_value(text: str, source: str, line: int | None = None, place: str | None = None) -> At:
    """Return the value of a JSON text; `line` is its line if it is one of many. Duplicate keys are refused."""
    try:
        return At(json.loads(text, object_pairs_hook=_members), (), source, line)
    except json.JSONDecodeError as error:
        if other := _other_format(text):
            raise refused(source, other, place, line) from error
        at_end = not text[error.pos :].strip() or error.msg.startswith("Unterminated string")
        what = (
            "The file ends in the middle of the JSON" if at_end and text.strip() else f"This is not JSON: {error.msg}"
        )
        raise refused(source, f"{what}.", place, line or error.lineno) from error
    except _GivenTwice as error:
        raise refused(source, f'The key "{shorten(str(error))}" is given twice in one object.', place, line) from error
    except RecursionError as error:
        raise refused(source, "The JSON is nested too deeply.", place, line) from error
    except ValueError as error:
        raise refused(source, f"This is not JSON: {shorten(str(error), 120)}.", place, line) from error


def _other_format(text: str) -> str | None:
    """Return what a text that is not JSON is, where its beginning says so."""
    start = text[:200].lstrip("\ufeff \t\r\n").lower()
    if start.startswith("version https://git-lfs.github.com/spec/"):
        return "This is not JSON, but a pointer of Git LFS: fetch the file with `git lfs pull`."
    if start.startswith(("<!doctype html", "<html")):
        return "This is not JSON, but a page in HTML: get the file itself."
    return "This is not JSON, but XML: only JSON is read here." if start.startswith("<?xml") else None


class _GivenTwice(Exception):
    """A key is given twice in one JSON object."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen = set[str]()
        for key, _ in pairs:
            if key in seen:
                raise _GivenTwice(key)
            seen.add(key)
    return members


def read_json_lines(path: Path, limit: int = MAX_LINES_BYTES) -> Iterator[At]:
    """Yield the JSON value on each line of a file that is not empty; the file is not read into memory."""
    source = str(path)
    read = 0
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == _GZIP
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if compressed else raw as file:
                for number in range(1, limit):
                    line = file.readline(MAX_LINE + 1)
                    if not line:
                        break
                    read += len(line)
                    if len(line) > MAX_LINE or read > limit:
                        raise refused(source, "The file, or this line of it, is too large to be read.", None, number)
                    if line.strip():
                        text = decode(line.rstrip(b"\r\n"), source, None)
                        yield json_value(text, source, number)
    except (OSError, EOFError, zlib.error) as error:
        raise refused(source, f"The file cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if not read:
        raise refused(source, "The file is empty.")


def read_yaml(path: Path) -> At:
    """Return the YAML value in a file."""
    return yaml_value(read_text(path, 16 * 2**20), str(path))


def yaml_value(text: str, source: str) -> At:
    """Return the value of a YAML text: duplicate keys, tags of Python and aliases that expand too far are refused."""
    from descent.errors import InvalidManifest
    from descent.importers.yaml_values import plain
    from descent.yaml_text import read_yaml as read_nodes

    problems: list[Problem] = []

    def report(message: str, path: Any, node: Any) -> None:  # noqa: ARG001
        problems.append(Problem(message, None, None, getattr(node, "line", None) or None))

    try:
        root = read_nodes(text, source, report)
    except InvalidManifest as error:
        raise NotImported(
            [Problem(p.message, None, p.field, p.line, p.column) for p in error.problems], source
        ) from error
    if problems:
        raise NotImported(problems, source)
    return At(plain(root), (), source)
