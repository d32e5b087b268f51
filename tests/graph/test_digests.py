"""The Merkle tree of the log against the definition in RFC 6962, section 2.1."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.model.merkle import Frontier, leaf_hash, merkle_root

LEAVES = st.lists(st.binary(max_size=4).map(leaf_hash), max_size=70)


def tree(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, over leaves that are hashed already."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return hashlib.sha256(b"\1" + tree(leaves[:left]) + tree(leaves[left:])).digest()


@given(LEAVES, st.lists(st.integers(1, 20)))
def test_a_frontier_that_grew_has_the_root_of_the_tree(leaves: list[bytes], steps: list[int]) -> None:
    frontier, at = Frontier(), 0
    for step in [*steps, len(leaves)]:
        frontier = frontier.append(leaves[at : at + step])
        at = min(at + step, len(leaves))
        assert frontier.size == at
        assert frontier.root() == merkle_root(leaves[:at]) == tree(leaves[:at])
        assert Frontier.load(at, frontier.dump()) == frontier


@given(LEAVES.filter(len), st.data())
def test_a_root_tells_whether_anything_is_different(leaves: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(leaves) - 1))
    for other in (
        [*leaves[:place], leaf_hash(b"other"), *leaves[place + 1 :]],
        [*leaves[:place], *leaves[place + 1 :]],
        [*leaves[:place], leaf_hash(b"other"), *leaves[place:]],
    ):
        assert merkle_root(other) != merkle_root(leaves)


@pytest.mark.parametrize(("size", "dumped"), [(1, ""), (0, "00" * 32), (3, "00" * 32), (1, "zz"), (1, " " + "00" * 32)])
def test_what_is_no_frontier_is_not_loaded(size: int, dumped: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of several kinds
        Frontier.load(size, dumped)
