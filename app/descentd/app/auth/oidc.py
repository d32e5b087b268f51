"""People and machines that an identity provider vouches for: OpenID Connect tokens, signed and for this registry.

So CI registers with a token that lives for minutes and no secret that is stored. A job that says who started it acts as
that person: otherwise whoever starts a job that registers a version could review the version.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jws import JWSRegistry, extract_compact
from joserfc.jwt import JWTClaimsRegistry

from descentd.app.auth.jwks import JWKS
from descentd.app.http import strict_json
from descentd.app.server.oidc_issuer import OIDCIssuer
from descentd.app.server.settings import Settings
from descentd.graph.model import accounts
from descentd.graph.model.accounts import AccessRole
from descentd.graph.model.errors import InvalidInput, Unauthenticated

ALGORITHMS: Final = frozenset(
    {*("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), *("ES256", "ES384", "ES512"), "Ed25519"}
)
"""Signatures by a private key. None that are made with a shared secret, for that is what a public key could be taken
for, and not `none`."""


@dataclass(frozen=True, slots=True)
class OIDCIdentity:
    """What a verified token says; `expires_at` is in microseconds since 1970 UTC.

    nonce: what the sign-in was begun with that it belongs to, None for a token that is of none.
    job: the subject of a CI job's token, where `person` is who started it; None where no actor is named.
    """

    person: str
    roles: frozenset[AccessRole]
    expires_at: int
    nonce: str | None = None
    job: str | None = None


class OIDCVerifiers:
    """The tokens of all issuers of the settings: each has to be one of the issuer that it names."""

    def __init__(self, settings: Settings) -> None:
        """Raises InvalidInput for settings that are incomplete or contradict each other."""
        self._by_issuer = {one.issuer: OIDCVerifier(one) for one in settings.oidc_issuers}

    def check(self) -> None:
        """As OIDCVerifier does, of each."""
        for verifier in self._by_issuer.values():
            verifier.check()

    async def verified(self, token: str) -> OIDCIdentity:
        """As OIDCVerifier does. A token that names none of the issuers is refused by the first."""
        first = next(iter(self._by_issuer.values()))
        return await self._by_issuer.get(_named_issuer(token), first).verified(token)


class OIDCVerifier:
    """The tokens of one issuer for one audience."""

    def __init__(self, issuer: OIDCIssuer) -> None:
        """Raises InvalidInput for settings that contradict each other."""
        unknown = set(issuer.algorithms) - ALGORITHMS
        if unknown or not issuer.algorithms:
            raise InvalidInput(
                f"DESCENT_OIDC_ALGORITHMS may hold {', '.join(sorted(ALGORITHMS))}: "
                f"leave out {', '.join(map(repr, sorted(unknown))) or 'none'}."
            )
        if issuer.jwks:
            self._keys = JWKS(issuer.jwks, issuer.refetch)
        else:
            self._keys = JWKS(discovery_url(issuer.issuer), issuer.refetch, issuer.issuer)
        self._of = issuer
        self._registry = JWSRegistry(algorithms=issuer.algorithms, strict_check_header=False)
        self._claims = JWTClaimsRegistry(
            leeway=issuer.leeway,
            iss={"essential": True, "value": issuer.issuer},
            aud={"essential": True, "value": issuer.audience},
            exp={"essential": True},
        )

    def check(self) -> None:
        """Raise InvalidInput where the keys are to be in a file, and cannot be had from it."""
        self._keys.check()

    async def verified(self, token: str) -> OIDCIdentity:
        """Who a token is for; raises Unauthenticated for every other, and Unavailable where the keys cannot be had."""
        try:
            header = extract_compact(token.encode(), registry=self._registry).headers()
            self._registry.check_header(header)
            self._registry.get_alg(header["alg"])
            claims = jwt.decode(token, await self._keys.find(header.get("kid")), registry=self._registry).claims
            self._claims.validate(claims)
            self._check_required(claims)
            return self._identity(claims)
        except ExpiredTokenError:
            raise Unauthenticated("The token has expired: get a new one from your identity provider.") from None
        except (InvalidClaimError, MissingClaimError) as error:
            raise Unauthenticated(f"The token is not for this registry, or not now ({error.description}).") from None
        except (JoseError, ValueError):
            raise Unauthenticated("The token is not one that the identity provider signed: get a new one.") from None

    def _check_required(self, claims: Mapping[str, Any]) -> None:
        for name, accepted in self._of.required_claims.items():
            if not set(_texts(_look_up(claims, name))) & set(accepted):
                raise Unauthenticated(f"The token's claim {name} is not one that this registry accepts.")

    def _identity(self, claims: Mapping[str, Any]) -> OIDCIdentity:
        person = self._person(claims, self._of.person_claim)
        job = None
        if self._of.actor_claim and _look_up(claims, self._of.actor_claim) is not None:
            job, person = person, self._person(claims, self._of.actor_claim)
        expires = (int(claims["exp"]) + self._of.leeway) * 1_000_000
        nonce = claims.get("nonce")
        roles = self._roles_of(_look_up(claims, self._of.roles_claim))
        return OIDCIdentity(person, roles, expires, nonce if isinstance(nonce, str) else None, job)

    def _person(self, claims: Mapping[str, Any], claim: str) -> str:
        given = _look_up(claims, claim)
        if not isinstance(given, str):
            raise Unauthenticated(f"The token's claim {claim} names no person: have it added.")
        try:
            return accounts.person(self._of.prefix + given)
        except InvalidInput as error:
            raise Unauthenticated(f"The token's claim {claim} names nobody. {error.message}") from None

    def _roles_of(self, given: Any) -> frozenset[AccessRole]:
        """The roles of a claim, whose texts are compared whole: a space may be part of what somebody else named."""
        roles = (self._of.roles.get(value, ()) if self._of.roles else _named(value) for value in _texts(given))
        return frozenset(role for some in roles for role in some)


def discovery_url(issuer: str) -> str:
    """Where an issuer says which keys it has (OpenID Connect Discovery 1.0, section 4)."""
    return f"{issuer.rstrip('/')}/.well-known/openid-configuration"


def _named_issuer(token: str) -> str:
    """The issuer that a token names, which nothing vouches for yet; empty where it names none."""
    try:
        _, body, _ = token.split(".")
        claims = strict_json.read(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), "The token")
    except (ValueError, InvalidInput):
        return ""
    found = claims.get("iss") if isinstance(claims, dict) else None
    return found if isinstance(found, str) else ""


def _texts(given: Any) -> list[str]:
    return [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, str)]


def _named(value: str) -> Sequence[AccessRole]:
    return [role for role in AccessRole if role.value == value]


def _look_up(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by the path to it (`realm_access.roles`)."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
