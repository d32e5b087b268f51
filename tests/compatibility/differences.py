"""Where two answers differ, told one place a line."""

from collections.abc import Iterator
from math import isclose
from typing import Any, Final

_LONGEST: Final = 300
_EQUAL: Final = 1e-12
"""Relative difference up to which two numbers are the same: other processors round the last digit otherwise."""


def differences(before: Any, after: Any, place: str = "") -> list[str]:
    """Each place that is not the same, 1 and 1.0 and true told apart; none where the two are one answer."""
    return list(_differences(before, after, place))


def _differences(before: Any, after: Any, place: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for name in {**before, **after}:
            inside = f"{place}.{name}" if place else name
            if name not in before or name not in after:
                yield f"{inside}: {_shown(before, name)} -> {_shown(after, name)}"
            else:
                yield from _differences(before[name], after[name], inside)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differences(one, other, f"{place}[{i}]")
    elif not _same(before, after):
        yield f"{place}: {before!r:.{_LONGEST}} -> {after!r:.{_LONGEST}}"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=_EQUAL)
    return type(one) is type(other) and bool(one == other)


def _shown(holder: dict[str, Any], name: str) -> str:
    return f"{holder[name]!r:.{_LONGEST}}" if name in holder else "nothing"
