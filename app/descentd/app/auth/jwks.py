"""The public keys of an identity provider, from its JWKS: fetched when first needed, and again as it rotates them."""

import asyncio
import time
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from descentd.app.http import strict_json
from descentd.app.server.settings import is_loopback
from descentd.graph.model.errors import InvalidInput, Unavailable

log = structlog.get_logger()

_OLDEST: Final = 3600.0
"""JWKS are fetched again after so many seconds, so that one that was withdrawn is not trusted for longer."""

_PATIENCE: Final = 5.0
_LARGEST: Final = 1024 * 1024
_FAULTS: Final = (OSError, HTTPException, ValueError, KeyError, TypeError, JoseError, InvalidInput)
"""What reading keys may raise."""
_PRIVATE: Final = frozenset({"d", "k"})


class JWKS:
    """A JWKS at an address (https://…, or http://… on this machine) or in a file.

    A key that is not known is looked for again at most once in `interval` seconds, whoever sends what.
    """

    def __init__(self, source: str, interval: float, issuer: str | None = None) -> None:
        """`source` is the JWKS; with an `issuer`, it is the issuer's discovery document, which says where the JWKS is.

        Raises InvalidInput for an address that keys must not be fetched from.
        """
        self._path = None if urlsplit(source).scheme in {"https", "http"} else Path(source)
        if self._path is None and not is_safe(source):
            raise InvalidInput(
                "A JWKS that is fetched over http can be changed on the way: set DESCENT_OIDC_JWKS to an https address."
            )
        self._issuer = issuer
        self._source = source
        self._interval = interval
        self._keys: KeySet | None = None
        self._tried = self._fetched = -_OLDEST
        self._lock = asyncio.Lock()

    def check(self) -> None:
        """Raise InvalidInput where the keys are to be read from a file and cannot be."""
        if self._path is None:
            return
        try:
            _read(self._load())
        except _FAULTS as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error).rstrip(".")
            if isinstance(error, KeyError | TypeError):
                reason = "it holds no list of keys"
            raise InvalidInput(
                f"The file that DESCENT_OIDC_JWKS names cannot be used ({reason}): name one with a JWKS, or an https "
                "address."
            ) from None

    async def find(self, kid: str | None) -> KeySet:
        """The keys, fetched again where none has the id `kid` and the last attempt is long enough ago.

        Raises Unavailable where there are none.
        """
        if self._wants(kid):
            async with self._lock:
                if self._wants(kid):  # nobody else has just done it
                    await self._fetch()
        if self._keys is None:
            raise Unavailable("The keys of the identity provider could not be fetched: try again in a moment.")
        return self._keys

    def _wants(self, kid: str | None) -> bool:
        now = time.monotonic()
        if now - self._tried < self._interval:
            return False
        known = self._keys is not None and (kid is None or any(key.kid == kid for key in self._keys))
        return not known or now - self._fetched >= _OLDEST

    async def _fetch(self) -> None:
        self._tried = time.monotonic()
        try:
            self._keys = _read(await asyncio.to_thread(self._load if self._issuer is None else self._discover))
            self._fetched = time.monotonic()
        except _FAULTS as error:
            log.warning("keys_not_fetched", source=self._source, reason=str(error)[:200])
            if self._tried - self._fetched >= 2 * _OLDEST:
                self._keys = None

    def _load(self) -> bytes:
        return fetched(self._source) if self._path is None else self._path.read_bytes()

    def _discover(self) -> bytes:
        document = strict_json.read(fetched(self._source), "The discovery document")
        if document["issuer"] != self._issuer:
            raise ValueError("the discovery document belongs to another issuer")
        if not is_safe(document["jwks_uri"]):
            raise ValueError("the discovery document names keys at an address that is not https")
        return fetched(document["jwks_uri"])


def is_safe(url: str) -> bool:
    """Whether an identity provider's address can be relied on: nobody can read or change what goes there."""
    parts = urlsplit(url)
    host = parts.hostname
    return host is not None and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def fetched(asked: str | urllib.request.Request) -> bytes:
    """The body that an address answers with, following nothing that leads elsewhere.

    Raises OSError, HTTPException, and ValueError for one that is too large.
    """
    url = asked if isinstance(asked, str) else asked.full_url
    handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
    if is_loopback(urlsplit(url).hostname or ""):
        handlers.append(urllib.request.ProxyHandler({}))
    with urllib.request.build_opener(*handlers).open(asked, timeout=_PATIENCE) as answer:
        body: bytes = answer.read(_LARGEST + 1)
    if len(body) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST} bytes")
    return body


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """No other place is trusted."""


def _read(body: bytes) -> KeySet:
    """The keys for signatures; raises what their reader raises, and ValueError where a secret is among them."""
    given = strict_json.read(body, "The JWKS")
    for key in given["keys"]:
        if _PRIVATE & key.keys():
            raise ValueError("it holds a private key or a shared secret")
    return KeySet.import_key_set({"keys": [key for key in given["keys"] if key.get("use", "sig") == "sig"]})
