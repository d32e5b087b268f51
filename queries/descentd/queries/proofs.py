"""Proofs that a record is in the log, and that an earlier log is the beginning of the present one (RFC 6962, 2.1).

A tree of n leaves is proved with log2(n) hashes. What is needed of the leaves is the few hundred around the places that
are asked about; the rest is known by the roots of full subtrees of 256 leaves and more, which never change.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.merkle import Frontier, Subtree, consistency_proof, inclusion_proof, merkle_root, node_hash
from descentd.graph.model.records import Brief
from descentd.graph.store.base import Store
from descentd.queries.registry import Registry

_FULL: Final = 256
"""Leaves under a root that is kept; a power of two."""

_READ: Final = 16
"""Full subtrees that are read at once."""


@dataclass(frozen=True, slots=True)
class Proof:
    """That a record is in the log of `size` entries, and that this is the beginning of the log of `present` entries."""

    record: Brief
    leaf: bytes
    size: int
    root: bytes
    inclusion: Sequence[bytes]
    present: int
    present_root: bytes
    consistency: Sequence[bytes]


class LogTree:
    """The roots of full subtrees of a log, kept level with it."""

    def __init__(self) -> None:
        self._levels: list[list[bytes]] = [[]]
        """The roots over 256, 512, 1,024 … leaves."""

        self._lock = asyncio.Lock()

    async def roots(self, store: Store, places: Sequence[int], size: int) -> Subtree:
        """The roots over the ranges that proofs need about `places` (indexes or sizes) in a log of `size` entries.

        Reads the leaves of the subtrees that the places are in, and what came since the last time.
        """
        await self._catch_up(store, size)
        wanted = sorted({place // _FULL for place in (*places, size)})
        leaves = {number: await store.hashes(number * _FULL, min(_FULL, size - number * _FULL)) for number in wanted}

        def root_of(start: int, end: int) -> bytes:
            first, last = start // _FULL, end // _FULL
            if (end - 1) // _FULL == first and (first in leaves or end - start < _FULL):
                return merkle_root(leaves[first][start - first * _FULL : end - first * _FULL])
            rest = leaves[last][: end - last * _FULL] if end % _FULL else []
            below = Frontier().append(rest)
            above = tuple(self._above(first, last))
            return Frontier((last - first) * _FULL + below.size, above + below.roots).root()

        return root_of

    def _above(self, first: int, last: int) -> Iterator[bytes]:
        """The roots of the largest full subtrees over the smallest ones from `first` until before `last`.

        The range begins where a subtree as large as it may begin: proofs split at powers of two.
        """
        for level in range((last - first).bit_length() - 1, -1, -1):
            if (last - first) >> level & 1:
                yield self._levels[level][first >> level]
                first += 1 << level

    async def _catch_up(self, store: Store, size: int) -> None:
        async with self._lock:
            while (have := len(self._levels[0])) < size // _FULL:
                full = min(_READ, size // _FULL - have)
                leaves = await store.hashes(have * _FULL, full * _FULL)
                for i in range(full):
                    self._add(merkle_root(leaves[i * _FULL : (i + 1) * _FULL]))
                await asyncio.sleep(0)  # others have their turn

    def _add(self, root: bytes) -> None:
        for level in self._levels:
            level.append(root)
            if len(level) % 2:
                return
            root = node_hash(level[-2], level[-1])
        self._levels.append([root])


async def prove(registry: Registry, of: str, size: int | None = None) -> Proof:
    """The proof for the record that a ref names, in the log of its first `size` entries (all, without it).

    Raises NotFound, and InvalidInput where the log has never been of that size or the record came later.
    """
    present = await registry.sequence()
    record = await registry.find(of, present)
    size = _checked(size, record.sequence, present)
    places = (record.sequence - 1, size)
    root_of = await registry.cache(LogTree).roots(registry.store, places, present)
    return Proof(
        record=record,
        leaf=root_of(record.sequence - 1, record.sequence),
        size=size,
        root=root_of(0, size),
        inclusion=inclusion_proof(record.sequence - 1, size, root_of),
        present=present,
        present_root=root_of(0, present),
        consistency=consistency_proof(size, present, root_of),
    )


async def consistency(registry: Registry, first: int, second: int) -> list[bytes]:
    """The proof that the log of `first` entries is the beginning of that of `second` entries.

    Raises ValueError where `first` is larger.
    """
    root_of = await registry.cache(LogTree).roots(registry.store, (first,), second)
    return consistency_proof(first, second, root_of)


def _checked(size: int | None, sequence: int, present: int) -> int:
    if size is None:
        return present
    if size > present:
        raise InvalidInput(f"The log holds {present} records, not {size}: name a size up to {present}.", "size")
    if size < sequence:
        raise InvalidInput(
            f"The record is entry {sequence}, which a log of {size} does not hold: name a size from {sequence} on.",
            "size",
        )
    return size
