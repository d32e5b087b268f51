"""Layers: each node stands below everything that it came from, and near to what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

Way = tuple[int, int]
"""A line from what was there first to what was made of it."""
Neighbours = list[list[int]]


@dataclass(frozen=True, slots=True)
class Layering:
    """`layers` of the nodes, from 0; `turned` are places of ways that lead upwards, since they close a cycle."""

    layers: list[int]
    turned: frozenset[int]


def assign_layers(count: int, ways: Sequence[Way], widest: int) -> Layering:
    """Layers by the longest path from the top, then balanced, of at most `widest` nodes each.

    What has more ways down than up is moved as far down as its children allow, so that data stands beside the version
    that learned from it and not at the top. A layer that is too wide goes on in the next (after Coffman and Graham
    1972, Acta Informatica 1), those nodes first of which something came. Nodes are numbered from 0, and no way leads
    from a node to itself.
    """
    up, down = neighbours(count, ways)
    order, turned = _order(ways, up, down)
    if turned:
        up, down = neighbours(count, [way[::-1] if place in turned else way for place, way in enumerate(ways)])
    layers = [0] * count
    for node in order:
        below = layers[node] + 1
        for child in down[node]:
            if layers[child] < below:  # noqa: PLR1730 (max() takes four times as long)
                layers[child] = below
    for node in reversed(order):
        children = down[node]
        if children and len(children) >= len(up[node]):
            layers[node] = min([layers[child] for child in children]) - 1
    return Layering(_at_most(widest, layers, up, down), turned)


def neighbours(count: int, ways: Sequence[Way]) -> tuple[Neighbours, Neighbours]:
    """What lies above and what lies below each node, in the order of the ways."""
    up: Neighbours = [[] for _ in range(count)]
    down: Neighbours = [[] for _ in range(count)]
    for parent, child in ways:
        up[child].append(parent)
        down[parent].append(child)
    return up, down


def _order(ways: Sequence[Way], up: Neighbours, down: Neighbours) -> tuple[list[int], frozenset[int]]:
    """Parents before children (Kahn 1962, Communications of the ACM 5), and the places of ways against that order.

    Only equal data makes cycles: where nothing else is left, the first node that waits is put next.
    """
    waiting = [len(parents) for parents in up]
    order = [node for node, waits in enumerate(waiting) if not waits]
    count, placed, first = len(up), 0, 0
    while placed < count:
        if placed == len(order):
            while waiting[first] <= 0:
                first += 1
            waiting[first] = 0
            order.append(first)
        for child in down[order[placed]]:
            waiting[child] -= 1
            if not waiting[child]:
                order.append(child)
        placed += 1
    if all(waits == 0 for waits in waiting):
        return order, frozenset()
    places = [0] * count
    for place, node in enumerate(order):
        places[node] = place
    return order, frozenset(place for place, (parent, child) in enumerate(ways) if places[parent] > places[child])


def _at_most(widest: int, layers: list[int], up: Neighbours, down: Neighbours) -> list[int]:
    widths = [0] * (max(layers, default=0) + 1)
    for layer in layers:
        widths[layer] += 1
    if max(widths) <= widest:
        return _closed(layers)
    found = [0] * len(layers)
    room: list[int] = []
    open_from: list[int] = []
    for node in sorted(range(len(layers)), key=lambda node: (layers[node], not down[node], node)):
        wanted = max([found[parent] + 1 for parent in up[node]], default=layers[node])
        while len(room) <= wanted:
            room.append(widest)
            open_from.append(len(room) - 1)
        layer = _open(open_from, wanted)
        if layer == len(room):
            room.append(widest)
            open_from.append(layer)
        room[layer] -= 1
        if not room[layer]:
            open_from[layer] = layer + 1
        found[node] = layer
    return _closed(found)


def _open(open_from: list[int], wanted: int) -> int:
    """The first layer from `wanted` on that has room; its number may be that of the one to be added."""
    layer = wanted
    while layer < len(open_from) and open_from[layer] != layer:
        layer = open_from[layer]
    while wanted < len(open_from) and open_from[wanted] != wanted:
        open_from[wanted], wanted = layer, open_from[wanted]
    return layer


def _closed(layers: list[int]) -> list[int]:
    """The same without empty layers."""
    numbers = {layer: number for number, layer in enumerate(sorted(set(layers)))}
    return [numbers[layer] for layer in layers]
