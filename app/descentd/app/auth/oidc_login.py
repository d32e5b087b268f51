"""Signing in at an identity provider: OpenID Connect's authorization code flow with PKCE (RFC 7636, S256)."""

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import quote, urlencode

import structlog

from descentd.app.auth.jwks import fetched, is_safe
from descentd.app.auth.oidc import OIDCIdentity, OIDCVerifier, discovery_url
from descentd.app.http import strict_json
from descentd.app.server.settings import Settings
from descentd.graph.model.errors import InvalidInput, Unauthenticated, Unavailable

log = structlog.get_logger()

_OLDEST: Final = 3600.0
_FAULTS: Final = (OSError, HTTPException, ValueError, KeyError, TypeError, InvalidInput)
_METADATA: Final = ("issuer", "authorization_endpoint", "token_endpoint")


@dataclass(frozen=True, slots=True)
class Login:
    """A sign-in that was begun: where the browser goes, and what it has to come back with."""

    address: str
    state: str
    nonce: str
    verifier: str


class OIDCLogin:
    """Signs people in at the issuer of the settings, as the client `oidc_client_id`."""

    def __init__(self, settings: Settings) -> None:
        """Raises InvalidInput for settings that are incomplete, contradict each other, or name an unsafe issuer."""
        if not is_safe(settings.oidc_issuer or ""):
            raise InvalidInput("People can sign in only at an issuer with an https address: set DESCENT_OIDC_ISSUER.")
        self._client = settings.oidc_client_id or ""
        self._secret = settings.oidc_client_secret
        self._issuer = settings.oidc_issuer or ""
        self._scope = settings.oidc_scope
        # An ID token is for the client that asked for it, and not for the audience of the API.
        self._verifier = OIDCVerifier(settings.oidc_issuers[0].model_copy(update={"audience": self._client}))
        self._known: Mapping[str, str] | None = None
        self._asked = -_OLDEST

    async def begin(self, callback: str) -> Login:
        """Begin; `callback` is the address that the browser comes back to. Raises Unavailable."""
        where = (await self._metadata())["authorization_endpoint"]
        login = Login("", *(secrets.token_urlsafe(32) for _ in range(3)))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(login.verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": callback,
            "scope": self._scope,
            "state": login.state,
            "nonce": login.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joined = "&" if "?" in where else "?"
        return Login(f"{where}{joined}{urlencode(asked)}", login.state, login.nonce, login.verifier)

    async def end(self, code: str, verifier: str, nonce: str, callback: str) -> OIDCIdentity:
        """Who signed in; raises Unauthenticated where the provider does not say so, and Unavailable."""
        where = (await self._metadata())["token_endpoint"]
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback,
            "client_id": self._client,
            "code_verifier": verifier,
        }
        try:
            body = await asyncio.to_thread(self._exchanged, where, sent)
            token = strict_json.read(body, "The answer of the identity provider")["id_token"]
        except urllib.error.HTTPError as error:
            log.warning("sign_in_refused", status=error.code)
            raise Unauthenticated("The identity provider did not accept this sign-in: begin again.") from None
        except _FAULTS as error:
            log.warning("sign_in_failed", reason=str(error)[:200])
            raise Unavailable("The identity provider does not answer as it should: try again in a moment.") from None
        identity = await self._verifier.verified(str(token))
        if identity.nonce is None or not hmac.compare_digest(identity.nonce.encode(), nonce.encode()):
            raise Unauthenticated("The identity provider's answer belongs to another sign-in: begin again.")
        return identity

    def _exchanged(self, where: str, sent: Mapping[str, str]) -> bytes:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if self._secret is not None:  # client_secret_basic, RFC 6749, 2.3.1
            pair = f"{quote(self._client, safe='')}:{quote(self._secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return fetched(urllib.request.Request(where, urlencode(sent).encode(), headers))  # noqa: S310 - see `is_safe`

    async def _metadata(self) -> Mapping[str, str]:
        """What the issuer's discovery document says, read again every hour."""
        if self._known is None or time.monotonic() - self._asked >= _OLDEST:
            try:
                self._known = _checked(await asyncio.to_thread(fetched, discovery_url(self._issuer)), self._issuer)
                self._asked = time.monotonic()
            except _FAULTS as error:
                log.warning("provider_not_discovered", issuer=self._issuer, reason=str(error)[:200])
                if self._known is None:
                    raise Unavailable("The identity provider does not answer: try again in a moment.") from None
        return self._known


def _checked(document: bytes, issuer: str) -> Mapping[str, str]:
    """The parts of a discovery document that are used; raises ValueError where it is not to be trusted."""
    given: Any = strict_json.read(document, "The discovery document")
    found = {name: str(given[name]) for name in _METADATA}
    if found["issuer"] != issuer:
        raise ValueError("the discovery document belongs to another issuer")
    if not all(is_safe(found[name]) for name in _METADATA[1:]):
        raise ValueError("the discovery document names an address that is not https")
    return found
