"""The Merkle tree of the log, that of RFC 6962, section 2.1.

Leaves are hashed with a 0x00 in front, inner nodes with a 0x01.
"""

import hashlib
from collections.abc import Iterable, Sequence
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
