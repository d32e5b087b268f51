"""The ancestry of a version: the graph of its parents, and the measured versions in it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

from descentd.graph.model.errors import InvalidInput
from descentd.queries.statistics.partial_order import Order

Parents = Mapping[int, Sequence[int]]
"""The parents of each version, the first parent first. Versions are keys, of which only equality matters."""


class Ancestry:
    """A version (`head`) and its ancestors; `parents` may hold others too, which do not matter."""

    def __init__(self, head: int, parents: Parents) -> None:
        self.head = head
        self.parents = _ancestors_first(head, parents)
        self.versions = list(self.parents)
        self._points: dict[frozenset[int], Points] = {}

    @cached_property
    def places(self) -> Mapping[int, int]:
        """The place of each version in an order in which ancestors come first."""
        return {version: place for place, version in enumerate(self.versions)}

    def since(self, start: int) -> "Ancestry":
        """Only this ancestor and its descendants. Raises InvalidInput where it is none of the ancestors."""
        if start == self.head or start not in self.parents:
            raise InvalidInput("since is not an ancestor of the version: name one of its ancestors.", "since")
        within = self.from_on(start)
        return Ancestry(
            self.head, {version: [parent for parent in self.parents[version] if parent in within] for version in within}
        )

    def from_on(self, start: int) -> set[int]:
        """A version and its descendants."""
        within = {start}
        for version in self.versions:
            if any(parent in within for parent in self.parents[version]):
                within.add(version)
        return within

    def contracted(self, kept: Collection[int]) -> "Ancestry":
        """Only what is kept, the head and its parents; parents of the others are then the nearest that are kept."""
        stay = {self.head, *self.parents[self.head], *kept}
        nearest: dict[int, tuple[int, ...]] = {}
        for version in self.versions:
            found: dict[int, None] = {}
            for parent in self.parents[version]:
                found.update(dict.fromkeys([parent] if parent in stay else nearest[parent]))
            nearest[version] = tuple(found)
        return Ancestry(self.head, {version: nearest[version] for version in self.versions if version in stay})

    def line(self) -> list[int]:
        """The head's first parent, that one's first parent and so on: root first, the head last."""
        line = [self.head]
        while parents := self.parents[line[-1]]:
            line.append(parents[0])
        return line[::-1]

    def points(self, measured: Iterable[int]) -> "Points":
        """Those of the versions that were measured; the same points again for the same versions."""
        found = frozenset(measured).intersection(self.parents)
        if found not in self._points:
            self._points[found] = Points(self, found)
        return self._points[found]


def _ancestors_first(head: int, parents: Parents) -> dict[int, tuple[int, ...]]:
    """The parents of the head and of its ancestors, each version after its parents.

    A parent that descends from the version itself is left out. None that is registered now does, but older registries
    took disclosures that closed a cycle once an earlier one counted again.
    """
    order: dict[int, tuple[int, ...]] = {}
    entered: set[int] = set()
    stack = [head]
    while stack:
        version = stack[-1]
        if version in order:
            stack.pop()
            continue
        entered.add(version)
        named = tuple(dict.fromkeys(parents.get(version, ())))
        # What was entered and has no place yet is on the way from the head to this version.
        missing = [parent for parent in named if parent not in entered]
        if missing:
            stack += missing
        else:
            order[stack.pop()] = tuple(parent for parent in named if parent in order)
    return order


class Points:
    """The measured versions of an ancestry, ancestors first, and which descend from which."""

    def __init__(self, ancestry: Ancestry, measured: frozenset[int]) -> None:
        self._ancestry = ancestry
        self.versions = [version for version in ancestry.versions if version in measured]
        self.place = {version: place for place, version in enumerate(self.versions)}

    @property
    def head(self) -> int:
        """The version whose ancestry it is, measured or not."""
        return self._ancestry.head

    def among(self, measured: Iterable[int]) -> "Points":
        """Some of them, in the same ancestry."""
        return self._ancestry.points(measured)

    @cached_property
    def depths(self) -> dict[int, int]:
        """How many measured versions the longest line to each version of the ancestry holds, itself included."""
        depths: dict[int, int] = {}
        for version in self._ancestry.versions:
            above = max((depths[parent] for parent in self._ancestry.parents[version]), default=0)
            depths[version] = above + (version in self.place)
        return depths

    @cached_property
    def order(self) -> Order:
        """Their partial order, in the numbers of their places."""
        size = len(self.versions)
        if max(self.depths.values(), default=0) == size:
            return Order.chain(size)
        masks: dict[int, int] = {}
        for version in self._ancestry.versions:
            mask = 0
            for parent in self._ancestry.parents[version]:
                mask |= masks[parent]
                if parent in self.place:
                    mask |= 1 << self.place[parent]
            masks[version] = mask
        return Order.of([masks[version] for version in self.versions])

    def nearest(self, version: int) -> list[int]:
        """The nearest measured ancestors, on every branch: one may be an ancestor of another."""
        found: dict[int, None] = {}
        seen = {version}
        stack = list(reversed(self._ancestry.parents[version]))
        while stack:
            ancestor = stack.pop()
            if ancestor in self.place:
                found[ancestor] = None
            elif ancestor not in seen:
                seen.add(ancestor)
                stack += reversed(self._ancestry.parents[ancestor])
        return list(found)

    def following(self, version: int) -> list[int]:
        """The nearest measured descendants of a version, on every branch that leads to the head."""
        passed, found = {version}, []
        for descendant in self._ancestry.versions:
            if any(parent in passed for parent in self._ancestry.parents[descendant]):
                if descendant in self.place:
                    found.append(descendant)
                else:
                    passed.add(descendant)
        return found

    @cached_property
    def earliest(self) -> list[int]:
        """Where the lines with the most measured versions begin that lead to the head."""
        longest = {self._ancestry.head: 0}
        for descendant in reversed(self._ancestry.versions):
            through = longest[descendant] + (descendant in self.place)
            longest[descendant] = through
            for parent in self._ancestry.parents[descendant]:
                longest[parent] = max(longest.get(parent, 0), through)
        most = max((longest[start] for start in self.versions), default=0)
        return [start for start in self.versions if longest[start] == most]


def with_ancestors(version: int, parents: Parents) -> set[int]:
    """A version and all versions that it was derived from."""
    found: set[int] = set()
    waiting = [version]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += parents.get(each, ())
    return found
