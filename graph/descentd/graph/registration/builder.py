"""The records that a manifest turns into, as they are drafted: by name, by id and by where they are mentioned."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from pydantic.alias_generators import to_camel

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import DescentError, Invalid, InvalidInput, UnknownReference
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.manifest_index import ManifestIndex

DATA: Final = frozenset({Kind.DATASET, Kind.PARTITION})
VERSION: Final = frozenset({Kind.MODEL_VERSION})
_SECTIONS: Final = [to_camel(section) for section in ManifestInput.model_fields]


class Skipped(DescentError):
    """Something refers to what was refused already; that problem has been reported where it is."""


class RecordBuilder:
    """`made` holds the entities of the manifest by name, `records` everything that was drafted by id, in log order."""

    def __init__(self, manifest_index: ManifestIndex, registered: Mapping[str, Brief]) -> None:
        self.made: dict[str, Record] = {}
        self.records: dict[str, Record] = {}
        self.problems: list[DescentError] = list(manifest_index.problems)
        self._manifest_index = manifest_index
        self._registered = registered
        self._mentions: list[tuple[str, Record]] = []

    def resolve(self, ref: str, field: str, kinds: frozenset[Kind]) -> Brief | Record:
        """What a ref of the manifest stands for.

        Raises UnknownReference, InvalidInput where it is of none of `kinds`, and Skipped.
        """
        try:
            name = self._manifest_index.names(ref)
        except InvalidInput as error:
            error.field = field
            raise
        found: Brief | Record | None = self.made.get(name) or self._registered.get(name)
        if found is None:
            if name in self._manifest_index.items or self._manifest_index.leaves_out(name):
                raise Skipped(name)
            raise UnknownReference(
                f"{ref} is neither in this manifest nor registered: register it first, or correct the ref.", field
            )
        if found.kind not in kinds:
            wanted = " or a ".join(sorted(kind.lower().replace("_", " ") for kind in kinds))
            kind = found.kind.lower().replace("_", " ")
            raise InvalidInput(f"{ref} is a {kind}, but a {wanted} belongs here: correct the ref.", field)
        return found

    def draft(self, field: str, record: Record) -> Record:
        """Take a record in, after what it refers to; `field` is where the manifest mentions it."""
        self._mentions.append((field, record))
        return self.records.setdefault(record.id, record)

    def problem_at(self, field: str) -> "_Noting":
        """Note what is raised as a problem of `field`, unless it names a field itself, and go on."""
        return _Noting(self.problems, field)

    def raise_problems(self) -> None:
        """Raise Invalid where there are problems."""
        if self.problems:
            raise together(self.problems)

    def field_of(self, id: str) -> str | None:
        """Where the manifest first mentions a record."""
        return next((field for field, record in self._mentions if record.id == id), None)

    def mentioned(self) -> list[Record]:
        """The distinct records in order of first mention."""
        ordered = sorted(self._mentions, key=lambda mention: position(mention[0]))
        return list({record.id: record for _, record in ordered}.values())


class _Noting:
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
