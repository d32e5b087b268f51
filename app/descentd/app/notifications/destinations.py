"""The destinations of notifications: the file that `descentd serve --notify` names."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, Field

from descentd.app.http import standard_webhooks
from descentd.app.http.errors import problems
from descentd.app.notifications.ssrf_guard import is_public
from descentd.app.server.strict_yaml import YAMLFile
from descentd.graph.inputs.base import Count, Input, Name, checked, distinct, unique
from descentd.graph.model.errors import DescentError, Invalid, InvalidInput
from descentd.queries.production.announcements import ALL_TYPES

ATTEMPTS: Final = 12
"""How often a delivery is tried before it is parked, by default."""

_MOST_ATTEMPTS: Final = 100
_MOST_SECRETS: Final = 4


def _secrets(given: Any) -> list[str]:
    # All of it by hand: pydantic's own words would repeat what was given.
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise ValueError("Expected secrets to be a list of texts: write one a line, each after a dash.")
    if not 1 <= len(given) <= _MOST_SECRETS:
        raise ValueError(f"Expected 1 to {_MOST_SECRETS} secrets, several only while they are being changed.")
    try:
        keys = [standard_webhooks.key(one) for one in given]
    except InvalidInput as error:
        raise ValueError(error.message) from None
    if len(set(keys)) < len(keys):
        raise ValueError("A secret is given twice: give it once.")
    return given


def _kind(given: str) -> str:
    if given not in ALL_TYPES:
        raise InvalidInput(f"There is no kind of event {repr(given)[:80]}: write one of {', '.join(ALL_TYPES)}.")
    return given


def _attempts(given: int) -> int:
    if not 1 <= given <= _MOST_ATTEMPTS:
        raise InvalidInput(f"Expected attempts from 1 to {_MOST_ATTEMPTS}, got {given}.")
    return given


def _url(given: str) -> str:
    parts = _parts(given)
    if parts is None or not given.isascii() or not given.isprintable() or " " in given:
        raise InvalidInput("The url is not understood: write https://HOST/PATH, %-encoded.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise InvalidInput("The url holds a user, a password or a fragment: leave them out.")
    return given


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        understood = parts.scheme in {"https", "http"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if understood else None


class DestinationInput(Input):
    """A destination in the file."""

    name: Name
    """Its name in logs and commands; deliveries continue at the position that is stored under this name."""
    url: Annotated[str, checked(_url)]
    """The address that deliveries are sent to by POST."""
    secrets: Annotated[tuple[str, ...], BeforeValidator(_secrets)]
    """The secrets that sign deliveries: `whsec_` and base64."""
    kinds: Annotated[tuple[Annotated[str, checked(_kind)], ...], checked(unique), Field(min_length=1)] | None = None
    """The types of events that are sent; all by default."""
    environments: Annotated[tuple[Name, ...], checked(unique), Field(min_length=1)] | None = None
    """Only these environments, for events that are about an environment."""
    attempts: Annotated[Count, checked(_attempts)] = ATTEMPTS
    """How often a delivery is tried before it is parked."""


class NotifyInput(Input):
    """The file as a whole."""

    destinations: Annotated[tuple[DestinationInput, ...], checked(distinct("name")), Field(min_length=1)]
    """All destinations."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A validated destination; `repr` shows neither its url nor its keys."""

    name: str
    url: str
    keys: Sequence[bytes]
    kinds: frozenset[str]
    environments: frozenset[str] | None
    attempts: int

    def __repr__(self) -> str:
        return f"Destination({self.name!r})"

    @property
    def host(self) -> str:
        """The host that is connected to."""
        return urlsplit(self.url).hostname or ""


def read_destinations(file: Path, allowed: Collection[str]) -> Sequence[Destination]:
    """The destinations in a file; `allowed` are the hosts that may have private addresses and may use http.

    Raises Invalid with all problems, each as FILE:LINE: REASON. No reason repeats a secret.
    """
    given = YAMLFile(file, "list of destinations", lambda place: place[-1:] == ("attempts",))
    try:
        read = given.read(NotifyInput)
    except Invalid as error:
        raise Invalid([_discreet(problem) for problem in problems(error)]) from None
    faults = [(i, _fault(one.url, frozenset(allowed))) for i, one in enumerate(read.destinations)]
    wrong = [given.located(InvalidInput(fault, f"destinations[{i}].url")) for i, fault in faults if fault]
    if wrong:
        raise Invalid(wrong)
    return [_destination(one) for one in read.destinations]


def _destination(given: DestinationInput) -> Destination:
    kinds = frozenset(ALL_TYPES if given.kinds is None else given.kinds)
    environments = None if given.environments is None else frozenset(given.environments)
    keys = [standard_webhooks.key(secret) for secret in given.secrets]
    return Destination(given.name, given.url, keys, kinds, environments, given.attempts)


def _discreet(problem: DescentError) -> InvalidInput:
    """A problem without the given value, which may be a secret in the wrong field."""
    return InvalidInput(problem.message.partition(", got ")[0].rstrip(".") + ".")


def _fault(url: str, allowed: frozenset[str]) -> str | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in allowed:
        return None
    if parts.scheme == "http":
        return (
            "The url is http, which can be read and changed on the way: write https, or allow its host by name in "
            "DESCENT_NOTIFY_ALLOW."
        )
    try:
        public = is_public(ip_address(host))
    except ValueError:
        return None
    return None if public else "The url's address is not public: allow it in DESCENT_NOTIFY_ALLOW, if it is meant."
