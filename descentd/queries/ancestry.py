"""The versions that a version was derived from, as the graph that they are."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from descentd.graph.reach import Direction
from descentd.graph.records import Brief
from descentd.graph.relations import Kind, Role
from descentd.queries.registry import Registry


@dataclass(frozen=True)
class Ancestry:
    """A version and all that it was derived from, version by version.

    `versions` are sequences, ascending, so that each comes after its parents; the last is the version itself.
    `parents` holds the parents of each that has any; the first named in its manifest comes first.
    """

    versions: Sequence[int]
    parents: Mapping[int, Sequence[int]]

    @property
    def head(self) -> int:
        """The version itself."""
        return self.versions[-1]

    @cached_property
    def first_line(self) -> Sequence[int]:
        """The line along first parents, the root first."""
        line = [self.head]
        while line[-1] in self.parents:
            line.append(self.parents[line[-1]][0])
        return line[::-1]

    def since(self, version: int) -> "Ancestry":
        """Only `version`, one of these, and what descends from it."""
        kept = {version}
        for each in self.versions:
            if any(parent in kept for parent in self.parents.get(each, ())):
                kept.add(each)
        parents = {
            each: inside
            for each in self.versions
            if each in kept and (inside := [parent for parent in self.parents.get(each, ()) if parent in kept])
        }
        return Ancestry([each for each in self.versions if each in kept], parents)


async def ancestry(registry: Registry, head: Brief, upto: int) -> Ancestry:
    """The ancestry of a version, by a fixed number of look-ups.

    Data passes influence on too, but a model that made some of it is no parent: only derivations count here.
    """
    reached = await registry.walk.members([head.sequence], Direction.ANCESTORS, upto, Kind.MODEL_VERSION)
    versions = {*map(int, reached), head.sequence}
    links = await registry.store.links(sorted(versions), {Role.DERIVED_FROM}, inward=False)
    parents: defaultdict[int, list[int]] = defaultdict(list)
    for link in links:
        parents[link.source].append(link.target)
    kept, waiting = {head.sequence}, [head.sequence]
    while waiting:
        fresh = [parent for parent in parents.get(waiting.pop(), ()) if parent not in kept]
        kept.update(fresh)
        waiting += fresh
    merges = [version for version in sorted(kept) if len(parents.get(version, ())) > 1]
    for version, named in zip(merges, await _named_parents(registry, merges), strict=True):
        parents[version] = named
    return Ancestry(sorted(kept), {version: parents[version] for version in kept if version in parents})


async def _named_parents(registry: Registry, versions: Sequence[int]) -> list[list[int]]:
    """The parents of versions in the order in which they were named, each once."""
    if not versions:
        return []
    contents = [entry.record.content for entry in await registry.store.entries(versions)]
    named = [list(dict.fromkeys(parent["node"] for parent in content["parents"])) for content in contents]
    briefs = await registry.store.resolve({id for ids in named for id in ids})
    return [[briefs[id].sequence for id in ids] for ids in named]
