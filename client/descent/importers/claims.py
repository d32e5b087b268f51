"""What served and was decided before the registry was in use, as another tool's history has it: claims.

A stage or an alias says that a version served somewhere, and names no endpoint. So the stage is the environment, and
the name of the model the endpoint, unless `stages` in a mapping file says otherwise:

    stages:
      Production: {environment: production, endpoint: https://scoring.example.org}
      champion: {environment: production}

A tag by which a team notes its decisions is one only where `reviews` says so:

    reviews:
      validation_status=approved: {environment: production, decision: go}
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

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
    kind: ClassVar[str] = "DEPLOYMENT"

    def __str__(self) -> str:
        when = f"since {self.since}" if self.since else "now"
        until = f" until {self.until}" if self.until else ""
        where = f"at {self.endpoint} in {self.environment}"
        return f"claimed deployment of {self.subject} {where}, {when}{until}, claimed by {self.by}{self.why}"

    def record(self, client: Client) -> tuple[str, bool]:
        """Return the id of the deployment that this is, and whether it was not there before."""
        known = self._serves(client, self.since)
        given = {
            "subject": self.subject,
            "environment": self.environment,
            "endpoint": self.endpoint,
            "since": self.since,
            "claimed": {"by": self.by, "source": self.source},
        }
        done = client.deploy({name: value for name, value in given.items() if value is not None})
        if self.until is not None and self._serves(client, self.until):
            end = {"environment": self.environment, "endpoint": self.endpoint, "until": self.until}
            client.end_deployment({**end, "reason": self.source})
        return done["id"], not known

    def _serves(self, client: Client, at: str | None) -> bool:
        """Return whether what serves at the place at a moment, now if it is None, is what is claimed."""
        for one in client.serving(self.environment, self.endpoint, at=at):
            if one["version"]["ref"] == self.subject:
                return self.since is None or datetime.fromisoformat(one["since"]) == datetime.fromisoformat(self.since)
        return False


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a tag says of a version: the decision for an environment."""

    environment: str
    decision: str


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision of the time before the registry was in use; it counts to no quorum."""

    tag: str
    subject: str
    judgement: Judgement
    by: str
    source: str
    kind: ClassVar[str] = "REVIEW"

    def __str__(self) -> str:
        decided = f"{self.judgement.decision.replace('_', ' ')} for {self.judgement.environment}"
        return f"claimed review of {self.subject}: {decided}, claimed by {self.by}"

    def record(self, client: Client) -> tuple[str, bool]:
        """Return the id of the review that this is, and whether it was not there before."""
        given = {
            "subject": self.subject,
            "environment": self.judgement.environment,
            "decision": self.judgement.decision,
            "reason": self.source,
            "claimed": {"by": self.by, "source": self.source},
        }
        known = {one["node"]["id"] for one in client.history(self.subject, limit=None)}
        written = hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()
        id: str = client.review({**given, "idempotencyKey": f"import-{written}"})["id"]
        return id, id not in known


def judgements_of(given: Mapping[str, At]) -> dict[str, Judgement]:
    """Return the section `reviews` of a mapping file, by TAG=VALUE. Raises NotImported."""
    return {tag: _judgement(tag, at) for tag, at in given.items()}


def _judgement(tag: str, at: At) -> Judgement:
    if "=" not in tag:
        raise at.fault(f'"{tag}" gives no value: write TAG=VALUE.')
    members = at.mapping()
    for name, member in members.items():
        if name not in ("environment", "decision"):
            raise member.fault(f'There is no "{name}" here; a review has environment and decision.')
    environment, decision = at.at("environment").text(), at.at("decision").text()
    if environment is None:
        raise at.at("environment").expected("the name of an environment")
    if decision is None or decision.upper() not in ("GO", "NO_GO"):
        raise at.at("decision").expected("go or no_go")
    return Judgement(environment, decision.upper())


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


def claim_all(draft: "Draft", client: Client | None) -> tuple[list[dict[str, str]], int, list[Problem]]:
    """Record the claims of a draft, unless this is a dry run, and say in the draft what became of each.

    Returns id, ref and kind of their records, how many of those are new, and what was refused.
    """
    records: list[dict[str, str]] = []
    created = 0
    problems: list[Problem] = []
    for claim in draft.claims:
        try:
            if client is not None:
                id, new = claim.record(client)
                records.append({"id": id, "ref": id, "kind": claim.kind})
                created += new
        except Refused as error:
            # what the registry knows better, such as what it was asked itself by then, is no fault of the files
            if error.code == "INVALID_INPUT":
                draft.skip(claim.tag, error.problems[0].message)
            else:
                problems += [Problem(f"{claim}: {p.message}", p.code, claim.tag) for p in error.problems]
        else:
            draft.placed.append((claim.tag, str(claim)))
    return records, created, problems
