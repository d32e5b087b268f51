"""Verification of webhook signatures over the raw body: Standard Webhooks or X-Hub-Signature-256.

X-Hub-Signature-256 signs the body alone: it does not say when the body was sent. Neither signature covers the address
or other headers, so a delivery counts at the address where it arrived first and nowhere else.
"""

import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers

from descentd.app.http import standard_webhooks
from descentd.graph.model.errors import InvalidInput, Unauthenticated

TOLERANCE: Final = 300
"""Seconds by which the sender's clock and ours may differ, and a delivery may be late."""

_MISMATCH: Final = "The signature does not match the body: sign the raw bytes with the shared secret."


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """A delivery with a valid signature.

    `identity` is the digest of the address, the sender's id where it is signed too, and the body: the same bytes have
    the same one, whichever process serves. `body_identity` is that of the body alone, at whatever address. `signed_at`
    is in seconds since 1970 UTC, 0 where the signature does not say.
    """

    identity: str
    body_identity: str
    signed_at: int


class SignatureVerifier:
    """Verifies deliveries with the shared secrets of the settings."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """Raises InvalidInput for a secret of fewer than 24 bytes, and for `whsec_` without base64."""
        self._keys = [_key(secret) for secret in secrets]

    @property
    def expected(self) -> bool:
        """Whether there is a secret that deliveries have to be signed with."""
        return bool(self._keys)

    def verify(self, route: str, headers: Headers, body: bytes) -> VerifiedSignature:
        """What the signature of a delivery proves.

        Raises Unauthenticated where there is no valid signature, where it was made more than `TOLERANCE` seconds from
        now, and for CloudEvents in binary mode, whose attributes are in headers that no signature covers.
        """
        if not self._keys:
            raise Unauthenticated("No webhook secret is configured: set DESCENT_WEBHOOK_SECRETS, or send a token.")
        if "webhook-signature" in headers:
            id, signed_at = self._standard(headers, body)
        elif "x-hub-signature-256" in headers:
            id, signed_at = self._hub(headers["x-hub-signature-256"], body), 0
        else:
            raise Unauthenticated("The delivery is not signed: send webhook-signature, X-Hub-Signature-256 or a token.")
        if any(name.startswith("ce-") for name in headers):
            raise Unauthenticated(
                "The signature does not cover the ce- headers of a CloudEvent in binary mode: send the event in "
                "structured mode (application/cloudevents+json), or with a token."
            )
        return VerifiedSignature(_identity(route, id, body), _identity("body", "", body), signed_at)

    def _standard(self, headers: Headers, body: bytes) -> tuple[str, int]:
        id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not id or not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
            raise Unauthenticated("A signed delivery needs webhook-id and webhook-timestamp (seconds since 1970).")
        if not standard_webhooks.matches(self._keys, headers["webhook-signature"], id, timestamp, body):
            raise Unauthenticated(_MISMATCH)
        if abs(time.time() - int(timestamp)) > TOLERANCE:
            raise Unauthenticated(
                f"The delivery was signed more than {TOLERANCE} seconds from now: send it again, signed anew."
            )
        return id, int(timestamp)

    def _hub(self, given: str, body: bytes) -> str:
        """The id of the delivery, which this signature does not cover: empty."""
        expected = [f"sha256={hmac.digest(key, body, 'sha256').hex()}".encode() for key in self._keys]
        matching = [hmac.compare_digest(given.encode("latin-1"), right) for right in expected]
        if not any(matching):
            raise Unauthenticated(_MISMATCH)
        return ""


def earlier_body_identity(route: str, body: bytes) -> str:
    """What an earlier server kept of a body that it accepted at an address."""
    return _identity(f"body {route}", "", body)


def _identity(route: str, id: str, body: bytes) -> str:
    return hashlib.sha256(b"\n".join((route.encode(), id.encode("latin-1"), body))).hexdigest()


def _key(secret: str) -> bytes:
    key = standard_webhooks.decoded(secret) if secret.startswith(standard_webhooks.PREFIX) else secret.encode()
    if len(key) < standard_webhooks.SHORTEST:
        raise InvalidInput(
            f"Expected a webhook secret of at least {standard_webhooks.SHORTEST} bytes, got {len(key)}: "
            "generate another."
        )
    return key
