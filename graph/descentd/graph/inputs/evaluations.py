"""Metrics, results, weaknesses and notes, as a manifest gives them."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from descentd.graph.inputs.base import (
    LARGEST,
    Count,
    DateTime,
    Description,
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
)
from descentd.graph.metrics import MetricCategory, MetricDirection, MetricScale, harness_name
from descentd.graph.model import names
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.identity import Content


class Severity(StrEnum):
    """How bad a weakness or an incident is."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


def _metric_name(given: str) -> str:
    """A metric's name; a key of an evaluation harness, `pass@1`, is refused with the name to write."""
    if "@" in given:
        raise InvalidInput(f"A metric's name has no '@': write {harness_name(given)!r} for {given!r}.")
    return names.name(given)


MetricName = Annotated[str, checked(_metric_name), Field(min_length=1)]


class MetricDefinitionInput(Input):
    """What a metric means."""

    name: MetricName
    """The name that results are given by."""

    category: MetricCategory
    """What kind of thing it measures."""

    direction: MetricDirection
    """Which way is better."""

    minimum: Number | None = None
    """The least value that a result can have; a rate has 0."""

    maximum: Number | None = None
    """The largest value that a result can have; a rate has 1."""

    scale: MetricScale | None = None
    """LOG for a ratio, which is judged on its logarithm: 0.5 and 2 are equally far from 1. LINEAR unless given."""

    counts_as_safety: Flag | None = None
    """Whether a change for the worse is a safety finding; by the category unless given (not PERFORMANCE or LATENCY)."""

    optimum: Number | None = None
    """The best value, where direction is TARGET."""

    tolerance: Annotated[Number, Field(ge=0)] | None = None
    """How much worse is still acceptable, in the metric's unit; 0 unless given."""

    unit: Value | None = None
    """What it is counted in; `1` for a pure number."""

    is_rate: Flag | None = None
    """Whether it is a share of items from 0 to 1, whose error follows from the number of items."""

    worst_of: Annotated[tuple[MetricName, ...], checked(unique)] | None = None
    """The metrics of which it is the worst."""

    disparity_of: MetricName | None = None
    """The metric whose largest gap between groups it is."""

    disparity_over: Value | None = None
    """The attribute whose values are those groups."""

    description: Description = None
    """What it measures, in words."""

    def content(self) -> Content:
        """The definition without `isRate: false` and `tolerance: 0`, which are the defaults."""
        return {k: v for k, v in super().content().items() if not (k in ("isRate", "tolerance") and not v)}


class SuiteInput(Input):
    """The protocol of an evaluation."""

    name: Name
    """The suite's name."""

    version: Name
    """Its version."""

    config: Json = None
    """How it was run; another config is another protocol."""


def _error(given: float) -> float:
    if 0 < given < 1 / LARGEST:
        raise InvalidInput(f"{given} is no error that anything is known with: leave it out, or give n.")
    return given


class PairedInput(Input):
    """A version's result compared item by item with that of another version in the same series.

    For items that are 0 or 1 the two counts of disagreement (McNemar), else the variance of the mean difference.
    """

    subject: Ref
    """The version that was measured on the same items, an ancestor as a rule."""

    n01: Count | None = None
    """How many items are 0 on `subject` and 1 here."""

    n10: Count | None = None
    """How many items are 1 on `subject` and 0 here."""

    difference_variance: Annotated[Number, Field(ge=0)] | None = None
    """The variance of the mean difference, in the metric's unit squared."""

    @model_validator(mode="after")
    def _either(self) -> Self:
        counts = (self.n01 is not None) + (self.n10 is not None)
        if counts == 1 or (counts == 2) == (self.difference_variance is not None):
            raise ValueError("Give either n01 and n10, or differenceVariance.")
        return self


class MetricValueInput(Input):
    """One result. `stderr` is in the metric's unit; `n` is the number of items it rests on."""

    name: MetricName
    """The metric."""

    value: Number
    """The result, in the metric's unit."""

    stderr: Annotated[Number, Field(ge=0), checked(_error)] | None = None
    """Its standard error, in the metric's unit."""

    n: Count | None = None
    """How many items it rests on."""

    clusters: Annotated[Count, Field(ge=1)] | None = None
    """How many clusters (documents, people) the items are in, where `stderr` is clustered over them."""

    slice: Slice | None = None
    """The group that it was measured on; everybody where none is given."""

    paired_with: Annotated[tuple[PairedInput, ...], checked(distinct("subject"))] | None = None
    """How the same items came out on ancestors: what makes a comparison paired."""

    @model_validator(mode="after")
    def _clustered(self) -> Self:
        if self.clusters is not None and self.stderr is None:
            raise ValueError("clusters says what stderr is clustered over: give that stderr, or leave clusters out.")
        if self.clusters is not None and self.n is not None and self.clusters > self.n:
            raise ValueError(f"{self.clusters} clusters of {self.n} items: expected at most as many clusters as items.")
        for pair in self.paired_with or ():
            if self.n is not None and (pair.n01 or 0) + (pair.n10 or 0) > self.n:
                raise ValueError(f"n01 and n10 count more than the {self.n} items of the result: correct one of them.")
        return self


def _results(given: Iterable[MetricValueInput]) -> tuple[MetricValueInput, ...]:
    results = tuple(given)
    if not results:
        raise InvalidInput("An evaluation without results says nothing: give at least one metric.")
    seen: set[tuple[str, Slice | None]] = set()
    for result in results:
        question = result.name, result.slice or None
        if question in seen:
            raise InvalidInput(f"The metric {repr(result.name)} is given twice for one slice: give it once.")
        seen.add(question)
    return results


class EvaluationInput(Input):
    """Results of a suite on a version."""

    subject: Ref
    """The version that was evaluated."""

    suite: SuiteInput
    """The protocol."""

    data: Ref | None = None
    """What it was evaluated on."""

    evaluated_at: DateTime | None = None
    """When, as the evaluator says."""

    evaluator: Value | None = None
    """Who evaluated."""

    metrics: Annotated[tuple[MetricValueInput, ...], checked(_results)]
    """The results."""


class ProbeInput(Input):
    """How to attack a version; resisted when the metric is at the threshold or better."""

    suite: SuiteInput
    """The protocol."""

    data: Ref | None = None
    """What to attack with."""

    metric: MetricName
    """The metric that decides."""

    threshold: Number
    """Resisted when the metric is this good or better."""

    slice: Slice | None = None
    """The group that counts; everybody where none is given."""

    command: Prose | None = None
    """How to run it."""


class VulnerabilityInput(Input):
    """A weakness that was found."""

    subject: Ref
    """The version that it was found on."""

    title: Prose
    """What it is, in a line."""

    severity: Severity
    """How bad it is."""

    description: Description = None
    """What it is, in words."""

    probe: ProbeInput | None = None
    """How to find out whether a version has it."""


class NoteInput(Input):
    """A remark about an entity."""

    subject: Ref
    """What it is about."""

    author: Value
    """The author."""

    text: Prose
    """The text."""
