"""The proper graph: every way leads from one layer to the next, by a bend in each layer that it passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from descentd.app.explorer.layout.layers import Layering, Neighbours, Way

BENDS: Final = 1
"""Bends for each node of a drawing, at most; the longest ways beyond that are drawn straight across."""
FEW: Final = 4_000
"""Bends that there may be in any case."""


@dataclass(frozen=True, slots=True)
class ProperGraph:
    """Nodes, then bends, each in a layer.

    count: how many nodes there are; trails: by the place of a way what it passes, both ends included and the upper end
    first; of ways that are drawn straight across, which nothing makes room for, the ends alone.
    """

    count: int
    rows: list[list[int]]
    up: Neighbours
    down: Neighbours
    trails: list[Sequence[int]]


def proper_graph(count: int, ways: Sequence[Way], layering: Layering) -> ProperGraph:
    """Put the bends in, into the shorter ways first.

    Ways from one node share their bends: they run along one line, from which each branches off above its end. So a
    dataset that a hundred checkpoints learned from takes one line beside them, and not a hundred.
    """
    layers = layering.layers
    rows: list[list[int]] = [[] for _ in range(max(layers, default=-1) + 1)]
    for node, layer in enumerate(layers):
        rows[layer].append(node)
    up: Neighbours = [[] for _ in range(count)]
    down: Neighbours = [[] for _ in range(count)]
    trails: list[Sequence[int]] = [()] * len(ways)
    stems: dict[int, list[int]] = {}
    left = max(FEW, BENDS * count)
    spans = [abs(layers[child] - layers[parent]) for parent, child in ways]
    for place in sorted(range(len(ways)), key=spans.__getitem__):
        upper, lower = ways[place][::-1] if place in layering.turned else ways[place]
        bends = spans[place] - 1
        if not bends:
            down[upper].append(lower)
            up[lower].append(upper)
            trails[place] = (upper, lower)
            continue
        stem = stems.setdefault(upper, [upper])
        if bends >= len(stem) + left:
            trails[place] = (upper, lower)
            continue
        for layer in range(layers[upper] + len(stem), layers[lower]):
            bend = len(up)
            rows[layer].append(bend)
            up.append([stem[-1]])
            down.append([])
            down[stem[-1]].append(bend)
            stem.append(bend)
            left -= 1
        down[stem[bends]].append(lower)
        up[lower].append(stem[bends])
        trails[place] = [*stem[: bends + 1], lower]
    return ProperGraph(count, rows, up, down, trails)
