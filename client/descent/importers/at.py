"""A value in a file, with its place, so that what is wrong with it can be said where it is."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from descent.errors import NotImported, Problem
from descent.nodes import Path, path_text, shorten


@dataclass(frozen=True, slots=True)
class At:
    """A JSON-like value and its place: `path` within the file `source`, and `line` where each line is a value.

    The value of a key that is missing is None, as if it were null.
    """

    value: Any
    path: Path
    source: str
    line: int | None = None

    def __bool__(self) -> bool:
        return self.value is not None

    def at(self, *steps: str | int) -> "At":
        """Return the value below, by keys and positions; None where there is none."""
        value, path = self.value, self.path
        for step in steps:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                value = None
            path = (*path, step)
        return At(value, path, self.source, self.line)

    @property
    def place(self) -> str:
        """The place within the file."""
        return path_text(self.path)

    def fault(self, message: str) -> NotImported:
        """Return the error that says what is wrong here."""
        return NotImported([Problem(message, None, self.place or None, self.line)], self.source)

    def expected(self, what: str) -> NotImported:
        """Return the error for a value of another kind."""
        got = "nothing" if self.value is None else f"{_kind(self.value)}"
        return self.fault(f"Expected {what}, got {got}.")

    def no_number(self) -> str:
        """Return the sentence that says why this is no finite number."""
        if isinstance(self.value, float | int) and not isinstance(self.value, bool):
            return f"{str(self.value)[:40]} is not a finite number."
        what = "null" if self.value is None else _kind(self.value)
        return f"{what[0].upper()}{what[1:]} is not a finite number."

    # ------------------------------------------------------------ kinds

    def mapping(self) -> dict[str, "At"]:
        """Return the members of a mapping; none if it is absent."""
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            raise self.expected("a mapping")
        return {
            str(key): At(value, (*self.path, str(key)), self.source, self.line) for key, value in self.value.items()
        }

    def items(self) -> Iterator["At"]:
        """Yield the items of a list; none if it is absent."""
        if self.value is None:
            return
        if not isinstance(self.value, list):
            raise self.expected("a list")
        for place, value in enumerate(self.value):
            yield At(value, (*self.path, place), self.source, self.line)

    def one_or_more(self) -> Iterator["At"]:
        """Yield the items of a list, or the single value where one is written without a list."""
        if isinstance(self.value, list):
            yield from self.items()
        elif self.value is not None:
            yield self

    def text(self) -> str | None:
        """Return a text that is not empty; None if it is absent or empty."""
        if self.value is None:
            return None
        if not isinstance(self.value, str):
            raise self.expected("a text")
        return self.value.strip() or None

    def label(self) -> str | None:
        """Return a text or a number as text, as a version is written; None if it is absent or empty."""
        if isinstance(self.value, bool) or not isinstance(self.value, int | float | str | None):
            raise self.expected("a text or a number")
        return None if self.value is None else str(self.value).strip() or None

    def number(self) -> float | None:
        """Return a finite number; None for anything else (N/A, NaN, infinity, a text)."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if _finite(value) else None

    def count(self) -> int | None:
        """Return a whole number of at least 0; None for anything else."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
            return None
        return int(value) if value == int(value) and 0 <= value < 2**53 else None


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return f'the text "{shorten(value)}"'
        case _:
            return f"the number {value}" if len(repr(value)) < 40 else "a number"
