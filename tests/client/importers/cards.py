"""Model cards and repositories of Hugging Face in a folder of a test, and the parents that come of them."""

import struct
from pathlib import Path
from typing import Any

import yaml

from tests.client.importers.imports import entity, write
from tests.support.server_process import ServerProcess


def card(text: str = "# A model\n", /, **front: Any) -> str:
    return f"---\n{yaml.safe_dump(front)}---\n{text}"


def parents(server: ServerProcess, ref: str) -> list[tuple[str, str]]:
    return [(one["relation"], one["node"]["ref"]) for one in entity(server, ref)["parents"]]


# ---------------------------------------------------------------- a repository in a folder


def repository(folder: Path, **files: Any) -> Path:
    for name, content in files.items():
        write(folder / name.replace("__", "."), content)
    return folder


def gguf(**metadata: str | int) -> bytes:
    """A GGUF file without tensors: version 3, texts and numbers of 32 bits."""
    data = b"GGUF" + struct.pack("<IQQ", 3, 0, len(metadata))
    for key, value in metadata.items():
        name = key.replace("__", ".").encode()
        data += struct.pack("<Q", len(name)) + name
        if isinstance(value, int):
            data += struct.pack("<II", 4, value)
        else:
            data += struct.pack("<IQ", 8, len(value.encode())) + value.encode()
    return data + b"\0" * (-len(data) % 32)
