"""Pieces of sentences: lists and counts as people read them."""

from collections.abc import Sequence
from typing import Final

NAMED: Final = 3
"""Parts of a long list that are named."""


def conjunction(parts: Sequence[str]) -> str:
    """All parts: `a`, `a and b`, `a, b and c`; at least one."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def shortened(parts: Sequence[str], most: int = NAMED) -> str:
    """The first parts, and how many more there are: `a, b, c and 4 more`."""
    more = len(parts) - most
    return conjunction([*parts[:most], f"{more} more"] if more > 0 else parts)


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 version`, `1,200 versions`; the plural adds an s unless given."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
