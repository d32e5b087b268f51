"""The secrets of tokens: `descent_`, 192 random bits, and a checksum by which a mistyped one is recognised.

A registry stores a hash of a secret and never the secret: its SHA-256, or in a database that others read the HMAC of
that by a key of the server (`token_key`). A slow or salted hash, as passwords need, would add nothing: nobody guesses
192 random bits, and every request would take longer.
"""

import hashlib
import hmac
import re
import secrets
import zlib
from typing import Final

PREFIX: Final = "descent_"
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BITS: Final = 192
_RANDOM: Final = 33  # digits in base 62 that 192 bits take
_CHECK: Final = 6
_SHAPE: Final = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_RANDOM + _CHECK}}}")


def new_secret() -> str:
    """A new secret: 47 letters and digits, and one underscore."""
    random = _base62(secrets.randbits(_BITS), _RANDOM)
    return PREFIX + random + _checksum(random)


def is_secret(given: str) -> bool:
    """Whether a text has the form of a secret and a right checksum."""
    if not _SHAPE.fullmatch(given):
        return False
    random = given[len(PREFIX) : -_CHECK]
    return secrets.compare_digest(_checksum(random), given[-_CHECK:])


def hash_of(secret: str, key: bytes | None = None) -> bytes:
    """What the store has of a secret, 32 bytes: its SHA-256, or the HMAC-SHA-256 of that by a key."""
    hash = hashlib.sha256(secret.encode()).digest()
    return hash if key is None else keyed(hash, key)


def keyed(hash: bytes, key: bytes) -> bytes:
    """The HMAC-SHA-256 of the SHA-256 of a secret: what was kept without a key can be kept with one."""
    return hmac.digest(key, hash, "sha256")


def _checksum(random: str) -> str:
    return _base62(zlib.crc32(random.encode()), _CHECK)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
