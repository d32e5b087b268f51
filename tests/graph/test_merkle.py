"""The log's tree and its proofs: by the definition of RFC 6962, for all pairs of sizes, and by foreign vectors."""

import hashlib
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.model.merkle import (
    Frontier,
    Subtree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    merkle_root,
    node_hash,
)

MOST = 256
LEAVES = [leaf_hash(f"entry {i}".encode()) for i in range(MOST)]


def roots(leaves: list[bytes]) -> Subtree:
    return cache(lambda start, end: merkle_root(leaves[start:end]))


# RFC 9162, 2.1.3.2 and 2.1.4.2: how whoever gets a proof checks it.


def root_by_inclusion(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    node, last, found = index, size - 1, leaf
    for sibling in path:
        assert last > 0
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    assert last == 0
    return found


def roots_by_consistency(first: int, second: int, root: bytes, path: list[bytes]) -> tuple[bytes, bytes]:
    path = [root, *path] if first & (first - 1) == 0 else path
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        assert last > 0
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    assert last == 0
    return old, new


def test_every_leaf_is_proved_in_trees_of_every_size() -> None:
    whole = roots(LEAVES)
    for size in [*range(1, 70), 127, 128, 129, 255, 256]:
        root = merkle_root(LEAVES[:size])
        for index in range(size):
            assert root_by_inclusion(LEAVES[index], index, size, inclusion_proof(index, size, whole)) == root


def test_every_tree_is_proved_to_begin_every_larger_one() -> None:
    whole = roots(LEAVES)
    by_size = [merkle_root(LEAVES[:size]) for size in range(MOST + 1)]
    for second in range(1, MOST + 1):
        for first in range(1, second):
            path = consistency_proof(first, second, whole)
            assert roots_by_consistency(first, second, by_size[first], path) == (by_size[first], by_size[second])
        assert consistency_proof(second, second, whole) == consistency_proof(0, second, whole) == []


def test_the_vectors_of_certificate_transparency() -> None:
    """The eight leaves that the certificate-transparency project's Merkle tests use, with their known roots."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = [leaf_hash(bytes.fromhex(each)) for each in inputs]
    known = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    assert [merkle_root(leaves[: i + 1]).hex() for i in range(8)] == known
    assert merkle_root([]) == hashlib.sha256(b"").digest()
    path = [part.hex() for part in inclusion_proof(5, 8, roots(leaves))]
    assert path == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_what_is_not_there_is_not_proved(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        inclusion_proof(index, size, roots(LEAVES))
    with pytest.raises(ValueError, match="is not the beginning of"):
        consistency_proof(size + 1, size, roots(LEAVES))


RANDOM_LEAVES = st.lists(st.binary(max_size=4).map(leaf_hash), max_size=70)


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


@given(RANDOM_LEAVES, st.lists(st.integers(1, 20)))
def test_a_frontier_that_grew_has_the_root_of_the_tree(leaves: list[bytes], steps: list[int]) -> None:
    frontier, at = Frontier(), 0
    for step in [*steps, len(leaves)]:
        frontier = frontier.append(leaves[at : at + step])
        at = min(at + step, len(leaves))
        assert frontier.size == at
        assert frontier.root() == merkle_root(leaves[:at]) == tree(leaves[:at])
        assert Frontier.load(at, frontier.dump()) == frontier


@given(RANDOM_LEAVES.filter(len), st.data())
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
