"""Kinship: versions whose artifacts share tensors, whether or not one is declared to come from the other."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from descentd.graph.model.derived import tensor_key
from descentd.graph.model.kinds import VERSION, Kind, Role
from descentd.graph.model.reach import Direction
from descentd.graph.model.records import Brief, Record
from descentd.graph.retractions import retracted_ids
from descentd.queries.pages import Listed, page
from descentd.queries.prose import counted
from descentd.queries.registry import Registry

_WARNED: Final = 3
"""Versions that a warning names."""
_LEAST: Final = 0.01
"""The share of a version's bytes from which on a kinship is worth a warning."""


class KinshipRelation(StrEnum):
    """How a version that shares tensors with another is declared to be related to it."""

    UNDECLARED = "UNDECLARED"
    """It is neither, and shares tensors that no ancestor of the other version is known to have."""

    INHERITED = "INHERITED"
    """It is neither, and all that it shares is of ancestors of the other version."""

    ANCESTOR = "ANCESTOR"
    DESCENDANT = "DESCENDANT"


RELATIONS: Final = tuple(KinshipRelation)


@dataclass(frozen=True, slots=True)
class Kin:
    """A version that shares tensors with the one that is asked about; `size` is theirs in bytes.

    `undeclared` are those that no ancestor of the version that is asked about is known to have.
    """

    version: Brief
    relation: KinshipRelation
    shared: int
    undeclared: int
    size: int


@dataclass(frozen=True, slots=True)
class KinPage:
    """A page of kin, and how many tensors of how many bytes the version has that are compared."""

    listed: Listed[Kin]
    tensors: int
    size: int


async def kin(registry: Registry, of: str, first: int | None, after: str | None, as_of: str | None = None) -> KinPage:
    """The versions that share tensors with a version, undeclared ones first, then by how many they share.

    Tensors are equal if their data has the same digest. Raises NotFound, and InvalidInput for what is no version.
    """
    asked = page(first, after, await registry.sequence(as_of, [of]), ["kin", of, as_of], keys=3)
    version = await registry.find(of, asked.upto, VERSION)
    tensors = await _tensors(registry, version.sequence, asked.upto)
    found = await _kin(registry, version.sequence, tensors, asked.upto)
    places = [(RELATIONS.index(one.relation), len(tensors) - one.shared, one.version.sequence) for one in found]
    start = bisect_right(places, asked.after) if asked.after else 0
    items = [(found[i], asked.cursor(*places[i])) for i in range(start, min(start + asked.first, len(found)))]
    more = start + asked.first < len(found)
    return KinPage(Listed(items, more, asked.upto, len(found)), len(tensors), sum(tensors.values()))


async def kinship_warnings(registry: Registry, created: Sequence[Record], upto: int) -> list[str]:
    """Sentences about versions whose tensors were stated just now and are those of a version that is not declared."""
    subjects = dict.fromkeys(record.content["subject"] for record in created if record.kind is Kind.TENSOR_DIGESTS)
    briefs = await registry.store.resolve(subjects) if subjects else {}
    return [sentence for id in subjects for sentence in await _sentences(registry, briefs[id], upto)]


async def kinship_warnings_of(registry: Registry, digests: Sequence[Record]) -> list[str]:
    """The sentences of `kinship_warnings` about one of many manifests, as of when it was recorded.

    So it is not warned of what came after it, as if each had been registered by itself.
    """
    if not digests:
        return []
    recorded = await registry.store.resolve([record.id for record in digests])
    return await kinship_warnings(registry, digests, max(brief.sequence for brief in recorded.values()))


async def _sentences(registry: Registry, version: Brief, upto: int) -> list[str]:
    tensors = await _tensors(registry, version.sequence, upto)
    found = await _kin(registry, version.sequence, tensors, upto)
    least = _LEAST * sum(tensors.values())
    undeclared = [one for one in found if one.relation is KinshipRelation.UNDECLARED and one.size >= least]
    told = [
        f"{one.shared:,} of {counted(len(tensors), 'tensor')} of {version.ref} "
        f"{'is one' if one.shared == 1 else 'are those'} of {one.version.ref}, which is not declared: disclose it as a "
        "parent if this version comes from it."
        for one in undeclared[:_WARNED]
    ]
    rest = len(undeclared) - _WARNED
    if rest > 0:
        share = "shares" if rest == 1 else "share"
        told.append(f"{rest:,} more {share} tensors with {version.ref}: `descent kin {version.ref}`.")
    return told


async def _tensors(registry: Registry, version: int, upto: int) -> dict[str, int]:
    """The size of each tensor that is stated to be in an artifact of a version, by digest."""
    links = await registry.store.links([version], {Role.ABOUT}, inward=True)
    briefs = await registry.store.briefs(sorted({link.source for link in links if link.source <= upto}))
    stated = [brief for brief in briefs if brief.kind is Kind.TENSOR_DIGESTS]
    retracted = await retracted_ids(registry.store, [brief.id for brief in stated], upto) if stated else frozenset()
    counted = [brief.sequence for brief in stated if brief.id not in retracted]
    entries = await registry.store.entries(counted) if counted else []
    return {tensor["digest"]: tensor["size"] for entry in entries for tensor in entry.record.content["tensors"]}


async def _kin(registry: Registry, version: int, tensors: Mapping[str, int], upto: int) -> list[Kin]:
    """The other versions with any of these tensors, in the order in which they are listed."""
    shared = await _holders(registry, tensors, upto)
    shared.pop(version, None)
    if not shared:
        return []
    ancestors = await _members(registry, version, Direction.ANCESTORS, upto)
    descendants = await _members(registry, version, Direction.DESCENDANTS, upto)
    known = {digest for other, digests in shared.items() if other in ancestors for digest in digests}
    briefs = {brief.sequence: brief for brief in await registry.store.briefs(sorted(shared))}
    found = []
    for other, digests in shared.items():
        new = len(digests - known)
        relation = KinshipRelation.UNDECLARED if new else KinshipRelation.INHERITED
        if other in ancestors:
            relation, new = KinshipRelation.ANCESTOR, 0
        elif other in descendants:
            relation, new = KinshipRelation.DESCENDANT, 0
        size = sum(tensors[digest] for digest in digests)
        found.append(Kin(briefs[other], relation, len(digests), new, size))
    return sorted(found, key=lambda one: (RELATIONS.index(one.relation), -one.shared, one.version.sequence))


async def _members(registry: Registry, version: int, direction: Direction, upto: int) -> frozenset[int]:
    return frozenset((await registry.walk.members([version], direction, upto, Kind.MODEL_VERSION)).tolist())


async def _holders(registry: Registry, digests: Collection[str], upto: int) -> dict[int, set[str]]:
    """By version, those of these tensors that a statement in force says it has."""
    keys = {tensor_key(digest): digest for digest in digests}
    holding = await registry.store.find_by_keys(keys) if keys else {}
    stating: defaultdict[int, set[str]] = defaultdict(set)
    for key, statements in holding.items():
        for statement in statements:
            if statement <= upto:
                stating[statement].add(keys[key])
    if not stating:
        return {}
    briefs = await registry.store.briefs(sorted(stating))
    retracted = await retracted_ids(registry.store, [brief.id for brief in briefs], upto)
    counted = [brief.sequence for brief in briefs if brief.id not in retracted]
    found: defaultdict[int, set[str]] = defaultdict(set)
    for link in await registry.store.links(counted, {Role.ABOUT}, inward=False) if counted else ():
        found[link.target] |= stating[link.source]
    return dict(found)
