"""The header of a safetensors file.

A file has 8 bytes with the length N of its header (little-endian), N bytes of JSON, and the data of its tensors without
gaps. The JSON maps names to `dtype`, `shape` and `data_offsets` (begin and end in the data), and may have
`__metadata__`, which maps texts to texts: https://huggingface.co/docs/safetensors/index#format. The limits are those of
the reference implementation, `safetensors/src/tensor.rs` in https://github.com/huggingface/safetensors.
"""

import json
import math
from pathlib import Path
from typing import Any, Final

from descent.nodes import shorten
from descent.tensors.header import BoundedFile, Header, InvalidTensorFile, Tensor

LONGEST_HEADER: Final = 100_000_000
"""Bytes that a header may have."""

_METADATA: Final = "__metadata__"

_BITS: Final = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "U16": 16, "I16": 16, "F16": 16, "BF16": 16,
    "U32": 32, "I32": 32, "F32": 32,
    "U64": 64, "I64": 64, "F64": 64, "C64": 64,
}  # fmt: skip
"""Bits of an element of each type. Others are newer than this table, and their sizes are not checked."""


def read_safetensors(path: Path) -> Header:
    """Return the header of a safetensors file; raises InvalidTensorFile."""
    with BoundedFile(path) as file:
        length = int.from_bytes(file.read(8, "the length of the header"), "little")
        if length > LONGEST_HEADER:
            raise file.refuse(
                f"the header would have {length:,} bytes, more than {LONGEST_HEADER:,}: no safetensors file"
            )
        given = _json(file, file.read(length, "the header"))
        metadata = given.pop(_METADATA, {})
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise file.refuse(f"{_METADATA} does not map texts to texts")
        begin, size = file.place, file.size - file.place
        tensors = sorted(
            (_tensor(file, *item, begin) for item in given.items()), key=lambda one: (one.offset, one.size)
        )
        _check_cover(file, tensors, begin, size)
    return Header(path, "safetensors", metadata, tuple(tensors))


class _DuplicateName(ValueError):
    """A name is there twice."""


def _json(file: BoundedFile, header: bytes) -> dict[str, Any]:
    try:
        given = json.loads(header.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise file.refuse(f"the header is not UTF-8 at its byte {error.start:,}") from error
    except json.JSONDecodeError as error:
        raise file.refuse(f"the header is not JSON: {error.msg} at its character {error.pos:,}") from error
    except (ValueError, RecursionError) as error:
        raise file.refuse(f"the header is not the JSON of a file of tensors: {shorten(str(error))}") from error
    if not isinstance(given, dict):
        raise file.refuse("the header is not a JSON object")
    return given


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise _DuplicateName(f'"{shorten(name)}" is there twice')
        members[name] = value
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _tensor(file: BoundedFile, name: str, about: Any, begin: int) -> Tensor:
    """Return a tensor as the header describes it, with its offset in the file."""

    def refuse(reason: str) -> InvalidTensorFile:
        return file.refuse(f'tensor "{shorten(name)}" {reason}')

    match about:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [first, last]} if (
            all(map(_is_count, shape)) and _is_count(first) and _is_count(last)
        ):
            pass
        case _:
            raise refuse("lacks dtype, shape or data_offsets, or has them in another form")
    if last < first:
        raise refuse(f"ends at {last:,}, before it begins at {first:,}")
    bits = _BITS.get(dtype)
    if bits is not None and math.prod(shape) * bits != (last - first) * 8:
        raise refuse(f"has {last - first:,} bytes, which is not the size of {dtype} in the shape {shorten(str(shape))}")
    return Tensor(name, dtype, tuple(shape), begin + first, last - first)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _check_cover(file: BoundedFile, tensors: list[Tensor], begin: int, size: int) -> None:
    """Raise where the tensors do not follow one another without gap or overlap up to the end of the file."""
    place = begin
    for tensor in tensors:
        if tensor.offset != place:
            what = "overlaps the tensor before it" if tensor.offset < place else "leaves a gap before it"
            raise file.refuse(f'tensor "{shorten(tensor.name)}" {what}, at byte {tensor.offset:,}')
        place += tensor.size or 0
    if place != begin + size:
        raise file.refuse(
            f"the tensors end at byte {place:,}, and the file at byte {begin + size:,}: it is cut off or padded"
        )
