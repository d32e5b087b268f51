"""Acts: what somebody did or decided at a moment, with who and when in the content.

Two people's GO are two records, and so is a rollback to what was deployed before. A repeat is the same act only with
the same `idempotencyKey` of the same person.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from descentd.graph.inputs.base import DateTime, Digest, Flag, Id, Input, Json, Name, Prose, Ref, Value, checked, unique
from descentd.graph.inputs.evaluations import Severity
from descentd.graph.model.derived import idempotency_key
from descentd.graph.model.errors import InvalidInput, NotFound, VersionConflict
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import instant, rfc3339
from descentd.graph.model.records import Brief, Record
from descentd.graph.store.base import Proposal, Reads
from descentd.graph.store.committer import Committer

AHEAD: Final = 300
"""Seconds by which the clock of whoever tells what happened may be ahead of ours."""


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


class RetractionInput(Act):
    """What is not to be relied on any more. It stays on record, marked."""

    subjects: Refs
    """The records that are retracted."""
    reason: Prose
    """Why."""


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
    """What the reporting system tells it apart by."""
    description: Prose | None = None
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


Draft = Callable[[Reads], Awaitable[Sequence[Record]]]


async def perform(committer: Committer, person: str, draft: Draft) -> Sequence[Record]:
    """Record an act and return the records that `draft` gave; those that are there already add nothing.

    `draft` runs under the lock that orders all writes, perhaps more than once, and only reads. Raises what it raises,
    and Unavailable.
    """
    performed: Sequence[Record] = ()

    async def propose(reads: Reads) -> Sequence[Record]:
        nonlocal performed
        performed = await draft(reads)
        known = await reads.resolve([record.id for record in performed])
        return [record for record in performed if record.id not in known]

    await committer.submit(Proposal(propose, person))
    return performed


def signed(content: Content, person: str) -> Content:
    """The content of an act with who does it, and when: now."""
    return content | {"by": person, "at": now()}


def now() -> str:
    """The present moment, as records hold it."""
    return rfc3339(time.time_ns() // 1000)


def check_past(moment: str | None, field: str) -> None:
    """Raise InvalidInput where what is said to have happened is still to come, by more than clocks differ."""
    if moment is not None and instant(moment) > time.time_ns() // 1000 + AHEAD * 1_000_000:
        raise InvalidInput(
            f"{moment} is over {AHEAD} seconds ahead of this server's clock: give the moment at which it happened.",
            field,
        )


async def name_all(reads: Reads, refs: Sequence[str], field: str, kinds: frozenset[Kind] | None = None) -> list[Brief]:
    """The records that refs of an act name, by one look-up.

    Raises NotFound, and InvalidInput for a record of none of `kinds`; both name `field` and the place in it.
    """
    found = await reads.resolve(refs)
    for i, ref in enumerate(refs):
        _check(ref, found.get(ref), f"{field}[{i}]", kinds)
    return [found[ref] for ref in refs]


async def name_one(reads: Reads, ref: str, field: str, kinds: frozenset[Kind] | None = None) -> Brief:
    """The record that a ref of an act names; raises as `name_all` does."""
    found = (await reads.resolve([ref])).get(ref)
    return _check(ref, found, field, kinds)


def _check(ref: str, found: Brief | None, field: str, kinds: frozenset[Kind] | None) -> Brief:
    if found is None:
        raise NotFound(f"{ascii(ref)} is not registered: check its spelling, or search for it.", field)
    if kinds is not None and found.kind not in kinds:
        wanted = " or a ".join(sorted(kind.lower().replace("_", " ") for kind in kinds))
        raise InvalidInput(f"{found.ref} is a {found.kind.lower().replace('_', ' ')}: name a {wanted}.", field)
    return found


async def repeated(reads: Reads, kind: Kind, person: str, given: Content) -> Record | None:
    """The act of this kind that `person` recorded under the `idempotencyKey` of `given`, if there is one.

    Raises VersionConflict where that was another act: its content differs from what is given now.
    """
    if "idempotencyKey" not in given:
        return None
    key = idempotency_key(kind, person, given["idempotencyKey"])
    held = (await reads.find_by_keys([key])).get(key)
    if not held:
        return None
    record = (await reads.entries(held[:1]))[0].record
    differing = sorted(field for field, value in given.items() if record.content.get(field) != value)
    if differing:
        raise VersionConflict(
            f"The idempotencyKey stands for another act, with other {', '.join(differing)}: use a new key.",
            "idempotencyKey",
        )
    return record
