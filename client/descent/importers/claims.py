"""What served before the registry was in use, as another tool's history has it: claimed deployments.

A stage or an alias says that a version served somewhere, and names no endpoint. So the stage is the environment, and
the name of the model the endpoint, unless `stages` in a mapping file says otherwise:

    stages:
      Production: {environment: production, endpoint: https://scoring.example.org}
      champion: {environment: production}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from descent.client import Client
from descent.errors import Problem, Refused
from descent.importers.at import At

if TYPE_CHECKING:
    from descent.importers.draft import Context, Draft


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage served; without an endpoint it is called by the name of the model."""

    environment: str
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """A deployment of the time before the registry was in use: who claims it, and where the evidence is.

    `since` and `until` are in RFC 3339; without `since` it serves now. `why` is added to what is printed.
    """

    tag: str
    subject: str
    environment: str
    endpoint: str
    by: str
    source: str
    since: str | None = None
    until: str | None = None
    why: str = ""

    def __str__(self) -> str:
        when = f"since {self.since}" if self.since else "now"
        until = f" until {self.until}" if self.until else ""
        where = f"at {self.endpoint} in {self.environment}"
        return f"claimed deployment of {self.subject} {where}, {when}{until}, claimed by {self.by}{self.why}"


def places_of(given: Mapping[str, At]) -> dict[str, Place | None]:
    """Return the section `stages` of a mapping file; null says that a stage serves nowhere. Raises NotImported."""
    return {stage: None if at.value is None else _place(at) for stage, at in given.items()}


def _place(at: At) -> Place:
    members = at.mapping()
    for name, member in members.items():
        if name not in ("environment", "endpoint"):
            raise member.fault(f'There is no "{name}" here; a stage has environment and endpoint.')
    environment = at.at("environment").text()
    if environment is None:
        raise at.at("environment").expected("the name of an environment")
    return Place(environment, at.at("endpoint").text())


def place_of(stage: str, ref: str, context: "Context", otherwise: str | None) -> tuple[str, str] | None:
    """Return environment and endpoint of a stage: by the mapping file, else `otherwise` and the name of the model.

    None if neither says where it served, or the mapping that it did not.
    """
    place = context.stages[stage] if stage in context.stages else Place(otherwise) if otherwise else None
    if place is None:
        return None
    return place.environment, place.endpoint or ref.removeprefix("model:").rpartition("@")[0]


def claim_all(draft: "Draft", client: Client | None) -> tuple[list[str], int, list[Problem]]:
    """Record the claims of a draft, unless this is a dry run, and say in the draft what became of each.

    Returns the ids of their deployments, how many of those are new, and what was refused.
    """
    ids: list[str] = []
    created = 0
    problems: list[Problem] = []
    for claim in draft.claims:
        try:
            if client is not None:
                id, new = _record(claim, client)
                ids.append(id)
                created += new
        except Refused as error:
            # what the registry knows better, such as what it was asked itself by then, is no fault of the files
            if error.code == "INVALID_INPUT":
                draft.skip(claim.tag, error.problems[0].message)
            else:
                problems += [Problem(f"{claim}: {p.message}", p.code, claim.tag) for p in error.problems]
        else:
            draft.placed.append((claim.tag, str(claim)))
    return ids, created, problems


def _record(claim: Claim, client: Client) -> tuple[str, bool]:
    """Return the id of the deployment that a claim is, and whether it was not there before."""
    known = _serves(claim, client, claim.since)
    given = {
        "subject": claim.subject,
        "environment": claim.environment,
        "endpoint": claim.endpoint,
        "since": claim.since,
        "claimed": {"by": claim.by, "source": claim.source},
    }
    done = client.deploy({name: value for name, value in given.items() if value is not None})
    if claim.until is not None and _serves(claim, client, claim.until):
        end = {"environment": claim.environment, "endpoint": claim.endpoint, "until": claim.until}
        client.end_deployment({**end, "reason": claim.source})
    return done["id"], not known


def _serves(claim: Claim, client: Client, at: str | None) -> bool:
    """Return whether what serves at the place of a claim at a moment, now if it is None, is what it claims."""
    for one in client.serving(claim.environment, claim.endpoint, at=at):
        if one["version"]["ref"] == claim.subject:
            return claim.since is None or _moment(one["since"]) == _moment(claim.since)
    return False


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
