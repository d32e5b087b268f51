"""The provenance of evaluation data: what it was made from, and which versions learned from that.

Only derivations of data count: what a version generated is not made from what that version learned from, and two data
that merely have an origin in common share nothing that is known of. A dataset is made from its partitions, and its
partitions from what it was derived from as a whole.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final

from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.reach import Direction, Step
from descentd.queries.lineage.stated_edges import stated_edges, twins_of
from descentd.queries.registry import Registry

Learned = Mapping[int, Mapping[int, Sequence[Step]]]
"""By data, the versions that trained on it or on a dataset that it is in, with the steps from it to the version."""

_MADE: Final = frozenset({Role.DERIVED_FROM, Role.INCLUDES})


@dataclass(frozen=True, slots=True)
class Teachers:
    """What some data (`start`) was made from, as far as versions trained on it.

    trained: by version, the nearest of what it trained on; before: by data, from where it was come to and by which
    steps: two where a disclosure says so.
    """

    start: int
    trained: Mapping[int, int]
    before: Mapping[int, tuple[int, Sequence[Step]]]
    learned: Learned

    def way(self, version: int) -> list[Step]:
        """From the data back to what the version trained on, and on to the version, both ends included."""
        at = self.trained[version]
        onward = self.learned[at][version]
        back: list[Step] = []
        while at != self.start:
            at, steps = self.before[at]
            back += reversed(steps)
        return [Step(self.start, None), *reversed(back), *onward]


async def teachers(
    registry: Registry, heads: Sequence[int], data: Collection[int], met: Set[int], upto: int
) -> dict[int, Teachers]:
    """Those of `data` that were made from what a version in the ancestry of `heads` trained on.

    met: all data in the ancestry of `heads`. Nothing is looked up where none of the data comes from any of that; the
    look-ups are for all data and heads at once.
    """
    everything = {*data, *await _origins(registry, sorted(data), upto)}
    if met.isdisjoint(everything):
        return {}
    made_from = await _made_from(registry, everything, upto)
    sought = {*everything, *(steps[-1].sequence for ways in made_from.values() for steps in ways)}
    learned = await _learned(registry, heads, met, sought, upto)
    asked = [each for each in data if each in learned or each in made_from]
    found = {each: _back(each, made_from, learned) for each in asked}
    return {each: taught for each, taught in found.items() if taught.trained}


async def _origins(registry: Registry, data: Sequence[int], upto: int) -> set[int]:
    """All other data that went into some data, by derivations of data alone."""
    members = registry.walk.members
    makers = frozenset((await members(data, Direction.ANCESTORS, upto, Kind.MODEL_VERSION)).tolist())
    above: set[int] = set()
    for kind in (Kind.PARTITION, Kind.DATASET):
        above.update((await members(data, Direction.ANCESTORS, upto, kind, avoiding=makers)).tolist())
    return above


async def _learned(registry: Registry, heads: Sequence[int], met: Set[int], data: Set[int], upto: int) -> Learned:
    """Which versions in the ancestry of `heads` trained on some of the data, or on a dataset that it is in.

    met: all data in that ancestry, so that all such datasets are in it.
    """
    ancestors = await registry.walk.members(heads, Direction.ANCESTORS, upto, Kind.MODEL_VERSION)
    held = await stated_edges(registry, met, data, {Role.INCLUDES}, upto)
    wanted = {*data, *(edge.source for edge in held)}
    trained = await stated_edges(registry, {*heads, *ancestors.tolist()}, wanted, {Role.TRAINED_ON}, upto)
    learned: defaultdict[int, dict[int, Sequence[Step]]] = defaultdict(dict)
    # What a version states itself goes before what was disclosed of it, and of that the newest.
    for edge in sorted(trained, key=lambda edge: (not edge.disclosure, edge.disclosure)):
        first = [Step(edge.disclosure, Role.TRAINED_ON)] if edge.disclosure else []
        last = Step(edge.source, Role.ABOUT, back=True) if edge.disclosure else Step(edge.source, Role.TRAINED_ON)
        learned[edge.target][edge.source] = [*first, last]
    for edge in held:
        for version, steps in learned.get(edge.source, {}).items():
            learned[edge.target].setdefault(version, [Step(edge.source, Role.INCLUDES), *steps])
    return learned


async def _made_from(registry: Registry, data: set[int], upto: int) -> Mapping[int, Sequence[Sequence[Step]]]:
    """One step back from each data: what it was derived from, its partitions, and partitions with the same digest.

    All that it leads to is in `data`, or has a twin there.
    """
    twins = await twins_of(registry, data, upto)
    everything = data.union(*twins.values())
    back: defaultdict[int, list[Sequence[Step]]] = defaultdict(list)
    for edge in await stated_edges(registry, everything, everything, _MADE, upto):
        before = [Step(edge.disclosure, Role.ABOUT)] if edge.disclosure else []
        back[edge.source].append([*before, Step(edge.target, edge.role, back=True)])
    for at, same in twins.items():
        back[at] += [[Step(twin, Role.SAME_DATA)] for twin in same]
    return back


def _back(start: int, made_from: Mapping[int, Sequence[Sequence[Step]]], learned: Learned) -> Teachers:
    """Go back from data, nearest first, to all that it was made from."""
    trained: dict[int, int] = {}
    before: dict[int, tuple[int, Sequence[Step]]] = {}
    level = [start]
    while level:
        following = []
        for data in level:
            for version in learned.get(data, ()):
                trained.setdefault(version, data)
            for steps in made_from.get(data, ()):
                origin = steps[-1].sequence
                if origin not in before and origin != start:
                    before[origin] = data, steps
                    following.append(origin)
        level = following
    return Teachers(start, trained, before, learned)
