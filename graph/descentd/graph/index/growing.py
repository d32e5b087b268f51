"""Arrays that grow at the end while others read them."""

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


class Growing(Generic[Scalar]):
    """A one-dimensional array with room at its end.

    One writer appends; readers hold a `view()`, whose items never move: a full buffer is replaced and not resized.
    """

    __slots__ = ("_buffer", "_length")

    def __init__(self, dtype: type[Scalar], values: ArrayLike = ()) -> None:
        self._buffer: NDArray[Scalar] = np.array(values, dtype=dtype)
        self._length = len(self._buffer)

    def __len__(self) -> int:
        return self._length

    def extend(self, values: ArrayLike) -> None:
        """Append `values`."""
        added = np.asarray(values, dtype=self._buffer.dtype)
        needed = self._length + len(added)
        if needed > len(self._buffer):
            buffer = np.zeros(needed + needed // 8 + 8, dtype=self._buffer.dtype)
            buffer[: self._length] = self._buffer[: self._length]
            self._buffer = buffer
        self._buffer[self._length : needed] = added
        self._length = needed

    def view(self) -> NDArray[Scalar]:
        """What is held now. Later appends do not show in it, later writes to its items do."""
        return self._buffer[: self._length]
