"""A strict reader of JSON: it refuses what Python's own accepts or changes silently."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import orjson

from descentd.graph.model import identity
from descentd.graph.model.errors import InvalidInput
from descentd.graph.turns import in_thread

DEEPEST: Final = identity.DEEPEST + 16
"""A value in a manifest may be nested `identity.DEEPEST` deep, and the manifest's own shape comes on top of that."""

_MOST: Final = 1_000_000
"""Commas in a body: while C code reads it nobody else computes, for five millions a tenth of a second."""
_LARGE: Final = 64 * 1024
"""Bytes from which a body is read in a thread: a millisecond."""
_SHAPE: Final = bytes.maketrans(b"123456789[,- \t\r\n", b"000000000:::::::")
_BLANKS: Final = bytes.maketrans(b"\t\r\n", b"   ")
_LONG: Final = b":" + b"0" * 16
"""What in the `_SHAPE` of a body may be an integer that orjson reads as a float."""
_ABSENT: Final = object()
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


def read(body: bytes, what: str = "The request") -> Any:
    """The JSON value in `body`; `what` names it in messages.

    Raises InvalidInput for anything but UTF-8, for a byte order mark, duplicate keys, NaN, infinities and numbers that
    become one, lone surrogates, nesting past `DEEPEST`, and more than a million values.
    """
    if len(body) > _MOST and body.count(b",") > _MOST:
        raise InvalidInput(f"{what} has more than {_MOST:,} values: send less at once.")
    value = _quickly(body)
    if value is not _ABSENT:
        return value
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{what} is not UTF-8 (byte {error.start}): send it in UTF-8.") from None
    if text.startswith("\ufeff"):
        raise InvalidInput(f"{what} begins with a byte order mark: leave it out.")
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise InvalidInput(f"{what} is nested more than {DEEPEST} deep: flatten it.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(f"{what} is not JSON ({error.msg}, {place}): correct it.") from None
    except ValueError:  # Python refuses to read integers of more than 4,300 digits
        raise InvalidInput(f"{what} contains an integer of more than 4,300 digits: write it as text.") from None
    if text.count("[") + text.count("{") > DEEPEST:
        identity.check_depth(value, DEEPEST)
    if _SURROGATE.search(text):
        _check_surrogates(value, what)
    return value


def _quickly(body: bytes) -> Any:
    """What orjson reads, which is far faster; `_ABSENT` where that may differ, or where something is wrong.

    Of a key that occurs twice it keeps one, so that what it writes again has fewer of them.
    """
    if body[:1] not in (b"{", b"["):
        return _ABSENT
    if body.count(b"[") + body.count(b"{") > DEEPEST or _LONG in body.translate(_SHAPE):
        return _ABSENT
    if b"\\" in body or b'" ' in body.translate(_BLANKS):
        return _ABSENT  # keys cannot be counted: they may be followed by a space, and texts may hold quotes
    try:
        value = orjson.loads(body)
        same = orjson.dumps(value).count(b'":') == body.count(b'":')
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return _ABSENT
    return value if same else _ABSENT


async def read_in_turns(body: bytes, what: str = "The request") -> Any:
    """As `read`; a large body is read in a thread."""
    return await in_thread(read, body, what) if len(body) > _LARGE else read(body, what)


def _check_surrogates(value: Any, what: str) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{what} contains a lone surrogate (half a character): send text as UTF-8.") from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InvalidInput(f"The key {repr(twice)[:80]} occurs twice in one object: keep one.")
    return found


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise InvalidInput(f"The number {text[:40]} is larger than a JSON number can be: write it as text.")
    return number


def _constant(text: str) -> NoReturn:
    raise InvalidInput(f"{text} is not a JSON number: where nothing was measured, leave the result out.")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
