"""Inputs of acts, which a person does at a moment: reviews, deployments, incidents, flags, retractions."""

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
    in_order,
    unique,
)
from descentd.graph.inputs.evaluations import Severity
from descentd.graph.model.accounts import person

Statement = Annotated[Prose, checked(in_order)]
"""What somebody says in an act; what manifests hold is checked by the rules of entry."""


class Decision(StrEnum):
    """What a reviewer decided. One NO_GO vetoes until that person decides again."""

    GO = "GO"
    NO_GO = "NO_GO"
    ABSTAIN = "ABSTAIN"


class FlagAction(StrEnum):
    """What a flag demands. QUARANTINE and DECOMMISSION refuse promotion and deployment; CLEAR ends flags."""

    REVIEW = "REVIEW"
    QUARANTINE = "QUARANTINE"
    DECOMMISSION = "DECOMMISSION"
    CLEAR = "CLEAR"


Refs = Annotated[tuple[Ref, ...], checked(unique), Field(min_length=1)]
Ids = Annotated[tuple[Id, ...], checked(unique)]


class Act(Input):
    """Base of acts that a sender may repeat without recording them twice."""

    idempotency_key: Value | None = None
    """A key that the sender chooses; an act that is sent again with the same key is not recorded twice."""


class RetractedPart(StrEnum):
    """The part of a record that a retraction is about, where it is not about the whole.

    EVALUATOR: that an evaluation names a person as evaluator, who may then review the version; its results stay.
    """

    EVALUATOR = "EVALUATOR"


class RetractionInput(Act):
    """A retraction of records: they stay, are marked, and nothing may rely on them any more."""

    subjects: Refs
    """The records that are retracted."""
    reason: Statement
    """Why."""
    part: RetractedPart | None = None
    """The part of them that is retracted: the evaluator that evaluations name (for admins). By default the whole."""


class ClaimedInput(Input):
    """A claim that something happened elsewhere before this registry was in use."""

    by: Annotated[Value, checked(person)]
    """The person or team who decided or deployed then."""
    source: Statement
    """Where the evidence can be found: a document, another system."""


class ReviewInput(Act):
    """A person's decision on a version for an environment."""

    subject: Ref
    """The version that is decided on."""
    environment: Name
    """The environment that it may or may not serve in."""
    decision: Decision
    """The decision."""
    reason: Statement
    """Why."""
    conditions: tuple[Statement, ...] | None = None
    """Conditions of the decision."""
    evidence: Ids | None = None
    """The ids of the records that the decision relies on; all evidence about the version by default."""
    expires_at: DateTime | None = None
    """When the decision expires; a GO after 90 days by default."""
    claimed: ClaimedInput | None = None
    """For a decision that was made elsewhere, earlier: it is shown as claimed and does not count for the quorum."""


class DeploymentInput(Act):
    """A version begins to serve at an endpoint."""

    subject: Ref
    """The version."""
    environment: Name
    """The environment in which it serves."""
    endpoint: Value
    """The endpoint in the environment."""
    since: DateTime | None = None
    """Since when it serves; now by default."""
    artifact_digest: Digest | None = None
    """The digest of the deployed file; refused if the version has no such artifact."""
    claimed: ClaimedInput | None = None
    """For a version that served before this registry was in use: it is shown as claimed and needs no promotion."""


class EndDeploymentInput(Input):
    """The deployment at an endpoint has ended."""

    environment: Name
    """The environment in which it serves."""
    endpoint: Value
    """The endpoint in the environment."""
    until: DateTime | None = None
    """Until when it served; now by default."""
    reason: Statement
    """Why."""


class IncidentInput(Input):
    """Something went wrong in production: with `subject`, or with the version that served at an endpoint then."""

    title: Statement
    """What happened, in one line."""
    severity: Severity
    """The severity."""
    environment: Name | None = None
    """The environment where it happened."""
    endpoint: Value | None = None
    """The endpoint in the environment."""
    subject: Ref | None = None
    """The version that it is about, if it is known."""
    cause: Ref | None = None
    """The record that caused it, for example a dataset; its other descendants are counted."""
    at: DateTime | None = None
    """When it happened; now by default."""
    labels: Json = None
    """The labels of the reporting system."""
    description: Annotated[Description, checked(in_order)] = None
    """A longer description."""
    external_id: Value | None = None
    """The id in the reporting system; sent again, it is the same incident."""

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if self.subject is None and (self.environment is None or self.endpoint is None):
            raise ValueError("The incident is about nothing: give subject, or environment and endpoint.")
        return self


class ResolutionInput(Input):
    """An incident is over."""

    incident: Id
    """The incident's id."""
    reason: Statement
    """How it was resolved."""
    resolved_at: DateTime | None = None
    """When it was over; now by default."""


class FlagInput(Act):
    """A warning on records, or the end of one."""

    subjects: Refs
    """The records that are flagged."""
    action: FlagAction
    """What the flag demands."""
    reason: Statement
    """Why."""
    propagate: Flag | None = None
    """Whether it reaches all descendants of the subjects, also those that are registered later."""
    clears: Ids | None = None
    """With CLEAR: the ids of the flags that end; by default all that reach the subjects."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.clears and self.action is not FlagAction.CLEAR:
            raise ValueError("Only CLEAR clears flags: leave out clears, or use that action.")
        if self.propagate and self.action is FlagAction.CLEAR:
            raise ValueError("A CLEAR does not propagate: leave that out.")
        return self
