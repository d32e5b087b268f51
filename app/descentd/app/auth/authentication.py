"""Who sends a request: found by the token that comes with it, once a second at most by asking the store."""

import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from descentd.app.auth.audit_log import now
from descentd.app.auth.oidc import Identities
from descentd.app.auth.tokens import PREFIX, hash_of, is_secret
from descentd.graph.model.accounts import AccessRole, Token
from descentd.graph.model.errors import Unauthenticated
from descentd.graph.store.accounts import People

FRESH: Final = 1.0
"""For so many seconds a process goes by what the store said of a token: no revocation takes longer to be noticed."""

_LONGEST: Final = 16_384
_ASK: Final = "have one made with `descentd token create`, and send it as Authorization: Bearer TOKEN"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `credential` is the id of a token, `oidc`, or `local`; `expires_at` is in microseconds since 1970."""

    person: str
    roles: frozenset[AccessRole]
    credential: str
    client: str = ""
    route: str = ""
    hash: bytes | None = None
    expires_at: int | None = None


LOCAL: Final = Caller("local", frozenset(AccessRole), "local")
"""Who asks while the registry is open to whoever is on this machine."""


class Rejected(Unauthenticated):
    """A request whose sender is not known, or is known and comes with a token that is not good any more."""

    def __init__(self, message: str, token: Token | None = None) -> None:
        super().__init__(message)
        self.token = token


class Callers:
    """All who may ask. `closed` servers ask everybody for a token; others do once their store holds one."""

    def __init__(self, people: Callable[[], People], identities: Identities | None, *, closed: bool) -> None:
        self._people = people
        self._identities = identities
        self._closed = closed
        self._asked = -FRESH
        self._known: dict[bytes, tuple[Token, float]] = {}

    async def find(self, authorization: Sequence[str]) -> Caller:
        """The caller that Authorization headers name, or `LOCAL` where there are none and the registry is open.

        Raises Rejected, and Unavailable while the store cannot be asked.
        """
        if not authorization:
            if await self.closed():
                raise Rejected(f"This registry answers those with a token: {_ASK}.")
            return LOCAL
        secret = _secret(authorization)
        if secret.startswith(PREFIX):
            return await self._by_token(secret)
        if self._identities is not None and secret.count(".") == 2:
            return await self._by_identity(self._identities, secret)
        if not await self.closed():
            raise Rejected("The token is not known here: send the request without an Authorization header.")
        raise Rejected(f"The token is none of this registry's: {_ASK}.")

    async def confirm(self, caller: Caller) -> None:
        """Raise Rejected where a caller that was found before would not be found again."""
        if caller.hash is not None:
            _check(await self._token(caller.hash))
        elif caller.expires_at is not None and caller.expires_at <= now():
            raise Rejected("The token has expired: get a new one from your identity provider.")
        elif caller.credential == LOCAL.credential and await self.closed():
            raise Rejected(f"This registry has been closed to those without a token: {_ASK}.")

    async def closed(self) -> bool:
        """Whether everybody needs a token. What has been closed stays so: tokens are revoked and not removed."""
        if not self._closed and time.monotonic() - self._asked >= FRESH:
            self._closed = await self._people().any_token()
            self._asked = time.monotonic()
        return self._closed

    async def _by_token(self, secret: str) -> Caller:
        if not is_secret(secret):
            raise Rejected("The token is mistyped or cut short, for its checksum is wrong: copy it again, whole.")
        token = _check(await self._token(hash_of(secret)))
        return Caller(token.person, token.roles, token.id, hash=token.hash, expires_at=token.expires_at)

    async def _by_identity(self, identities: Identities, secret: str) -> Caller:
        identity = await identities.verified(secret)
        return Caller(identity.person, identity.roles, "oidc", expires_at=identity.expires_at)

    async def _token(self, hash: bytes) -> Token | None:
        token, since = self._known.get(hash, (None, 0.0))
        if token is None or time.monotonic() - since >= FRESH:
            token = await self._people().token(hash)
            if token is None or not hmac.compare_digest(token.hash, hash):
                return None  # and not remembered: memory must not grow by what anybody sends
            self._known[hash] = token, time.monotonic()
            self._closed = True
        return token


def _secret(authorization: Sequence[str]) -> str:
    if len(authorization) > 1:
        raise Rejected("The request has several Authorization headers: send one.")
    scheme, _, secret = authorization[0].partition(" ")
    if scheme.lower() != "bearer" or not secret:
        raise Rejected("The Authorization header is not understood: write Bearer and the token.")
    if len(secret) > _LONGEST or not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise Rejected("The Authorization header holds no token: write Bearer and the token, and nothing else.")
    return secret


def _check(token: Token | None) -> Token:
    if token is None:
        raise Rejected(f"The token is not known here: check which registry it is for, or {_ASK}.")
    if (fault := token.fault(now())) is not None:
        raise Rejected(f"The token {fault}: ask for a new one.", token)
    return token


def at_door(caller: Caller, client: str, route: str) -> Caller:
    """A caller with where the request came from and to."""
    return replace(caller, client=client, route=route)
