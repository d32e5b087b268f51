"""The log as text: NDJSON, a line for each entry in log order, and a last line with the root over all of them.

    {"sequence": 1, "transaction": 1, "recordedAt": "2025-01-15T10:00:00.000001Z", "recordedBy": "ana",
     "kind": "DATASET", "id": "sha256:…", "hash": "the entry's leaf hash, in hexadecimal", "content": {…}}
    {"end": "descent.log.v1", "sequence": 1, "root": "the Merkle root over all entries, in hexadecimal"}

A reader that was interrupted goes on after the last sequence that it has. Without the last line, a file is not whole.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.identity import canonical, number
from descentd.graph.model.kinds import KINDS, Kind
from descentd.graph.model.log import Entry, Head
from descentd.graph.model.names import instant, rfc3339
from descentd.graph.model.records import Record

FORMAT: Final = "descent.log.v1"
_FIELDS: Final = ("sequence", "transaction", "recordedAt", "recordedBy", "kind", "id", "hash", "content")
_END: Final = ("end", "sequence", "root")
_HASH: Final = re.compile("[0-9a-f]{64}")
_MOST: Final = 2**53
_TOO_DEEP: Final = "It is nested too deeply."


class InvalidLine(Exception):
    """A line is none of a log; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """An entry as a line has it, with the id and the leaf hash that the line states."""

    entry: Entry
    id: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The last line: how many entries there are, and the Merkle root over them."""

    sequence: int
    root: bytes


def entry_line(entry: Entry) -> bytes:
    """The line of an entry, with its line feed."""
    around = {
        "sequence": entry.sequence,
        "transaction": entry.transaction,
        "recordedAt": rfc3339(entry.recorded_at),
        "recordedBy": entry.recorded_by,
        "kind": entry.record.kind,
        "id": entry.record.id,
        "hash": entry.hash.hex(),
    }
    # The content is in its canonical form already: to parse it and write it again would take most of the time.
    beginning = json.dumps(around, ensure_ascii=False, separators=(",", ":"))[:-1]
    return beginning.encode() + b',"content":' + entry.record.body + b"}\n"


def end_line(head: Head) -> bytes:
    """The last line of a log that ends there."""
    end = {"end": FORMAT, "sequence": head.sequence, "root": head.frontier.root().hex()}
    return json.dumps(end, separators=(",", ":")).encode() + b"\n"


def read_line(line: bytes) -> LogLine | LogEnd:
    """What a line says. Raises InvalidLine where it is no line of a log."""
    try:
        value = _DECODER.decode(line.decode())
    except UnicodeDecodeError:
        raise InvalidLine("It is not UTF-8.") from None
    except RecursionError:
        raise InvalidLine(_TOO_DEEP) from None
    except json.JSONDecodeError as error:
        raise InvalidLine(f"It is not JSON ({error.msg}, column {error.colno}).") from None
    except ValueError as error:
        raise InvalidLine(f"It is not JSON ({error}).") from None
    if not isinstance(value, dict):
        raise InvalidLine("It is not a JSON object.")
    if "end" in value:
        return _end(value)
    _check_fields(value, _FIELDS)
    return _entry(value)


def _end(value: dict[str, Any]) -> LogEnd:
    if value["end"] != FORMAT:
        raise InvalidLine(f"The log is of the format {value['end']!r}, and this version reads {FORMAT}.")
    _check_fields(value, _END)
    if not isinstance(value["root"], str) or not _HASH.fullmatch(value["root"]):
        raise InvalidLine("Its root is not 64 hexadecimal digits.")
    return LogEnd(_whole_number(value, "sequence"), bytes.fromhex(value["root"]))


def _entry(value: dict[str, Any]) -> LogLine:
    kind, id, hash, content = (value[name] for name in ("kind", "id", "hash", "content"))
    if kind not in KINDS:
        raise InvalidLine(f"There is no kind {kind!r} of records.")
    for name in ("recordedAt", "recordedBy", "id", "hash"):
        if not isinstance(value[name], str):
            raise InvalidLine(f"Its {name} is not a text.")
    if not _HASH.fullmatch(hash):
        raise InvalidLine("Its hash is not 64 hexadecimal digits.")
    if not isinstance(content, dict):
        raise InvalidLine("Its content is not a JSON object.")
    try:
        body = canonical(content)
        recorded_at = instant(value["recordedAt"])
        value["recordedBy"].encode()
    except InvalidInput as error:
        raise InvalidLine(error.message) from None
    except RecursionError:
        raise InvalidLine(_TOO_DEEP) from None
    except UnicodeEncodeError:
        raise InvalidLine("Its recordedBy has a lone surrogate (half a character).") from None
    sequence, transaction = _whole_number(value, "sequence"), _whole_number(value, "transaction")
    record = Record(Kind(kind), body)
    return LogLine(Entry(sequence, transaction, record, recorded_at, value["recordedBy"]), id, bytes.fromhex(hash))


def _check_fields(value: dict[str, Any], wanted: tuple[str, ...]) -> None:
    for name in wanted:
        if name not in value:
            raise InvalidLine(f"It is not a line of a log: it has no {name}.")
    for name in value:
        if name not in wanted:
            raise InvalidLine(f"It is not a line of a log: there is no field {name!r} in one.")


def _whole_number(value: dict[str, Any], name: str) -> int:
    found = value[name]
    if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < _MOST:
        raise InvalidLine(f"Its {name} is not a whole number.")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice in one object")
    return found


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=number)
