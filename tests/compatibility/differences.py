"""Where two answers differ, told one place a line."""

from collections.abc import Iterator
from typing import Any

_LONGEST = 300


def differences(before: Any, after: Any, place: str = "") -> list[str]:
    """Each place that is not exactly the same, 1 and 1.0 and true told apart; none where the two are one answer."""
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
    elif type(before) is not type(after) or before != after:
        yield f"{place}: {before!r:.{_LONGEST}} -> {after!r:.{_LONGEST}}"


def _shown(holder: dict[str, Any], name: str) -> str:
    return f"{holder[name]!r:.{_LONGEST}}" if name in holder else "nothing"
