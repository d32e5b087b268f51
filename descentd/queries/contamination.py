"""Whether a version was evaluated on data that it learned from, or that an ancestor did.

Learning from something that was derived from the data counts, as do retrieval, a partition with the same digest, and a
dataset that holds the partition; learning from another partition of the same dataset does not.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from descentd.graph.reach import Direction, Sequences, Step
from descentd.graph.relations import Kind, Role
from descentd.queries.derivations import Derivation, name_steps
from descentd.queries.registry import Registry

Pair = tuple[int, int]
"""A version and the data that it was evaluated on, by sequence."""


@dataclass(frozen=True, slots=True)
class Contamination:
    """`reached` holds, for each data that any of the versions may have learned from, all versions that did."""

    reached: Mapping[int, frozenset[int]]

    def touches(self, version: int, data: int) -> bool:
        """Whether the version, or an ancestor, learned from this data."""
        return version in self.reached.get(data, frozenset())


async def contamination(registry: Registry, heads: Sequence[int], data: Collection[int], upto: int) -> Contamination:
    """Which of `data` was learned from in the ancestry of `heads`, and by whom.

    What no head learned from no ancestor of a head did either, so that most data costs nothing of its own.
    """
    if not data or not heads:
        return Contamination({})
    members = registry.walk.members
    learned: set[int] = set()
    for kind in (Kind.PARTITION, Kind.DATASET):
        learned.update((await members(heads, Direction.ANCESTORS, upto, kind)).tolist())
    parts: defaultdict[int, list[int]] = defaultdict(list)
    for link in await registry.store.links(sorted(data), {Role.INCLUDES}, inward=False):
        parts[link.source].append(link.target)
    suspects = [each for each in sorted(data) if each in learned or not learned.isdisjoint(parts.get(each, ()))]
    found: dict[int, Sequences] = {
        each: await members([each], Direction.DESCENDANTS, upto, Kind.MODEL_VERSION) for each in suspects
    }
    return Contamination({each: frozenset(versions.tolist()) for each, versions in found.items()})


async def derivations(registry: Registry, pairs: Collection[Pair], upto: int) -> Mapping[Pair, Derivation]:
    """A shortest derivation from the data to the version for each pair that is contaminated; others are left out."""
    touched = await contamination(registry, sorted({v for v, _ in pairs}), {d for _, d in pairs}, upto)
    versions: defaultdict[int, list[int]] = defaultdict(list)
    for version, data in sorted(set(pairs)):
        if touched.touches(version, data):
            versions[data].append(version)
    found: list[Pair] = []
    vias: list[Sequence[Step]] = []
    for data, reached in versions.items():
        found += [(version, data) for version in reached]
        vias += await registry.walk.via([data], reached, upto)
    _, named = await name_steps(registry, (), vias)
    return dict(zip(found, named, strict=True))
