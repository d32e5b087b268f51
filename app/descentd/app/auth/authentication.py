"""Authentication: who sends a request, by the token in it. The store is asked about a token once a second at most."""

import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from descentd.app.auth.tokens import PREFIX, hash_of, is_secret
from descentd.graph.model.accounts import AccessRole, Token
from descentd.graph.model.clock import now
from descentd.graph.model.errors import Unauthenticated
from descentd.graph.store.operational import Accounts

if TYPE_CHECKING:
    from descentd.app.auth.oidc import OIDCVerifiers

FRESH: Final = 1.0
"""Seconds for which a process reuses what the store answered about a token: a revocation takes no longer to act."""

_LONGEST: Final = 16_384
_ASK: Final = "create one with `descentd token create`, and send it as Authorization: Bearer TOKEN"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who sends a request. `expires_at` is in microseconds since 1970 UTC.

    `credential` is a token's id, `oidc`, `oidc JOB` for a person who started a CI job, or `local`.
    """

    person: str
    roles: frozenset[AccessRole]
    credential: str
    client: str = ""
    route: str = ""
    hash: bytes | None = None
    expires_at: int | None = None


LOCAL: Final = Principal("local", frozenset(AccessRole), "local")
"""The principal of requests without a token, while the registry is open to everybody on this machine."""


class InvalidCredentials(Unauthenticated):
    """A request without valid credentials; `token` is the expired or revoked token that came with it, if one did."""

    def __init__(self, message: str, token: Token | None = None) -> None:
        super().__init__(message)
        self.token = token


class Authenticator:
    """Finds the principal of a request. A `closed` server always requires a token, others once their store has one.

    `key` gives what tokens are kept by, None where it is their SHA-256 alone.
    """

    def __init__(
        self,
        accounts: Callable[[], Accounts],
        verifier: "OIDCVerifiers | None",
        *,
        closed: bool,
        key: Callable[[], bytes | None] = lambda: None,
    ) -> None:
        self._accounts = accounts
        self._key = key
        self._verifier = verifier
        self._closed = closed
        self._asked = -FRESH
        self._known: dict[bytes, tuple[Token, float]] = {}

    async def find(self, authorization: Sequence[str]) -> Principal:
        """The principal that Authorization headers name, or `LOCAL` where there are none and the registry is open.

        Raises InvalidCredentials, and Unavailable while the store cannot be asked.
        """
        if not authorization:
            if await self.closed():
                raise InvalidCredentials(f"This registry requires a token: {_ASK}.")
            return LOCAL
        secret = _secret(authorization)
        if secret.startswith(PREFIX):
            return await self._by_token(secret)
        if self._verifier is not None and secret.count(".") == 2:
            return await self._by_identity(self._verifier, secret)
        if not await self.closed():
            raise InvalidCredentials("The token is unknown, and none is required: send no Authorization header.")
        raise InvalidCredentials(f"The token is not one of this registry's: {_ASK}.")

    async def recall(self, credential: bytes | Principal) -> Principal:
        """The principal of a session: by the hash of its token, or as an identity provider vouched for it.

        Raises InvalidCredentials where that is not valid any more, and Unavailable while the store cannot be asked.
        """
        if isinstance(credential, Principal):
            await self.confirm(credential)
            return credential
        token = _check(await self._token(credential))
        return Principal(token.person, token.roles, token.id, hash=token.hash, expires_at=token.expires_at)

    async def confirm(self, principal: Principal) -> None:
        """Raise InvalidCredentials where the credentials of a principal are not valid any more."""
        if principal.hash is not None:
            _check(await self._token(principal.hash))
        elif principal.expires_at is not None and principal.expires_at <= now():
            raise InvalidCredentials("The token has expired: get a new one from your identity provider.")
        elif principal.credential == LOCAL.credential and await self.closed():
            raise InvalidCredentials(f"This registry requires a token since its first one was created: {_ASK}.")

    async def closed(self) -> bool:
        """Whether a token is required. Once it is, it stays so: tokens are revoked and never removed."""
        if not self._closed and time.monotonic() - self._asked >= FRESH:
            self._closed = await self._accounts().any_token()
            self._asked = time.monotonic()
        return self._closed

    async def _by_token(self, secret: str) -> Principal:
        if not is_secret(secret):
            raise InvalidCredentials(
                "The token's checksum is wrong, so it was mistyped or cut: copy it again, completely."
            )
        return await self.recall(hash_of(secret, self._key()))

    async def _by_identity(self, verifier: "OIDCVerifiers", secret: str) -> Principal:
        identity = await verifier.verified(secret)
        credential = "oidc" if identity.job is None else f"oidc {identity.job}"
        return Principal(identity.person, identity.roles, credential, expires_at=identity.expires_at)

    async def _token(self, hash: bytes) -> Token | None:
        token, since = self._known.get(hash, (None, 0.0))
        if token is None or time.monotonic() - since >= FRESH:
            token = await self._accounts().token(hash)
            if token is None or not hmac.compare_digest(token.hash, hash):
                return None  # and not remembered: memory must not grow by what anybody sends
            self._known[hash] = token, time.monotonic()
            self._closed = True
        return token


def _secret(authorization: Sequence[str]) -> str:
    if len(authorization) > 1:
        raise InvalidCredentials("The request has several Authorization headers: send one.")
    scheme, _, secret = authorization[0].partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise InvalidCredentials("Expected Authorization: Bearer TOKEN.")
    if len(secret) > _LONGEST or not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise InvalidCredentials("Expected Authorization: Bearer TOKEN, and nothing after the token.")
    return secret


def _check(token: Token | None) -> Token:
    if token is None:
        raise InvalidCredentials(f"The token is unknown: check which registry it is for, or {_ASK}.")
    if (fault := token.fault(now())) is not None:
        raise InvalidCredentials(f"The token {fault}: ask for a new one.", token)
    return token


def with_request(principal: Principal, client: str, route: str) -> Principal:
    """The principal with the address that a request came from, and its route."""
    return replace(principal, client=client, route=route)
