"""Keyset cursors: where a page ended, and the log sequence that its first page was computed at.

A cursor is opaque to clients: URL-safe base64 of a JSON list. It carries a digest of the question, so that one cannot
be used with another question by mistake.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from descentd.graph.model.errors import InvalidInput

MOST = 1000
USUAL = 100


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A page of an answer: its items, each with its cursor, and whether more follow.

    `upto` is the sequence that it was computed at, `total` how many items there are on all pages, where that is known.
    """

    items: Sequence[tuple[T, str]]
    more: bool
    upto: int
    total: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """What part of a list is asked for: `first` items after the position `after`, as known at sequence `upto`."""

    first: int
    upto: int
    after: tuple[int, ...] | None
    question: str

    def cursor(self, *position: int) -> str:
        """The cursor of the item at a position."""
        return base64.urlsafe_b64encode(json.dumps([self.question, self.upto, *position]).encode()).decode().rstrip("=")


def page(
    first: int | None, after: str | None, now: int, question: Sequence[object], keys: int = 1, most: int = MOST
) -> Page:
    """The page that a client asks for; `now` is the sequence that the question is asked at.

    question: all that the list depends on, `asOf` with it; keys: how many numbers make a position in this list; most:
    items that may be asked for.
    Raises InvalidInput for a number out of range, and for a cursor that is none, belongs to another question, or to
    a log that is longer than this one.
    """
    if first is not None and not 1 <= first <= most:
        raise InvalidInput(f"Expected 1 to {most}, got {first}: ask for further items with `after`.", "first")
    asked = hashlib.sha256(repr(_plain(question)).encode()).hexdigest()[:12]
    if after is None:
        return Page(first or USUAL, now, None, asked)
    belongs, upto, position = _read(after)
    if belongs != asked:
        raise InvalidInput("The cursor belongs to another question: leave `after` out for the first page.", "after")
    if upto > now or len(position) != keys:
        raise _none()
    return Page(first or USUAL, upto, tuple(position), asked)


def pinned(cursors: Collection[str], now: int) -> int:
    """The sequence that goes with these pages of one question: of the moment of their cursors; `now` without any.

    Raises InvalidInput for what is no cursor, and where they are of several moments.
    """
    found = {_read(cursor)[1] for cursor in cursors}
    if len(found) > 1:
        raise InvalidInput("The cursors belong to different moments: ask for each page by itself.", "after")
    return min(found.pop(), now) if found else now


def _plain(part: object) -> object:
    """What a question depends on, without the names of our classes: a cursor outlives a renaming."""
    if isinstance(part, Enum):
        return part.value
    return [_plain(one) for one in part] if isinstance(part, list | tuple) else part


def _none() -> InvalidInput:
    return InvalidInput("The cursor is not valid: use an `endCursor` of an answer, unchanged.", "after")


def _read(cursor: str) -> tuple[str, int, list[int]]:
    """The question, the sequence and the position of a cursor."""
    try:
        question, *numbers = json.loads(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        )
    except (binascii.Error, ValueError, TypeError):
        raise _none() from None
    if not numbers or not all(type(number) is int and 0 <= number < 2**62 for number in numbers):
        raise _none()
    return question, numbers[0], numbers[1:]
