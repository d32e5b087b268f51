"""What the header of a file of tensors says, whatever its format is."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

from descent.errors import DescentError


class InvalidTensorFile(DescentError):
    """A file is not what its format says: the message names the file, the place in it and the reason."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor: `offset` (from the beginning of the file) and `size` are in bytes, `shape` has the slowest dimension
    first, as in PyTorch.

    `size` is None for a type of GGUF that this reader does not know.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int | None


@dataclass(frozen=True, slots=True)
class Omitted:
    """Stands in the metadata for a list that is too long to be kept, such as a vocabulary: its number of elements."""

    count: int


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a file: its metadata as it is written there, and its tensors in the order of their data.

    Values are texts in safetensors; in GGUF also numbers, booleans, lists of these, and `Omitted`.
    """

    path: Path
    format: Literal["safetensors", "gguf"]
    metadata: dict[str, Any]
    tensors: tuple[Tensor, ...]


class BoundedFile:
    """A file that is read from its beginning on, never more than what is left of it; a context manager.

    A file that cannot be opened or read is an InvalidTensorFile too.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = 0
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise self.refuse(f"it cannot be read: {error.strerror or error}") from error
        self.size = os.fstat(self._file.fileno()).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, count: int, what: str) -> bytes:
        """Return the next bytes; `what` they are is for the message if there are fewer."""
        if count > self.size - self.place:
            raise self.refuse(f"{what} would take {count:,} bytes, and {self.size - self.place:,} are left")
        try:
            data = self._file.read(count)
        except OSError as error:
            raise self.refuse(f"it cannot be read: {error.strerror or error}") from error
        if len(data) != count:
            raise self.refuse(f"{what} ends early: the file was cut off while it was read")
        self.place += count
        return data

    def skip(self, count: int, what: str) -> None:
        """Go on after so many bytes."""
        if count > self.size - self.place:
            raise self.refuse(f"{what} would take {count:,} bytes, and {self.size - self.place:,} are left")
        self._file.seek(count, os.SEEK_CUR)
        self.place += count

    def refuse(self, reason: str) -> InvalidTensorFile:
        """Return the error for this place of the file."""
        return InvalidTensorFile.because(f"{self.path}, byte {self.place:,}: {reason}.")
