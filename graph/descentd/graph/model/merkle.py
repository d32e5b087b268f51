"""The Merkle tree of the log, that of RFC 6962, section 2.1.

Leaves are hashed with a 0x00 in front, inner nodes with a 0x01.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


def leaf_hash(leaf: bytes) -> bytes:
    """Hash of a leaf (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\1" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """What it takes to append to a Merkle tree: its size and the roots of its full subtrees, largest first."""

    size: int = 0
    roots: tuple[bytes, ...] = ()

    def append(self, leaves: Iterable[bytes]) -> "Frontier":
        """The frontier with leaf hashes added at the end."""
        size, roots = self.size, list(self.roots)
        for leaf in leaves:
            node, level = leaf, size
            while level & 1:
                node = node_hash(roots.pop(), node)
                level >>= 1
            roots.append(node)
            size += 1
        return Frontier(size, tuple(roots))

    def root(self) -> bytes:
        """The root of the whole tree; SHA-256 of nothing for the empty one."""
        if not self.roots:
            return hashlib.sha256(b"").digest()
        *rest, root = self.roots
        for left in reversed(rest):
            root = node_hash(left, root)
        return root

    def dump(self) -> str:
        """As stores keep it: the roots in hexadecimal, separated by spaces."""
        return " ".join(root.hex() for root in self.roots)

    @classmethod
    def load(cls, size: int, dumped: str) -> "Frontier":
        """The frontier that `dump` wrote; raises ValueError for anything else."""
        frontier = cls(size, tuple(bytes.fromhex(root) for root in dumped.split()))
        if frontier.dump() != dumped or len(frontier.roots) != size.bit_count():
            raise ValueError("not a frontier as it is dumped")
        return frontier


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes."""
    return Frontier().append(leaves).root()


Subtree = Callable[[int, int], bytes]
"""The root over the leaves from one index until before another, counted from 0."""


def inclusion_proof(index: int, size: int, root_of: Subtree) -> list[bytes]:
    """The audit path of the leaf at `index` in a tree of `size` leaves, lowest first (RFC 6962, 2.1.1).

    Raises ValueError where there is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(root_of(middle, end))
            end = middle
        else:
            path.append(root_of(start, middle))
            start = middle
    return path[::-1]


def consistency_proof(first: int, second: int, root_of: Subtree) -> list[bytes]:
    """The proof that the tree of `first` leaves is the beginning of that of `second` leaves (RFC 6962, 2.1.2).

    It is empty where both are of one size, and where the first is empty. Raises ValueError where the first is larger.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {first} leaves is not the beginning of one of {second}")
    if first in (0, second):
        return []
    path: list[bytes] = []
    start, end, whole = 0, second, True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(root_of(middle, end))
            end = middle
        else:
            path.append(root_of(start, middle))
            start, whole = middle, False
    if not whole:
        path.append(root_of(start, end))
    return path[::-1]


def _split(size: int) -> int:
    """The largest power of two that is smaller than `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1
