"""The secrets of tokens: `descent_`, 192 random bits, and a checksum, so that a mistyped one is told without a look-up.

A registry keeps the SHA-256 of a secret and never the secret. A slow or salted hash, as passwords need, would add
nothing: nobody guesses 192 random bits, and every request would pay for it.
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
    """A secret that nobody has had before: 47 letters and digits, and one underscore."""
    random = _base62(secrets.randbits(_BITS), _RANDOM)
    return PREFIX + random + _checksum(random)


def is_secret(given: str) -> bool:
    """Whether a text can be a secret: of the right shape, with the checksum that belongs to it."""
    if not _SHAPE.fullmatch(given):
        return False
    random = given[len(PREFIX) : -_CHECK]
    return secrets.compare_digest(_checksum(random), given[-_CHECK:])


def hash_of(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def _checksum(random: str) -> str:
    return _base62(zlib.crc32(random.encode()), _CHECK)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
