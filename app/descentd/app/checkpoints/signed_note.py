"""Signed notes as C2SP specifies them (https://c2sp.org/signed-note), with Ed25519, and cosignatures of witnesses.

A note is text, an empty line and a line for each signature: `— NAME BASE64(key id, signature)`. Keys are written as Go
writes them: `NAME+ID+BASE64(type, key)` to verify with and `PRIVATE+KEY+NAME+ID+BASE64(type, seed)` to sign with.
"""

import base64
import binascii
import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from descentd.graph.model.errors import InvalidInput

SIGNATURE: Final = 1
"""The type of a key that signs notes."""

COSIGNATURE: Final = 4
"""The type of a key that cosigns checkpoints at a time (https://c2sp.org/tlog-cosignature, cosignature/v1)."""

_PRIVATE: Final = "PRIVATE+KEY+"
_MOST: Final = 100
"""The most signatures of one note that are read."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key with the name of its owner."""

    name: str
    type: int
    key: bytes

    @classmethod
    def parse(cls, written: str) -> "VerifyingKey":
        """The key that `NAME+ID+BASE64` writes; raises InvalidInput if it is not a key."""
        name, id, encoded = [*written.strip().split("+", 2), "", ""][:3]
        raw = _decoded(encoded)
        if _is_name(name) and len(raw) == 33 and raw[0] in {SIGNATURE, COSIGNATURE}:
            key = cls(name, raw[0], raw[1:])
            if key.id.hex() == id:
                return key
        raise InvalidInput("This is not a public key: write NAME+ID+BASE64, as `descentd keygen` prints it.")

    @property
    def id(self) -> bytes:
        """The four bytes by which signatures name the key."""
        return hashlib.sha256(b"%s\n%c%s" % (self.name.encode(), self.type, self.key)).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_encoded(bytes([self.type]) + self.key)}"

    def verifies(self, signature: bytes, text: str) -> bool:
        """Whether a signature (without the key id) of a note's text was made with this key."""
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


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A private key with the name of its owner."""

    name: str
    seed: bytes

    @classmethod
    def generate(cls, name: str) -> "SigningKey":
        """A new key; raises InvalidInput for a name that is not allowed in notes."""
        if not _is_name(name):
            raise InvalidInput("The name of a key has no spaces and no +: write it like example.org/registry.")
        return cls(name, secrets.token_bytes(32))

    @classmethod
    def parse(cls, written: str) -> "SigningKey":
        """The key that `PRIVATE+KEY+NAME+ID+BASE64` writes; raises InvalidInput, whose message does not repeat it."""
        name, id, encoded = [*written.strip().removeprefix(_PRIVATE).split("+", 2), "", ""][:3]
        raw = _decoded(encoded)
        if written.startswith(_PRIVATE) and _is_name(name) and len(raw) == 33 and raw[0] == SIGNATURE:
            key = cls(name, raw[1:])
            if key.public.id.hex() == id:
                return key
        raise InvalidInput("The signing key cannot be read: make one with `descentd keygen`.")

    @property
    def public(self) -> VerifyingKey:
        """The public key that verifies its signatures."""
        return VerifyingKey(self.name, SIGNATURE, self._private().public_key().public_bytes_raw())

    def dump(self) -> str:
        """The key as `parse` reads it: a secret."""
        return f"{_PRIVATE}{self.name}+{self.public.id.hex()}+{_encoded(bytes([SIGNATURE]) + self.seed)}"

    def sign(self, text: str) -> str:
        """The note of a text, signed; the text ends with a line feed."""
        signature = self.public.id + self._private().sign(text.encode())
        return f"{text}\n— {self.name} {_encoded(signature)}\n"

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


@dataclass(frozen=True, slots=True)
class Note:
    """A text, and the keys that signed it."""

    text: str
    signed_by: tuple[VerifyingKey, ...]


def open_note(written: str, keys: Sequence[VerifyingKey]) -> Note:
    """The text of a note that at least one of `keys` signed; signatures of other keys are ignored.

    Raises InvalidInput if it is not a signed note, if a signature of one of the keys is invalid, or if none signed it.
    """
    text, signatures = _taken_apart(written)
    signed_by: dict[VerifyingKey, None] = {}
    for name, raw in signatures:
        for key in keys:
            if key.name == name and key.id == raw[:4]:
                if not key.verifies(raw[4:], text):
                    raise InvalidInput(
                        f"The signature of {name} is invalid: the note was changed, or was signed with another key."
                    )
                signed_by[key] = None
    if not signed_by:
        raise InvalidInput("None of the given keys signed this note: name the key of the registry that it is from.")
    return Note(text, tuple(signed_by))


def _taken_apart(written: str) -> tuple[str, list[tuple[str, bytes]]]:
    text, separator, signatures = written.rpartition("\n\n")
    lines = signatures.removesuffix("\n").split("\n")
    whole = bool(separator and text) and signatures.endswith("\n") and len(lines) <= _MOST
    if not whole or any(c < " " and c != "\n" for c in written):
        raise InvalidInput("This is not a signed note: expected text, an empty line and signatures.")
    return text + "\n", list(map(_signature, lines))


def _signature(line: str) -> tuple[str, bytes]:
    mark, name, encoded = [*line.split(" "), "", ""][:3]
    raw = _decoded(encoded)
    if mark != "—" or not _is_name(name) or line.count(" ") != 2 or len(raw) < 5:
        raise InvalidInput("A signature line of the note is invalid: expected — NAME BASE64.")
    return name, raw


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(c.isspace() or c < " " for c in name)


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _decoded(encoded: str) -> bytes:
    """The bytes that Base64 encodes; empty if the text is not Base64."""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""


def keys_of(written: Sequence[str]) -> Iterator[VerifyingKey]:
    """Keys, each written in a text or several in lines; raises InvalidInput."""
    for text in written:
        yield from (VerifyingKey.parse(line) for line in text.splitlines() if line.strip())
