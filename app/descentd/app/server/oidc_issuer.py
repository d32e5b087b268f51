"""What can be set of an identity provider whose tokens are taken: of each, where there are several."""

from collections.abc import Mapping, Sequence
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from descentd.graph.model.accounts import AccessRole
from descentd.graph.model.errors import InvalidInput


class OIDCIssuer(BaseModel):
    """An issuer of tokens, and what they have to hold; `issuer` is exactly as its tokens name it in `iss`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    issuer: Annotated[str, Field(min_length=1)]
    audience: Annotated[str, Field(min_length=1)]
    """What its tokens for this registry hold in `aud`."""

    jwks: str | None = None
    """The address or the file of its public keys; where none is given, its discovery document names it."""

    algorithms: tuple[str, ...] = ("RS256", "ES256")
    leeway: Annotated[int, Field(ge=0, le=300)] = 60
    """How far its clock and ours may be apart, in seconds."""

    refetch: Annotated[float, Field(ge=0)] = 30.0
    """How many seconds to wait before its keys are fetched again for a token that was signed with an unknown one."""

    required_claims: Mapping[str, tuple[str, ...]] = {}
    """Claims that its tokens must have, each with the texts of which one must be there, whole."""

    person_prefix: str | None = None
    """What its people's names begin with, its host and a colon unless given: none is taken for the owner of a token."""

    person_claim: str = "sub"
    actor_claim: str = "actor"
    """Who started a CI job, in its token: what the job does counts as that person's. Empty: not looked at."""

    roles_claim: str = "roles"
    roles: Mapping[str, tuple[AccessRole, ...]] = {}
    """The roles that a value of that claim stands for; without any, the values that are names of roles count."""

    @property
    def prefix(self) -> str:
        """What the names of its people begin with, so that nobody else has them: its host, unless it is set."""
        if self.person_prefix is not None:
            return self.person_prefix
        return f"{urlsplit(self.issuer).hostname or self.issuer}:"


def check_distinct(issuers: Sequence[OIDCIssuer]) -> None:
    """Raise InvalidInput where one is named twice, or where two would give their people the same names unasked."""
    names: set[str] = set()
    prefixes: dict[str, OIDCIssuer] = {}
    for one in issuers:
        if one.issuer in names:
            raise InvalidInput(f"The identity provider {one.issuer} is named twice: keep one.")
        names.add(one.issuer)
        other = prefixes.setdefault(one.prefix, one)
        if other is not one and one.person_prefix is None:
            raise InvalidInput(
                f"The people of {other.issuer} and of {one.issuer} would have the same names: set person_prefix of the "
                "second, to the same only where both mean the same people."
            )
