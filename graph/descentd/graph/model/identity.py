"""Content identity: the canonical form of JSON, and the id that follows from it.

A record's id is SHA-256 over a domain tag with its kind and format version, then the RFC 8785 form of its content.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any, Final

import rfc8785

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind

DEEPEST = 64
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
# Where that is not RFC 8785: floats such as 1.0 and 1e-05, integers that may be too large, keys beyond U+FFFF, which
# sort differently. What is found may be inside a text; that only costs time.
_NOT_JCS: Final = (".0,", ".0}", ".0]", "e+", "e-")
_LONG: Final = re.compile(r"[\[:,]-?[0-9]{16}")
_LONG_BODY: Final = re.compile(_LONG.pattern.encode())
_ASTRAL: Final = re.compile(r"[\U00010000-\U0010ffff]")
Content = dict[str, Any]


def canonical(content: object) -> bytes:
    """RFC 8785 (JCS) bytes of a JSON value.

    Raises InvalidInput for NaN, infinities, integers past 2^53 - 1 and lone surrogates.
    """
    if isinstance(content, dict | list):
        # Python's encoder is twenty times as fast as rfc8785 and writes the same, but where `_needs_rfc8785` says.
        try:
            text = _ENCODER.encode(content)
            if not _needs_rfc8785(text):
                return text.encode()
        except (ValueError, TypeError):
            pass  # which rfc8785 says better
    try:
        return rfc8785.dumps(content)  # type: ignore[arg-type]
    except rfc8785.IntegerDomainError:
        raise InvalidInput("An integer is past 2^53 - 1, where JSON readers disagree: write it as text.") from None
    except rfc8785.FloatDomainError:
        raise InvalidInput("NaN and infinities are no JSON numbers: leave the value out or write it as text.") from None
    except (rfc8785.CanonicalizationError, UnicodeEncodeError):
        raise InvalidInput(
            "This is no JSON value: write texts in valid Unicode (no lone surrogates) and keys as texts."
        ) from None


def _needs_rfc8785(text: str) -> bool:
    if any(mark in text for mark in _NOT_JCS) or _LONG.search(text):
        return True
    return not text.isascii() and _ASTRAL.search(text) is not None


def in_order(elements: Iterable[Any]) -> list[Any]:
    """A set as contents hold it, in canonical order; most hold a single element, for which none is worked out."""
    found = list(elements)
    return sorted(found, key=canonical) if len(found) > 1 else found


def parse(body: bytes) -> Content:
    """The content that `canonical` wrote."""
    if _LONG_BODY.search(body):
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
    return "sha256:" + hashlib.sha256(b"descent.record.v1:%s\n" % kind.encode() + body).hexdigest()


def check_depth(value: object, deepest: int = DEEPEST) -> None:
    """Raise InvalidInput where JSON is nested deeper than `deepest`; walks level by level, never by recursion."""
    level = [value]
    for _ in range(deepest + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return
        level = below
    raise InvalidInput(f"The value is nested more than {deepest} deep: flatten it.")
