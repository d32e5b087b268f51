"""Which of the evaluated versions descend from which: a partial order in bits."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]

BLOCK: Final = 1 << 22
"""Flags that are unpacked at a time."""


class Order:
    """Versions numbered so that ancestors come first; each row holds whose descendant a version is.

    A chain needs no rows, so that a lineage of tens of thousands of checkpoints costs no memory.
    """

    def __init__(self, size: int, rows: Bits | None) -> None:
        self.size = size
        self._rows = rows

    @classmethod
    def chain(cls, size: int) -> "Order":
        """Each version the descendant of all before it."""
        return cls(size, None)

    @classmethod
    def of(cls, masks: Sequence[int]) -> "Order":
        """From each version's ancestors as bits of a number, transitive already."""
        size = len(masks)
        if all(mask.bit_count() == place for place, mask in enumerate(masks)):
            return cls.chain(size)
        width = (size + 7) // 8
        packed = b"".join(mask.to_bytes(width, "little") for mask in masks)
        return cls(size, np.frombuffer(packed, np.uint8).reshape(size, width))

    @property
    def is_chain(self) -> bool:
        """Whether any two versions are comparable."""
        return self._rows is None

    def above(self, place: int) -> Flags:
        """(size,) flags: the ancestors of one version."""
        if self._rows is None:
            return np.arange(self.size) < place
        return np.unpackbits(self._rows[place], count=self.size, bitorder="little").view(np.bool_)

    def blocks(self) -> Iterator[tuple[slice, Flags]]:
        """Some rows at a time, of no chain: (rows, size) flags, true where the column is an ancestor of the row."""
        assert self._rows is not None
        height = max(1, BLOCK // self.size)
        for start in range(0, self.size, height):
            rows = slice(start, min(start + height, self.size))
            unpacked = np.unpackbits(self._rows[rows], axis=1, count=self.size, bitorder="little")
            yield rows, unpacked.view(np.bool_)

    @cached_property
    def ancestors(self) -> Counts:
        """How many ancestors each version has."""
        if self._rows is None:
            return np.arange(self.size, dtype=np.int64)
        return np.asarray(np.bitwise_count(self._rows).sum(axis=1), np.int64)

    @cached_property
    def descendants(self) -> Counts:
        """How many descendants each version has."""
        if self._rows is None:
            return np.arange(self.size, dtype=np.int64)[::-1]
        return sum((flags.sum(axis=0, dtype=np.int64) for _, flags in self.blocks()), np.zeros(self.size, np.int64))

    def masks(self) -> tuple[int, ...]:
        """Each version's ancestors as bits of a number."""
        if self._rows is None:
            return tuple((1 << place) - 1 for place in range(self.size))
        return tuple(int.from_bytes(row.tobytes(), "little") for row in self._rows)
