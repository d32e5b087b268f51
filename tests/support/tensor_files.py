"""Files of tensors for tests, written as their formats say and independently of the client's readers."""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Arrays = Mapping[str, tuple[str, Sequence[int], bytes]]
"""Tensors by name: type, shape with the slowest dimension first, and data."""

GGML = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 8, "Q4_K": 12, "I8": 24, "I64": 27, "BF16": 30}


def write_safetensors(path: Path, arrays: Arrays, metadata: Mapping[str, str] | None = None) -> Path:
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    place = 0
    for name, (dtype, shape, data) in arrays.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [place, place + len(data)]}
        place += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in arrays.values()))
    return path


def gguf_text(text: str, order: str = "<") -> bytes:
    data = text.encode()
    return struct.pack(f"{order}Q", len(data)) + data


def gguf_value(value: Any, order: str = "<") -> bytes:
    """A value with its type before it."""
    match value:
        case bool():
            return struct.pack(f"{order}IB", 7, value)
        case int():
            return struct.pack(f"{order}Iq", 11, value)
        case float():
            return struct.pack(f"{order}Id", 12, value)
        case str():
            return struct.pack(f"{order}I", 8) + gguf_text(value, order)
        case list():
            elements = [gguf_value(element, order) for element in value] or [gguf_value(0, order)[:4]]
            head = struct.pack(f"{order}I", 9) + elements[0][:4] + struct.pack(f"{order}Q", len(value))
            return head + b"".join(element[4:] for element in elements)
    raise TypeError(type(value))


def write_gguf(
    path: Path, arrays: Arrays, metadata: Mapping[str, Any] | None = None, *, order: str = "<", alignment: int = 32
) -> Path:
    values = dict(metadata or {})
    written = b"GGUF" + struct.pack(f"{order}IQQ", 3, len(arrays), len(values))
    for key, value in values.items():
        written += gguf_text(key, order) + gguf_value(value, order)
    data = b""
    for name, (dtype, shape, content) in arrays.items():
        data += b"\0" * (-len(data) % alignment)
        dimensions = struct.pack(f"{order}I{len(shape)}Q", len(shape), *reversed(shape))
        written += gguf_text(name, order) + dimensions + struct.pack(f"{order}IQ", GGML[dtype], len(data))
        data += content
    path.write_bytes(written + b"\0" * (-len(written) % alignment) + data)
    return path
