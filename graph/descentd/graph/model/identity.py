"""Content identity and the Merkle tree of the log.

A record's id is SHA-256 over a domain tag with its kind and format version, then the RFC 8785 form of its content.
The tree is that of RFC 6962, section 2.1: leaves are hashed with a 0x00 in front, inner nodes with a 0x01.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import rfc8785

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind

DEEPEST = 64
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
# Where that is not RFC 8785: floats such as 1.0 and 1e-05, integers that may be too large, keys beyond U+FFFF, which
# sort differently. What is found may be inside a text; that only costs time.
_PECULIAR: Final = (".0,", ".0}", ".0]", "e+", "e-")
_LONG: Final = re.compile(r"[\[:,]-?[0-9]{16}")
_LONG_BODY: Final = re.compile(_LONG.pattern.encode())
_ASTRAL: Final = re.compile(r"[\U00010000-\U0010ffff]")
Content = dict[str, Any]


def canonical(content: object) -> bytes:
    """RFC 8785 (JCS) bytes of a JSON value.

    Raises InvalidInput for NaN, infinities, integers past 2^53 - 1 and lone surrogates.
    """
    if isinstance(content, dict | list):
        # Python's encoder is twenty times as fast as rfc8785 and, but for what is peculiar, writes the same.
        try:
            text = _ENCODER.encode(content)
            if not _is_peculiar(text):
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


def _is_peculiar(text: str) -> bool:
    if any(mark in text for mark in _PECULIAR) or _LONG.search(text):
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
        content: Content = json.loads(body, parse_int=_number)
    else:
        content = json.loads(body)
    return content


def _number(written: str) -> int | float:
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


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of a leaf (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\1" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """What it takes to append to a Merkle tree: its size and the roots of its full subtrees, largest first."""

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def append(self, leaves: Iterable[bytes]) -> "Frontier":
        """The frontier with leaf hashes added at the end."""
        size, roots = self.size, list(self.roots)
        for leaf in leaves:
            node, level = leaf, size
            while level & 1:
                node = node_hash(roots.pop(), node)
                level >>= 1
            roots.append(node)
            size += 1
        return Frontier(size, tuple(roots))

    def root(self) -> bytes:
        """The root of the whole tree; SHA-256 of nothing for the empty one."""
        if not self.roots:
            return hashlib.sha256(b"").digest()
        *rest, root = self.roots
        for left in reversed(rest):
            root = node_hash(left, root)
        return root

    def dump(self) -> str:
        """As stores keep it: the roots in hexadecimal, separated by spaces."""
        return " ".join(root.hex() for root in self.roots)

    @classmethod
    def load(cls, size: int, dumped: str) -> "Frontier":
        """The frontier that `dump` wrote; raises ValueError for anything else."""
        frontier = cls(size, tuple(bytes.fromhex(root) for root in dumped.split()))
        if frontier.dump() != dumped or len(frontier.roots) != size.bit_count():
            raise ValueError("not a frontier as it is dumped")
        return frontier


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes."""
    return Frontier().append(leaves).root()
