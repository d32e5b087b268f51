"""The order within layers, chosen so that few ways cross.

Sweeps by barycentre (Sugiyama, Tagawa and Toda 1981, IEEE Transactions on Systems, Man, and Cybernetics 11), from
orders in which a tree has no crossing, then swaps of neighbours (Gansner, Koutsofios, North and Vo 1993, IEEE
Transactions on Software Engineering 19). The best order that was seen is the answer.
"""

from bisect import bisect_right, insort
from typing import Final

from descentd.app.explorer.layout.layers import Neighbours
from descentd.app.explorer.layout.proper import ProperGraph

Rows = list[list[int]]

COUNTED: Final = 6_000
"""Nodes and bends up to which crossings are counted, neighbours swapped and the best of many orders taken."""
WORK: Final = 40_000
"""Nodes and bends that the sweeps of a drawing pass, at least."""
SWEEPS: Final = 24
"""Sweeps down and up again of one drawing, at most."""
PATIENCE: Final = 4
"""Sweeps without a better order, after which there is no other."""
ROUNDS: Final = 6
"""Rounds of swaps after a sweep."""


def order_rows(graph: ProperGraph) -> Rows:
    """The rows, each from left to right."""
    size = len(graph.up)
    if size > COUNTED:
        rows = _depth_first(graph.rows, graph.down, graph.up)
        places = _places(rows, size)
        for sweep in range(max(1, WORK // size)):
            _sweep(rows, places, graph, downwards=sweep % 2 == 0)
        return rows
    starts = [
        _depth_first(graph.rows, graph.down, graph.up),
        _depth_first(graph.rows[::-1], graph.up, graph.down)[::-1],
    ]
    return min((_improved(rows, graph) for rows in starts), key=lambda rows: crossings(rows, graph.down))


def _improved(rows: Rows, graph: ProperGraph) -> Rows:
    places = _places(rows, len(graph.up))
    best, fewest, without = [list(row) for row in rows], crossings(rows, graph.down), 0
    for sweep in range(SWEEPS):
        if not fewest or without == PATIENCE:
            break
        _sweep(rows, places, graph, downwards=True, mirrored=sweep % 2 == 1)
        _sweep(rows, places, graph, downwards=False, mirrored=sweep % 2 == 1)
        _swap(rows, places, graph)
        found = crossings(rows, graph.down)
        without += 1
        if found < fewest:
            best, fewest, without = [list(row) for row in rows], found, 0
    return best


def crossings(rows: Rows, down: Neighbours) -> int:
    """How many pairs of ways cross between the layers."""
    places = _places(rows, len(down))
    total = 0
    for row in rows:
        ends: list[int] = []
        for node in row:
            found = sorted([places[child] for child in down[node]])
            total += sum([len(ends) - bisect_right(ends, end) for end in found])
            for end in found:
                insort(ends, end)
    return total


def _places(rows: Rows, size: int) -> list[int]:
    places = [0] * size
    for row in rows:
        for place, node in enumerate(row):
            places[node] = place
    return places


def _depth_first(rows: Rows, onwards: Neighbours, back: Neighbours) -> Rows:
    """Rows in which each node comes where a walk from the first of them meets it."""
    found: Rows = [[] for _ in rows]
    layer = [0] * len(onwards)
    for number, row in enumerate(rows):
        for node in row:
            layer[node] = number
    met = [False] * len(onwards)
    for row in rows:
        for start in row:
            if met[start] or back[start]:
                continue
            waiting = [start]
            while waiting:
                node = waiting.pop()
                if not met[node]:
                    met[node] = True
                    found[layer[node]].append(node)
                    waiting += [other for other in reversed(onwards[node]) if not met[other]]
    return found


def _sweep(rows: Rows, places: list[int], graph: ProperGraph, *, downwards: bool, mirrored: bool = False) -> None:
    """Order each row by the mean place of its neighbours in the one before; `mirrored`, equals change their order."""
    beside = graph.up if downwards else graph.down
    for row in rows if downwards else reversed(rows):
        if len(row) < 2:
            continue
        means: dict[int, float] = {}
        for node in row:
            others = beside[node]
            if len(others) == 1:
                means[node] = places[others[0]]
            elif others:
                means[node] = sum([places[other] for other in others]) / len(others)
            else:
                means[node] = places[node]
        if mirrored:
            row.reverse()
        row.sort(key=means.__getitem__)
        for place, node in enumerate(row):
            places[node] = place


def _swap(rows: Rows, places: list[int], graph: ProperGraph) -> None:
    """Swap neighbours for as long as that saves crossings."""
    for _ in range(ROUNDS):
        better = False
        for row in rows:
            for place in range(len(row) - 1):
                left, right = row[place], row[place + 1]
                saved = _saved(graph.up, places, left, right) + _saved(graph.down, places, left, right)
                if saved > 0:
                    row[place], row[place + 1] = right, left
                    places[left], places[right] = place + 1, place
                    better = True
        if not better:
            return


def _saved(beside: Neighbours, places: list[int], left: int, right: int) -> int:
    """How many crossings fewer there are on one side of two neighbours once they are swapped."""
    if not beside[left] or not beside[right]:
        return 0
    ends = sorted([places[other] for other in beside[right]])
    saved = 0
    for other in beside[left]:
        place = places[other]
        before = bisect_right(ends, place - 1)
        saved += before - (len(ends) - bisect_right(ends, place))
    return saved
