"""Proofs that a record is in the log, and that an earlier log is the beginning of the present one (RFC 6962, 2.1).

A tree of n leaves is proved with log2(n) hashes. What is needed of the leaves is the few hundred around the places that
are asked about; the rest is known by the roots of full subtrees of 256 leaves, which never change once they are full.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.merkle import Frontier, Subtree, consistency_proof, inclusion_proof, merkle_root
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
        self._roots: list[bytes] = []
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
            # The range begins where a full subtree does: proofs split at powers of two.
            rest = leaves[last][: end - last * _FULL] if end % _FULL else []
            above, below = Frontier().append(self._roots[first:last]), Frontier().append(rest)
            return Frontier(above.size * _FULL + below.size, above.roots + below.roots).root()

        return root_of

    async def _catch_up(self, store: Store, size: int) -> None:
        async with self._lock:
            while len(self._roots) < size // _FULL:
                full = min(_READ, size // _FULL - len(self._roots))
                leaves = await store.hashes(len(self._roots) * _FULL, full * _FULL)
                self._roots += [merkle_root(leaves[i * _FULL : (i + 1) * _FULL]) for i in range(full)]
                await asyncio.sleep(0)  # others have their turn


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
