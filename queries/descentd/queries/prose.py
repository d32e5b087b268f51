"""Pieces of sentences: lists and counts as people read them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from descentd.graph.model.kinds import Kind

NAMED: Final = 3
"""Parts of a long list that are named."""

_SIBILANTS: Final = ("s", "x", "z", "ch", "sh")
_VOWELS: Final = frozenset("aeiou")


def ended(text: str) -> str:
    """What somebody wrote, ended as a sentence is, so that another may follow."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def conjunction(parts: Sequence[str]) -> str:
    """All parts: `a`, `a and b`, `a, b and c`; empty for none."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def shortened(parts: Sequence[str], most: int = NAMED) -> str:
    """The first parts, and how many more there are: `a, b, c and 4 more`."""
    more = len(parts) - most
    return conjunction([*parts[:most], f"{more} more"] if more > 0 else parts)


def counted(number: int, noun: str, many: str = "") -> str:
    """A number with its noun: `1 version`, `1,200 versions`; `many` is the plural where it is irregular (`people`)."""
    return f"{number:,} {noun if number == 1 else many or plural(noun)}"


def plural(noun: str) -> str:
    """The regular plural of an English noun: `reviews`, `vulnerabilities`, `losses`."""
    if noun.endswith("y") and noun[-2:-1] not in _VOWELS:
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(_SIBILANTS) else f"{noun}s"


def counts(nouns: Iterable[str]) -> str:
    """How many of each noun there are, in the order in which they first come: `2 evaluations and 1 incident`."""
    return conjunction([counted(number, noun) for noun, number in Counter(nouns).items()])


def apart(*values: float, digits: int = 4) -> list[str]:
    """Numbers in as many significant digits as it takes to tell apart those that differ, `digits` or more."""
    different = len(set(values))
    enough = next((n for n in range(digits, 17) if len({f"{value:.{n}g}" for value in values}) >= different), 17)
    return [f"{value:.{enough}g}" for value in values]


def kind_name(kind: Kind) -> str:
    """What a kind of record is called in a sentence: `model version`."""
    return kind.lower().replace("_", " ")


def of_slice(slice: Mapping[str, str]) -> str:
    """The slice of a result after its metric, ` for age_group 65+`; empty for a whole result."""
    return f" for {', '.join(f'{attribute} {value}' for attribute, value in slice.items())}" if slice else ""


def capitalized(sentence: str) -> str:
    """A sentence with a capital at its beginning and one full stop at its end."""
    return f"{sentence[:1].upper()}{sentence[1:].rstrip('.')}."
