"""A checkpoint: size and root of a log at one moment, as C2SP writes it (https://c2sp.org/tlog-checkpoint)."""

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
    """How many entries the log of `origin` has, and the root over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """The checkpoint that a text writes; raises InvalidInput for what is none."""
        lines = text.removesuffix("\n").split("\n")
        if len(lines) >= 3 and all(lines) and _SIZE.fullmatch(lines[1]):
            root = _root(lines[2])
            if root is not None:
                return cls(lines[0], int(lines[1]), root)
        raise InvalidInput("The note is no checkpoint: origin, size and root are expected, a line each.")


def open_checkpoint(
    written: str, keys: Sequence[VerifyingKey], witnesses: Sequence[VerifyingKey] = ()
) -> tuple[Checkpoint, tuple[VerifyingKey, ...]]:
    """The checkpoint of a signed note, and the witnesses that cosigned it.

    It has to be signed with one of `keys`, whose name is its origin. Raises InvalidInput where it is not, or where a
    signature or cosignature of a key that is given is wrong.
    """
    note = open_note(written, [*keys, *witnesses])
    checkpoint = Checkpoint.parse(note.text)
    if not any(key.type == SIGNATURE and key.name == checkpoint.origin and key in keys for key in note.signed_by):
        raise InvalidInput(
            f"The checkpoint says that it is of {checkpoint.origin}, but no given key of that signed it."
        )
    return checkpoint, tuple(key for key in note.signed_by if key in witnesses)


def _root(encoded: str) -> bytes | None:
    try:
        root = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    return root if len(root) == 32 else None
