"""Which records of a lineage are drawn: some steps each way from one of them, and on from those that were opened.

What this costs follows from how many are drawn, not from how many there are.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from descentd.graph.cache import Cache
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import VERSION, Kind, Role
from descentd.graph.model.reach import Direction
from descentd.graph.model.records import Brief
from descentd.queries.lineage.selection.beside import beside
from descentd.queries.lineage.selection.links import Link, links_among
from descentd.queries.registry import Registry

MOST: Final = 10_000
"""Records that are drawn at most."""
EACH: Final = 60
"""Neighbours of one record that are drawn at once, unless another number is asked for."""
FARTHEST: Final = 1_000
"""Steps from the record in the middle, at most."""
PATHS: Final = 50
"""Derivations between two records that are drawn, the shortest."""
OPENED: Final = 200
"""Records that may be opened."""
ROOM: Final = 20_000
"""Records and links that were selected last and are kept: some ten megabytes."""

KINDS: Final = frozenset({Kind.MODEL_VERSION, Kind.DATASET, Kind.PARTITION})
"""What is drawn unless other kinds are asked for."""


class Side(StrEnum):
    """Where a record lies, as seen from the one in the middle; BESIDE is neither ancestor nor descendant."""

    MIDDLE = "MIDDLE"
    ABOVE = "ABOVE"
    BELOW = "BELOW"
    BESIDE = "BESIDE"


@dataclass(frozen=True, slots=True)
class Opened:
    """A record whose neighbours in a direction are drawn too, `pages` times as many as are drawn at once."""

    record: int
    direction: Direction
    pages: int = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """What to draw: so many steps `above` and `below`, of these kinds, and what was opened.

    each: how many neighbours of a record are drawn at once; to: the ref of another record, of which only the
    derivations to or from it are drawn. Raises InvalidInput for numbers out of range.
    """

    above: int = 1
    below: int = 1
    each: int = EACH
    kinds: frozenset[Kind] = KINDS
    opened: tuple[Opened, ...] = ()
    to: str | None = None

    def __post_init__(self) -> None:
        for name, steps in (("above", self.above), ("below", self.below)):
            if not 0 <= steps <= FARTHEST:
                raise InvalidInput(f"Expected 0 to {FARTHEST:,} steps, got {steps:,}.", name)
        if not 1 <= self.each <= MOST:
            raise InvalidInput(f"Expected 1 to {MOST:,} neighbours, got {self.each:,}.", "each")
        if len(self.opened) > OPENED:
            raise InvalidInput(f"Expected at most {OPENED} opened records, got {len(self.opened):,}.", "open")


class Member(NamedTuple):
    """A record that is drawn, and how many of its neighbours are not.

    `steps` is the distance from the one in the middle by what is drawn.
    """

    brief: Brief
    side: Side
    steps: int
    above: int = 0
    below: int = 0

    def hidden(self, direction: Direction) -> int:
        """How many of its neighbours in a direction are not drawn."""
        return self.above if direction is Direction.ANCESTORS else self.below


@dataclass(frozen=True, slots=True)
class Selection:
    """What is drawn around the record `middle`, by sequence.

    complete: False where there were more than `MOST`; farther: the directions in which one step more would draw more;
    derivations: of a drawing of the ways to another record, how many of them there are, and `end` that record.
    """

    middle: int
    members: Mapping[int, Member]
    links: Sequence[Link]
    upto: int
    complete: bool = True
    farther: frozenset[Direction] = frozenset()
    derivations: int | None = None
    drawn_derivations: int = 0
    end: int | None = None


class SelectionCache(Cache[Selection]):
    """What was selected last: the same as of a sequence, however else a drawing is changed."""

    def __init__(self) -> None:
        super().__init__(ROOM)


async def select(registry: Registry, ref: str, choice: Choice, as_of: str | None = None) -> Selection:
    """Select what is drawn; raises NotFound and InvalidInput."""
    upto = await registry.sequence(as_of)
    of = await registry.find(ref, upto)
    cache, grounds = registry.cache(SelectionCache), (of.sequence, choice, upto)
    kept = cache.get(grounds)
    if kept is None:
        kept = await _select(registry, of, choice, upto)
        cache.keep(grounds, kept, len(kept.members) + len(kept.links) + len(choice.opened))
    return kept


async def _select(registry: Registry, of: Brief, choice: Choice, upto: int) -> Selection:
    drawn = _Drawn(registry, choice, upto, {of.sequence: of}, {of.sequence: (Side.MIDDLE, 0)})
    count, listed, end = None, 0, None
    if choice.to is None:
        await drawn.around(of.sequence)
    else:
        count, listed, end = await drawn.between(of, choice.to)
    await drawn.open()
    links = await links_among(registry, drawn.briefs, upto)
    members = await _members(drawn, links)
    farther = frozenset([way for way in Direction if await drawn.goes_on(way, members)])
    return Selection(of.sequence, members, links, upto, drawn.complete, farther, count, listed, end)


@dataclass
class _Drawn:
    """What has been selected so far."""

    registry: Registry
    choice: Choice
    upto: int
    briefs: dict[int, Brief]
    places: dict[int, tuple[Side, int]]
    complete: bool = True
    last: dict[Direction, Sequence[int]] = field(default_factory=dict)
    """By direction, what the last of so many steps reached: one step more begins there."""
    added: dict[Opened, Set[int]] = field(default_factory=dict)
    """What was taken in because something was opened, or what has to be for that."""

    async def around(self, middle: int) -> None:
        """So many steps each way."""
        for direction, side, steps in (
            (Direction.ANCESTORS, Side.ABOVE, self.choice.above),
            (Direction.DESCENDANTS, Side.BELOW, self.choice.below),
        ):
            frontier = [middle]
            for distance in range(1, steps + 1):
                frontier = await self.step(frontier, direction, side, distance, self.choice.each)
                if not frontier:
                    break
            self.last[direction] = frontier if steps < FARTHEST else []

    async def between(self, of: Brief, to: str) -> tuple[int, int, int]:
        """The shortest derivations between two records: how many there are, how many were taken, and the other end."""
        other = await self.registry.find(to, self.upto, field="to")
        ends = sorted((of, other), key=lambda brief: brief.sequence)
        count = 0
        for start, end in (ends, ends[::-1]):
            found = await self.registry.walk.paths(start.sequence, end.sequence, self.upto, PATHS)
            if found.count:
                count = found.count
                break
        for path in found.paths:
            for place, step in enumerate(path):
                # From a dataset a derivation may start at one of its partitions, so the end itself need not be on it.
                steps = place if start is of else len(path) - 1 - place
                side = Side.BELOW if start is of else Side.ABOVE
                self.places.setdefault(step.sequence, (side, max(1, steps)))
        self.places.setdefault(other.sequence, (Side.BESIDE, 1))
        await self._read()
        for one in [one for one, brief in self.briefs.items() if brief.kind is Kind.DISCLOSURE]:
            self.places.pop(one)
            self.briefs.pop(one)
        return count, len(found.paths), other.sequence

    async def step(
        self, frontier: Sequence[int], direction: Direction, side: Side, distance: int, first: int
    ) -> list[int]:
        """Take the neighbours of `frontier` in; those that are new."""
        neighbours, parts = await self._next(frontier, direction, first)
        for part in parts:
            self.places.setdefault(part, (Side.BESIDE, distance))
        new = [one for one in neighbours if one not in self.places]
        room = MOST - len(self.places)
        self.complete &= len(new) <= room
        for one in new[:room]:
            self.places[one] = side, distance
        await self._read()
        return new[:room]

    async def _next(
        self, frontier: Sequence[int], direction: Direction, first: int
    ) -> tuple[Collection[int], Collection[int]]:
        """The first neighbours of what is in `frontier`, and the partitions by which some of them learned from it."""
        found = await beside(self.registry, frontier, direction, self.upto, self.choice.kinds, first)
        near = dict.fromkeys(one for of in frontier for one in found[of].first)
        if direction is Direction.ANCESTORS:
            return near, ()
        learned, parts = await self._by_partitions(frontier, first)
        return near | dict.fromkeys(learned), parts

    async def _by_partitions(self, frontier: Sequence[int], first: int) -> tuple[Collection[int], Collection[int]]:
        """What learned from a partition of a dataset in the frontier, and these partitions."""
        datasets = [one for one in frontier if self.briefs[one].kind is Kind.DATASET]
        if not datasets or Kind.PARTITION not in self.choice.kinds or Kind.MODEL_VERSION not in self.choice.kinds:
            return (), ()
        parts = await beside(
            self.registry, datasets, Direction.ANCESTORS, self.upto, frozenset({Kind.PARTITION}), first
        )
        held = sorted({part for found in parts.values() for part in found.first})
        learned = await beside(self.registry, held, Direction.DESCENDANTS, self.upto, VERSION, first)
        by = [part for part in held if learned[part].first]
        return [one for part in by for one in learned[part].first], by

    async def goes_on(self, direction: Direction, members: Mapping[int, Member]) -> bool:
        """Whether one step more in a direction would draw more than there is."""
        more = {way: {one for one, member in members.items() if member.hidden(way)} for way in Direction}
        last = self.last.get(direction, ())
        if not self.added:
            last = [one for one in last if one in more[direction] or self.briefs[one].kind is Kind.DATASET]
        if not self.complete or not last:
            return False
        near, parts = await self._next(last, direction, self.choice.each)
        reached = {*near, *parts}
        # Where all that an opened record shows would be drawn without that, it would show others.
        others = any(added <= reached and one.record in more[one.direction] for one, added in self.added.items())
        return others or not reached <= self.places.keys()

    async def open(self) -> None:
        """Take in the neighbours of what was opened, in the order in which it was opened; what is not drawn stays."""
        for opened in self.choice.opened:
            if opened.record not in self.places:
                self.added[opened] = frozenset({opened.record})
                continue
            side, steps = self.places[opened.record]
            onwards = Side.ABOVE if opened.direction is Direction.ANCESTORS else Side.BELOW
            reached = onwards if side in (onwards, Side.MIDDLE) else Side.BESIDE
            drawn = frozenset(self.places)
            first = self.choice.each * opened.pages
            while len(self.places) == len(drawn):
                # The first of them may be drawn already: to open what is known has to show something new.
                found = await beside(
                    self.registry, [opened.record], opened.direction, self.upto, self.choice.kinds, first
                )
                await self.step([opened.record], opened.direction, reached, steps + 1, first)
                if len(found[opened.record].first) < first or first >= MOST:
                    break
                first *= 2
            self.added[opened] = self.places.keys() - drawn

    async def _read(self) -> None:
        missing = [one for one in self.places if one not in self.briefs]
        if missing:
            self.briefs |= {brief.sequence: brief for brief in await self.registry.store.briefs(sorted(missing))}


async def _members(drawn: _Drawn, links: Collection[Link]) -> dict[int, Member]:
    """What is drawn, nearest first, with how many neighbours of each are not."""
    pairs = dict.fromkeys((link.parent, link.child) for link in links if link.role is not Role.SAME_DATA)
    counted = {one for one, brief in drawn.briefs.items() if brief.kind in drawn.choice.kinds}
    shown = {
        Direction.ANCESTORS: Counter(child for parent, child in pairs if parent in counted),
        Direction.DESCENDANTS: Counter(parent for parent, child in pairs if child in counted),
    }
    hidden: dict[Direction, dict[int, int]] = {}
    for way in Direction:
        found = await beside(drawn.registry, sorted(drawn.places), way, drawn.upto, drawn.choice.kinds, 0)
        hidden[way] = {one: max(0, found[one].total - shown[way][one]) for one in drawn.places}
    ordered = sorted(drawn.places.items(), key=lambda item: (item[1][1], item[0]))
    return {
        one: Member(
            drawn.briefs[one], side, steps, hidden[Direction.ANCESTORS][one], hidden[Direction.DESCENDANTS][one]
        )
        for one, (side, steps) in ordered
    }
