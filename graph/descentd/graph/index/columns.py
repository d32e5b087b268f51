"""Columns: the arrays that an index consists of, by name, as a snapshot stores them and as it is restored from them."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike, NDArray

from descentd.graph.index.arrays import Growing, Scalar

Stored = Mapping[str, NDArray[Any]]
"""One-dimensional arrays by name."""


class Misfit(Exception):
    """A snapshot that cannot be used; its text says why, as a clause: `it is of another registry`."""


class Columns:
    """What parts of an index are made of: stored arrays, or none at all for a part that is empty.

    A part of a part has its name in front: `influence.starts`.
    """

    def __init__(self, found: Mapping[str, Growing[Any]] | None = None, prefix: str = "") -> None:
        self._found = found
        self._prefix = prefix

    def part(self, name: str) -> "Columns":
        """The columns of a part."""
        return Columns(self._found, f"{self._prefix}{name}.")

    def growing(self, name: str, dtype: type[Scalar], values: ArrayLike = ()) -> Growing[Scalar]:
        """A column to be appended to, of `values` where nothing is stored.

        Raises Misfit where it is missing among what is stored, or of another type.
        """
        if self._found is None:
            return Growing(dtype, values)
        found = self._found.get(self._prefix + name)
        if found is None or found.view().dtype != dtype:
            raise Misfit(f"its column {self._prefix}{name} is missing or of another type")
        return found

    def array(self, name: str, dtype: type[Scalar], values: ArrayLike = ()) -> NDArray[Scalar]:
        """As `growing`, for a column that stays as it is."""
        return self.growing(name, dtype, values).view()


def named(part: str, stored: Stored) -> Stored:
    """The columns of a part under their whole names."""
    return {f"{part}.{name}": array for name, array in stored.items()}
