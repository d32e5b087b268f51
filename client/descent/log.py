"""The log of a registry as NDJSON: reading all of it, also when the connection is lost meanwhile, into a file."""

import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from descent.errors import DescentError, Problem, Unavailable, Unintelligible, Unreachable, refusal

if TYPE_CHECKING:
    from descent.transport import Transport

_ATTEMPTS: Final = 8
_PAUSES: Final = (0.5, 1.0, 2.0, 4.0)
"""Seconds to wait after the first, second … attempt to go on."""


class LogFileError(DescentError):
    """The log cannot be written to the file."""


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the whole lines of a text that comes in chunks, with their line feeds; what has none is left out."""
    begun: list[bytes] = []
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        begun.append(first)
        if others:
            yield b"".join(begun) + b"\n"
            yield from (line + b"\n" for line in others[:-1])
            begun = [others[-1]]


def log_of(transport: "Transport", after: int = 0) -> Iterator[bytes]:
    """Yield the lines of a registry's log after the entry with this sequence, the last of which ends it.

    If the connection is lost, it goes on behind the last line; what is recorded meanwhile is in it too. Raises
    Unreachable or Unavailable if that fails several times in a row, or if not even one line came.
    """
    position, failures = after, 0
    while True:
        try:
            for line in transport.log_lines(position):
                end = _is_end(line, position)
                yield line
                if end:
                    return
                position, failures = position + 1, 0
            raise Unreachable.because("The connection was lost before the end of the log: try again.")
        except (Unreachable, Unavailable):
            failures += 1
            if position == after or failures == _ATTEMPTS:
                raise
            time.sleep(_PAUSES[min(failures, len(_PAUSES)) - 1])


def _is_end(line: bytes, position: int) -> bool:
    """Whether a line ends the log; raises what it reports, and Unintelligible if it is not the next one."""
    try:
        value: dict[str, Any] = json.loads(line)
        if errors := value.get("errors"):
            raise refusal([Problem(each["message"], each["extensions"]["code"]) for each in errors])
        end = "end" in value
        expected = value["sequence"] == (position if end else position + 1)
    except (ValueError, KeyError, TypeError, AttributeError):
        end = expected = False
    if not expected:
        raise Unintelligible.because(
            f"What follows entry {position} of the log is not the next one: check that DESCENT_URL is the address of a "
            "Descent server."
        )
    return end


def export_log(transport: "Transport", file: Path) -> int:
    """Write the whole log to a file, and return how many entries it has.

    Until it is whole, it is in a file with `.part` after its name, and what is there already is not fetched again.
    Raises LogFileError if the file cannot be written, or if what is there is the beginning of another log.
    """
    part = file.with_name(file.name + ".part")
    try:
        with part.open("r+b" if part.exists() else "w+b") as opened:
            position = _append(transport, opened, part)
            opened.flush()
            os.fsync(opened.fileno())
        part.replace(file)
    except OSError as error:
        raise LogFileError.because(f"{file} cannot be written ({error.strerror}): name another file.") from error
    return position


def _append(transport: "Transport", opened: BinaryIO, part: Path) -> int:
    position, last = _whole_lines(opened)
    if last is None:
        lines = log_of(transport)
    else:
        lines = log_of(transport, position - 1)  # the last line again, to see that it is the same log
        if next(lines) != last:
            raise LogFileError.because(f"{part} is the beginning of another log: remove it, then export again.")
    for line in lines:
        opened.write(line)
        position += 1
    return position - 1


def _whole_lines(opened: BinaryIO) -> tuple[int, bytes | None]:
    """Return the number of entries in an opened file and the last one, None if there is none; cut off what follows."""
    number, size, last = 0, 0, None
    for line in opened:
        if not line.endswith(b"\n") or line.startswith(b'{"end"'):
            break
        number, size, last = number + 1, size + len(line), line
    opened.seek(size)
    opened.truncate()
    return number, last
