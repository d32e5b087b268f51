"""Grids: what came of the same things, and had nothing made of it, stands in rows and columns in one frame."""

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.app.explorer.layout.layers import Way, neighbours

LEAST: Final = 8
"""Members that make a grid."""
GAP: Final = 10.0
"""Between cells, and between them and the frame."""
SHAPE: Final = 1.5
"""How much wider than high a grid is meant to be."""

Size = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Grid:
    """Nodes in cells of one size, row by row."""

    members: tuple[int, ...]
    columns: int
    cell: Size

    @property
    def rows(self) -> int:
        """How many rows there are; the last may be short."""
        return -(-len(self.members) // self.columns)

    @property
    def size(self) -> Size:
        """Width and height of the frame."""
        width, height = self.cell
        return self.columns * (width + GAP) + GAP, self.rows * (height + GAP) + GAP

    def corners(self, left: float, top: float) -> list[tuple[float, float]]:
        """The upper left corners of the cells, in order, where that of the frame is at (left, top)."""
        width, height = self.cell
        across = [round(left + GAP + column * (width + GAP), 2) for column in range(self.columns)]
        down = [round(top + GAP + row * (height + GAP), 2) for row in range(self.rows)]
        return [(x, y) for y in down for x in across][: len(self.members)]


def find_grids(sizes: Sequence[Size], ways: Sequence[Way], alone: Collection[int] = ()) -> list[Grid]:
    """The groups of nodes with the same parents and no children, or the same children and no parents.

    alone: nodes that stand by themselves whatever they have in common with others.
    """
    up, down = neighbours(len(sizes), ways)
    groups: defaultdict[tuple[bool, int | tuple[int, ...]], list[int]] = defaultdict(list)
    for node, (above, below) in enumerate(zip(up, down, strict=True)):
        if (not above) != (not below) and node not in alone:
            ends = above or below
            groups[not below, ends[0] if len(ends) == 1 else tuple(sorted(ends))].append(node)
    return [_grid(members, sizes) for members in groups.values() if len(members) >= LEAST]


def _grid(members: list[int], sizes: Sequence[Size]) -> Grid:
    width = max(sizes[node][0] for node in members)
    height = max(sizes[node][1] for node in members)
    columns = round(math.sqrt(len(members) * SHAPE * (height + GAP) / (width + GAP)))
    return Grid(tuple(members), max(1, columns), (width, height))
