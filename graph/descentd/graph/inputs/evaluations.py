"""Inputs of metric definitions, evaluations, vulnerabilities and notes."""

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
from typing_extensions import override

from descentd.graph.inputs import plain
from descentd.graph.inputs.base import (
    LARGEST,
    Count,
    DateTime,
    Description,
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
    distinct,
    unique,
    wrong_part,
)
from descentd.graph.metrics import MetricCategory, MetricDirection, MetricScale, harness_name
from descentd.graph.model import names
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.identity import Content


class Severity(StrEnum):
    """The severity of a vulnerability or an incident."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


def _metric_name(given: str) -> str:
    """A metric's name; a key of an evaluation harness, `pass@1`, is refused with the name to write."""
    if "@" in given:
        raise InvalidInput(f"A metric's name has no '@': write {harness_name(given)!r} for {given!r}.")
    return names.name(given)


MetricName = Annotated[str, checked(_metric_name), Field(min_length=1), plain.NAME]


class MetricDefinitionInput(Input):
    """The definition of a metric."""

    name: MetricName
    """The name by which results refer to it."""

    category: MetricCategory
    """The category of what it measures."""

    direction: MetricDirection
    """Which way is better."""

    minimum: Number | None = None
    """The least value that a result can have; a rate has 0."""

    maximum: Number | None = None
    """The largest value that a result can have; a rate has 1."""

    scale: MetricScale | None = None
    """LOG for a ratio, which is judged by its logarithm: 0.5 and 2 are equally far from 1. LINEAR by default."""

    counts_as_safety: Flag | None = None
    """Whether a change for the worse is a safety finding; by default unless the category is PERFORMANCE or LATENCY."""

    optimum: Number | None = None
    """The best value, if the direction is TARGET."""

    tolerance: Annotated[Number, Field(ge=0)] | None = None
    """The change for the worse that is still acceptable, in the metric's unit; 0 by default."""

    unit: Value | None = None
    """The unit in UCUM; `1` for a pure number."""

    is_rate: Flag | None = None
    """Whether it is a share of items from 0 to 1; then its standard error follows from the number of items."""

    worst_of: Annotated[tuple[MetricName, ...], checked(unique)] | None = None
    """The metrics of which it is the worst."""

    disparity_of: MetricName | None = None
    """The metric whose largest gap between groups it is."""

    disparity_over: Value | None = None
    """The attribute whose values are those groups."""

    description: Description = None
    """A description of what it measures."""

    @override
    def content(self, without: Collection[str] = ()) -> Content:
        """The definition without `isRate: false` and `tolerance: 0`, which are the defaults."""
        return {k: v for k, v in super().content(without).items() if not (k in ("isRate", "tolerance") and not v)}


class SuiteInput(Input):
    """The protocol of an evaluation."""

    name: Name
    """The suite's name."""

    version: Name
    """Its version."""

    config: Json = None
    """Its settings, any JSON; another config is another protocol."""


def _error(given: float) -> float:
    if 0 < given < 1 / LARGEST:
        raise InvalidInput(f"{given} is too small to be a standard error: leave it out, or give n.")
    return given


class PairedInput(Input):
    """A version's result compared item by item with that of another version in the same series.

    For items that are 0 or 1 the two counts of disagreement (McNemar), else the variance of the mean difference.
    """

    subject: Ref
    """The version that was measured on the same items, usually an ancestor."""

    n01: Count | None = None
    """The number of items that are 0 for `subject` and 1 for this version."""

    n10: Count | None = None
    """The number of items that are 1 for `subject` and 0 for this version."""

    difference_variance: Annotated[Number, Field(ge=0)] | None = None
    """The variance of the mean difference, in the metric's unit squared."""

    @model_validator(mode="after")
    def _either(self) -> Self:
        counts = (self.n01 is not None) + (self.n10 is not None)
        if counts == 1 or (counts == 2) == (self.difference_variance is not None):
            raise ValueError("Give either n01 and n10, or differenceVariance.")
        return self


class MetricValueInput(Input):
    """One result. `stderr` is in the metric's unit; `n` is the number of items that were evaluated."""

    name: MetricName
    """The metric."""

    value: Number
    """The result, in the metric's unit."""

    stderr: Annotated[Number, Field(ge=0), checked(_error)] | None = None
    """Its standard error, in the metric's unit."""

    n: Count | None = None
    """The number of items that were evaluated."""

    clusters: Annotated[Count, Field(ge=1)] | None = None
    """The number of clusters (documents, people) of the items, if `stderr` is clustered over them."""

    slice: Slice | None = None
    """The slice that it was measured on; all people or items by default."""

    paired_with: Annotated[tuple[PairedInput, ...], checked(distinct("subject"))] | None = None
    """The results of ancestors on the same items, which make a comparison paired."""

    @model_validator(mode="after")
    def _clustered(self) -> Self:
        if self.clusters is not None and self.stderr is None:
            raise ValueError("clusters says what stderr is clustered over: give that stderr, or leave clusters out.")
        if self.clusters is not None and self.n is not None and self.clusters > self.n:
            raise ValueError(f"{self.clusters} clusters of {self.n} items: expected at most as many clusters as items.")
        for i, pair in enumerate(self.paired_with or ()):
            if self.n is not None and (pair.n01 or 0) + (pair.n10 or 0) > self.n:
                message = f"n01 and n10 count more than the {self.n} items of the result: correct one of them."
                raise wrong_part(message, f".pairedWith[{i}].n01")
        return self


def _results(given: Iterable[MetricValueInput]) -> tuple[MetricValueInput, ...]:
    results = tuple(given)
    if not results:
        raise InvalidInput("An evaluation without results says nothing: give at least one metric.")
    seen: set[tuple[str, Slice | None]] = set()
    for i, result in enumerate(results):
        question = result.name, result.slice or None
        if question in seen:
            message = f"The metric {repr(result.name)} is given twice for one slice: give it once."
            raise InvalidInput(message, f"[{i}].name")
        seen.add(question)
    return results


class EvaluationInput(Input):
    """Results of a suite on a version."""

    subject: Ref
    """The version that was evaluated."""

    suite: SuiteInput
    """The protocol."""

    data: Ref | None = None
    """The data that it was evaluated on."""

    evaluated_at: DateTime | None = None
    """When it was run, as stated by the evaluator."""

    evaluator: Value | None = None
    """The person who evaluated."""

    item_results: Digest | None = None
    """The digest of the file with the results of single items, from which the metrics were computed."""

    metrics: Annotated[tuple[MetricValueInput, ...], checked(_results)]
    """The results."""


class ProbeInput(Input):
    """A test for a vulnerability; the version resists if the metric is at the threshold or better."""

    suite: SuiteInput
    """The protocol."""

    data: Ref | None = None
    """The data that it is run on."""

    metric: MetricName
    """The metric that decides."""

    threshold: Number
    """The version resists if the metric has this value or a better one."""

    slice: Slice | None = None
    """The slice that counts; all people or items by default."""

    command: Prose | None = None
    """The command that runs it."""


class VulnerabilityInput(Input):
    """A vulnerability that was found."""

    subject: Ref
    """The version that it was found on."""

    title: Prose
    """A title of one line."""

    severity: Severity
    """The severity."""

    description: Description = None
    """A description."""

    probe: ProbeInput | None = None
    """A test that shows whether a version has it."""


class NoteInput(Input):
    """A remark about an entity."""

    subject: Ref
    """The record that it is about."""

    author: Value
    """The author."""

    text: Prose
    """The text."""
