"""What somebody did or decided at a moment, as it is sent: reviews, deployments, incidents, flags, retractions."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from descentd.graph.inputs.base import (
    DateTime,
    Description,
    Digest,
    Flag,
    Id,
    Input,
    Json,
    Name,
    Prose,
    Ref,
    Value,
    checked,
    unique,
)
from descentd.graph.inputs.evaluations import Severity
from descentd.graph.model.accounts import person


class Decision(StrEnum):
    """What a reviewer decided. One NO_GO vetoes until that person decides again."""

    GO = "GO"
    NO_GO = "NO_GO"
    ABSTAIN = "ABSTAIN"


class FlagAction(StrEnum):
    """What a flag asks for. QUARANTINE and DECOMMISSION refuse promotion and deployment; CLEAR ends flags."""

    REVIEW = "REVIEW"
    QUARANTINE = "QUARANTINE"
    DECOMMISSION = "DECOMMISSION"
    CLEAR = "CLEAR"


Refs = Annotated[tuple[Ref, ...], checked(unique), Field(min_length=1)]
Ids = Annotated[tuple[Id, ...], checked(unique)]


class Act(Input):
    """Base of what may be repeated by its sender without being done twice."""

    idempotency_key: Value | None = None
    """Chosen by the sender: the same key again is the same act, not another."""


class RetractedPart(StrEnum):
    """The part of a record that a retraction is about, where it is not about the whole.

    EVALUATOR: that an evaluation names a person as evaluator, who may then review the version; its results stay.
    """

    EVALUATOR = "EVALUATOR"


class RetractionInput(Act):
    """What is not to be relied on any more. It stays on record, marked."""

    subjects: Refs
    """The records that are retracted."""
    reason: Prose
    """Why."""
    part: RetractedPart | None = None
    """The part of them that is retracted, for an admin: that evaluations name an evaluator; all where not given."""


class ClaimedInput(Input):
    """That something happened elsewhere, before this registry was asked, and who says so."""

    by: Annotated[Value, checked(person)]
    """The person or team who decided or deployed then."""
    source: Prose
    """Where that is on record: a document, another system."""


class ReviewInput(Act):
    """A person's decision on a version for an environment."""

    subject: Ref
    """The version that is decided on."""
    environment: Name
    """The environment that it may or may not serve in."""
    decision: Decision
    """What was decided."""
    reason: Prose
    """Why."""
    conditions: tuple[Prose, ...] | None = None
    """What has to hold for the decision to hold."""
    evidence: Ids | None = None
    """The ids of the records that the decision rests on; all evidence about the version where none is given."""
    expires_at: DateTime | None = None
    """When the decision ends; 90 days from now where not given."""
    claimed: ClaimedInput | None = None
    """Given for a decision that was made elsewhere, before: it is shown as claimed and counts to no quorum."""


class DeploymentInput(Act):
    """A version begins to serve at an endpoint."""

    subject: Ref
    """The version."""
    environment: Name
    """Where it serves."""
    endpoint: Value
    """At which endpoint of the environment."""
    since: DateTime | None = None
    """Since when; now where not given."""
    artifact_digest: Digest | None = None
    """The file that was deployed; refused where it is not one of the version's."""
    claimed: ClaimedInput | None = None
    """Given for what served before this registry was asked: it is shown as claimed and is no promotion."""


class EndDeploymentInput(Input):
    """What serves at an endpoint ends."""

    environment: Name
    """Where it serves."""
    endpoint: Value
    """At which endpoint of the environment."""
    until: DateTime | None = None
    """Until when; now where not given."""
    reason: Prose
    """Why."""


class IncidentInput(Input):
    """Something went wrong in production: about `subject`, or whatever served at an endpoint at a moment."""

    title: Prose
    """What happened, in a line."""
    severity: Severity
    """How bad it is."""
    environment: Name | None = None
    """Where it happened."""
    endpoint: Value | None = None
    """At which endpoint of the environment."""
    subject: Ref | None = None
    """The version that it is about, where that is known."""
    cause: Ref | None = None
    """What caused it, a dataset for example: what else comes from it is counted."""
    at: DateTime | None = None
    """When it happened; now where not given."""
    labels: Json = None
    """The labels of the reporting system."""
    description: Description = None
    """What happened, at length."""
    external_id: Value | None = None
    """The reporting system's own id: the same one again is the same incident."""

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if self.subject is None and (self.environment is None or self.endpoint is None):
            raise ValueError("Nothing says what it is about: give subject, or environment and endpoint.")
        return self


class ResolutionInput(Input):
    """An incident is over."""

    incident: Id
    """The incident's id."""
    reason: Prose
    """How it was resolved."""
    resolved_at: DateTime | None = None
    """When; now where not given."""


class FlagInput(Act):
    """A warning on records, or the end of one."""

    subjects: Refs
    """What is flagged."""
    action: FlagAction
    """What the flag asks for."""
    reason: Prose
    """Why."""
    propagate: Flag | None = None
    """Whether it reaches whatever descends from the subjects, also what is registered later."""
    clears: Ids | None = None
    """With CLEAR: the ids of the flags that end; all that reach the subjects where none is given."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.clears and self.action is not FlagAction.CLEAR:
            raise ValueError("Only CLEAR clears flags: leave out clears, or use that action.")
        if self.propagate and self.action is FlagAction.CLEAR:
            raise ValueError("A CLEAR does not propagate: leave that out.")
        return self
