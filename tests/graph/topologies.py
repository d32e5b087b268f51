"""Topologies of logs that a test drew or wrote down, and questions to them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from descentd.graph.index.topology import Topology
from descentd.graph.model.kinds import KIND_NUMBER, ROLE_NUMBER, Kind, Role
from descentd.graph.model.reach import Tail
from tests.support import snapshots
from tests.support.strategies import Noted, logs, tail


def topology_of(log: Sequence[Noted], cuts: Sequence[int] = ()) -> Topology:
    topology = Topology()
    for after, upto in pairwise(sorted({0, *cuts, len(log)})):
        topology.extend(tail(log, after, upto))
        topology = snapshots.between(topology)
    return topology


def chain_tail(kinds: Sequence[Kind] | Kind, edges: Sequence[tuple[int, Role, int]], size: int) -> Tail:
    numbers = [KIND_NUMBER[kinds]] * size if isinstance(kinds, Kind) else [KIND_NUMBER[kind] for kind in kinds]
    ordered = sorted(edges)
    return Tail(
        0,
        np.array(numbers, np.uint8),
        np.array([source for source, _, _ in ordered], np.int32),
        np.array([ROLE_NUMBER[role] for _, role, _ in ordered], np.uint8),
        np.array([target for _, _, target in ordered], np.int32),
        np.ones(len(ordered), np.bool_),
        np.zeros((0, 2), np.int32),
    )


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[Noted], list[int], list[int], int]:
    """A log, where to cut it into tails, origins, and the sequence to ask at."""
    log = draw(logs())
    cuts = draw(st.lists(st.integers(1, len(log)), max_size=3))
    origins = draw(st.lists(st.integers(1, len(log)), min_size=1, max_size=3))
    return log, cuts, origins, draw(st.integers(1, len(log)))
