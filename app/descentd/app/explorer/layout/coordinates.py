"""Where nodes stand across their layers: long ways straight, children in the middle below their parents.

Brandes and Köpf 2001, "Fast and Simple Horizontal Coordinate Assignment" (Graph Drawing, LNCS 2265): nodes are joined
into blocks that stand in one line, four times, leaning to each corner, and a node's place is the mean of the two middle
ones. Blocks are placed by longest paths, once from each side, which also avoids the fault in the original's shifts of
classes (Brandes, Walter and Zink 2020, arXiv:2008.01252). Of large drawings see `relaxation`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from descentd.app.explorer.layout.crossings import Rows
from descentd.app.explorer.layout.layers import Neighbours
from descentd.app.explorer.layout.proper import ProperGraph
from descentd.app.explorer.layout.relaxation import relaxed

ALIGNED: Final = 6_000
"""Nodes and bends up to which blocks are aligned; more are relaxed, in a tenth of the time."""
BEND: Final = 14.0
"""The room that a bend takes."""

LEANINGS: Final = ((True, True), (True, False), (False, True), (False, False))
"""Downwards or upwards, leftwards or rightwards."""

Conflicts = set[tuple[int, int]]


def coordinates(graph: ProperGraph, rows: Rows, extents: Sequence[float], gap: float) -> list[float]:
    """The middle of each node and bend, across the layers. Neighbours in a row are at least `gap` apart.

    extents: how much room each node takes across; a bend takes `BEND`.
    """
    size = len(graph.up)
    if not size:
        return []
    extent = [*extents, *[BEND] * (size - graph.count)]
    if size > ALIGNED:
        return relaxed(graph, rows, extent, gap)
    places = [0] * size
    for row in rows:
        for place, node in enumerate(row):
            places[node] = place
    up = [sorted(others, key=places.__getitem__) if len(others) > 1 else others for others in graph.up]
    down = [sorted(others, key=places.__getitem__) if len(others) > 1 else others for others in graph.down]
    conflicts = _conflicts(graph, rows, places)
    found = []
    for downwards, leftwards in LEANINGS:
        roots = _blocks(rows, up if downwards else down, places, conflicts, downwards=downwards, leftwards=leftwards)
        found.append(_compact(rows, roots, extent, gap, leftwards=leftwards))
    return _balanced(found)


def _conflicts(graph: ProperGraph, rows: Rows, places: list[int]) -> Conflicts:
    """Steps (upper, lower) that cross a step between two bends: they must not pull that out of its line."""
    found: Conflicts = set()
    count, up = graph.count, graph.up
    for row in rows[1:]:
        inner = [(place, up[node][0]) for place, node in enumerate(row) if node >= count and up[node][0] >= count]
        if not inner:
            continue
        left, start = -1, 0
        last = len(row) - 1, None
        for place, bend in (*inner, last):
            right = places[bend] if bend is not None else len(places)
            for node in row[start : place + 1]:
                for other in up[node]:
                    if not left <= places[other] <= right and not (node >= count and other >= count):
                        found.add((other, node))
            left, start = right, place + 1
    return found


def _blocks(
    rows: Rows, beside: Neighbours, places: list[int], conflicts: Conflicts, *, downwards: bool, leftwards: bool
) -> list[int]:
    """The first node of the block of each: nodes are joined with the middle of their neighbours, if that is free."""
    root = list(range(len(beside)))
    taken = [False] * len(beside)
    for row in rows[1:] if downwards else rows[-2::-1]:
        limit = -1 if leftwards else len(places)
        for node in row if leftwards else reversed(row):
            others = beside[node]
            if not others:
                continue
            low, high = (len(others) - 1) // 2, len(others) // 2
            for middle in dict.fromkeys((low, high) if leftwards else (high, low)):
                other = others[middle]
                place = places[other]
                free = not taken[other] and (place > limit if leftwards else place < limit)
                if free and not (conflicts and ((other, node) if downwards else (node, other)) in conflicts):
                    root[node] = root[other]
                    taken[other] = True
                    limit = place
                    break
    return root


def _compact(rows: Rows, root: list[int], extent: list[float], gap: float, *, leftwards: bool) -> list[float]:
    """Put the blocks as far to one side as they go, then back towards what is beside them on the other."""
    size = len(root)
    after: list[list[tuple[int, float]]] = [[] for _ in range(size)]
    before = [0] * size
    for row in rows:
        for i in range(len(row) - 1):
            left, right = row[i], row[i + 1]
            if not leftwards:
                left, right = right, left
            after[root[left]].append((root[right], (extent[left] + extent[right]) / 2 + gap))
            before[root[right]] += 1
    order = [node for node in range(size) if root[node] == node and not before[node]]
    at = [0.0] * size
    for block in order:
        here = at[block]
        for other, apart in after[block]:
            at[other] = max(at[other], here + apart)
            before[other] -= 1
            if not before[other]:
                order.append(other)
    for block in reversed(order):
        if after[block]:
            at[block] = max(at[block], min([at[other] - apart for other, apart in after[block]]))
    return [at[block] for block in root] if leftwards else [-at[block] for block in root]


def _balanced(found: list[list[float]]) -> list[float]:
    """The mean of the two middle ones, after each was moved to lie over the narrowest."""
    leanings = np.array(found)
    least, most = leanings.min(axis=1), leanings.max(axis=1)
    narrowest = int(np.argmin(most - least))
    for i in range(len(leanings)):
        to_left = LEANINGS[i][1]
        leanings[i] += least[narrowest] - least[i] if to_left else most[narrowest] - most[i]
    leanings.sort(axis=0)
    mean = leanings[1:3].mean(axis=0)
    places: list[float] = np.round(mean - mean.min(), 2).tolist()
    return places
