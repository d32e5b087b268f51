"""The header of a GGUF file.

A file has the letters GGUF, a version, the numbers of tensors and of metadata, the metadata (key, type, value), and for
each tensor its name, dimensions (the fastest first), type and offset in the data, which begins at the next multiple of
`general.alignment`: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Sizes of blocks are those of
`gguf-py/gguf/constants.py` in https://github.com/ggml-org/llama.cpp.
"""

import math
import struct
from pathlib import Path
from typing import Any, Final

from descent.nodes import shorten
from descent.tensors.header import BoundedFile, Header, Omitted, Tensor

MAGIC: Final = b"GGUF"

_VERSIONS: Final = (2, 3)
_LONGEST_KEY: Final = 2**16 - 1
_LONGEST_TEXT: Final = 2**24
_LONGEST_NAME: Final = 2**12
_MOST_KEPT: Final = 1024
"""Elements of a list that is kept; of a longer one only the number is."""

_MOST_TENSORS: Final = 1_000_000
_MOST_VALUES: Final = 100_000
_MOST_ELEMENTS: Final = 50_000_000
_MOST_DIMENSIONS: Final = 8
_DEEPEST: Final = 4
_DEFAULT_ALIGNMENT: Final = 32

_NUMBERS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 10: "Q", 11: "q", 12: "d"}
"""Formats of `struct` by type of metadata."""
_BOOL, _STRING, _ARRAY = 7, 8, 9

_TYPES: Final = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip
"""Types of tensors: name, elements of a block, and bytes of a block. Others are newer than this table."""


def read_gguf(path: Path) -> Header:
    """Return the header of a GGUF file, of either byte order; raises InvalidTensorFile."""
    with BoundedFile(path) as file:
        reader = _Reader(file)
        tensors = reader.count(24, _MOST_TENSORS, "tensors")
        values = reader.count(13, _MOST_VALUES, "metadata values")
        metadata: dict[str, Any] = {}
        for _ in range(values):
            key = reader.text(_LONGEST_KEY, "a key of the metadata")
            if key in metadata:
                raise file.refuse(f'the key "{shorten(key)}" is there twice')
            metadata[key] = reader.value(reader.number("I", f'the type of "{shorten(key)}"'), key, _DEEPEST)
        found = [reader.tensor() for _ in range(tensors)]
        begin = _begin_of_data(file, metadata)
        placed = [_placed(file, tensor, begin) for tensor in found]
        if len({tensor.name for tensor in placed}) != len(placed):
            raise file.refuse("two tensors have the same name")
    return Header(path, "gguf", metadata, tuple(sorted(placed, key=lambda tensor: tensor.offset)))


class _Reader:
    """Reads the parts of a header; numbers have the byte order in which the version makes sense."""

    def __init__(self, file: BoundedFile) -> None:
        self.file = file
        if file.read(4, "the letters GGUF") != MAGIC:
            raise file.refuse("it does not begin with the letters GGUF")
        version = file.read(4, "the version")
        self.order = next((o for o in "<>" if struct.unpack(f"{o}I", version)[0] in _VERSIONS), "")
        if not self.order:
            number = int.from_bytes(version, "little")
            raise file.refuse(
                f"it is of version {number:,}, and versions 2 and 3 can be read: convert it with a newer tool"
            )

    def number(self, form: str, what: str) -> Any:
        """Return a number in a format of `struct`."""
        return struct.unpack(self.order + form, self.file.read(struct.calcsize(f"={form}"), what))[0]

    def count(self, least: int, most: int, what: str) -> int:
        """Return a number of things, of which each takes `least` bytes or more and there may be `most`."""
        number = int(self.number("Q", f"the number of {what}"))
        if number > most:
            raise self.file.refuse(f"there would be {number:,} {what}, more than {most:,}")
        if number * least > self.file.size - self.file.place:
            raise self.file.refuse(
                f"{number:,} {what} do not fit into the {self.file.size - self.file.place:,} bytes left"
            )
        return number

    def text(self, longest: int, what: str) -> str:
        """Return a text with its length before it; what is no UTF-8 in it is replaced."""
        length = int(self.number("Q", f"the length of {what}"))
        if length > longest:
            raise self.file.refuse(f"{what} would have {length:,} bytes, more than {longest:,}")
        return self.file.read(length, what).decode("utf-8", "replace")

    def value(self, type: int, key: str, depth: int) -> Any:
        """Return a value of the metadata."""
        what = f'the value of "{shorten(key)}"'
        if type in _NUMBERS:
            return self.number(_NUMBERS[type], what)
        if type == _BOOL:
            return self.number("B", what) != 0
        if type == _STRING:
            return self.text(_LONGEST_TEXT, what)
        if type == _ARRAY and depth:
            return self._list(key, what, depth - 1)
        nested = "is a list in too many lists" if type == _ARRAY else f"has the type {type}, which GGUF does not have"
        raise self.file.refuse(f"{what} {nested}")

    def _list(self, key: str, what: str, depth: int) -> Any:
        type = int(self.number("I", f"the type of the elements of {what}"))
        size = struct.calcsize(f"={_NUMBERS[type]}") if type in _NUMBERS else 1 if type == _BOOL else None
        # The shortest text is 8 bytes for its length, the shortest list 12 for its type and length.
        least = size or (8 if type == _STRING else 12)
        count = self.count(least, _MOST_ELEMENTS, f'elements of "{shorten(key)}"')
        if count <= _MOST_KEPT:
            return [self.value(type, key, depth) for _ in range(count)]
        if size is not None:
            self.file.skip(size * count, what)
        else:
            for _ in range(count):
                self._pass(type, key, what, depth)
        return Omitted(count)

    def _pass(self, type: int, key: str, what: str, depth: int) -> None:
        """Go on after an element of a long list."""
        if type == _STRING:
            self.file.skip(int(self.number("Q", what)), what)
        else:
            self.value(type, key, depth)

    def tensor(self) -> tuple[str, int, tuple[int, ...], int]:
        """Return name, type, dimensions (the slowest first) and offset of a tensor, as the header has them."""
        name = self.text(_LONGEST_NAME, "the name of a tensor")
        what = f'tensor "{shorten(name)}"'
        dimensions = int(self.number("I", what))
        if dimensions > _MOST_DIMENSIONS:
            raise self.file.refuse(f"{what} would have {dimensions:,} dimensions, more than {_MOST_DIMENSIONS}")
        shape = tuple(int(self.number("Q", what)) for _ in range(dimensions))
        return name, int(self.number("I", what)), shape[::-1], int(self.number("Q", what))


def _begin_of_data(file: BoundedFile, metadata: dict[str, Any]) -> int:
    alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or isinstance(alignment, bool) or not 0 < alignment <= 2**20:
        raise file.refuse(f"general.alignment is {shorten(str(alignment))}, which is not an alignment in bytes")
    return -(-file.place // alignment) * alignment


def _placed(file: BoundedFile, tensor: tuple[str, int, tuple[int, ...], int], begin: int) -> Tensor:
    """Return a tensor with its place in the file and its size."""
    name, type, shape, offset = tensor
    if type not in _TYPES:
        if begin + offset > file.size:
            raise file.refuse(f'tensor "{shorten(name)}" begins at byte {begin + offset:,}, after the end of the file')
        return Tensor(name, f"type {type}", shape, begin + offset, None)
    dtype, elements, size = _TYPES[type]
    if shape and shape[-1] % elements:
        raise file.refuse(f'tensor "{shorten(name)}" has rows of {shape[-1]:,}, and {dtype} has blocks of {elements}')
    length = math.prod(shape) // elements * size
    if begin + offset + length > file.size:
        end = begin + offset + length
        raise file.refuse(
            f'tensor "{shorten(name)}" would end at byte {end:,}, after the end of the file at {file.size:,}'
        )
    return Tensor(name, dtype, shape, begin + offset, length)
