"""Which of many origins reach which records, in one walk: each record holds a bit for each origin that reaches it.

One walk for each origin would go over what they share once for each of them, and over all that comes from any of them
wherever it leads. Here only records are gone over that lead to one of the `heads` that are asked about.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Sequence
from heapq import heapify, heappop, heappush

import numpy as np

from descentd.graph.index.arrays import TWIN, Integers, is_in
from descentd.graph.index.edges import Edges
from descentd.graph.index.twins import Twins


def reached_by_each(
    edges: Edges, twins: Twins, within: Integers, origins: Sequence[Collection[int]], upto: int
) -> list[set[int]]:
    """For each of `origins`, which are closed under twins, what it reaches among `within`, without itself.

    within: all that leads to some records, these and twins included, ascending, each once.
    """
    bits = _propagated(_Below(edges, within), twins, _begun(within, origins), upto)
    alike: defaultdict[int, list[int]] = defaultdict(list)
    for record, mask in bits.items():
        alike[mask].append(record)
    found: list[set[int]] = [set() for _ in origins]
    for mask, records in alike.items():
        left = mask
        while left:
            lowest = left & -left
            found[lowest.bit_length() - 1].update(records)
            left ^= lowest
    return [reached.difference(own) for reached, own in zip(found, origins, strict=True)]


def _begun(within: Integers, origins: Sequence[Collection[int]]) -> dict[int, int]:
    """The bits of the origins themselves, as far as they are within."""
    bits: defaultdict[int, int] = defaultdict(int)
    for number, own in enumerate(origins):
        for record in own:
            bits[record] |= 1 << number
    inside = is_in(np.fromiter(bits, np.int64, len(bits)), within)
    return {record: mask for (record, mask), there in zip(bits.items(), inside.tolist(), strict=True) if there}


def _propagated(below: "_Below", twins: Twins, bits: dict[int, int], upto: int) -> dict[int, int]:
    """The bits of all that is reached.

    The lowest record goes first: what records state leads upwards, so that each is gone over once but for twins and
    disclosures.
    """
    waiting = list(bits)
    heapify(waiting)
    queued = set(waiting)
    flags = twins.flags.data
    while waiting:
        record = heappop(waiting)
        queued.discard(record)
        mask = bits[record]
        following = below.of(record)
        if flags[record] & TWIN:
            following += twins.of(record, upto)
        for other in following:
            before = bits.get(other, 0)
            if mask | before != before:
                bits[other] = mask | before
                if other not in queued:
                    queued.add(other)
                    heappush(waiting, other)
    return bits


class _Below:
    """The edges between some records, by what they lead from."""

    def __init__(self, edges: Edges, within: Integers) -> None:
        rows, disclosed = edges.by_source, edges.disclosed
        positions = rows.positions(within)
        more = np.flatnonzero(is_in(disclosed.sources, within))
        sources = np.repeat(within, rows.starts[within + 1] - rows.starts[within])
        targets = np.concatenate((rows.others[positions], disclosed.targets[more])).astype(np.int32)
        order = np.argsort(targets, kind="stable")
        self._targets = np.ascontiguousarray(targets[order]).data
        self._sources = np.concatenate((sources, disclosed.sources[more]))[order]

    def of(self, record: int) -> list[int]:
        """What came of a record in one step."""
        first = bisect_left(self._targets, record)
        last = bisect_right(self._targets, record, first)
        found: list[int] = self._sources[first:last].tolist()
        return found
