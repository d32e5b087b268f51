"""Importing a log: the NDJSON of another registry, into an empty store of any kind.

The same ids, sequences, times, persons and Merkle root come out. What holds for new records does not hold for these:
they were registered elsewhere, by the rules of that time. The whole file is checked before anything is written.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from descentd.graph.model.errors import Code, DescentError
from descentd.graph.model.log import Entry, Head
from descentd.graph.model.log_lines import InvalidLine, LogEnd, LogLine, read_line
from descentd.graph.model.merkle import Frontier
from descentd.graph.store.base import Store, Stored
from descentd.graph.verify_log import LogCheck, LogError

_BATCH: Final = 2000
_LONGEST: Final = 64 * 1024 * 1024
"""Bytes of a line; whatever has longer ones is no log, and must not fill the memory."""

_ADVICE: Final = "Nothing was imported: export the log again with `descent export ndjson --all`."


class InvalidLog(DescentError):
    """A file is not the whole and unchanged log of a registry; the message names the line."""

    code = Code.INVALID_INPUT


def check_log(file: Path) -> LogEnd:
    """The end of the log in a file, once every line is what a registry wrote.

    Raises InvalidLog where it is not, and OSError.
    """
    checked = _CheckedLog(file)
    with file.open("rb") as opened:
        for number, line in enumerate(_lines(opened), 1):
            checked.add(number, line)
    return checked.end()


async def import_log(store: Store, file: Path, progress: Callable[[int, int], None] | None = None) -> LogEnd:
    """Fill an empty store, which nobody has open, with the log in a file; the end of that log.

    `progress` is called with how many entries were written, and of how many. Raises InvalidLog, and then nothing was
    imported; what `Store.import_log` raises; and OSError.
    """
    end = check_log(file)
    await store.import_log(_batches(file, end, progress))
    return end


class _CheckedLog:
    """The lines of a file as far as they are right."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._log = LogCheck(())
        self._names: set[bytes] = set()
        self._end: LogEnd | None = None
        self._lines = 0

    def add(self, number: int, line: bytes) -> None:
        """The next line. Raises InvalidLog."""
        self._lines = number
        try:
            if self._end is not None:
                raise InvalidLine("The line before ended the log, and nothing follows that.")
            read = read_line(line)
            if isinstance(read, LogLine):
                self._entry(read)
            else:
                self._check_end(read)
        except (InvalidLine, LogError) as wrong:
            raise InvalidLog(f"{self._file}, line {number}: {wrong} {_ADVICE}") from None

    def end(self) -> LogEnd:
        """The end of the log. Raises InvalidLog where there was none."""
        if self._end is None:
            raise InvalidLog(
                f"{self._file}, line {self._lines + 1}: The file is cut off: the line that ends a log is missing. "
                f"{_ADVICE}"
            )
        return self._end

    def _entry(self, line: LogLine) -> None:
        record = line.entry.record
        if line.id != record.id:
            raise LogError(f"Its id is {line.id}, but its kind and content have the id {record.id}.")
        try:
            stored = _stored(line)
        except Exception:  # whatever a content that somebody else wrote may bring about
            raise LogError(f"Its content is not that of a record of the kind {record.kind}.") from None
        self._log.compare([stored], Head(line.entry.sequence))
        for edge in stored.edges:
            if _digest(edge.target) not in self._names:
                raise LogError(f"It refers to {edge.target}, which is not before it in the log.")
        for name in (stored.id, stored.label):
            if name is not None:
                if _digest(name) in self._names:
                    raise LogError(f"There is another record {name} before it.")
                self._names.add(_digest(name))

    def _check_end(self, end: LogEnd) -> None:
        if end.sequence != self._log.sequence:
            raise LogError(f"The log should have {end.sequence} entries, but the file has {self._log.sequence}.")
        if end.root != self._log.frontier.root():
            raise LogError(
                f"The log should have the root {end.root.hex()}, but that of the file is "
                f"{self._log.frontier.root().hex()}."
            )
        self._end = end


def _stored(line: LogLine) -> Stored:
    """A line as what a store would hold of it, for the comparison with what follows from its content."""
    record = line.entry.record
    return Stored(line.entry, line.id, record.label, line.hash, record.edges, record.keys, record.words)


def _digest(name: str) -> bytes:
    """A short stand-in for an id or a label, so that the names of a million records fit into memory."""
    return blake2b(name.encode(), digest_size=16).digest()


def _lines(opened: BinaryIO) -> Iterator[bytes]:
    while line := opened.readline(_LONGEST):
        yield line


def _batches(file: Path, end: LogEnd, progress: Callable[[int, int], None] | None) -> Iterator[Sequence[Entry]]:
    """The entries of a file that was checked. Raises InvalidLog at the end where it was changed since."""
    frontier = Frontier()
    with file.open("rb") as opened:
        lines = _lines(opened)
        while frontier.size < end.sequence:
            entries = [_reread(line, file) for line in islice(lines, min(_BATCH, end.sequence - frontier.size))]
            frontier = frontier.append(entry.hash for entry in entries)
            if frontier.size == end.sequence and frontier.root() != end.root:
                raise _changed(file)
            yield entries
            if progress is not None:
                progress(frontier.size, end.sequence)


def _reread(line: bytes, file: Path) -> Entry:
    try:
        read = read_line(line)
    except InvalidLine:
        raise _changed(file) from None
    if not isinstance(read, LogLine):
        raise _changed(file)
    return read.entry


def _changed(file: Path) -> InvalidLog:
    return InvalidLog(f"{file} was changed while it was being imported: import it again.")
