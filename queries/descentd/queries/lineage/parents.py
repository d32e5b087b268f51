"""The parents of versions and of all their ancestors, as the registry records them: all, or those that matter."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import pairwise

from descentd.graph.disclosures import disclosures_about, stated_by
from descentd.graph.index.contraction import Contraction, SupportsContraction
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.reach import Direction
from descentd.queries.lineage.ancestry import Parents
from descentd.queries.registry import Registry


@dataclass(frozen=True, slots=True)
class ContractedParents:
    """The parents of versions, those that are left out (see `Contraction`) passed by: the nearest that are kept.

    passed: by version, how many are left out between it and its first parent, where any are.
    """

    parents: Parents
    passed: Mapping[int, int] = field(default_factory=dict)
    _stated: Parents = field(default_factory=dict)
    _contraction: Contraction | None = None

    def with_left_out(self, within: AbstractSet[int]) -> Parents:
        """The parents with what is left out between some versions."""
        if self._contraction is None:
            return self.parents
        found = dict(self.parents)
        for version in self._stated.keys() & within:
            found[version] = [self._whole(parent, within, found) for parent in self._stated[version]]
        return found

    def _whole(self, parent: int, within: AbstractSet[int], found: dict[int, Sequence[int]]) -> int:
        """A parent, with what is left out from it on, where that leads to one of some versions."""
        assert self._contraction is not None
        nearest, _ = self._contraction.above(parent)
        if nearest not in within:
            return nearest
        way = [*self._contraction.left_out(parent), nearest]
        found.update((version, [above]) for version, above in pairwise(way))
        return parent


async def parents_of(
    registry: Registry, heads: Sequence[int], upto: int, *, disclosed: bool = True
) -> dict[int, Sequence[int]]:
    """The parents of some versions and of all their ancestors, by a fixed number of look-ups; the first named first.

    Parents that were disclosed by then follow those that a version names itself, in the order of the disclosures; with
    `disclosed=False` only the latter are. Every one of the versions is a key, those without parents too. Data passes
    influence on as well, but a model that made some of it is no parent: only derivations count.
    """
    reached = await registry.walk.members(heads, Direction.ANCESTORS, upto, Kind.MODEL_VERSION)
    return await _stated(registry, heads, {*reached.tolist(), *heads}, upto, disclosed=disclosed)


async def contracted_parents(
    registry: Registry, heads: Sequence[int], upto: int, *, kept: Collection[int] = (), disclosed: bool = True
) -> ContractedParents:
    """The parents of some versions and of those ancestors that matter: measured ones, forks, and what is to be `kept`.

    The heads' own parents are there too. What only a store can walk is read whole.
    """
    if not isinstance(registry.walk, SupportsContraction):
        return ContractedParents(await parents_of(registry, heads, upto, disclosed=disclosed))
    found = await registry.walk.contraction(heads, kept, upto)
    stated = await _stated(registry, heads, found.kept, upto, lambda one: found.above(one)[0], disclosed=disclosed)
    parents: dict[int, Sequence[int]] = {}
    passed: dict[int, int] = {}
    for version, named in stated.items():
        above = [found.above(parent) for parent in named]
        parents[version] = list(dict.fromkeys(nearest for nearest, _ in above))
        if above and above[0][1]:
            passed[version] = above[0][1]
    return ContractedParents(parents, passed, stated, found)


async def _stated(
    registry: Registry,
    heads: Sequence[int],
    versions: Collection[int],
    upto: int,
    nearest: Callable[[int], int] = int,
    *,
    disclosed: bool,
) -> dict[int, Sequence[int]]:
    """The parents of those of some versions that the heads derive from; `nearest`: the one of them to go on to."""
    everyone = sorted(versions)
    targets: defaultdict[int, list[int]] = defaultdict(list)
    for link in await registry.store.links(everyone, {Role.DERIVED_FROM}, inward=False):
        targets[link.source].append(link.target)
    about = await disclosures_about(registry.store, everyone, upto) if disclosed else {}
    stated = await stated_by(registry.store, about, {Role.DERIVED_FROM})
    for version, disclosures in about.items():
        targets[version] += [link.target for disclosure in disclosures for link in stated[disclosure]]
    parents: dict[int, Sequence[int]] = {}
    waiting = list(heads)
    while waiting:
        version = waiting.pop()
        if version not in parents:
            parents[version] = targets.get(version, ())
            waiting += map(nearest, parents[version])
    several = [version for version, named in parents.items() if len(named) > 1]
    return parents | await _in_order(registry, several, about)


async def _in_order(
    registry: Registry, versions: Sequence[int], about: Mapping[int, Sequence[int]]
) -> dict[int, Sequence[int]]:
    """The parents of versions in the order in which they were named, by themselves and by disclosures, each once."""
    if not versions:
        return {}
    naming = {version: [version, *about.get(version, ())] for version in versions}
    entries = await registry.store.entries(sorted({record for records in naming.values() for record in records}))
    contents = {entry.sequence: entry.record.content for entry in entries}
    named = {
        version: [parent["node"] for record in records for parent in contents[record].get("parents", ())]
        for version, records in naming.items()
    }
    briefs = await registry.store.resolve({id for ids in named.values() for id in ids})
    return {version: list(dict.fromkeys(briefs[id].sequence for id in ids)) for version, ids in named.items()}
