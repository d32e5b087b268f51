"""The secrets of tokens: `descent_`, 192 random bits, and a checksum by which a mistyped one is recognised.

A registry stores the SHA-256 of a secret and never the secret. A slow or salted hash, as passwords need, would add
nothing: nobody guesses 192 random bits, and every request would take longer.
"""

import hashlib
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


def hash_of(secret: str) -> bytes:
    """The SHA-256 of a secret, 32 bytes: what the store has of it."""
    return hashlib.sha256(secret.encode()).digest()


def _checksum(random: str) -> str:
    return _base62(zlib.crc32(random.encode()), _CHECK)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
