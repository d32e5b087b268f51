"""Content identity: the canonical form of JSON, and the id that follows from it.

A record's id is SHA-256 over a domain tag with its kind and format version, then the RFC 8785 form of its content.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any, Final

import orjson
import rfc8785

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind

DEEPEST = 64
_OPTIONS: Final = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_DOUBTFUL: Final = rb"(?:null|-?[0-9]{16}|-?[0-9.]+(?:e[-+]?[0-9]{1,3}|(?<=\.0))[,}\]])"
"""What orjson may write otherwise than RFC 8785: null, which it also writes for NaN, integers that may be too large,
and floats such as 1.0 and 1e-05. What is found may be inside a text; that only costs time."""
_DOUBTFUL_ELEMENT: Final = re.compile(rb"[\[,]" + _DOUBTFUL)
_DOUBTFUL_MEMBER: Final = re.compile(rb'":' + _DOUBTFUL)
_SHAPE: Final = bytes.maketrans(b"123456789-n[", b"00000000000,")
"""Makes one of each character that such a value may begin with, and of those before it in a list: to look for two
bytes takes a tenth of the time of the patterns."""
_ASTRAL: Final = re.compile(rb"[\xf0-\xf4]")
"""In UTF-8 the first byte of a character beyond U+FFFF; keys with one sort differently."""
_LONG: Final = re.compile(rb"[\[:,]-?[0-9]{16}")
_TAGS: Final = {kind: b"descent.record.v1:%s\n" % kind.encode() for kind in Kind}
_NESTED: Final = (dict, list)
Content = dict[str, Any]


def canonical(content: object) -> bytes:
    """RFC 8785 (JCS) bytes of a JSON value.

    Raises InvalidInput for NaN, infinities, integers past 2^53 - 1 and lone surrogates.
    """
    if isinstance(content, _NESTED):
        # orjson is far faster than rfc8785 and writes the same, but where `_needs_rfc8785` says.
        try:
            body = orjson.dumps(content, option=_OPTIONS)
        except orjson.JSONEncodeError:
            pass  # which rfc8785 says better
        else:
            if not _needs_rfc8785(body):
                return body
    try:
        return rfc8785.dumps(content)  # type: ignore[arg-type]
    except rfc8785.IntegerDomainError:
        raise InvalidInput("An integer is past 2^53 - 1, where JSON readers disagree: write it as text.") from None
    except rfc8785.FloatDomainError:
        raise InvalidInput(
            "NaN and infinities are not JSON numbers: leave the value out or write it as text."
        ) from None
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        raise InvalidInput(
            "This is not a JSON value: write texts in valid Unicode (no lone surrogates) and keys as texts."
        ) from None


def _needs_rfc8785(body: bytes) -> bool:
    shape = body.translate(_SHAPE)
    return (
        (b",0" in shape and _DOUBTFUL_ELEMENT.search(body) is not None)
        or (b'":0' in shape and _DOUBTFUL_MEMBER.search(body) is not None)
        or (not body.isascii() and _ASTRAL.search(body) is not None)
    )


def in_order(elements: Iterable[Any]) -> list[Any]:
    """A set as contents hold it, in canonical order; most hold a single element, for which none is worked out."""
    found = list(elements)
    return sorted(found, key=canonical) if len(found) > 1 else found


def parse(body: bytes) -> Content:
    """The content that `canonical` wrote."""
    if _LONG.search(body):
        # A float from 2^53 to 10^21 is written like an integer (RFC 8785, 3.2.2.3), and is a float nevertheless.
        content: Content = json.loads(body, parse_int=number)
    else:
        content = json.loads(body)
    return content


def number(written: str) -> int | float:
    """The number that canonical JSON writes like an integer; from 2^53 on it is a float."""
    return int(written) if abs(int(written)) < 2**53 else float(written)


def content_id(kind: Kind, body: bytes) -> str:
    """The id of a record of `kind` whose canonical content is `body`."""
    return "sha256:" + hashlib.sha256(_TAGS[kind] + body).hexdigest()


def check_depth(value: object, deepest: int = DEEPEST) -> None:
    """Raise InvalidInput where JSON is nested deeper than `deepest`; walks level by level, never by recursion."""
    level: list[Any] = [value] if isinstance(value, _NESTED) else []
    for _ in range(deepest):
        if not level:
            return
        parts = [item.values() if isinstance(item, dict) else item for item in level]
        level = [inner for part in parts for inner in part if isinstance(inner, _NESTED)]
    if any(level):
        raise InvalidInput(f"The value is nested more than {deepest} deep: flatten it.")
