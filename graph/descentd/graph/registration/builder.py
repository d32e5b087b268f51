"""The builder: the records of a manifest as they are built, by name, by id and by position."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic.alias_generators import to_camel

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import DescentError, Invalid, InvalidInput, UnknownReference
from descentd.graph.model.identity import canonical, in_order
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.manifest_index import ManifestIndex

_SECTIONS: Final = [to_camel(section) for section in ManifestInput.model_fields]


class Skipped(DescentError):
    """Something refers to what was refused already; that problem has been reported where it is."""


class RecordBuilder:
    """The records of one manifest.

    `entities` holds those of the manifest by name, `records` everything that was built by id, in log order, and
    `mentions` each record as often as the manifest mentions it, with the field.
    """

    def __init__(self, manifest_index: ManifestIndex, registered: Mapping[str, Brief]) -> None:
        self.entities: dict[str, Record] = {}
        self.records: dict[str, Record] = {}
        self.mentions: list[tuple[str, Record]] = []
        self.problems: list[DescentError] = list(manifest_index.problems)
        self._manifest_index = manifest_index
        self._registered = registered

    def resolve(self, ref: str, field: str, kinds: frozenset[Kind]) -> Brief | Record:
        """What a ref of the manifest stands for.

        Raises UnknownReference, InvalidInput where it is of none of `kinds`, and Skipped.
        """
        try:
            name = self._manifest_index.names(ref)
        except InvalidInput as error:
            error.field = field
            raise
        found: Brief | Record | None = self.entities.get(name) or self._registered.get(name)
        if found is None:
            if name in self._manifest_index.items or self._manifest_index.leaves_out(name):
                raise Skipped(name)
            raise UnknownReference(
                f"{ref} is neither in this manifest nor registered: register it first, or correct the ref.", field
            )
        if found.kind not in kinds:
            wanted = " or a ".join(sorted(kind.lower().replace("_", " ") for kind in kinds))
            kind = found.kind.lower().replace("_", " ")
            raise InvalidInput(f"Expected a {wanted}, got the {kind} {ref}: correct the ref.", field)
        return found

    def add(self, field: str, record: Record) -> Record:
        """Add a record, after what it refers to; `field` is where the manifest mentions it."""
        self.mentions.append((field, record))
        return self.records.setdefault(record.id, record)

    def problem_at(self, field: str) -> "_ProblemAt":
        """Note what is raised as a problem of `field`, unless it names a field itself, and go on."""
        return _ProblemAt(self.problems, field)

    def raise_problems(self) -> None:
        """Raise Invalid where there are problems."""
        if self.problems:
            raise together(self.problems)

    def field_of(self, id: str) -> str | None:
        """Where the manifest first mentions a record."""
        return next((field for field, record in self.mentions if record.id == id), None)


class _ProblemAt:
    """A context manager; a class, because there is one for every result of every evaluation."""

    __slots__ = ("_field", "_problems")

    def __init__(self, problems: list[DescentError], field: str) -> None:
        self._problems = problems
        self._field = field

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if not isinstance(error, DescentError):
            return False
        if not isinstance(error, Skipped):
            error.field = error.field or self._field
            self._problems.append(error)
        return True


def distinct(mentions: Iterable[tuple[str, Record]]) -> list[Record]:
    """The distinct records in order of first mention."""
    ordered = sorted(mentions, key=lambda mention: position(mention[0]))
    return list({record.id: record for _, record in ordered}.values())


def as_set(elements: Iterable[Any]) -> list[Any]:
    """A set as contents hold it: each element once, in canonical order."""
    found = list(elements)
    if len(found) < 2:
        return found
    return in_order({canonical(element): element for element in found}.values())


def together(problems: Iterable[DescentError]) -> Invalid:
    """All problems of a manifest, in its order; what is wrong with a dataset is found again for each partition."""
    distinct = {(problem.message, problem.field): problem for problem in problems}
    return Invalid(sorted(distinct.values(), key=lambda problem: position(problem.field or "")))


def position(field: str) -> tuple[tuple[bool, int, str], ...]:
    """Where a field stands in the manifest, for sorting: models[10] after models[9], a part after its whole."""
    section, *rest = re.findall(r"[a-zA-Z]+|[0-9]+", field) or [""]
    first = _SECTIONS.index(section) if section in _SECTIONS else len(_SECTIONS)
    parts = ((part.isalpha(), 0 if part.isalpha() else int(part), part) for part in rest)
    return ((False, first, ""), *parts)
