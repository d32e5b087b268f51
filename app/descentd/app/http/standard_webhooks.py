"""Signatures of Standard Webhooks, sent and received: HMAC-SHA256 over `ID.TIMESTAMP.BODY`.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, version 1. A secret is
written `whsec_BASE64`; a header holds one `v1,BASE64` for each secret, several while a secret is being changed.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

from descentd.graph.model.errors import InvalidInput

PREFIX: Final = "whsec_"
SHORTEST: Final = 24
LONGEST: Final = 64
"""Bytes of a secret that the specification recommends at least and at most."""


def decoded(secret: str) -> bytes:
    """The bytes of a secret that is written `whsec_BASE64`.

    Raises InvalidInput, which does not repeat the secret, where it is not written so.
    """
    if not secret.startswith(PREFIX):
        raise InvalidInput(f"Expected a secret as {PREFIX} and base64: generate {SHORTEST} random bytes.")
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(f"Expected base64 after {PREFIX} in a secret: copy it again, completely.") from None


def key(secret: str) -> bytes:
    """The key of a secret that `headers` signs with: 24 to 64 bytes.

    Raises InvalidInput, which does not repeat the secret, where it is not written as `whsec_BASE64` or is of another
    length.
    """
    found = decoded(secret)
    if not SHORTEST <= len(found) <= LONGEST:
        raise InvalidInput(f"Expected a secret of {SHORTEST} to {LONGEST} bytes, got {len(found)}: generate another.")
    return found


def headers(keys: Sequence[bytes], id: str, seconds: int, body: bytes) -> Mapping[str, str]:
    """The three headers of a signed message: its id, its time (seconds since 1970 UTC) and a signature for each key."""
    timestamp = str(seconds)
    return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{_signature(key, id, timestamp, body)}" for key in keys),
    }


def matches(keys: Sequence[bytes], signatures: str, id: str, timestamp: str, body: bytes) -> bool:
    """Whether one of the signatures in a `webhook-signature` header was made with one of the keys."""
    given = [one.partition(",")[2].encode("latin-1") for one in signatures.split() if one.startswith("v1,")]
    expected = [_signature(key, id, timestamp, body).encode() for key in keys]
    # Every pair is compared, so that the time taken reveals nothing of which secret nearly matched.
    return any([hmac.compare_digest(one, right) for one in given for right in expected])  # noqa: C419


def _signature(key: bytes, id: str, timestamp: str, body: bytes) -> str:
    signed = b".".join((id.encode("latin-1"), timestamp.encode(), body))
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
