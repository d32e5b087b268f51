"""Kendall's test on a partial order: do descendants tend to be worse than their ancestors?

Each version is compared with its own ancestors only, so that no line through the lineage has to be chosen; on a chain
this is Mann and Kendall's test for a trend. Sources: Mann 1945; Daniels 1944 (the variance for any weights of the
pairs); Kendall 1975 (ties); Sen 1968 (the slope).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from descentd.queries.statistics.normal import Floats, two_sided
from descentd.queries.statistics.partial_order import Order

EXACT: Final = 10
"""Versions up to which p is counted out and not approximated."""
WIDTH: Final = 24
"""Bits that a count takes: 10! has 22."""
PAIRS_AT_ONCE: Final = 1 << 21

Ranks = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Kendall:
    """S = Σ sign(b_descendant − b_ancestor) over the `pairs` comparable pairs, its z and its two-sided p."""

    s: int
    pairs: int
    z: float
    p: float


def kendall(order: Order, badness: Floats) -> Kendall:
    """Test for a trend along the order; z > 0 is for the worse.

    z = (|S| − 1)/√Var with S's sign. p is exact up to ten versions, over all ways to hand the values out, and from z
    beyond. badness: (order.size,), equal values are ties.
    """
    _, ranks, ties = np.unique(badness, return_inverse=True, return_counts=True)
    s = _chained(ranks) if order.is_chain else _concordance(order, ranks)
    pairs = int(order.ancestors.sum())
    if s == 0:
        return Kendall(0, pairs, 0.0, 1.0)
    z = math.copysign((abs(s) - 1) / math.sqrt(_variance(order, ties)), s)
    p = _exact(order.masks(), tuple(ties.tolist()), abs(s)) if order.size <= EXACT else two_sided(z)
    return Kendall(s, pairs, z, p)


def _concordance(order: Order, ranks: Ranks) -> int:
    small = ranks.astype(np.int16) if len(ranks) < 1 << 15 else ranks
    s = 0
    for rows, above in order.blocks():
        mine = small[rows][:, None]
        s += int(np.count_nonzero((mine > small) & above)) - int(np.count_nonzero((mine < small) & above))
    return s


def _chained(ranks: Ranks) -> int:
    size = len(ranks)
    ties = np.bincount(ranks)
    return size * (size - 1) // 2 - int((ties * (ties - 1) // 2).sum()) - 2 * inversions(ranks)


def inversions(ranks: Ranks) -> int:
    """How many pairs have the larger rank first, in O(n log n): bit by bit, among those alike in the bits above."""
    found = 0
    highest = int(ranks.max(initial=0))
    small = ranks.astype(np.uint16) if highest < 1 << 16 else ranks  # sixteen bits are sorted by radix
    places = np.arange(len(ranks))
    for bit in reversed(range(highest.bit_length())):
        prefix = small >> (bit + 1)
        order = np.argsort(prefix, kind="stable")
        ones = ((small[order] >> bit) & 1).astype(np.int64)
        before = np.cumsum(ones) - ones
        first = np.concatenate(([True], np.diff(prefix[order]) != 0))
        carried = before[np.maximum.accumulate(np.where(first, places, 0))]
        found += int((before - carried)[ones == 0].sum())
    return found


def _variance(order: Order, ties: NDArray[np.int64]) -> float:
    """Of S when values are handed out at random (Daniels 1944)."""
    n = order.size
    pairs = int(order.ancestors.sum())
    lopsided = int(((order.descendants - order.ancestors) ** 2).sum())
    if len(ties) == n:
        return (pairs + lopsided) / 3
    lower = np.concatenate(([0], np.cumsum(ties)[:-1]))
    leaning = ((2 * lower + ties - n) ** 2 * ties).sum()
    a1, a2 = 2.0 * pairs, float(lopsided)
    b1, b2 = float(n * n - (ties * ties).sum()), float(leaning)
    return (a2 - a1) * (b2 - b1) / (n * (n - 1) * (n - 2)) + a1 * b1 / (2 * n * (n - 1))


def _exact(above: tuple[int, ...], ties: tuple[int, ...], s: int) -> float:
    """P(|S| ≥ s) over all ways to hand out values with these ties."""
    counts = _distribution(above, ties)
    return sum(count for at, count in counts if abs(at) >= s) / sum(count for _, count in counts)


@lru_cache(maxsize=4096)
def _distribution(above: tuple[int, ...], ties: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """How often each S occurs, by handing out the values in ascending order to ever larger sets of versions.

    A set's counts by S are the digits, `WIDTH` bits each, of one number, so that adding numbers adds distributions.
    """
    size = len(above)
    below = [sum(1 << other for other in range(size) if above[other] >> place & 1) for place in range(size)]
    reached = {0: 1}
    placed = offset = 0
    for tied in ties:
        offset += tied * placed
        onward: dict[int, int] = {}
        for held, counts in reached.items():
            free = [
                (1 << place, (above[place] & held).bit_count() - (below[place] & held).bit_count() + placed)
                for place in range(size)
                if not held >> place & 1
            ]
            for added in combinations(free, tied):
                larger = held + sum(bit for bit, _ in added)
                shifted = counts << WIDTH * sum(gain for _, gain in added)
                onward[larger] = onward.get(larger, 0) + shifted
        reached = onward
        placed += tied
    (counts,) = reached.values()
    digits = range((counts.bit_length() + WIDTH - 1) // WIDTH)
    found = ((at - offset, counts >> WIDTH * at & (1 << WIDTH) - 1) for at in digits)
    return tuple((at, count) for at, count in found if count)


def theil_sen(x: Floats, y: Floats) -> float | None:
    """The median slope over all pairs with different x, None where there is none. x ascends. Source: Sen 1968."""
    if len(x) * len(x) > 2 * PAIRS_AT_ONCE:
        return _median_slope(x, y)
    first, second = np.triu_indices(len(x), 1)
    run = x[second] - x[first]
    slopes = (y[second] - y[first])[run > 0] / run[run > 0]
    return float(np.median(slopes)) if len(slopes) else None


def _median_slope(x: Floats, y: Floats) -> float:
    """The same by bisection, counting the pairs with a smaller slope: memory does not grow with the pairs."""
    pairs = len(x) * (len(x) - 1) // 2
    steepest = float(np.abs(np.diff(y) / np.diff(x)).max())
    low, high = -steepest, steepest
    for _ in range(64):
        middle = (low + high) / 2
        _, ranks = np.unique(y - middle * x, return_inverse=True)
        if 2 * inversions(ranks) < pairs:
            low = middle
        else:
            high = middle
    return (low + high) / 2
