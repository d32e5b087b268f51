"""Evidence that relies on reached records: evaluations of them and on them, and statements that cite those."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from descentd.graph.index.arrays import ROLE, Integers, Tags, is_in, sorted_unique
from descentd.graph.index.breadth_first import FEW, Walk
from descentd.graph.index.edges import Edges
from descentd.graph.model.kinds import ROLE_NUMBER, Role

CITES: Final = ROLE_NUMBER[Role.CITES]
FAR: Final = np.iinfo(np.int32).max


def add_evidence(edges: Edges, reached: Walk, upto: int) -> Walk:
    """The evidence that rests on `reached` and its origins, by distance: one more than the nearest that it rests on.

    Evidence is a layer of its own: what influence reached nearer may be cited as evidence farther away, and passes on
    either by its own distance. Level 0 is empty.
    """
    records = reached.records
    if not len(records):
        return reached
    distances = np.full(edges.size + 1, FAR, np.int32)
    far = np.repeat(np.arange(reached.depth + 1, dtype=np.int32), np.diff(reached.ends, prepend=0))
    frontier = _relax(edges, distances, records, far, upto, cites=False)
    while len(frontier):
        frontier = _relax(edges, distances, frontier, distances[frontier], upto, cites=True)
    found = np.flatnonzero(distances != FAR).astype(np.int32)
    return _by_distance(found, distances[found], np.zeros(0, np.int32), edges.size + 1)


def _relax(edges: Edges, distances: Integers, records: Integers, far: Integers, upto: int, *, cites: bool) -> Integers:
    """Bring what rests on `records` (which are `far`) one step behind them; returns what came nearer by that."""
    sources, tags, behind = _resting_on(edges, records, far)
    chosen = ((tags & ROLE == CITES) == cites) & (sources <= upto)
    sources, behind = sources[chosen], behind[chosen] + 1
    nearer = behind < distances[sources]
    sources, behind = sources[nearer], behind[nearer]
    np.minimum.at(distances, sources, behind)
    return sorted_unique(sources)


def _resting_on(edges: Edges, records: Integers, far: Integers) -> tuple[Integers, Tags, Integers]:
    inside = records <= edges.base_size
    rows = edges.by_target
    lengths = rows.starts[records[inside] + 1] - rows.starts[records[inside]]
    positions = rows.positions(records[inside])
    order = np.argsort(records)
    places = order[np.searchsorted(records, edges.late_targets, sorter=order).clip(max=len(records) - 1)]
    late = records[places] == edges.late_targets
    return (
        np.concatenate((rows.others[positions], edges.late_sources[late])),
        np.concatenate((rows.tags[positions], edges.late_tags[late])),
        np.concatenate((np.repeat(far[inside], lengths), far[places[late]])),
    )


def listed_with(reached: Walk, cited: Walk) -> Walk:
    """Everything in either, at its nearest."""
    origins = reached.records[: reached.ends[0]]
    records = np.concatenate((reached.records[len(origins) :], cited.records))
    far = np.concatenate([np.repeat(np.arange(w.depth), np.diff(w.ends)) + 1 for w in (reached, cited)])
    keys = np.sort(far << 32 | records)
    records, far = (keys & 0xFFFFFFFF).astype(np.int32), keys >> 32
    _, firsts = np.unique(records, return_index=True)
    firsts.sort()
    firsts = firsts[~is_in(records[firsts], origins)]
    size = 0 if reached.stamps is None else len(reached.stamps)
    if cited.stamps is not None:
        size = len(cited.stamps)
    return _by_distance(records[firsts], far[firsts], origins, size)


def _by_distance(records: Integers, far: NDArray[np.signedinteger], origins: Integers, size: int) -> Walk:
    order = np.argsort(far, kind="stable")
    records, far = (
        np.concatenate((origins, records[order])),
        np.concatenate((np.zeros(len(origins), np.int32), far[order])),
    )
    ends = np.searchsorted(far, np.arange(int(far[-1]) + 1 if len(far) else 1), "right")
    if len(records) <= FEW:
        return Walk(records, ends, dict(zip(records.tolist(), far.tolist(), strict=True)), None)
    stamps = np.zeros(size, np.int32)
    stamps[records] = far + 1
    return Walk(records, ends, None, stamps)
