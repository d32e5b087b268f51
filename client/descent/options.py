"""Options that many commands share, and the session that they describe."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from descent.client import Client
from descent.identity import token_for
from descent.transport import DEFAULT_URL


class Format(StrEnum):
    """How data is written to stdout."""

    TABLE = "table"
    JSON = "json"


Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help=f"Address of the registry; DESCENT_URL, or {DEFAULT_URL}.")
]
Output = Annotated[Format | None, typer.Option("--format", help="How data is written.  [default: table]")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="MOMENT", help="As recorded at this moment, for example 2025-01-15T10:00:00Z."),
]
Since = Annotated[str | None, typer.Option("--since", metavar="REF", help="Only this ancestor and its descendants.")]
First = Annotated[int, typer.Option("--first", metavar="N", min=1, help="How many rows to show.")]
All = Annotated[bool, typer.Option("--all", help="Show all rows.")]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Only versions of this model.")]
NamePrefix = Annotated[
    str | None, typer.Option("--name-prefix", metavar="TEXT", help="Only models whose name begins with this text.")
]
DerivedFrom = Annotated[
    str | None, typer.Option("--derived-from", metavar="REF", help="Only descendants of this version.")
]
ServingIn = Annotated[
    str | None, typer.Option("--serving-in", metavar="NAME", help="Only versions that serve in this environment.")
]
Kinds = Annotated[
    list[str] | None,
    typer.Option(
        "--kinds", metavar="KIND,…", help="Only records of these kinds, for example model_version,deployment."
    ),
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="MOMENT", help="The moment, for example 2025-01-15T10:00:00Z.  [default: now]"),
]
Place = Annotated[str, typer.Option("--environment", "-e", metavar="NAME", help="The environment.")]
Endpoint = Annotated[str, typer.Option("--endpoint", "-p", metavar="NAME", help="The endpoint.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")]
Source = Annotated[
    str | None,
    typer.Option("--source", metavar="TEXT", help="With --claimed-by: where the evidence of it can be found."),
]
Key = Annotated[
    str | None,
    typer.Option("--key", metavar="TEXT", help="A key of your choice; the same key again does not record it twice."),
]


@dataclass(frozen=True, slots=True)
class Session:
    """The address of the registry, and how its answers are written.

    An option after the command takes precedence over the same option before it, and that one over the environment.
    """

    url: str | None = None
    output: Format | None = None

    @classmethod
    def of(cls, context: typer.Context, url: str | None, output: Format | None) -> "Session":
        """Return the session that the options after and before a command describe."""
        outer = context.obj or cls()
        return cls(url or outer.url, output or outer.output)

    @property
    def json(self) -> bool:
        """Whether data is written as JSON."""
        return self.output is Format.JSON

    def client(self, timeout: float = 60.0) -> Client:
        """Return a client of the registry, with the token of the environment or the identity of the CI job."""
        url = self.url or os.environ.get("DESCENT_URL") or DEFAULT_URL
        return Client(url, token=token_for(url), timeout=timeout)


def limit_of(first: int, everything: bool) -> int | None:
    """Return how many rows are wanted; None for all."""
    return None if everything else first


def claim(by: str | None, source: str | None) -> dict[str, str] | None:
    """Return the claim that a deployment or a decision is older than the registry; None if nothing is claimed.

    Raises typer.BadParameter if one of the two is missing.
    """
    if by is None and source is None:
        return None
    if by is None or source is None:
        raise typer.BadParameter("A claim has both: --claimed-by says whose it is, --source where the evidence is.")
    return {"by": by, "source": source}


def claim_sentence(claimed: Mapping[str, Any]) -> str:
    """Return a sentence that says who claims a deployment, and where the evidence of it is."""
    return f"claimed by {claimed['by']}, from before this registry was in use: {claimed['source']}"


def upper(names: list[str] | None) -> list[str] | None:
    """Return enum values in upper case, as in GraphQL; one argument may have several, separated by commas."""
    values = [
        part.strip().upper().replace("-", "_") for name in names or () for part in name.split(",") if part.strip()
    ]
    return values or None


_AGE: Final = re.compile(r"([0-9]{1,5})([dhm])")
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}


def moment_after(text: str) -> str:
    """Return the moment after a duration from now (`30d`, `12h`, `45m`) in RFC 3339; the text of a moment unchanged.

    Raises BadParameter for what is neither.
    """
    age = _AGE.fullmatch(text.strip())
    if age is None and re.match(r"\s*[0-9]{4}-", text):
        return text
    if age is None:
        raise typer.BadParameter(
            f"{text!r} is neither a duration nor a moment: write 30d, 12h, 45m or 2030-01-15T10:00:00Z.",
            param_hint="--expires",
        )
    return (datetime.now(UTC) + timedelta(**{_UNITS[age[2]]: int(age[1])})).isoformat()


def given(input: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an input without those that are None."""
    return {name: value for name, value in input.items() if value is not None}
