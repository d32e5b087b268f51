"""Snapshots in tests: an index as it would be after a restart, and what an index answers, to be compared."""

from typing import Any

import numpy as np

from descentd.graph.index.arrays import Growing
from descentd.graph.index.columns import Columns
from descentd.graph.index.topology import Topology


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
