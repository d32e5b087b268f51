"""The properties that a record has in Neo4j: those that are read back, and those that people filter by in Cypher.

What a content holds at its first level has its name there, and what is deeper a path: `suite.name`, a parameter of a
config `parameters.optimizer.lr`, the result of a metric `metric.accuracy`, and for a slice
`metric.selection_rate[age_group=65+]`, beside `metric.accuracy.n`. What of that a record has is bounded, since it is
for filtering: the whole is in `body`. Nothing but `verify` reads these back.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.graph.store.neo4j.times import shown

KEPT: Final = ("seq", "tx", "kind", "id", "label", "recordedAt", "recordedBy", "hash", "body", "words")
"""The properties of a record that are read back."""

LONGEST: Final = 500
"""Characters of a text, and elements of a list, that are shown."""
MOST: Final = 400
"""Properties of what is deeper than the first level, the first by name."""
_NAME: Final = 300
_DEEPEST: Final = 8
_NESTED: Final = (dict, list)
_NUMBERS: Final = (int, float)
_EXACT: Final = 2**53 - 1

Property = Any
"""A text, number, boolean or list of one of them."""


def readable(record: Record) -> dict[str, Property]:
    """The properties that people filter by; what an edge of the record says is left to the edge."""
    references = {edge.target for edge in record.edges}
    content = record.content
    found = {}
    for name, value in content.items():
        if name in KEPT or value is None or isinstance(value, _NESTED):
            continue
        if not isinstance(value, str):
            found[name] = value
        elif len(value) <= LONGEST and value not in references:
            found[name] = shown(name, value)
    deeper = dict(_deeper(record.kind, content, references))
    return found | {name: deeper[name] for name in sorted(deeper)[:MOST]}


def _deeper(kind: Kind, content: Content, references: set[str]) -> Iterator[tuple[str, Property]]:
    if kind is Kind.EVALUATION:
        yield from _results(content.get("metrics", ()))
    elif kind is Kind.POPULATION:
        yield from _shares(content.get("population", ()))
    for name, value in content.items():
        if name in KEPT:
            continue
        if isinstance(value, dict):
            yield from _flat(name, value, 1)
        elif isinstance(value, list):
            listed = _list([_named(one) for one in value if not isinstance(one, str) or one not in references])
            if listed is not None and name not in ("metrics", "population"):
                yield name, listed


def _results(metrics: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Property]]:
    """What an evaluation measured: the names of its metrics, and each result with its number of items."""
    if names := sorted({str(one["name"]) for one in metrics}):
        yield "metrics", names[:LONGEST]
    for one in metrics:
        slice = ",".join(_value(part) for part in one.get("slice", ()))
        name = f"metric.{one['name']}[{slice}]" if slice else f"metric.{one['name']}"
        if _is_name(name):
            yield name, float(one["value"])
            if one.get("n") is not None:
                yield f"{name}.n", one["n"]


def _shares(population: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Property]]:
    """What a statement lists: the values that are there, those that are documented as absent, and shares."""
    present = sorted({_value(one) for one in population if one.get("share") != 0})
    absent = sorted({_value(one) for one in population if one.get("share") == 0})
    yield from ((name, values[:LONGEST]) for name, values in (("population", present), ("absent", absent)) if values)
    for one in population:
        if one.get("share") is not None and _is_name(name := f"share.{_value(one)}"):
            yield name, float(one["share"])


def _flat(path: str, value: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Property]]:
    """What is in an object, each at its path."""
    for name, inner in value.items():
        at = f"{path}.{name}"
        if isinstance(inner, dict):
            if depth < _DEEPEST:
                yield from _flat(at, inner, depth + 1)
        elif _is_name(at):
            found = _list([_named(one) for one in inner]) if isinstance(inner, list) else _scalar(inner)
            if found is not None:
                yield at, found


def _scalar(value: Any) -> Property | None:
    """A value that a property can hold, None for any other; 1.0 and 1 are one, as they are in JSON."""
    if isinstance(value, str):
        return value if len(value) <= LONGEST else None
    if isinstance(value, bool):
        return value
    if not isinstance(value, _NUMBERS):
        return None
    # What is larger is written in fewer digits than it has, so that only as a float it is the same read back.
    return int(value) if abs(value) <= _EXACT and value == int(value) else float(value)


def _list(values: Sequence[Any]) -> Property | None:
    """A list that a property can hold: of values of one kind."""
    found: list[Any] = [_scalar(value) for value in values[:LONGEST]]
    kinds = {bool if isinstance(one, bool) else str if isinstance(one, str) else float for one in found}
    if not found or None in found or len(kinds) > 1:
        return None
    return [float(one) for one in found] if any(isinstance(one, float) for one in found) else found


def _named(value: Any) -> Any:
    """An element of a list as one text, where it is a small object that has one: a package, a group, a file."""
    if not isinstance(value, dict):
        return value
    match value:
        case {"attribute": str()}:
            return _value(value)
        case {"name": str(name), "version": str(version)}:
            return f"{name} {version}"
        case {"digest": str(digest)}:
            return digest
        case {"kind": str(kind), "description": str()}:
            return kind
        case _:
            return value


def _value(given: Mapping[str, Any]) -> str:
    value = given.get("value")
    return str(given["attribute"]) if value is None else f"{given['attribute']}={value}"


def _is_name(name: str) -> bool:
    """Whether Neo4j takes a name for that of a property."""
    return len(name) <= _NAME and "\0" not in name
