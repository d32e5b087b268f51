"""Separation of duties: what the person who registered a version may not do about it, whatever roles they have.

Persons are compared by `person_key`, not by token, and the roles of a person do not matter here.
"""

from collections.abc import Collection
from typing import Final

from descentd.graph.model.accounts import person_key
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.reach import Direction
from descentd.graph.model.records import Brief
from descentd.graph.store.base import Reads
from descentd.queries.registry import Registry

_CHUNK: Final = 2000

_INHERITED: Final = frozenset({Kind.VULNERABILITY, Kind.DISCLOSURE, Kind.RETRACTION})
"""Kinds of statement that concern whatever descends from their subject, and not the subject alone."""

STATEMENTS: Final = _INHERITED | {
    Kind.EVALUATION,
    Kind.SAFETY_PROFILE,
    Kind.INCIDENT,
    Kind.REVIEW,
    Kind.NOTE,
    Kind.FLAG,
    Kind.TENSOR_DIGESTS,
    Kind.SIGNATURE,
}
"""Kinds of statement about a version that the person who registered it does not retract where others made them."""

_ABOUT: Final = frozenset({Role.EVALUATES, Role.DESCRIBES, Role.AFFECTS, Role.ABOUT, Role.DECIDES_ON})


async def registered_among(
    registry: Registry, person: str, records: Collection[int], upto: int, *, descendants: bool
) -> Brief | None:
    """A version that a person registered: one of these records or, with `descendants`, one that comes from them."""
    versions = set(records)
    if descendants and records:
        below = await registry.walk.members(sorted(records), Direction.DESCENDANTS, upto, Kind.MODEL_VERSION)
        versions.update(below.tolist())
    ordered = sorted(versions)
    for i in range(0, len(ordered), _CHUNK):
        for entry in await registry.store.entries(ordered[i : i + _CHUNK]):
            if entry.record.kind is Kind.MODEL_VERSION and recorded_by(entry, person):
                return Brief(entry.sequence, entry.record.kind, entry.record.id, entry.record.label)
    return None


def recorded_by(entry: Entry, person: str) -> bool:
    """Whether a person recorded an entry."""
    return person_key(entry.recorded_by) == person_key(person)


async def concerned(registry: Registry, person: str, statement: Entry, upto: int) -> Brief | None:
    """A version that a person registered and that a statement is about, or reaches; None where there is none.

    A retraction concerns what its subjects are about: what learned from retracted data, or the subject of evidence.
    """
    level, seen = [statement], {statement.sequence}
    while level:
        following: set[int] = set()
        for entry in level:
            subjects = await _subjects(registry.store, entry)
            own = await registered_among(registry, person, subjects, upto, descendants=_reaches(entry))
            if own is not None:
                return own
            following |= set(subjects) - seen if entry.record.kind is Kind.RETRACTION else set()
        seen |= following
        level = [entry for entry in await registry.store.entries(sorted(following)) if entry.record.kind in STATEMENTS]
    return None


def _reaches(entry: Entry) -> bool:
    """Whether a statement concerns what descends from its subject too."""
    kind = entry.record.kind
    return kind in _INHERITED or (kind is Kind.FLAG and bool(entry.record.content.get("propagate")))


async def _subjects(reads: Reads, statement: Entry) -> list[int]:
    links = await reads.links([statement.sequence], _ABOUT, inward=False)
    return sorted({link.target for link in links})
