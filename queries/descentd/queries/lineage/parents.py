"""Which versions a version was derived from, and who was whose parent."""

from collections import defaultdict
from collections.abc import Sequence

from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.reach import Direction
from descentd.queries.lineage.ancestry import Parents
from descentd.queries.registry import Registry


async def parents_of(registry: Registry, heads: Sequence[int], upto: int) -> dict[int, Sequence[int]]:
    """The parents of some versions and of all their ancestors, by a fixed number of look-ups; the first named first.

    Every one of them is a key, those without parents too. Data passes influence on as well, but a model that made some
    of it is no parent: only derivations count.
    """
    reached = await registry.walk.members(heads, Direction.ANCESTORS, upto, Kind.MODEL_VERSION)
    links = await registry.store.links(sorted({*reached.tolist(), *heads}), {Role.DERIVED_FROM}, inward=False)
    targets: defaultdict[int, list[int]] = defaultdict(list)
    for link in links:
        targets[link.source].append(link.target)
    parents: dict[int, Sequence[int]] = {}
    waiting = list(heads)
    while waiting:
        version = waiting.pop()
        if version not in parents:
            parents[version] = targets.get(version, ())
            waiting += parents[version]
    merges = [version for version, named in parents.items() if len(named) > 1]
    parents |= zip(merges, await _in_order(registry, merges), strict=True)
    return parents


def lineage(version: int, parents: Parents) -> set[int]:
    """A version and all that it was derived from."""
    found: set[int] = set()
    waiting = [version]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += parents.get(each, ())
    return found


async def _in_order(registry: Registry, versions: Sequence[int]) -> list[list[int]]:
    """The parents of versions in the order in which they were named, each once."""
    if not versions:
        return []
    contents = [entry.record.content for entry in await registry.store.entries(versions)]
    named = [list(dict.fromkeys(parent["node"] for parent in content["parents"])) for content in contents]
    briefs = await registry.store.resolve({id for ids in named for id in ids})
    return [[briefs[id].sequence for id in ids] for ids in named]
