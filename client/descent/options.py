"""Options that many commands share, and what they come to."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from descent.client import Client
from descent.transport import DEFAULT_URL


class Format(StrEnum):
    """How data is written to stdout."""

    TABLE = "table"
    JSON = "json"


Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help=f"Address of the registry; DESCENT_URL, or {DEFAULT_URL}.")
]
Output = Annotated[Format | None, typer.Option("--format", help="How data is written; as tables if not said.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="MOMENT", help="As the registry knew it then, like 2025-01-15T10:00:00Z."),
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="REF", help="Only this ancestor and what descends from it.")
]
First = Annotated[int, typer.Option("--first", metavar="N", min=1, help="How many rows.")]
All = Annotated[bool, typer.Option("--all", help="All rows, however many.")]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Only versions of this model.")]
NamePrefix = Annotated[
    str | None, typer.Option("--name-prefix", metavar="TEXT", help="Only models whose name begins so.")
]
DerivedFrom = Annotated[
    str | None, typer.Option("--derived-from", metavar="REF", help="Only what descends from this version.")
]
ServingIn = Annotated[
    str | None, typer.Option("--serving-in", metavar="NAME", help="Only what serves in this environment.")
]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kinds", metavar="KIND,…", help="Only records of these kinds, like model_version,deployment."),
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="MOMENT", help="Then, like 2025-01-15T10:00:00Z; now if not said."),
]
Place = Annotated[str, typer.Option("--environment", "-e", metavar="NAME", help="The environment.")]
Endpoint = Annotated[str, typer.Option("--endpoint", "-p", metavar="NAME", help="The endpoint.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")]
Source = Annotated[
    str | None, typer.Option("--source", metavar="TEXT", help="With --claimed-by: where that is on record.")
]
Key = Annotated[
    str | None, typer.Option("--key", metavar="TEXT", help="Of your choice: the same key again is the same act.")
]


@dataclass(frozen=True, slots=True)
class Session:
    """Where the registry is and how its answers are written.

    An option after the command counts before the same option in front of it, and that before the environment.
    """

    url: str | None = None
    output: Format | None = None

    @classmethod
    def of(cls, context: typer.Context, url: str | None, output: Format | None) -> "Session":
        """Return what a command's own options and those in front of it come to."""
        outer = context.obj or cls()
        return cls(url or outer.url, output or outer.output)

    @property
    def json(self) -> bool:
        """Whether data is written for programs."""
        return self.output is Format.JSON

    def client(self, timeout: float = 60.0) -> Client:
        """Return a client of the registry, with the token of the environment."""
        url = self.url or os.environ.get("DESCENT_URL") or DEFAULT_URL
        return Client(url, token=os.environ.get("DESCENT_TOKEN"), timeout=timeout)


def limit_of(first: int, everything: bool) -> int | None:
    """Return how many rows are wanted; None for all."""
    return None if everything else first


def claim(by: str | None, source: str | None) -> dict[str, str | None] | None:
    """Return what is claimed from before, by whom and where that is on record; None where nothing is claimed."""
    return {"by": by, "source": source} if by or source else None


def claim_sentence(claimed: Mapping[str, Any]) -> str:
    """Return who claims a deployment from before the registry was asked, and what that means."""
    return f"claimed by {claimed['by']}, from before this registry was asked: {claimed['source']}"


def upper(names: list[str] | None) -> list[str] | None:
    """Return enum values as GraphQL spells them; several may share one argument, separated by commas."""
    values = [
        part.strip().upper().replace("-", "_") for name in names or () for part in name.split(",") if part.strip()
    ]
    return values or None


_AGE: Final = re.compile(r"([0-9]{1,5})([dhm])")
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}


def moment_after(text: str) -> str:
    """Return the moment that is meant by an age from now (`30d`, `12h`, `45m`) in RFC 3339; any other text as it is."""
    age = _AGE.fullmatch(text.strip())
    if age is None:
        return text
    return (datetime.now(UTC) + timedelta(**{_UNITS[age[2]]: int(age[1])})).isoformat()


def given(input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said of an input, without what was left out."""
    return {name: value for name, value in input.items() if value is not None}
