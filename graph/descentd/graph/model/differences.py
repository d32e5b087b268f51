"""The differences of two contents, field by field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from descentd.graph.model.identity import Content, canonical


@dataclass(frozen=True, slots=True)
class Difference:
    """A dotted field and its JSON value on either side; None where it is absent."""

    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.field}: {_shown(self.before)} → {_shown(self.after)}"


def differences(before: Content, after: Content) -> list[Difference]:
    """All fields in which two JSON objects differ, sorted by field.

    Objects, and lists of objects, are compared part by part; other lists as a whole. An empty one is no field beside
    the parts that it has on the other side.
    """
    old, new = dict(_flat("", before)), dict(_flat("", after))
    for fields, others in ((old, new), (new, old)):
        for field in [f for f, value in fields.items() if value in ({}, []) and _has_parts(f, others)]:
            del fields[field]
    for fields, others in ((old, new), (new, old)):
        for field in [f for f in fields if f not in others]:
            others.setdefault(field, None)
    return [Difference(f, old[f], new[f]) for f in sorted(old) if not _same(old[f], new[f])]


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are one: 1 and 1.0 are, 1 and true are not."""
    return bool(one == other and isinstance(one, bool) is isinstance(other, bool))


def _has_parts(field: str, fields: Mapping[str, Any]) -> bool:
    return not field or any(other.startswith((f"{field}.", f"{field}[")) for other in fields)


def _flat(field: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Leaves of a JSON value by dotted field, without recursion: parameters may be deep."""
    waiting = [(field, value)]
    while waiting:
        field, value = waiting.pop()
        if isinstance(value, Mapping) and value:
            waiting += ((f"{field}.{key}" if field else str(key), part) for key, part in value.items())
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            waiting += ((f"{field}[{index}]", item) for index, item in enumerate(value))
        else:
            yield field, value


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else canonical(value).decode()
    return text if len(text) <= 80 else text[:77] + "…"
