"""A partial order in bits against the graph that it is of, at the edges of bytes and of blocks."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from descentd.queries.statistics import partial_order
from descentd.queries.statistics.partial_order import Order


@given(st.integers(1, 40), st.floats(0, 1), st.integers(0, 10**6), st.integers(0, 60))
@example(9, 1.0, 0, 1)  # a chain
@example(36, 0.9, 1, 80)
def test_who_descends_from_whom_is_as_in_the_graph(size: int, share: float, seed: int, block: int) -> None:
    dice = np.random.default_rng(seed)
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(size))
    for low in range(1, size):
        graph.add_edges_from((high, low) for high in range(low) if high == low - 1 or dice.random() < 0.3)
        if dice.random() > share:
            graph.remove_edge(low - 1, low)
    masks = tuple(sum(1 << above for above in nx.ancestors(graph, place)) for place in range(size))
    expected = np.array([[mask >> above & 1 for above in range(size)] for mask in masks], np.bool_)
    order = Order.of(masks)
    assert order.is_chain == (nx.dag_longest_path_length(graph) == size - 1)
    assert order.masks() == masks
    assert order.ancestors.tolist() == expected.sum(axis=1).tolist()
    assert all((order.above(place) == expected[place]).all() for place in range(size))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partial_order, "BLOCK", block)
        assert Order.of(masks).descendants.tolist() == expected.sum(axis=0).tolist()
        if not order.is_chain:
            rows, flags = zip(*order.blocks(), strict=True)
            assert [place for some in rows for place in range(size)[some]] == list(range(size))
            assert (np.concatenate(flags) == expected).all()
            assert max(map(len, flags)) == min(size, max(1, block // size))
