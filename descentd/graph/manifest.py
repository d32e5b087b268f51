"""The manifest: what a team says about its models, data and results, as one atomic registration.

These models are the one definition of the input's shape: the GraphQL inputs and the client's JSON Schema are made from
them. Field names are snake_case here and camelCase on the wire. A validated manifest is in normal form: names in NFC,
instants in UTC, sets sorted, and what equals its default is absent.
"""

from collections.abc import Iterable
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from descentd.graph.digests import Content, canonical
from descentd.graph.errors import InvalidInput
from descentd.graph.inputs import (
    Count,
    DateTime,
    Digest,
    Flag,
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
    wire_content,
)
from descentd.graph.metrics import MetricCategory, MetricDirection
from descentd.graph.reach import Documented


class Relation(StrEnum):
    """How something was derived."""

    FINE_TUNE = "FINE_TUNE"
    CONTINUE_PRETRAIN = "CONTINUE_PRETRAIN"
    DISTILL = "DISTILL"
    MERGE = "MERGE"
    QUANTIZE = "QUANTIZE"
    ADAPTER = "ADAPTER"
    PRUNE = "PRUNE"
    EDIT = "EDIT"
    FILTER = "FILTER"
    AUGMENT = "AUGMENT"
    SAMPLE = "SAMPLE"
    ANNOTATE = "ANNOTATE"
    OTHER = "OTHER"


class TrainingRole(StrEnum):
    """What data was used for in making a version."""

    PRETRAIN = "PRETRAIN"
    TRAIN = "TRAIN"
    PREFERENCE = "PREFERENCE"
    REWARD = "REWARD"
    CALIBRATION = "CALIBRATION"
    RETRIEVAL = "RETRIEVAL"


class Severity(StrEnum):
    """How bad a weakness or an incident is."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class MetricDefinitionInput(Input):
    """What a metric means."""

    name: Name
    category: MetricCategory
    direction: MetricDirection
    optimum: Number | None = None
    tolerance: Annotated[Number, Field(ge=0)] | None = None
    unit: Value | None = None
    is_rate: Flag | None = None
    worst_of: Annotated[tuple[Name, ...], checked(unique)] | None = None
    disparity_of: Name | None = None
    disparity_over: Value | None = None
    description: Prose | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.optimum is not None) != (self.direction is MetricDirection.TARGET):
            raise ValueError("A metric with direction TARGET needs its optimum, and only such a metric has one.")
        if (self.disparity_of is None) != (self.disparity_over is None):
            raise ValueError("disparityOf and disparityOver belong together: give both or neither.")
        if self.disparity_of is not None and self.worst_of:
            raise ValueError("A metric is either worstOf others or disparityOf one: give one of them.")
        if self.name in ((self.disparity_of,) + (self.worst_of or ())):
            raise ValueError("A metric cannot be defined by itself: name the metrics that it is made from.")
        return self

    def content(self) -> Content:
        """The definition without `isRate: false` and `tolerance: 0`, which are the defaults."""
        return {k: v for k, v in super().content().items() if not (k in ("isRate", "tolerance") and not v)}


class PopulationShareInput(Input):
    """A value and its share of the rows: 0 is documented absent, no share is present."""

    attribute: Value
    value: Value
    share: Annotated[Number, Field(ge=0, le=1)] | None = None


def _shares(given: Iterable[PopulationShareInput]) -> tuple[PopulationShareInput, ...]:
    shares = tuple(sorted(unique(given), key=lambda share: canonical([share.attribute, share.value])))
    for one, other in pairwise(shares):
        if (one.attribute, one.value) == (other.attribute, other.value):
            raise InvalidInput(f"{ascii(one.attribute)} {ascii(one.value)} is given twice: give its share once.")
    return shares


Shares = Annotated[tuple[PopulationShareInput, ...], checked(_shares)]


def _documented(level: Documented | None, shares: tuple[PopulationShareInput, ...]) -> Documented:
    if level is Documented.NONE and shares:
        raise ValueError("populationDocumented NONE says that nothing is listed: drop it or the population.")
    return level or (Documented.PARTIAL if shares else Documented.NONE)


class DerivationInput(Input):
    """What something was derived from, and how."""

    ref: Ref
    relation: Relation


class PartitionInput(Input):
    """A part of a dataset with a digest of its own."""

    name: Name
    digest: Digest
    rows: Count | None = None
    uri: Value | None = None
    population_documented: Documented | None = None
    population: Shares | None = None
    derived_from: tuple[DerivationInput, ...] | None = None
    generated_by: tuple[Ref, ...] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _documented(self.population_documented, self.population or ())
        return self

    def statement(self) -> Content | None:
        """The population statement that comes with the partition; None where nothing is said."""
        documented = _documented(self.population_documented, self.population or ())
        if documented is Documented.NONE:
            return None
        return {"populationDocumented": documented.value, "population": wire_content(self.population or ())}


class PopulationStatementInput(Input):
    """What was learned about a partition later."""

    subject: Ref
    population_documented: Documented
    population: Shares
    reason: Prose

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _documented(self.population_documented, self.population)
        return self


class DatasetInput(Input):
    """A version of a dataset and all its partitions."""

    name: Name
    version: Name
    license: Value | None = None
    uri: Value | None = None
    description: Prose | None = None
    partitions: Annotated[tuple[PartitionInput, ...], checked(single("name"))] | None = None
    derived_from: tuple[DerivationInput, ...] | None = None
    generated_by: tuple[Ref, ...] | None = None


class ArtifactInput(Input):
    """A file of a version."""

    uri: Value
    digest: Digest
    size: Count | None = None
    media_type: Value | None = None


class TrainedOnInput(Input):
    """Data that a version learned from, or retrieves from."""

    ref: Ref
    role: TrainingRole


class CodeInput(Input):
    """The code that built a version."""

    repository: Value
    commit: Value
    path: Value | None = None


class DependencyInput(Input):
    """A package and its version."""

    name: Value
    version: Value


class EnvironmentInput(Input):
    """Where a version was built."""

    python: Value | None = None
    hardware: Value | None = None
    dependencies: Annotated[tuple[DependencyInput, ...], checked(single("name"))] | None = None


class AttributeTargetInput(Input):
    """Whom an intervention is for."""

    attribute: Value
    value: Value | None = None


class InterventionInput(Input):
    """Something that was done for somebody."""

    kind: Value
    targets: tuple[AttributeTargetInput, ...] | None = None
    description: Prose


class KnownBiasInput(Input):
    """A bias that is known and stays."""

    attribute: Value
    value: Value | None = None
    description: Prose


class ProfileNoteInput(Input):
    """A remark in a profile."""

    author: Value
    text: Prose


class ClaimInput(Input):
    """A statement bound to a number: contradicted when the newest result is outside."""

    text: Prose
    metric: Name
    slice: Slice | None = None
    at_least: Number | None = None
    at_most: Number | None = None

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
    must_not_do: tuple[Prose, ...]
    guardrails: tuple[Prose, ...] | None = None
    known_biases: tuple[KnownBiasInput, ...] | None = None
    notes: tuple[ProfileNoteInput, ...] | None = None
    claims: tuple[ClaimInput, ...] | None = None


class SafetyProfileStatementInput(Input):
    """A later profile for a version."""

    subject: Ref
    profile: SafetyProfileInput
    reason: Prose | None = None


class ModelVersionInput(Input):
    """A version of a model and what it came from."""

    name: Name
    version: Name | None = None
    created_at: DateTime | None = None
    description: Prose | None = None
    artifacts: Annotated[tuple[ArtifactInput, ...], checked(unique)] | None = None
    parents: tuple[DerivationInput, ...] | None = None
    trained_on: Annotated[tuple[TrainedOnInput, ...], checked(unique)] | None = None
    code: CodeInput | None = None
    config: Json = None
    environment: EnvironmentInput | None = None
    interventions: tuple[InterventionInput, ...] | None = None
    safety_profile: SafetyProfileInput | None = None


class SuiteInput(Input):
    """The protocol of an evaluation."""

    name: Name
    version: Name
    config: Json = None


class MetricValueInput(Input):
    """One result. `stderr` is in the metric's unit; `n` is the number of items it rests on."""

    name: Name
    value: Number
    stderr: Annotated[Number, Field(ge=0)] | None = None
    n: Count | None = None
    slice: Slice | None = None


def _results(given: Iterable[MetricValueInput]) -> tuple[MetricValueInput, ...]:
    results = tuple(given)
    if not results:
        raise InvalidInput("An evaluation without results says nothing: give at least one metric.")
    seen: set[tuple[str, Slice | None]] = set()
    for result in results:
        question = result.name, result.slice or None
        if question in seen:
            raise InvalidInput(f"The metric {ascii(result.name)} is given twice for one slice: give it once.")
        seen.add(question)
    return results


class EvaluationInput(Input):
    """Results of a suite on a version."""

    subject: Ref
    suite: SuiteInput
    data: Ref | None = None
    evaluated_at: DateTime | None = None
    evaluator: Value | None = None
    metrics: Annotated[tuple[MetricValueInput, ...], checked(_results)]


class ProbeInput(Input):
    """How to attack a version; resisted when the metric is at the threshold or better."""

    suite: SuiteInput
    data: Ref | None = None
    metric: Name
    threshold: Number
    slice: Slice | None = None
    command: Prose | None = None


class VulnerabilityInput(Input):
    """A weakness that was found."""

    subject: Ref
    title: Prose
    severity: Severity
    description: Prose | None = None
    probe: ProbeInput | None = None


class NoteInput(Input):
    """A remark about an entity."""

    subject: Ref
    author: Value
    text: Prose


class ManifestInput(Input):
    """What is registered together: all of it or nothing."""

    metrics: tuple[MetricDefinitionInput, ...] | None = None
    datasets: tuple[DatasetInput, ...] | None = None
    models: tuple[ModelVersionInput, ...] | None = None
    evaluations: tuple[EvaluationInput, ...] | None = None
    safety_profiles: tuple[SafetyProfileStatementInput, ...] | None = None
    populations: tuple[PopulationStatementInput, ...] | None = None
    vulnerabilities: tuple[VulnerabilityInput, ...] | None = None
    notes: tuple[NoteInput, ...] | None = None
