"""Snapshots in tests: an index as it would be after a restart, and what an index answers, to be compared."""

from typing import Any

import numpy as np

from descentd.graph.index.arrays import Growing
from descentd.graph.index.columns import Columns
from descentd.graph.index.lineage_index import LineageIndex
from descentd.graph.index.topology import Topology
from descentd.graph.model.kinds import Kind
from descentd.graph.model.reach import Direction, ExposureQuery, ReachQuery, Term
from descentd.graph.store.base import Store
from tests.support.histories import Histories, adding


def between(topology: Topology) -> Topology:
    """What becomes of a topology of a test between two tails: `restored` takes the place of this."""
    return topology


def restored(topology: Topology) -> Topology:
    """The topology as it is restored from its columns, which have little room to grow into."""
    found: dict[str, Growing[Any]] = {}
    for name, array in topology.columns().items():
        buffer = np.zeros(len(array) + 1, array.dtype)
        buffer[: len(array)] = array
        found[name] = Growing.over(buffer, len(array))
    return Topology(Columns(found))


POPULATIONS = (
    (Term("age", frozenset({"a"})),),
    (Term("country", frozenset({"b", "c"})), Term("language", frozenset({"A"}))),
)


def answers(topology: Topology) -> list[Any]:
    """Everything that there is to ask, at some moments."""
    found: list[Any] = []
    for upto in {topology.size, topology.size * 2 // 3, topology.size // 3} - {0}:
        for direction in Direction:
            evidence = direction is Direction.DESCENDANTS
            found += [
                topology.reach(ReachQuery([record], direction, upto, evidence=evidence, first=1_000))
                for record in range(1, upto + 1, 3)
            ]
        ends = range(1, upto + 1)
        found += [topology.via([record], ends, upto) for record in range(1, upto + 1, 5)]
        found += [topology.paths(record, upto, upto, 5) for record in range(1, upto + 1, 7)]
        found += [topology.exposure(ExposureQuery(population, upto, first=1_000)) for population in POPULATIONS]
        found.append(topology.vocabulary(upto))
        found.append(topology.everything(upto, Kind.MODEL_VERSION).tolist())
    return found


async def filled(store: Store, history: Histories, transactions: int) -> None:
    for records in history.transactions(transactions):
        assert await store.write([adding(*records)]) == [None]


async def loaded(store: Store) -> LineageIndex:
    index = LineageIndex(store)
    await index.catch_up(await store.sequence())
    return index
