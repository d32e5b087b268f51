"""Whether a version was evaluated on data that it learned from, or that an ancestor did.

Learning from something that was derived from the data counts, and so does learning from what the data was derived
from, as do retrieval, a partition with the same digest, and a dataset that holds the partition; learning from another
partition of the same dataset does not, nor does learning from something that has an origin in common with the data.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.reach import Direction, Step
from descentd.queries.evaluation.data_provenance import Teachers, teachers
from descentd.queries.lineage.paths import Derivation, name_steps
from descentd.queries.lineage.stated_edges import stated_edges
from descentd.queries.registry import Registry

Pair = tuple[int, int]
"""A version and the data that it was evaluated on, by sequence."""


@dataclass(frozen=True, slots=True)
class Contamination:
    """`reached` holds, by data that a version or an ancestor of it may have learned from, those of them that did.

    `taught` is by data what it was made from, as far as they trained on that.
    """

    reached: Mapping[int, AbstractSet[int]]
    taught: Mapping[int, Teachers] = field(default_factory=dict)

    def touches(self, version: int, data: int) -> bool:
        """Whether the version, or an ancestor, learned from this data."""
        return version in self.reached.get(data, frozenset())


async def contamination(registry: Registry, heads: Sequence[int], data: Collection[int], upto: int) -> Contamination:
    """Which of `data` was learned from in the ancestry of `heads`, and by whom.

    What no head learned from no ancestor of a head did either, so that most data costs nothing of its own.
    """
    if not data or not heads:
        return Contamination({})
    learned: set[int] = set()
    for kind in (Kind.PARTITION, Kind.DATASET):
        learned.update((await registry.walk.members(heads, Direction.ANCESTORS, upto, kind)).tolist())
    parted = {edge.source for edge in await stated_edges(registry, data, learned, {Role.INCLUDES}, upto)}
    suspects = [each for each in sorted(data) if each in learned or each in parted]
    taught = await teachers(registry, heads, data, learned, upto)
    trained = sorted(set[int]().union(*(by.trained for by in taught.values())))
    origins = [*suspects, *trained]
    if not origins:
        return Contamination({}, taught)
    reached = await registry.walk.members_of_each(origins, heads, upto, Kind.MODEL_VERSION)
    found = {each: set(reached[each]) for each in suspects}
    for each, by in taught.items():
        found.setdefault(each, set()).update(by.trained, *(reached[version] for version in by.trained))
    return Contamination(found, taught)


async def derivations(registry: Registry, pairs: Collection[Pair], upto: int) -> Mapping[Pair, Derivation]:
    """A derivation that shows it for each pair that is contaminated, the others are left out.

    A shortest from the data to the version where there is one; otherwise back from the data to what it was made from,
    and from there to the version.
    """
    heads, on = sorted({version for version, _ in pairs}), {data for _, data in pairs}
    touched = await contamination(registry, heads, on, upto)
    asked: defaultdict[int, list[int]] = defaultdict(list)
    for version, data in sorted(set(pairs)):
        if touched.touches(version, data):
            asked[data].append(version)
    ways: dict[Pair, Sequence[Step]] = {}
    for data, versions in asked.items():
        vias = await registry.walk.via([data], versions, upto)
        ways |= {(version, data): via for version, via in zip(versions, vias, strict=True)}
    for data, taught in touched.taught.items():
        back = [version for version in asked[data] if not ways[version, data]]
        ways |= await _ways_back(registry, taught, back, upto)
    _, named = await name_steps(registry, (), list(ways.values()))
    return dict(zip(ways, named, strict=True))


async def _ways_back(
    registry: Registry, taught: Teachers, versions: Sequence[int], upto: int
) -> dict[Pair, Sequence[Step]]:
    """From the data that was evaluated on to each version, by what it was made from."""
    later = [version for version in versions if version not in taught.trained]
    vias = await registry.walk.via(sorted(taught.trained), later, upto) if later else []
    onward = dict(zip(later, vias, strict=True))
    found: dict[Pair, Sequence[Step]] = {}
    for version in versions:
        first, *rest = onward.get(version, [Step(version, None)])
        found[version, taught.start] = [*taught.way(first.sequence), *rest]
    return found
