"""Where nodes of large drawings stand across their layers: in the middle of their neighbours, as far as there is room.

A relaxation in arrays: each round moves all nodes to the mean of their neighbours above, below or both, then back into
the order of their row. The place that keeps the order is the mean of the least non-decreasing one above what is wanted
and the greatest below it, which is half of a least-squares fit (Barlow and others 1972, "Statistical Inference under
Order Restrictions") at the cost of two passes.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from descentd.app.explorer.layout.layers import Neighbours
from descentd.app.explorer.layout.proper import ProperGraph

ROUNDS: Final = 12
"""Rounds of one pass down, one up and one both ways."""

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]


def relaxed(graph: ProperGraph, rows: Sequence[Sequence[int]], extent: Sequence[float], gap: float) -> list[float]:
    """The middle of each node and bend; neighbours in a row are at least `gap` apart."""
    size = len(graph.up)
    flat = np.fromiter(chain.from_iterable(rows), np.intp, size)
    lengths = np.fromiter(map(len, rows), np.intp, len(rows))
    row = np.repeat(np.arange(len(rows)), lengths)
    offset = _offsets(np.array(extent)[flat], row, gap)
    upper, lower = _steps(graph.down)
    place = np.empty(size)
    place[flat] = offset
    for _ in range(ROUNDS):
        for parents, children in ((upper, lower), (lower, upper), (_both(upper, lower), _both(lower, upper))):
            place[flat] = _in_order(_means(place, parents, children)[flat], offset, row)
    moved: list[float] = np.round(place - place.min(), 2).tolist()
    return moved


def _offsets(extent: Floats, row: Integers, gap: float) -> Floats:
    """How far each node is from the middle of its row where the row is as narrow as it can be."""
    apart = np.zeros(len(extent))
    apart[1:] = np.where(row[1:] == row[:-1], (extent[1:] + extent[:-1]) / 2 + gap, 0.0)
    sums = np.cumsum(apart)
    first = np.searchsorted(row, row)
    last = np.searchsorted(row, row, "right") - 1
    centred: Floats = sums - (sums[first] + sums[last]) / 2
    return centred


def _steps(down: Neighbours) -> tuple[Integers, Integers]:
    lengths = np.fromiter(map(len, down), np.intp, len(down))
    upper = np.repeat(np.arange(len(down)), lengths)
    return upper, np.fromiter(chain.from_iterable(down), np.intp, len(upper))


def _both(one: Integers, other: Integers) -> Integers:
    return np.concatenate((one, other))


def _means(place: Floats, parents: Integers, children: Integers) -> Floats:
    """The mean place of the parents of each; its own where it has none."""
    counts = np.bincount(children, minlength=len(place))
    sums = np.bincount(children, place[parents], minlength=len(place))
    means: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), place)
    return means


def _in_order(wanted: Floats, offset: Floats, row: Integers) -> Floats:
    """As near to what is wanted as the order of each row allows."""
    free = wanted - offset
    # Each row in a range of its own, above that of the row before: then one pass serves all rows.
    base = row * (np.ptp(free) + 1.0)
    keyed = free + base
    above = np.maximum.accumulate(keyed)
    below = np.minimum.accumulate(keyed[::-1])[::-1]
    placed: Floats = (above + below) / 2 - base + offset
    return placed
