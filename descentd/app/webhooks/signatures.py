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
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers

from descentd.graph.errors import InvalidInput, Unauthenticated

TOLERANCE: Final = 300
"""Seconds by which the sender's clock and ours may differ, and a delivery may be late."""
_SHORTEST: Final = 24
_PREFIX: Final = "whsec_"


class Signatures:
    """The secrets that webhooks are signed with, and what has been delivered of late.

    `folder` is where the workers of one server meet, so that a delivery to one is no news to another.
    """

    def __init__(self, secrets: Sequence[str], folder: Path | None) -> None:
        """Raises InvalidInput for a secret that is too short to be one."""
        self._keys = [_key(secret) for secret in secrets]
        self._seen = _Seen(folder)

    @property
    def expected(self) -> bool:
        """Whether there is a secret that deliveries have to be signed with."""
        return bool(self._keys)

    def check(self, headers: Headers, body: bytes) -> str | None:
        """The sender's id of a delivery, None where it has none; raises Unauthenticated for one that is not signed.

        One that came before, or more than `TOLERANCE` ago, is refused too.
        """
        if not self._keys:
            raise Unauthenticated("No webhook secret is set here: set DESCENT_WEBHOOK_SECRETS, or send a token.")
        if "webhook-signature" in headers:
            return self._standard(headers, body)
        if "x-hub-signature-256" in headers:
            self._hub(headers["x-hub-signature-256"], body)
            return None
        raise Unauthenticated("The delivery is not signed: send webhook-signature, X-Hub-Signature-256 or a token.")

    def _standard(self, headers: Headers, body: bytes) -> str:
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
        if not self._seen.is_new(hashlib.sha256(signed).hexdigest()):
            raise Unauthenticated("This delivery came before: deliver again with a timestamp and signature of now.")
        return id

    def _hub(self, given: str, body: bytes) -> None:
        expected = [f"sha256={hmac.digest(key, body, 'sha256').hex()}".encode() for key in self._keys]
        fits = [hmac.compare_digest(given.encode("latin-1"), right) for right in expected]
        if not any(fits):
            raise Unauthenticated("The signature does not fit the body: sign the raw bytes with the shared secret.")


class _Seen:
    """The deliveries of the last while, by digest: in memory, and as empty files where several processes serve."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._until: dict[str, float] = {}

    def is_new(self, digest: str) -> bool:
        """Note a delivery, and say whether it is the first of its kind."""
        now = time.monotonic()
        self._until = {one: until for one, until in self._until.items() if until > now}
        if digest in self._until:
            return False
        self._until[digest] = now + 2 * TOLERANCE
        return self._folder is None or self._is_new_to_all(self._folder, digest)

    @staticmethod
    def _is_new_to_all(folder: Path, digest: str) -> bool:
        oldest = time.time() - 2 * TOLERANCE
        for file in folder.glob("delivery-*"):
            if file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)
        try:
            (folder / f"delivery-{digest}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


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
