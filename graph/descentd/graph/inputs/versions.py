"""Inputs of model versions, of what they were built from, of later disclosures, and of safety profiles."""

from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
from typing_extensions import override

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
    """The address of the file."""

    digest: Digest
    """The digest of its content."""

    size: Count | None = None
    """Its size in bytes."""

    media_type: Value | None = None
    """Its media type (RFC 6838)."""


class TrainedOnInput(Input):
    """Data that a version learned from, or retrieves at run time."""

    ref: Ref
    """A dataset, or a partition of one."""

    role: TrainingRole
    """What it was used for."""


class CodeInput(Input):
    """The code that built a version."""

    repository: Value
    """The address of the repository."""

    commit: Value
    """The commit that was used."""

    path: Value | None = None
    """The folder or file within the repository."""

    diff: Digest | None = None
    """The digest of what differed from the commit, if anything did."""


class DependencyInput(Input):
    """A package and its version."""

    name: Value
    """The package."""

    version: Value
    """Its version."""


class EnvironmentInput(Input):
    """The environment in which a version was built."""

    python: Value | None = None
    """The version of Python."""

    hardware: Value | None = None
    """A description of the hardware."""

    dependencies: Annotated[tuple[DependencyInput, ...], checked(single("name"))] | None = None
    """The packages that were installed."""


class AttributeTargetInput(Input):
    """A group that an intervention is for."""

    attribute: Value
    """The attribute, for example `age_group`."""

    value: Value | None = None
    """The value of the group; every group of the attribute by default."""


class InterventionInput(Input):
    """A measure for the benefit of some groups."""

    kind: Value
    """The method, for example `reweighing`."""

    targets: tuple[AttributeTargetInput, ...] | None = None
    """The groups that it is for."""

    description: Prose
    """A description of what was done."""


class KnownBiasInput(Input):
    """A known bias that was not removed."""

    attribute: Value
    """The attribute, for example `age_group`."""

    value: Value | None = None
    """The affected group; every group of the attribute by default."""

    description: Prose
    """A description of the bias."""


class ProfileNoteInput(Input):
    """A remark in a profile."""

    author: Value
    """The author."""

    text: Prose
    """The text."""


class ClaimInput(Input):
    """A claim with bounds for a metric: it is contradicted if the newest result is outside of them."""

    text: Prose
    """The claim, as text."""

    metric: Name
    """The metric that has the bounds."""

    slice: Slice | None = None
    """The slice that it is made for; all people or items by default."""

    at_least: Number | None = None
    """The smallest value that agrees with the claim."""

    at_most: Number | None = None
    """The largest value that agrees with the claim."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("A claim needs a bound: give atLeast, atMost or both.")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("atLeast is above atMost, which no number can satisfy: swap or correct them.")
        return self


class SafetyProfileInput(Input):
    """The safety profile of a version: its intended use, uses that are out of scope, and known biases."""

    intended_use: Prose
    """The intended use."""

    must_not_do: tuple[Prose, ...]
    """Uses that are out of scope."""

    guardrails: tuple[Prose, ...] | None = None
    """Safeguards that keep it within its intended use."""

    known_biases: tuple[KnownBiasInput, ...] | None = None
    """Known biases that were not removed."""

    notes: tuple[ProfileNoteInput, ...] | None = None
    """Remarks."""

    claims: tuple[ClaimInput, ...] | None = None
    """Claims with bounds, which results can contradict."""


class SafetyProfileStatementInput(Input):
    """A later profile for a version."""

    subject: Ref
    """The version."""

    profile: SafetyProfileInput
    """Its profile from now on."""

    reason: Prose | None = None
    """Why this is stated now."""


class DisclosureInput(Input):
    """Lineage that became known after its subject was registered; it is added to what the subject itself states."""

    subject: Ref
    """The version or dataset that the lineage is of."""

    parents: tuple[DerivationInput, ...] | None = None
    """Further records that it was derived from: versions for a version, data for data."""

    trained_on: Annotated[tuple[TrainedOnInput, ...], checked(unique)] | None = None
    """Further data that it learned from, or retrieves at run time; for versions only."""

    generated_by: tuple[Ref, ...] | None = None
    """The versions that made it; for data only."""

    source: Prose
    """Where this was learned from: a paper, a model card, a letter."""

    reason: Prose
    """Why it is disclosed now."""

    complete: Flag | None = None
    """Whether the subject and its disclosures together document all its training data; false by default."""

    supersedes: Id | None = None
    """The id of the disclosure of the same subject that this one replaces."""

    @override
    def content(self, without: Collection[str] = ()) -> Content:
        """The disclosure without `complete: false`, which is the default."""
        return super().content(without if self.complete else {*without, "complete"})


class ModelVersionInput(Input):
    """A version of a model, with its parents, training data and build."""

    name: Name
    """The model's name."""

    version: Name | None = None
    """The version within the name; by default the next free one."""

    created_at: DateTime | None = None
    """When it was built, as stated by whoever registers it."""

    description: Description = None
    """A description."""

    artifacts: Annotated[tuple[ArtifactInput, ...], checked(unique)] | None = None
    """Its artifacts."""

    parents: tuple[DerivationInput, ...] | None = None
    """The versions that it was derived from, the main one first."""

    trained_on: Annotated[tuple[TrainedOnInput, ...], checked(unique)] | None = None
    """The data that it learned from, or retrieves at run time."""

    code: CodeInput | None = None
    """The code that built it."""

    config: Json = None
    """Its parameters: any JSON, with integers up to 2^53 - 1."""

    environment: EnvironmentInput | None = None
    """The environment in which it was built."""

    command: Prose | None = None
    """The command line that built it, without secrets; it tells no two builds apart."""

    interventions: tuple[InterventionInput, ...] | None = None
    """The interventions that were applied when it was made."""

    safety_profile: SafetyProfileInput | None = None
    """Its safety profile."""


class TensorInput(Input):
    """A tensor of an artifact."""

    name: Value
    """Its name in the file."""

    digest: Digest
    """The digest of its data: SHA-256 of its bytes as they are in the file."""

    size: Count
    """Its size in bytes."""


class TensorDigestsInput(Input):
    """The digests of the tensors in an artifact of a version, which are not part of the version's content."""

    subject: Ref
    """The version."""

    artifact: Digest
    """The digest of the artifact, one of the version's."""

    tensors: Annotated[tuple[TensorInput, ...], checked(single("name")), Field(min_length=1)]
    """Its tensors; those that unrelated models share, such as all zeros, are left out."""


class SignedFileInput(Input):
    """A file that a signature covers."""

    name: Value
    """Its path in the folder of the model that was signed."""

    digest: Digest
    """Its SHA-256."""


class SignatureInput(Input):
    """A signature over the files of a version (OpenSSF Model Signing), which whoever sends it has verified."""

    subject: Ref
    """The version; the signature covers each of its artifacts."""

    files: Annotated[tuple[SignedFileInput, ...], checked(single("name")), Field(min_length=1)]
    """All files that were signed."""

    key: Digest
    """The key that it was verified with: SHA-256 of the public key (DER, SubjectPublicKeyInfo)."""

    bundle: Digest
    """SHA-256 of the file with the signature."""
