"""A checkpoint: the size and root of a log at one moment, in the format of C2SP (https://c2sp.org/tlog-checkpoint)."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from descentd.app.checkpoints.signed_note import SIGNATURE, VerifyingKey, open_note
from descentd.graph.model.errors import InvalidInput

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The number of entries of the log of `origin`, and the root of their Merkle tree."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """The checkpoint with this text; raises InvalidInput if it is not a checkpoint."""
        lines = text.removesuffix("\n").split("\n")
        if len(lines) >= 3 and all(lines) and _SIZE.fullmatch(lines[1]):
            root = _root(lines[2])
            if root is not None:
                return cls(lines[0], int(lines[1]), root)
        raise InvalidInput("The note is not a checkpoint: expected origin, size and root on one line each.")


def open_checkpoint(
    written: str, keys: Sequence[VerifyingKey], witnesses: Sequence[VerifyingKey] = ()
) -> tuple[Checkpoint, tuple[VerifyingKey, ...]]:
    """The checkpoint of a signed note, and the witnesses that cosigned it.

    One of `keys`, with its origin as the name, must have signed it. Raises InvalidInput if none has, or if a signature
    or cosignature of a given key is invalid.
    """
    note = open_note(written, [*keys, *witnesses])
    checkpoint = Checkpoint.parse(note.text)
    if not any(key.type == SIGNATURE and key.name == checkpoint.origin and key in keys for key in note.signed_by):
        raise InvalidInput(
            f"The checkpoint is of {checkpoint.origin}, and none of the given keys of that name signed it."
        )
    return checkpoint, tuple(key for key in note.signed_by if key in witnesses)


def _root(encoded: str) -> bytes | None:
    try:
        root = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return root if len(root) == 32 else None
