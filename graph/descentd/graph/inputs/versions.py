"""Model versions, what they were built from, what is disclosed later, and safety profiles, as manifests give them."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import model_validator

from descentd.graph.inputs.base import (
    Count,
    DateTime,
    Description,
    Digest,
    Flag,
    Id,
    Input,
    Json,
    Name,
    Number,
    Prose,
    Ref,
    Slice,
    Value,
    checked,
    single,
    unique,
)
from descentd.graph.inputs.datasets import DerivationInput
from descentd.graph.model.identity import Content


class TrainingRole(StrEnum):
    """What data was used for in making a version."""

    PRETRAIN = "PRETRAIN"
    TRAIN = "TRAIN"
    PREFERENCE = "PREFERENCE"
    REWARD = "REWARD"
    CALIBRATION = "CALIBRATION"
    RETRIEVAL = "RETRIEVAL"


class ArtifactInput(Input):
    """A file of a version."""

    uri: Value
    """Where the file is."""

    digest: Digest
    """The digest of its content."""

    size: Count | None = None
    """Its size in bytes."""

    media_type: Value | None = None
    """Its media type, as RFC 6838 has it."""


class TrainedOnInput(Input):
    """Data that a version learned from, or retrieves from."""

    ref: Ref
    """A dataset, or a partition of one."""

    role: TrainingRole
    """What it was used for."""


class CodeInput(Input):
    """The code that built a version."""

    repository: Value
    """Where the code is kept."""

    commit: Value
    """Which commit of it."""

    path: Value | None = None
    """Which part of the repository."""


class DependencyInput(Input):
    """A package and its version."""

    name: Value
    """The package."""

    version: Value
    """Its version."""


class EnvironmentInput(Input):
    """Where a version was built."""

    python: Value | None = None
    """The version of Python."""

    hardware: Value | None = None
    """The machine, in words."""

    dependencies: Annotated[tuple[DependencyInput, ...], checked(single("name"))] | None = None
    """The packages that were installed."""


class AttributeTargetInput(Input):
    """Whom an intervention is for."""

    attribute: Value
    """The attribute, `age_group`."""

    value: Value | None = None
    """The group; every group of the attribute where none is given."""


class InterventionInput(Input):
    """Something that was done for somebody."""

    kind: Value
    """The method, `reweighing`."""

    targets: tuple[AttributeTargetInput, ...] | None = None
    """Whom it is for."""

    description: Prose
    """What was done, in words."""


class KnownBiasInput(Input):
    """A bias that is known and stays."""

    attribute: Value
    """The attribute, `age_group`."""

    value: Value | None = None
    """The group that is affected; every group of the attribute where none is given."""

    description: Prose
    """What the bias is, in words."""


class ProfileNoteInput(Input):
    """A remark in a profile."""

    author: Value
    """The author."""

    text: Prose
    """The text."""


class ClaimInput(Input):
    """A statement bound to a number: contradicted when the newest result is outside."""

    text: Prose
    """The claim, in words."""

    metric: Name
    """The metric that it is bound to."""

    slice: Slice | None = None
    """The group that it is made for; everybody where none is given."""

    at_least: Number | None = None
    """The least value that bears the claim out."""

    at_most: Number | None = None
    """The largest value that bears the claim out."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("A claim needs a bound: give atLeast, atMost or both.")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("atLeast is above atMost, which no number can satisfy: swap or correct them.")
        return self


class SafetyProfileInput(Input):
    """What a version is for, what it must not do, and what is known against it."""

    intended_use: Prose
    """What the version is for."""

    must_not_do: tuple[Prose, ...]
    """What it must not be used for or do."""

    guardrails: tuple[Prose, ...] | None = None
    """What keeps it within bounds."""

    known_biases: tuple[KnownBiasInput, ...] | None = None
    """Biases that are known and stay."""

    notes: tuple[ProfileNoteInput, ...] | None = None
    """Remarks."""

    claims: tuple[ClaimInput, ...] | None = None
    """Statements that numbers can contradict."""


class SafetyProfileStatementInput(Input):
    """A later profile for a version."""

    subject: Ref
    """The version."""

    profile: SafetyProfileInput
    """Its profile from now on."""

    reason: Prose | None = None
    """Why this is stated now."""


class DisclosureInput(Input):
    """Lineage that was learned after its subject was registered; it is added to what the subject itself states."""

    subject: Ref
    """The version or dataset that the lineage is of."""

    parents: tuple[DerivationInput, ...] | None = None
    """What else it was derived from: versions for a version, data for data."""

    trained_on: Annotated[tuple[TrainedOnInput, ...], checked(unique)] | None = None
    """What else it learned from, or retrieves from; for versions only."""

    generated_by: tuple[Ref, ...] | None = None
    """The versions that made it; for data only."""

    source: Prose
    """Where this was learned from: a paper, a model card, a letter."""

    reason: Prose
    """Why it is disclosed now."""

    complete: Flag | None = None
    """Whether all training data of the subject is documented now, by itself and its disclosures; false unless given."""

    supersedes: Id | None = None
    """The id of the disclosure of the same subject that this one takes the place of."""

    def content(self) -> Content:
        """The disclosure without `complete: false`, which is the default."""
        return {k: v for k, v in super().content().items() if k != "complete" or v}


class ModelVersionInput(Input):
    """A version of a model and what it came from."""

    name: Name
    """The model's name."""

    version: Name | None = None
    """The version's; the next one that is free where none is given."""

    created_at: DateTime | None = None
    """When it was made, as its makers say."""

    description: Description = None
    """What it is, in words."""

    artifacts: Annotated[tuple[ArtifactInput, ...], checked(unique)] | None = None
    """Its files."""

    parents: tuple[DerivationInput, ...] | None = None
    """The versions that it was derived from, the main one first."""

    trained_on: Annotated[tuple[TrainedOnInput, ...], checked(unique)] | None = None
    """The data that it learned from, or retrieves from."""

    code: CodeInput | None = None
    """The code that built it."""

    config: Json = None
    """What it was built with: any JSON, numbers within 2^53."""

    environment: EnvironmentInput | None = None
    """Where it was built."""

    interventions: tuple[InterventionInput, ...] | None = None
    """What was done for particular groups."""

    safety_profile: SafetyProfileInput | None = None
    """What it is for and must not do."""
