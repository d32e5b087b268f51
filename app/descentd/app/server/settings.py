"""What can be set, by environment variables that begin with DESCENT_ and by the options of `descentd serve`."""

import hashlib
import ipaddress
import json
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, DirectoryPath, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from descentd.app.server.oidc_issuer import OIDCIssuer, check_distinct
from descentd.graph.inputs.base import expectation
from descentd.graph.model.accounts import AccessRole
from descentd.graph.model.errors import InvalidInput

PREFIX: Final = "DESCENT_"
_NAMED: Final = re.compile(r'field "(\w+)"')
"""The setting that the reader of settings complains of."""
_ORIGIN: Final = re.compile(r"(?P<scheme>https?)://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?P<port>:[0-9]{1,5})?")
_USUAL_PORTS: Final = {"http": ":80", "https": ":443"}


def _origin(given: str) -> str:
    """An origin as browsers write it, in lower case and without the usual port; raises ValueError for what is none."""
    found = _ORIGIN.fullmatch(given.lower())
    if found is None:
        raise ValueError(
            "Expected origins such as https://front.example or http://localhost:3000, without a path and not *"
        )
    port = found["port"] or ""
    return given.lower().removesuffix(port) if port == _USUAL_PORTS[found["scheme"]] else given.lower()


def _listed(given: Any) -> Any:
    """A list, also one that is written with commas or spaces, or as JSON."""
    if not isinstance(given, str):
        return given
    if given.lstrip().startswith("["):
        try:
            return json.loads(given)
        except ValueError:
            raise ValueError("Expected origins with commas between them, or a list in JSON") from None
    return given.replace(",", " ").split()


class Settings(BaseSettings):
    """The settings of a server; times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    store: str = "sqlite:///descent.db"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8600
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    topology: Literal["memory", "store"] = "memory"
    hosts: tuple[str, ...] = ()
    """Names in Host headers that are accepted beside those of this machine."""

    origins: Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_listed)] = ()
    """Origins whose pages may ask from a browser, beside this server's own."""
    policies: Path | None = None
    """The folder of the policies that come into force at the start."""

    notify: Path | None = None
    """The file of the destinations that are notified of new records."""

    notify_allow: tuple[str, ...] = ()
    """Hosts that may be notified although their addresses are not public, and over http."""

    notify_timeout: Annotated[float, Field(gt=0, le=60)] = 10.0
    """How long an attempt to deliver a notification may take."""

    log_format: Literal["auto", "json", "console"] = "auto"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    webhook_secrets: Annotated[tuple[str, ...], Field(repr=False)] = ()
    """What senders of webhooks sign with; several while one is being changed."""

    folder: DirectoryPath = Path()
    """Where a server whose registry is in Neo4j keeps what is not for all who read there: access log, key of tokens."""

    token_key: Annotated[str | None, Field(repr=False)] = None
    """What tokens in Neo4j are kept by, in place of the file in that folder."""

    token_key_file: Path | None = None
    """Another file that holds it."""

    signing_key: Annotated[str | None, Field(repr=False)] = None
    """What checkpoints are signed with, as `descentd keygen` writes it."""

    signing_key_file: Path | None = None
    """The file that holds it, which counts first."""

    checkpoint_keys: tuple[str, ...] = ()
    """Public keys that checkpoints were signed with before."""

    checkpoints: Path | None = None
    """The folder that checkpoints are written into."""

    checkpoints_copy: Path | None = None
    """A second folder for them, best on another machine."""

    checkpoint_every: Annotated[int, Field(ge=1)] = 1000
    """How many entries come between two checkpoints."""

    retain_access_log: Annotated[int, Field(ge=0, le=36_500)] = 365
    """Days for which accesses are kept; 0 for ever, here and below."""

    retain_arrivals: Annotated[int, Field(ge=0, le=36_500)] = 30
    """Days for which it is known which signed webhook deliveries came."""

    retain_deliveries: Annotated[int, Field(ge=0, le=36_500)] = 90
    """Days for which it is known which deliveries to destinations arrived."""

    body_limit: Annotated[int, Field(ge=1024)] = 16 * 1024 * 1024
    request_timeout: Annotated[float, Field(gt=0)] = 30.0
    shutdown_timeout: Annotated[int, Field(ge=1)] = 35
    max_depth: Annotated[int, Field(ge=1)] = 20
    max_aliases: Annotated[int, Field(ge=0)] = 100
    max_tokens: Annotated[int, Field(ge=10)] = 10_000
    max_selections: Annotated[int, Field(ge=1)] = 2_000
    max_cost: Annotated[int, Field(ge=1)] = 100_000
    """What an operation may cost by its page sizes and questions, before it is run."""

    max_fields: Annotated[int, Field(ge=1)] = 250_000
    """How many fields an operation may resolve, beyond those that are merely read."""

    oidc_issuer: str | None = None
    """The identity provider whose tokens are taken, exactly as its tokens name it in `iss`."""

    oidc_audience: str | None = None
    """What its tokens for this registry hold in `aud`."""

    oidc_jwks: str | None = None
    """The address or the file of its public keys; where none is given, its discovery document names it."""

    oidc_client_id: str | None = None
    """What the identity provider knows this registry by; with it, people sign in there from their browsers."""

    oidc_client_secret: Annotated[str | None, Field(repr=False)] = None
    """What the registry proves that with, where the provider asks for it."""

    oidc_scope: str = "openid"
    """What is asked for about people who sign in; `openid` has to be in it."""

    oidc_algorithms: tuple[str, ...] = ("RS256", "ES256")
    oidc_leeway: Annotated[int, Field(ge=0, le=300)] = 60
    """How far its clock and ours may be apart."""

    oidc_refetch: Annotated[float, Field(ge=0)] = 30.0
    """How long to wait before its keys are fetched again for a token that was signed with an unknown one."""

    oidc_required_claims: Mapping[str, tuple[str, ...]] = {}
    """Claims that its tokens must have, each with the texts of which one must be there, whole."""

    oidc_person_prefix: str | None = None
    """What its people's names begin with, its host and a colon unless given: none is taken for the owner of a token."""

    oidc_person_claim: str = "sub"
    oidc_actor_claim: str = "actor"
    """Who started a CI job, in its token: what the job does counts as that person's. Empty: not looked at."""

    oidc_roles_claim: str = "roles"
    oidc_roles: Mapping[str, tuple[AccessRole, ...]] = {}
    """The roles that a value of that claim stands for; without any, the values that are names of roles count."""

    oidc_others: tuple[OIDCIssuer, ...] = ()
    """Further identity providers whose tokens are taken; people sign in from browsers at the one above."""

    session_key: Annotated[str | None, Field(repr=False, min_length=32)] = None
    """What the sessions of browsers are signed with, the same for all workers; random at each start unless given."""

    session_key_file: Path | None = None
    """The file that holds it, in place of the key itself."""

    session_lasts: Annotated[float, Field(ge=60)] = 12 * 3600.0
    """How long a browser stays signed in."""

    public_url: str | None = None
    """Where browsers reach the server, where that is not its own address: behind a proxy that speaks https."""

    run_directory: Path | None = None
    """Where the workers of one server meet; `descentd serve` makes it."""

    @classmethod
    def read(cls, **given: Any) -> Self:
        """The settings of the environment, overridden by what is given and not None.

        Raises InvalidInput, which names what is wrong without repeating its value.
        """
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0])
            raise _unusable(name, expectation(first).rstrip(".")) from None
        except SettingsError as error:
            named = _NAMED.search(str(error))
            raise _unusable(named[1] if named else "settings", "Expected JSON, with text in quotes") from None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def oidc(self) -> bool:
        """Whether an identity provider is named."""
        return any((self.oidc_issuer, self.oidc_audience, self.oidc_jwks, self.oidc_others))

    @property
    def oidc_issuers(self) -> tuple[OIDCIssuer, ...]:
        """All identity providers; raises InvalidInput where one is named by half, or two are not told apart."""
        found: tuple[OIDCIssuer, ...] = ()
        if self.oidc_issuer or self.oidc_audience or self.oidc_jwks:
            if not (self.oidc_issuer and self.oidc_audience):
                raise InvalidInput("An identity provider is named by DESCENT_OIDC_ISSUER and _AUDIENCE: set both.")
            own = {name: getattr(self, f"oidc_{name}") for name in OIDCIssuer.model_fields}
            found = (OIDCIssuer(**own),)
        found += self.oidc_others
        check_distinct(found)
        return found

    @property
    def https(self) -> bool:
        """Whether browsers come by https."""
        return (self.public_url or "").lower().startswith("https://")

    def session_secret(self) -> bytes | None:
        """What sessions are signed with, None where no key is given; raises InvalidInput for a file without one."""
        written = self.session_key
        if self.session_key_file is not None:
            try:
                written = self.session_key_file.read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError):
                raise _unusable("session_key_file", "it cannot be read: check its path and permissions") from None
            if len(written) < 32:
                raise _unusable("session_key_file", "expected a key of at least 32 characters")
        return None if written is None else hashlib.sha256(written.encode()).digest()

    @property
    def url(self) -> str:
        """Where the server is asked."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def environment(self) -> Mapping[str, str]:
        """What another process reads these settings from."""
        plain = self.model_dump(mode="json", exclude_none=True)
        return {
            PREFIX + name.upper(): value if isinstance(value, str) else json.dumps(value)
            for name, value in plain.items()
        }

    def hand_over(self) -> None:
        """Let processes that this one starts read these settings, and count their metrics together."""
        os.environ.update(self.environment())
        if self.run_directory:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self.run_directory)


def _unusable(name: str, reason: str) -> InvalidInput:
    return InvalidInput(f"--{name.replace('_', '-')} (or {PREFIX}{name.upper()}) cannot be used: {reason}.")


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
