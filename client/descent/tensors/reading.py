"""Reading the header of a file of tensors, whichever format it has."""

from pathlib import Path
from typing import Final

from descent.tensors.gguf import MAGIC, read_gguf
from descent.tensors.header import BoundedFile, Header
from descent.tensors.safetensors import read_safetensors

SUFFIXES: Final = (".safetensors", ".gguf")
"""How names of files of tensors end."""


def read_header(path: Path) -> Header:
    """Return the header of a GGUF file, which begins with its name, or of a safetensors file, which does not.

    Raises InvalidTensorFile with the file, the place in it and the reason.
    """
    with BoundedFile(path) as file:
        begin = file.read(min(4, file.size), "the first bytes")
    return read_gguf(path) if begin == MAGIC or path.suffix == ".gguf" else read_safetensors(path)
