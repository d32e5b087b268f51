"""The tree of nodes that YAML and JSON are read into, before the types of its scalars are known.

`version: 1.10` is the text "1.10", and `depth: 1.10` inside a config is a number: only the schema decides. So scalars
are text here, with a tag if the file itself gives their type. Nodes have their places, for messages.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

MAX_DEPTH = 128
"""The most levels of nesting that are read; a registry accepts configs of 64 levels."""

MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader reads exactly, and so the largest that a content id can cover."""

Tag = Literal["str", "int", "float", "bool", "null"]


@dataclass(slots=True)
class Scalar:
    """Text as written. `tag` is None for a plain YAML scalar, whose type depends on the field that it is in."""

    text: str
    tag: Tag | None
    line: int = 0
    column: int = 0

    def resolved(self) -> Tag:
        """Return the tag of the scalar by the core schema of YAML 1.2."""
        return self.tag or core_tag(self.text)


@dataclass(slots=True)
class List:
    """A list of nodes."""

    items: "list[Node]" = field(default_factory=list)
    line: int = 0
    column: int = 0


@dataclass(slots=True)
class Map:
    """A mapping in the order of the file, without duplicate keys and with merge keys resolved."""

    pairs: "list[tuple[Scalar, Node]]" = field(default_factory=list)
    line: int = 0
    column: int = 0


Node = Scalar | List | Map
Path = tuple[str | int, ...]
Report = Callable[[str, Path, Node | None], None]
"""Readers call it for each problem, with the message, the path and the node."""

_PLAIN_KEY = re.compile(r"[\w-]+")


def path_text(path: Path) -> str:
    """Return a path as text: `models[1].config["learning rate"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text


# https://yaml.org/spec/1.2.2/#1032-tag-resolution: in this order
_CORE: tuple[tuple[Tag, re.Pattern[str]], ...] = (
    ("null", re.compile(r"null|Null|NULL|~|")),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE")),
    ("int", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")),
    (
        "float",
        re.compile(
            r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN",
        ),
    ),
)
_PATTERNS = dict(_CORE)


def core_tag(text: str) -> Tag:
    """Return the tag of a plain scalar by the core schema of YAML 1.2: no dates, no base 60, no yes and no."""
    return next((tag for tag, pattern in _CORE if pattern.fullmatch(text)), "str")


def core_value(scalar: Scalar) -> str | int | float | bool | None:
    """Return the value of a scalar by the core schema of YAML 1.2.

    Raises ValueError with a message for a number that JSON cannot represent, and for text that its tag does not allow.
    """
    tag, text = scalar.resolved(), scalar.text
    if tag == "str":
        return text
    if scalar.tag is not None and not _agrees(tag, text):
        raise ValueError(f'is tagged !!{tag}, and "{shorten(text)}" is not one: remove the tag or correct the value')
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() == "true"
    return _integer(text) if tag == "int" else _float(text)


def _agrees(tag: Tag, text: str) -> bool:
    return bool(_PATTERNS[tag].fullmatch(text)) or (tag == "float" and bool(re.fullmatch(r"[-+]?[0-9]+", text)))


def _integer(text: str) -> int:
    # Python refuses to convert thousands of digits; a number of more than twenty is out of bounds anyway.
    digits = text.lstrip("+-").lstrip("0ox") or "0"
    if len(digits) <= 20:
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        value = int(text, base)
        if -MAX_INTEGER <= value <= MAX_INTEGER:
            return value
    raise ValueError(
        f"is the integer {shorten(text)}, beyond 2^53 - 1 and so not exact in JSON; write it as text, in quotes"
    )


def _float(text: str) -> float:
    # Of all numbers, only YAML's infinity and not-a-number contain a letter other than e.
    value = math.inf if re.search("[a-df-z]", text, re.IGNORECASE) else float(text)
    if math.isfinite(value):
        return value
    raise ValueError(f"is {shorten(text)}, which is not a finite number: leave it out, or write it as text, in quotes")


def shorten(text: str, limit: int = 60) -> str:
    """Return text for a message: on one line, and at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
