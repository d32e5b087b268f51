"""Checking the references in one manifest: labels given twice, references to nothing, and cycles."""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from descent.names import Ref, normal
from descent.nodes import Path

_REFERENCES = ("subject", "data")
_DERIVATIONS = ("parents", "trainedOn", "derivedFrom", "generatedBy")
_SETS = ("slice", "dependencies", "trainedOn", "artifacts")
# Statements about a record are not part of its content, so two entries of one record may differ in them.
_STATEMENTS = ("safetyProfile", "population", "populationDocumented")


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem, with its code and its path in GraphQL names."""

    path: Path
    code: str
    message: str


@dataclass(slots=True)
class CrossReferences:
    """The result of following every reference.

    `outside` has, in order of first mention, the references to records that are not in the manifest: only the registry
    knows whether they exist.
    """

    findings: list[Finding] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


def cross_references(content: dict[str, Any]) -> CrossReferences:
    """Follow every reference of a manifest, given in the shape of GraphQL and with well-formed references."""
    result = CrossReferences()
    entities = list(_entities(content))
    labels = _Labels()
    for path, label, entity in entities:
        labels.add(path, label, entity, result)
    edges: dict[str, list[tuple[str, Path]]] = {label: [] for label in labels.entities}
    for path, text, owner in _mentions(content, entities):
        try:
            target = labels.meant(text)
        except LookupError as error:
            result.findings.append(Finding(path, *error.args))
            continue
        if target not in labels.entities:
            result.outside.append(target)
        elif owner is not None:
            edges[owner].append((target, path))
    for path, label, _ in entities:
        dataset, hash_, _ = label.partition("#")
        if hash_:
            edges[dataset].append((label, path))
    result.outside = list(dict.fromkeys(result.outside))
    result.findings += _circles(edges)
    return result


def _entities(content: dict[str, Any]) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    for position, model in enumerate(content.get("models", ())):
        if "name" in model:
            # The registry numbers each model without a version separately.
            version = f"@{normal(model['version'])}" if "version" in model else f" (models[{position}])"
            yield ("models", position), f"model:{normal(model['name'])}{version}", model
    for position, dataset in enumerate(content.get("datasets", ())):
        if "name" not in dataset or "version" not in dataset:
            continue
        label = f"dataset:{normal(dataset['name'])}@{normal(dataset['version'])}"
        yield ("datasets", position), label, dataset
        for place, partition in enumerate(dataset.get("partitions", ())):
            if "name" in partition:
                path: Path = ("datasets", position, "partitions", place)
                yield path, f"{label}#{normal(partition['name'])}", partition


class _Labels:
    """The entities of a manifest by their labels, to resolve references to them."""

    def __init__(self) -> None:
        self.entities: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, list[str]] = {}

    def add(self, path: Path, label: str, entity: dict[str, Any], result: CrossReferences) -> None:
        if label not in self.entities:
            self.entities[label] = entity
            if label.startswith("model:"):
                self.versions.setdefault(normal(entity["name"]), []).append(label)
        elif _content(self.entities[label]) != _content(entity):
            message = (
                f"{label} is defined twice with different content; give one of the two another name, or remove it."
            )
            result.findings.append(Finding(path, "VERSION_CONFLICT", message))

    def meant(self, text: str) -> str:
        """Return the label that a reference means; raises LookupError with a code and a message if it means none."""
        ref = Ref.parse(text)
        if ref is None:
            return text
        label = str(ref)
        if ref.version is None:
            return self._only_version(label, ref.name)
        dataset = label.partition("#")[0]
        if ref.partition is not None and dataset in self.entities and label not in self.entities:
            names = [normal(partition.get("name", "")) for partition in self.entities[dataset].get("partitions", ())]
            close = difflib.get_close_matches(ref.partition, names, n=1)
            ask = f"did you mean {close[0]}?" if close else f"it has {', '.join(names[:10]) or 'none'}."
            raise LookupError("UNKNOWN_REFERENCE", f"{dataset} has no partition {ref.partition}; {ask}")
        return label

    def _only_version(self, label: str, name: str) -> str:
        versions = self.versions.get(name, [])
        if not versions:
            raise LookupError(
                "UNKNOWN_REFERENCE", f"{label} is not in this manifest; name the version, {label}@VERSION."
            )
        if len(versions) > 1:
            message = f"{label} could be any of {', '.join(versions[:5])}; name the version."
            raise LookupError("INVALID_INPUT", message)
        return versions[0]


def _content(value: Any, key: str = "") -> Any:
    """Return the part of an entry that must be equal in two entries of the same label."""
    if key == "config":
        return value
    if isinstance(value, dict):
        parts = {name: _content(part, name) for name, part in value.items() if name not in _STATEMENTS}
        return {name: part for name, part in parts.items() if part != []}
    if isinstance(value, list):
        items = [_content(item) for item in value]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) if key in _SETS else items
    return normal(value) if isinstance(value, str) else value


def _mentions(
    content: dict[str, Any], entities: list[tuple[Path, str, dict[str, Any]]]
) -> Iterator[tuple[Path, str, str | None]]:
    """Yield every reference with its path and, for a derivation, the label of the derived record."""
    for path, label, entity in entities:
        for place, text in _derivations(entity, path):
            yield place, text, label
    for name in (
        "evaluations",
        "safetyProfiles",
        "populations",
        "vulnerabilities",
        "notes",
        "disclosures",
        "tensorDigests",
        "signatures",
    ):
        for position, statement in enumerate(content.get(name, ())):
            yield from _mentioned_in(statement, (name, position))


def _mentioned_in(statement: dict[str, Any], path: Path) -> Iterator[tuple[Path, str, None]]:
    for name in _REFERENCES:
        if name in statement:
            yield (*path, name), statement[name], None
    for name in ("metrics", "pairedWith"):
        for position, part in enumerate(statement.get(name, ())):
            yield from _mentioned_in(part, (*path, name, position))
    for place, text in _derivations(statement, path):
        yield place, text, None
    if "probe" in statement:
        yield from _mentioned_in(statement["probe"], (*path, "probe"))


def _derivations(holder: dict[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    for name in _DERIVATIONS:
        for position, item in enumerate(holder.get(name, ())):
            if isinstance(item, str):
                yield (*path, name, position), item
            elif "ref" in item:
                yield (*path, name, position, "ref"), item["ref"]


def _circles(edges: dict[str, list[tuple[str, Path]]]) -> Iterator[Finding]:
    """Yield a finding for each derivation that closes a cycle."""
    done = set[str]()
    for start, derivations in edges.items():
        trail: dict[str, Iterator[tuple[str, Path]]] = {} if start in done else {start: iter(derivations)}
        while trail:
            label = next(reversed(trail))
            target, path = next(trail[label], (None, ()))
            if target is None:
                done.add(label)
                del trail[label]
            elif target in trail:
                yield Finding(path, "CYCLE", _circle_sentence([*trail, target]))
            elif target not in done:
                trail[target] = iter(edges[target])


def _circle_sentence(trail: list[str]) -> str:
    circle = trail[trail.index(trail[-1]) :]
    if len(circle) == 2:
        return f"{circle[0]} would be derived from itself; name the record that it was made from."
    shown = circle if len(circle) <= 8 else [*circle[:4], "…", *circle[-3:]]
    return f"Nothing can be derived from what was derived from it: {' ← '.join(reversed(shown))}; remove one of these."
