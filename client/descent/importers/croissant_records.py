"""The record sets of a Croissant file, the files that they read, and the splits that they fall into."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from descent.importers.at import At
from descent.importers.draft import sha256_of
from descent.importers.json_ld import identity, of, references, text, texts
from descent.nodes import shorten

_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_SPLIT: Final = {"Split", "Q3985153"}
"""The data types that mark a split: cr:Split, and wd:Q3985153 of Wikidata, which was used before Croissant 1.0."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a dataset that becomes a partition.

    `files` describes the files that it reads, as far as the Croissant file does. `digest` is that of its bytes: of the
    one file that it is, or of records that are written in the Croissant file; None if that is not stated.
    """

    name: str
    at: At
    files: tuple[dict[str, Any], ...]
    digest: str | None = None
    rows: int | None = None
    uri: str | None = None
    pinned: bool = False
    """Whether each of its files, or the archive that holds it, has a SHA-256."""
    how: str = ""
    """What says that it is there, for messages."""


@dataclass(frozen=True, slots=True)
class _Splits:
    """The names of splits, and the record set that lists them."""

    target: str
    names: list[str]


class Records:
    """The record sets and files of a Croissant file."""

    def __init__(self, root: At) -> None:
        self.files = _by_identity(of(root, "distribution"))
        self.sets = _by_identity(of(root, "recordSet", "recordset"))
        self.unplaced: list[tuple[str, str]] = []
        """Place, and why nothing became of it."""
        self._say_what_is_damaged(root)
        self.splits = {name for name, at in self.sets.items() if _data_types(at) & _SPLIT}
        for at in self.sets.values():
            self.splits |= {target for field in _fields(at) for target in self._split_sets(field)}

    def parts(self) -> Iterator[Part]:
        """Yield the parts: each record set, or each split of it; where there is none, each file with a SHA-256."""
        found = False
        for name, at in self.sets.items():
            if name in self.splits:
                continue
            if self._is_reference(at):
                self.unplaced.append((at.place, f"{name}: the values that a field may have, not a part of the data."))
                continue
            for part in self._parts(name, at):
                found = True
                yield part
        if not found:
            yield from self._file_parts()

    def _say_what_is_damaged(self, root: At) -> None:
        """Name the record sets and files that nothing can refer to, and each SHA-256 that is none."""
        listed = (
            ("record set", "it becomes no partition", of(root, "recordSet", "recordset")),
            ("file", "nothing is read from it", of(root, "distribution")),
        )
        for what, effect, at in listed:
            for one in at.one_or_more():
                if not isinstance(one.value, dict):
                    self.unplaced.append((one.place, f"This is not a {what}, which is a mapping: {effect}."))
                elif not identity(one):
                    self.unplaced.append((one.place, f"The {what} has neither @id nor name: {effect}."))
        for at in self.files.values():
            stated = of(at, "sha256")
            if stated and not _sha256(at):
                written = shorten(str(stated.value))
                message = (
                    f'"{written}" is not a SHA-256, which has 64 hexadecimal digits: the file counts as without one.'
                )
                self.unplaced.append((stated.place, message))

    # ------------------------------------------------------------ record sets

    def _parts(self, name: str, at: At) -> Iterator[Part]:
        data = list(of(at, "data").one_or_more())
        files = self._files_of(name)
        if data and not files:
            yield Part(name, at, (), sha256_of([row.value for row in data]), len(data), None, True)
            return
        if not files:
            self.unplaced.append((at.place, f"{name}: no field of it says which file it is read from."))
            return
        described = tuple(self._described(file) for file in files)
        pinned = all(_pinned(one) for one in described)
        uri = described[0].get("contentUrl") if len(described) == 1 else None
        splits = self._splits_of(name, at)
        if splits is None:
            digest = _sha256(self.files[files[0]]) if len(files) == 1 else None
            yield Part(name, at, described, digest, None, uri, pinned)
            return
        for split in splits.names:
            yield Part(f"{name}/{split}", at, described, None, None, uri, pinned, f", as {splits.target} lists it")

    def _file_parts(self) -> Iterator[Part]:
        for name, at in self.files.items():
            if digest := _sha256(at):
                yield Part(name, at, (self._described(name),), digest, None, text(of(at, "contentUrl")), True)

    def _is_reference(self, at: At) -> bool:
        """Return whether a record set lists what a field may hold: an enumeration, or the labels of a code."""
        if of(at, "isEnumeration").value in (True, "true", "True"):
            return True
        return bool(_data_types(at) & {"Enumeration", "DefinedTermSet", "CategoryCodeSet"})

    def _files_of(self, name: str) -> list[str]:
        """Return the files that a record set reads, also by way of the fields of other record sets."""
        found: dict[str, None] = {}
        waiting, seen = [name], {name}
        while waiting:
            for field in _fields(self.sets[waiting.pop()]):
                for reference in references(of(field, "source")):
                    if reference in self.files:
                        found[reference] = None
                    elif (other := self._set_of(reference)) and other not in seen:
                        seen.add(other)
                        waiting.append(other)
        return sorted(found)

    def _set_of(self, reference: str) -> str | None:
        """Return the record set that a reference names itself or by one of its fields."""
        while reference:
            if reference in self.sets:
                return reference
            reference = reference.rpartition("/")[0]
        return None

    # ------------------------------------------------------------ splits

    def _split_sets(self, field: At) -> Iterator[str]:
        """Yield the record set of splits that a field refers to, if the field is that of a split."""
        for reference in references(of(field, "references")):
            target = self._set_of(reference)
            if target and (_data_types(field) & _SPLIT or _data_types(self.sets[target]) & _SPLIT):
                yield target

    def _splits_of(self, name: str, at: At) -> _Splits | None:
        """Return the splits that a record set falls into; None if it is not divided, or the file does not list how."""
        for field in _fields(at):
            for target in self._split_sets(field):
                if listed := self._listed(target, list(references(of(field, "references")))):
                    return _Splits(target, listed)
                self.unplaced.append((field.place, f"{name}: this file does not list its splits, but {target} may."))
        return None

    def _listed(self, target: str, fields: list[str]) -> list[str]:
        found: dict[str, None] = {}
        for row in of(self.sets[target], "data").one_or_more():
            members = row.mapping() if isinstance(row.value, dict) else {}
            keys = [key for field in fields for key in (field, field.rsplit("/", 1)[-1])] + list(members)
            for key in keys:
                if key in members and (value := text(members[key])):
                    found[value] = None
                    break
        return list(found)

    # ------------------------------------------------------------ files

    def _described(self, name: str) -> dict[str, Any]:
        """Return what says which bytes a file holds: address, SHA-256, what it is contained in, and which of it."""
        at = self.files[name]
        told: dict[str, Any] = {"id": name}
        if address := text(of(at, "contentUrl")):
            told["contentUrl"] = address
        if digest := _sha256(at):
            told["sha256"] = digest
        for member in ("includes", "excludes"):
            if patterns := list(texts(of(at, member))):
                told[member] = patterns
        holders = [one for one in references(of(at, "containedIn")) if one in self.files and one != name]
        if holders:
            told["containedIn"] = [
                {"id": one, "contentUrl": text(of(self.files[one], "contentUrl")), "sha256": _sha256(self.files[one])}
                for one in holders
            ]
        return told


def _pinned(described: dict[str, Any]) -> bool:
    holders = described.get("containedIn", [])
    return "sha256" in described or (bool(holders) and all(one["sha256"] for one in holders))


def _sha256(at: At) -> str | None:
    value = text(of(at, "sha256"))
    return f"sha256:{value.lower()}" if value and _SHA256.fullmatch(value) else None


def _by_identity(at: At) -> dict[str, At]:
    found: dict[str, At] = {}
    for one in at.one_or_more():
        if isinstance(one.value, dict) and (name := identity(one)):
            found.setdefault(name, one)
    return found


def _fields(at: At) -> Iterator[At]:
    """Yield the fields of a record set, and those inside them."""
    waiting = [one for one in of(at, "field").one_or_more() if isinstance(one.value, dict)]
    while waiting:
        field = waiting.pop(0)
        yield field
        waiting += [one for one in of(field, "subField").one_or_more() if isinstance(one.value, dict)]


def _data_types(at: At) -> set[str]:
    return {name.rsplit("/", 1)[-1].rsplit(":", 1)[-1] for name in texts(of(at, "dataType"))}
