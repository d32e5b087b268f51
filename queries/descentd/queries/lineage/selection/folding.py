"""What of a selection is hidden by filters, and which siblings of one name are folded into one node."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from descentd.graph.model.kinds import Kind
from descentd.queries.lineage.selection.links import Link
from descentd.queries.lineage.selection.select import Member, Selection, Side

LEAST: Final = 3
"""Siblings of one name that are folded."""
UNFOLDED: Final = 60
"""Members of a fold that come out of it at once."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What to show. Empty conditions let everything pass.

    relations: of links; statuses: of versions; name: a part of the name, in any case.
    """

    relations: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Fold:
    """Siblings of one name that are drawn as one, in log order. `number` is the first of the group, drawn or folded."""

    name: str
    kind: Kind
    members: tuple[int, ...]
    number: int

    @property
    def place(self) -> int:
        """By which it is told from all else that is drawn."""
        return self.members[0]


@dataclass(frozen=True, slots=True)
class Folded:
    """What is drawn: records by themselves, folds, and the links between them.

    folds: by place; place: by record, the record or the fold that it is drawn as; between: the derivations that each
    line of the drawing stands for, by the places of its two ends.
    """

    singles: Mapping[int, Member]
    folds: Mapping[int, Fold]
    place: Mapping[int, int]
    between: Mapping[tuple[int, int], Sequence[Link]]


def shown(selection: Selection, wanted: Filter, statuses: Mapping[int, Collection[str]]) -> Selection:
    """What passes a filter. No link stays that lost an end; what has no status stays only where it has a link.

    statuses: by version, all that hold of it, where these are filtered by. The record in the middle and the end of its
    paths always stay.
    """
    if wanted == Filter():
        return selection
    stay = {selection.middle, selection.end}
    text = wanted.name.casefold()
    kept = {
        one
        for one, member in selection.members.items()
        if one in stay
        or (
            text in member.brief.ref.casefold()
            and (not wanted.statuses or one not in statuses or not wanted.statuses.isdisjoint(statuses[one]))
        )
    }
    links = [
        link
        for link in selection.links
        if link.parent in kept
        and link.child in kept
        and (not wanted.relations or not wanted.relations.isdisjoint(link.relations))
    ]
    linked = {end for link in links for end in (link.parent, link.child)}
    if wanted.relations:
        kept &= linked | stay
    elif wanted.statuses:
        kept = {one for one in kept if one in stay or one in statuses or one in linked}
    members = {one: member for one, member in selection.members.items() if one in kept}
    return replace(selection, members=members, links=links)


def fold(
    selection: Selection, pulled: Collection[int] = (), unfolded: Mapping[int, int] | None = None, *, off: bool = False
) -> Folded:
    """Fold siblings of one name: what was made of the same, or above the middle what the same was made of.

    pulled: records that stand by themselves; unfolded: by the number of a fold how many times `UNFOLDED` of its members
    do; off: nothing is folded.
    """
    folds: dict[int, Fold] = {}
    if not off:
        for group in _siblings(selection, frozenset(pulled)):
            first = selection.members[group[0]].brief
            out = UNFOLDED * (unfolded or {}).get(group[0], 0)
            rest = group[out:]
            if len(rest) >= LEAST or (out and rest):
                made = Fold(name_of(first.kind, first.ref), first.kind, tuple(rest), group[0])
                folds[made.place] = made
    place = {one: one for one in selection.members}
    for at, made in folds.items():
        place |= dict.fromkeys(made.members, at)
    between: defaultdict[tuple[int, int], list[Link]] = defaultdict(list)
    for link in selection.links:
        ends = place[link.parent], place[link.child]
        if ends[0] != ends[1]:
            between[ends].append(link)
    inside = {one for made in folds.values() for one in made.members}
    singles = {one: member for one, member in selection.members.items() if one not in inside}
    return Folded(singles, folds, place, between)


def _siblings(selection: Selection, pulled: frozenset[int]) -> list[list[int]]:
    """Records of one name that hang on the same nearer to the middle, folded or not; none that would close a cycle."""
    members = selection.members
    parents: defaultdict[int, set[int]] = defaultdict(set)
    children: defaultdict[int, set[int]] = defaultdict(set)
    for link in selection.links:
        parents[link.child].add(link.parent)
        children[link.parent].add(link.child)
    found: list[list[int]] = []
    first = {one: one for one in members}
    for _, level in groupby(sorted(members, key=lambda one: (members[one].steps, one)), lambda one: members[one].steps):
        groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
        for one in level:
            brief, above = members[one].brief, members[one].side is Side.ABOVE
            kin = children[one] if above else parents[one]
            nearer = frozenset(first[other] for other in kin if members[other].steps < members[one].steps)
            alone = one in pulled or one in (selection.middle, selection.end)
            if nearer and not alone and brief.label is not None:
                groups[brief.kind, name_of(brief.kind, brief.ref), above, nearer].append(one)
        for group in groups.values():
            if len(group) >= LEAST:
                found.append(group)
                first |= dict.fromkeys(group, group[0])
    while cyclic := _on_cycles(selection, found):
        found = [group for group in found if group[0] not in cyclic]
    return found


def _on_cycles(selection: Selection, groups: Sequence[Sequence[int]]) -> set[int]:
    """The first members of the groups that lie on a cycle, or between two, once each group is taken for one."""
    place = {one: one for one in selection.members}
    place |= {one: group[0] for group in groups for one in group}
    ways = {(place[link.parent], place[link.child]) for link in selection.links}
    ways = {way for way in ways if way[0] != way[1]}
    while True:
        ends = {parent for parent, _ in ways} & {child for _, child in ways}
        left = {way for way in ways if way[0] in ends and way[1] in ends}
        if len(left) == len(ways):
            break
        ways = left
    return {end for way in ways for end in way} & {group[0] for group in groups}


def name_of(kind: Kind, ref: str) -> str:
    """The name that siblings share: a version's or dataset's without its version, a partition's dataset."""
    _, _, rest = ref.partition(":")
    if kind is Kind.PARTITION:
        return rest.partition("#")[0]
    return rest.rpartition("@")[0] or ref
