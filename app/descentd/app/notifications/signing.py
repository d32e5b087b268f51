"""Signatures of Standard Webhooks (its specification, version 1): HMAC-SHA256 over `ID.TIMESTAMP.BODY`."""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from descentd.graph.model.errors import InvalidInput

PREFIX: Final = "whsec_"
SHORTEST, LONGEST = 24, 64
"""Bytes of a secret, as the specification wants them."""


def key(secret: str) -> bytes:
    """The key that a secret stands for; raises InvalidInput, which does not repeat it, for what is none."""
    if not secret.startswith(PREFIX):
        raise InvalidInput(f"A secret begins with {PREFIX} and goes on in base64: make one of {SHORTEST} random bytes.")
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(f"What follows {PREFIX} in a secret is base64: copy it again, whole.") from None
    if not SHORTEST <= len(found) <= LONGEST:
        raise InvalidInput(f"A secret has {SHORTEST} to {LONGEST} bytes and this has {len(found)}: make another.")
    return found


def headers(keys: Sequence[bytes], id: str, seconds: int, body: bytes) -> Mapping[str, str]:
    """The headers that say what a delivery is and who sends it: one signature a key, for while they are changed."""
    signed = b".".join((id.encode(), str(seconds).encode(), body))
    signatures = [base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
