"""The weights in a folder: their digests, from the files or from what Git LFS keeps instead of them."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from descent.errors import NotImported
from descent.importers.at import At
from descent.importers.draft import Draft
from descent.importers.reading import is_file, names_in, refused
from descent.tensors import InvalidTensorFile, read_header

_WEIGHTS: Final = re.compile(r".+\.(safetensors|gguf|bin|pt|pth|onnx|msgpack|h5|ot)", re.IGNORECASE)
_NOT_WEIGHTS: Final = ("training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "scaler.pt")
_POINTER: Final = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?oid sha256:([0-9a-f]{64})\n(?:.*\n)*?size (\d+)\s*"
)
_WITH_HEADER: Final = (".safetensors", ".gguf")
MAX_BASE_MODELS: Final = 100
_CHUNK: Final = 2**22


@dataclass(slots=True)
class Weights:
    """Artifacts in the shape of a manifest, and the base models that the headers of GGUF files name."""

    artifacts: list[dict[str, Any]] = field(default_factory=list)
    base_models: list[tuple[At, str]] = field(default_factory=list)
    has_gguf: bool = False


def artifacts(folder: Path, name: str, version: str, draft: Draft) -> Weights:
    """Return the weights in a folder. Files that may hold code (`.bin`, `.pt`) are hashed and never loaded."""
    found = Weights()
    for file in _files(folder):
        digest, size = digest_of(file)
        if size == file.stat().st_size and file.suffix.lower() in _WITH_HEADER:
            _read_header(file, found)
        uri = f"hf://{name}@{version}/{file.name}"
        found.artifacts.append({"uri": uri, "digest": f"sha256:{digest}", "size": size})
        found.has_gguf |= file.suffix.lower() == ".gguf"
        draft.placed.append((file.name, f"artifact sha256:{digest[:12]}…, {size:,} bytes"))
    return found


def _read_header(file: Path, found: Weights) -> None:
    """Add the base models that a header names; raises NotImported if the file is not what its name says."""
    try:
        metadata = read_header(file).metadata
    except InvalidTensorFile as error:
        problems = [replace(one, message=one.message.removeprefix(f"{file}, ")) for one in error.problems]
        raise NotImported(problems, str(file)) from error
    for number in range(min(int(metadata.get("general.base_model.count") or 0), MAX_BASE_MODELS)):
        key = f"general.base_model.{number}"
        url, owner, name = (metadata.get(f"{key}.{part}") for part in ("repo_url", "organization", "name"))
        written = (
            url if isinstance(url, str) and "huggingface.co/" in url else f"{owner}/{name}" if owner and name else None
        )
        if written is not None:
            found.base_models.append((At(written, (file.name, key), str(file)), str(written)))


def _files(folder: Path) -> Iterator[Path]:
    for name in names_in(folder):
        if _WEIGHTS.fullmatch(name) and name not in _NOT_WEIGHTS and is_file(folder / name):
            yield folder / name


def digest_of(file: Path) -> tuple[str, int]:
    """Return SHA-256 and size of a file; of the file that a Git LFS pointer stands for."""
    try:
        if file.stat().st_size < 1024 and (pointer := _POINTER.fullmatch(file.read_bytes())):
            return pointer[1].decode(), int(pointer[2])
        digest, size = hashlib.sha256(), 0
        with file.open("rb") as content:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise refused(str(file), f"The file cannot be read: {error.strerror}.") from error
    if not size:
        raise refused(str(file), "The file is empty.")
    return digest.hexdigest(), size
