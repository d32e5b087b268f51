"""Who sent a webhook: signatures over the raw body, by Standard Webhooks or as X-Hub-Signature-256.

Standard Webhooks (its specification, version 1) signs `ID.TIMESTAMP.BODY` with HMAC-SHA256 and sends `v1,BASE64`,
several of them while a secret is being changed; a secret may be written `whsec_BASE64`. X-Hub-Signature-256 signs the
body alone, so that it tells nothing of when it was sent.
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers

from descentd.graph.model.errors import InvalidInput, Unauthenticated

TOLERANCE: Final = 300
"""Seconds by which the sender's clock and ours may differ, and a delivery may be late."""
_SHORTEST: Final = 24
_PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class Signed:
    """A delivery whose signature fits.

    `identity` is of the address, the sender's id where it is signed too, and the body: the same bytes have the same
    one, whoever serves. `sent` is when it was signed (seconds since 1970 UTC), 0 where the signature does not say.
    """

    identity: str
    sent: int


class Signatures:
    """The secrets that webhooks are signed with."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """Raises InvalidInput for a secret that is too short to be one."""
        self._keys = [_key(secret) for secret in secrets]

    @property
    def expected(self) -> bool:
        """Whether there is a secret that deliveries have to be signed with."""
        return bool(self._keys)

    def check(self, route: str, headers: Headers, body: bytes) -> Signed:
        """What is known of a delivery by its signature.

        Raises Unauthenticated for one that is not signed, or was signed more than `TOLERANCE` from now.
        """
        if not self._keys:
            raise Unauthenticated("No webhook secret is set here: set DESCENT_WEBHOOK_SECRETS, or send a token.")
        if "webhook-signature" in headers:
            return self._standard(route, headers, body)
        if "x-hub-signature-256" in headers:
            self._hub(headers["x-hub-signature-256"], body)
            return Signed(_identity(route, "", body), 0)
        raise Unauthenticated("The delivery is not signed: send webhook-signature, X-Hub-Signature-256 or a token.")

    def _standard(self, route: str, headers: Headers, body: bytes) -> Signed:
        id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if not id or not sent.isascii() or not sent.isdecimal() or len(sent) > 12:
            raise Unauthenticated("A signed delivery needs webhook-id and webhook-timestamp (seconds since 1970).")
        signed = b".".join((id.encode("latin-1"), sent.encode(), body))
        given = [one.partition(",")[2] for one in headers["webhook-signature"].split() if one.startswith("v1,")]
        expected = [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in self._keys]
        # Every pair is compared, so that the time taken tells nothing of which secret nearly fitted.
        fits = [hmac.compare_digest(one.encode("latin-1"), right) for one in given for right in expected]
        if not any(fits):
            raise Unauthenticated("The signature does not fit the body: sign the raw bytes with the shared secret.")
        if abs(time.time() - int(sent)) > TOLERANCE:
            raise Unauthenticated(f"The delivery is more than {TOLERANCE} seconds off: send it again, signed anew.")
        return Signed(_identity(route, id, body), int(sent))

    def _hub(self, given: str, body: bytes) -> None:
        expected = [f"sha256={hmac.digest(key, body, 'sha256').hex()}".encode() for key in self._keys]
        fits = [hmac.compare_digest(given.encode("latin-1"), right) for right in expected]
        if not any(fits):
            raise Unauthenticated("The signature does not fit the body: sign the raw bytes with the shared secret.")


def _identity(route: str, id: str, body: bytes) -> str:
    return hashlib.sha256(b"\n".join((route.encode(), id.encode("latin-1"), body))).hexdigest()


def _key(secret: str) -> bytes:
    if secret.startswith(_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            raise InvalidInput("A webhook secret that begins with whsec_ goes on in base64: copy it whole.") from None
    else:
        key = secret.encode()
    if len(key) < _SHORTEST:
        raise InvalidInput(f"A webhook secret has at least {_SHORTEST} bytes: make a longer one.")
    return key
