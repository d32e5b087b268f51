"""Verifying signed checkpoints: C2SP's signed notes, checkpoints and cosignatures, with Ed25519.

https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint, https://c2sp.org/tlog-cosignature. Keys are written
`NAME+ID+BASE64`, as `descentd keygen` prints them.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from descent.errors import NotProved
from descent.proofs import Tree

SIGNATURE, COSIGNATURE = 1, 4
"""The types of keys: one signs checkpoints, the other cosigns them with a time."""

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_MOST = 100


@dataclass(frozen=True, slots=True)
class Key:
    """A public key with the name of its owner."""

    name: str
    type: int
    key: bytes

    @classmethod
    def parse(cls, written: str) -> "Key":
        """Return the key that a text writes; raises NotProved if it is not a public key."""
        name, id, encoded = [*written.strip().split("+", 2), "", ""][:3]
        raw = _decoded(encoded)
        if _is_name(name) and len(raw) == 33 and raw[0] in {SIGNATURE, COSIGNATURE}:
            key = cls(name, raw[0], raw[1:])
            if key.id.hex() == id:
                return key
        raise NotProved.because("This is not a public key: write NAME+ID+BASE64, as `descentd keygen` prints it.")

    @property
    def id(self) -> bytes:
        """The four bytes by which signatures name the key."""
        return hashlib.sha256(b"%s\n%c%s" % (self.name.encode(), self.type, self.key)).digest()[:4]

    def verifies(self, signature: bytes, text: str) -> bool:
        """Return whether a signature (without the key id) of a note's text was made with this key."""
        from cryptography.exceptions import InvalidSignature  # here, because most commands verify nothing
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        message = text.encode()
        if self.type == COSIGNATURE:
            moment, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            if moment >= 1 << 63:
                return False
            message = f"cosignature/v1\ntime {moment}\n{text}".encode()
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The signed state of a log, and the names of the witnesses that cosigned it."""

    origin: str
    tree: Tree
    witnesses: tuple[str, ...] = ()


def open_checkpoint(note: str, keys: Sequence[Key]) -> Checkpoint:
    """Return the checkpoint of a signed note; raises NotProved.

    One of `keys`, with the origin of the checkpoint as its name, must have signed it. Signatures of other keys are
    ignored; an invalid signature of one of `keys` is an error. Those of `keys` that cosigned are its `witnesses`.
    """
    text, signed = open_note(note, keys)
    origin, tree = _checkpoint(text)
    if not any(key.type == SIGNATURE and key.name == origin for key in signed):
        raise NotProved.because(f"The checkpoint is of {origin}, and none of the given keys of that name signed it.")
    return Checkpoint(origin, tree, tuple(sorted(key.name for key in signed if key.type == COSIGNATURE)))


def open_note(note: str, keys: Sequence[Key]) -> tuple[str, set[Key]]:
    """Return the text of a note and which of `keys` signed it; raises NotProved where a signature of one is wrong."""
    text, signatures = _taken_apart(note)
    signed: set[Key] = set()
    for name, raw in signatures:
        for key in keys:
            if key.name == name and key.id == raw[:4]:
                if not key.verifies(raw[4:], text):
                    raise NotProved.because(f"The signature of {name} is invalid: the checkpoint was changed.")
                signed.add(key)
    return text, signed


def read_keys(given: Sequence[str]) -> list[Key]:
    """Return keys, each given as text or as a file with one key on each line; raises NotProved."""
    written: list[str] = []
    for text in given:
        try:
            file = Path(text)
            written += file.read_text("utf-8").splitlines() if file.is_file() else [text]
        except (OSError, ValueError):
            written.append(text)
    return [Key.parse(line) for line in written if line.strip()]


def _checkpoint(text: str) -> tuple[str, Tree]:
    lines = text.removesuffix("\n").split("\n")
    if len(lines) >= 3 and all(lines) and _SIZE.fullmatch(lines[1]):
        root = _decoded(lines[2])
        if len(root) == hashlib.sha256().digest_size:
            return lines[0], Tree(int(lines[1]), root)
    raise NotProved.because("The note is not a checkpoint: expected origin, size and root on one line each.")


def _taken_apart(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    text, separator, signatures = note.rpartition("\n\n")
    lines = signatures.removesuffix("\n").split("\n")
    whole = bool(separator and text) and signatures.endswith("\n") and len(lines) <= _MOST
    if not whole or any(c < " " and c != "\n" for c in note):
        raise NotProved.because("This is not a signed note: expected text, an empty line and signatures.")
    return text + "\n", [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    mark, name, encoded = [*line.split(" "), "", ""][:3]
    raw = _decoded(encoded)
    if mark != "—" or not _is_name(name) or line.count(" ") != 2 or len(raw) < 5:
        raise NotProved.because("A signature line of the note is invalid: expected — NAME BASE64.")
    return name, raw


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() or c < " " for c in name)


def _decoded(encoded: str) -> bytes:
    """Return the bytes that Base64 encodes; empty if the text is not Base64."""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""
