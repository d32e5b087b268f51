"""Sets of sequences in arrays, against Python's own sets."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.index.arrays import is_in, sorted_unique


@given(st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 9)))
def test_each_number_once_in_order(values: list[int]) -> None:
    assert sorted_unique(np.array(values, np.int64)).tolist() == sorted(set(values))


@given(st.lists(st.integers(0, 9) | st.integers(0, 2**20)), st.lists(st.integers(0, 9) | st.integers(0, 2**20)))
def test_which_are_among_others(values: list[int], members: list[int]) -> None:
    found = is_in(np.array(values, np.int32), np.array(members, np.int64))
    assert found.tolist() == [value in members for value in values]
