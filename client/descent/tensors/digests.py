"""The digests of the tensors in a file, by which a registry finds versions that share some.

A digest is that of a tensor's bytes as they are in the file, whatever its name is. Left out is what unrelated models
have in common: tensors of fewer than 1,024 bytes, of booleans or 64-bit integers (masks and positions), and those of
which all elements are equal.
"""

import hashlib
import math
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from descent.names import MAX_LENGTH, misleads, normal
from descent.tensors.header import Header, InvalidTensorFile, Tensor

LEAST: Final = 1024
"""Bytes from which on a tensor is compared."""

MOST: Final = 50_000
"""Tensors of a file that a statement lists; a registry takes requests of 16 MiB."""

_MASKS: Final = frozenset({"BOOL", "I64"})
_CHUNK: Final = 4 * 1024 * 1024
_AT_ONCE: Final = min(8, os.cpu_count() or 1)

Progress = Callable[[int, int], None]
"""Called with the number of bytes that are hashed, and the number of all bytes."""


@dataclass(frozen=True, slots=True)
class TensorDigest:
    """A tensor that is compared: `digest` is `sha256:HEX`, `size` is in bytes."""

    name: str
    digest: str
    size: int


def tensor_digests(header: Header, progress: Progress | None = None) -> list[TensorDigest]:
    """Return the digests of the tensors that are compared, in the order of the file; hashes several at once.

    Raises InvalidTensorFile if the file cannot be read or is cut off meanwhile.
    """
    wanted = [tensor for tensor in header.tensors if _is_compared(tensor)]
    counter = _Counter(sum(tensor.size or 0 for tensor in wanted), progress)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="descent-tensors") as pool:
        digests = list(pool.map(lambda tensor: _digest(header.path, tensor, counter), wanted))
    named = zip(_names(wanted), wanted, digests, strict=True)
    return [TensorDigest(name, digest, tensor.size or 0) for name, tensor, digest in named if digest is not None]


def statement(subject: str, artifact: str, tensors: list[TensorDigest]) -> dict[str, Any]:
    """Return a TensorDigestsInput: what is stated about an artifact of a version."""
    listed = [{"name": one.name, "digest": one.digest, "size": one.size} for one in tensors]
    return {"subject": subject, "artifact": artifact, "tensors": listed}


class _Counter:
    """Counts bytes of several threads."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._progress = progress
        self._done = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self._done += count
            if self._progress is not None:
                self._progress(self._done, self._total)


def _is_compared(tensor: Tensor) -> bool:
    return tensor.size is not None and tensor.size >= LEAST and tensor.dtype not in _MASKS


def _digest(path: Path, tensor: Tensor, counter: _Counter) -> str | None:
    """Return the digest of a tensor's data; None if all its elements are equal."""
    assert tensor.size is not None
    period = _period(tensor)
    digest = hashlib.sha256()
    first: bytes | None = None
    constant, left = True, tensor.size
    try:
        with path.open("rb") as file:
            file.seek(tensor.offset)
            while left:
                data = file.read(min(left, _CHUNK // period * period))
                if not data:
                    raise InvalidTensorFile.because(f'{path}, byte {file.tell():,}: tensor "{tensor.name}" is cut off.')
                if first is None:
                    first = data
                    constant = period < len(data) and data[period:] == data[:-period]
                constant = constant and first.startswith(data)
                digest.update(data)
                left -= len(data)
                counter.add(len(data))
    except OSError as error:
        raise InvalidTensorFile.because(f"{path} cannot be read: {error.strerror or error}.") from error
    return None if constant else f"sha256:{digest.hexdigest()}"


def _period(tensor: Tensor) -> int:
    """Return the bytes after which the data of a tensor of equal elements repeats itself.

    That is the size of an element; of a type with blocks, or with elements of less than a byte, that of 256 elements.
    """
    elements, size = math.prod(tensor.shape), tensor.size or 0
    return size // elements if size % elements == 0 else size * 256 // elements


def _names(tensors: list[Tensor]) -> list[str]:
    """Return the names of tensors as a registry takes them: a place instead of what is no name, or is there twice."""
    found: dict[str, None] = {}
    for place, tensor in enumerate(tensors):
        name = normal(tensor.name).strip()
        if not name or len(name) > MAX_LENGTH or any(map(misleads, name)) or name in found:
            name = f"#{place}"
        found[name] = None
    return list(found)
