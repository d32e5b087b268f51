"""The client checks proofs by itself: against the definition of RFC 6962, vectors of others, and everything forged."""

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from descent.errors import NotProved
from descent.proofs import (
    EMPTY_ROOT,
    LogEntry,
    Tree,
    check_consistency,
    check_inclusion,
    check_proof,
    leaf_hash,
    node_hash,
    record_id,
)

MOST = 256
LEAVES = [leaf_hash(f"entry {number}".encode()) for number in range(MOST)]


# The definitions of RFC 6962, 2.1, word for word: MTH, PATH and PROOF.


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


@cache
def mth(start: int, end: int) -> bytes:
    if start == end:
        return hashlib.sha256(b"").digest()
    if end - start == 1:
        return LEAVES[start]
    k = split(end - start)
    return hashlib.sha256(b"\1" + mth(start, start + k) + mth(start + k, end)).digest()


def path(m: int, start: int, end: int) -> list[bytes]:
    n = end - start
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*path(m, start, start + k), mth(start + k, end)]
    return [*path(m - k, start + k, end), mth(start, start + k)]


def proof(m: int, n: int) -> list[bytes]:
    return subproof(m, 0, n, known=True) if 0 < m < n else []


def subproof(m: int, start: int, end: int, *, known: bool) -> list[bytes]:
    n = end - start
    if m == n:
        return [] if known else [mth(start, end)]
    k = split(n)
    if m <= k:
        return [*subproof(m, start, start + k, known=known), mth(start + k, end)]
    return [*subproof(m - k, start + k, end, known=False), mth(start, start + k)]


def tree(size: int) -> Tree:
    return Tree(size, mth(0, size))


def refused(check: Callable[..., object], *arguments: object) -> None:
    with pytest.raises(NotProved):
        check(*arguments)


def test_every_leaf_of_every_tree() -> None:
    for size in range(1, MOST + 1):
        for index in range(size):
            check_inclusion(LEAVES[index], index, tree(size), path(index, 0, size))


def test_every_pair_of_sizes() -> None:
    for second in range(MOST + 1):
        for first in range(second + 1):
            check_consistency(tree(first), tree(second), proof(first, second))


def test_no_forged_inclusion() -> None:
    for size in (1, 2, 3, 5, 8, 13, 64, 100, 255):
        for index in {0, size // 2, size - 1}:
            leaf, right = LEAVES[index], path(index, 0, size)
            refused(check_inclusion, LEAVES[index - 1] if size > 1 else LEAVES[7], index, tree(size), right)
            refused(check_inclusion, leaf, index, Tree(size, LEAVES[0][::-1]), right)
            refused(check_inclusion, leaf, index, tree(size), [*right, LEAVES[0]])
            for place in range(len(right)):
                refused(check_inclusion, leaf, index, tree(size), right[:place] + right[place + 1 :])
                other = [*right[:place], bytes(32), *right[place + 1 :]]
                refused(check_inclusion, leaf, index, tree(size), other)
            refused(check_inclusion, leaf, size, tree(size), right)
            refused(check_inclusion, leaf, -1, tree(size), right)
    for index in range(8):
        for claimed in range(8):
            if claimed != index:
                refused(check_inclusion, LEAVES[index], claimed, tree(8), path(index, 0, 8))


def test_no_forged_consistency() -> None:
    for first, second in ((1, 2), (1, 8), (2, 5), (3, 7), (4, 7), (6, 8), (64, 100), (99, 256), (128, 256)):
        right = proof(first, second)
        for place in range(len(right)):
            refused(check_consistency, tree(first), tree(second), right[:place] + right[place + 1 :])
            refused(check_consistency, tree(first), tree(second), [*right[:place], bytes(32), *right[place + 1 :]])
        refused(check_consistency, tree(first), tree(second), [*right, LEAVES[0]])
        refused(check_consistency, tree(first), tree(second), [])
        refused(check_consistency, Tree(first, bytes(32)), tree(second), right)
        refused(check_consistency, tree(first), Tree(second, bytes(32)), right)
        refused(check_consistency, tree(second), tree(first), right)


@pytest.mark.parametrize("size", [0, 1, 2, 7, 8, 256])
def test_two_roots_of_one_size_never_agree(size: int) -> None:
    other = Tree(size, bytes(32))
    for hashes in ([], [bytes(32)], [mth(0, size)], proof(3, 8)):
        refused(check_consistency, tree(size), other, hashes)
        refused(check_consistency, other, tree(size), hashes)
    refused(check_consistency, tree(size), tree(size), [mth(0, size)])


def test_the_empty_log_has_one_root() -> None:
    assert mth(0, 0) == EMPTY_ROOT
    refused(check_consistency, Tree(0, bytes(32)), tree(5), [])
    refused(check_consistency, tree(0), tree(5), [mth(0, 5)])


# certificate-transparency, cpp/merkletree/merkle_tree_test.cc: eight leaves, and proofs over them.
FOREIGN = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
A, B, C = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
)
D, E = (
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
)
F, G = (
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
)


def foreign(size: int) -> Tree:
    return Tree(size, bytes.fromhex(ROOTS[size]))


def hashes(written: list[str]) -> list[bytes]:
    return [bytes.fromhex(each) for each in written]


@pytest.mark.parametrize(
    ("leaf", "size", "written"),
    [(0, 1, []), (0, 8, [A, B, C]), (5, 8, [D, E, F]), (2, 3, [ROOTS[2]]), (1, 5, [ROOTS[1], B, D])],
)
def test_inclusion_in_the_tree_of_certificate_transparency(leaf: int, size: int, written: list[str]) -> None:
    check_inclusion(leaf_hash(bytes.fromhex(FOREIGN[leaf])), leaf, foreign(size), hashes(written))


@pytest.mark.parametrize(
    ("first", "second", "written"), [(1, 1, []), (1, 8, [A, B, C]), (6, 8, [G, E, F]), (2, 5, [B, D])]
)
def test_consistency_of_the_trees_of_certificate_transparency(first: int, second: int, written: list[str]) -> None:
    check_consistency(foreign(first), foreign(second), hashes(written))


# What a registry answers


def answer() -> dict[str, Any]:
    body = '{"author":"ann","text":"Fine."}'
    id = record_id("NOTE", body.encode())
    text = f"descent.entry.v1\n2\n1\n1700000000000000\n{id}\nann"
    left, leaf = leaf_hash(b"first"), leaf_hash(text.encode())
    root = node_hash(left, leaf).hex()
    return {
        "record": {"id": id, "ref": id, "kind": "NOTE"},
        "entry": text,
        "body": body,
        "leaf": leaf.hex(),
        "index": 1,
        "size": 2,
        "root": root,
        "inclusion": [left.hex()],
        "presentSize": 2,
        "presentRoot": root,
        "consistency": [],
    }


def test_an_answer_is_checked_from_the_content_to_the_root() -> None:
    proof = answer()
    assert check_proof(proof) == LogEntry(2, 1, 1_700_000_000_000_000, proof["record"]["id"], "ann")


@pytest.mark.parametrize(
    "changes",
    [
        {"body": '{"author":"ann","text":"Bad."}'},
        {"record": {"id": "sha256:" + "0" * 64, "kind": "NOTE"}},
        {"record": {**answer()["record"], "kind": "CODE"}},
        {"entry": answer()["entry"].replace("ann", "eve")},
        {"entry": answer()["entry"].replace("\n2\n1\n", "\n3\n1\n")},
        {"entry": answer()["entry"].replace("entry.v1", "entry.v2")},
        {"entry": "descent.entry.v1"},
        {"entry": answer()["entry"].replace("\n2\n1\n", "\ntwo\n1\n")},
        {"leaf": "0" * 64},
        {"leaf": "x"},
        {"index": 0},
        {"size": 1},
        {"size": 3},
        {"root": "0" * 64},
        {"inclusion": []},
        {"inclusion": ["0" * 64]},
        {"presentSize": 3},
        {"presentRoot": "0" * 64},
        {"consistency": ["0" * 64]},
    ],
)
def test_whatever_is_changed_in_an_answer_is_refused(changes: dict[str, Any]) -> None:
    refused(check_proof, {**answer(), **changes})
