"""Metrics, results, weaknesses and notes, as a manifest gives them."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from descentd.graph.inputs.base import (
    LARGEST,
    Count,
    DateTime,
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
    unique,
)
from descentd.graph.metrics import MetricCategory, MetricDirection
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.identity import Content


class Severity(StrEnum):
    """How bad a weakness or an incident is."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class MetricDefinitionInput(Input):
    """What a metric means."""

    name: Name
    """The name that results give it by."""

    category: MetricCategory
    """What kind of thing it measures."""

    direction: MetricDirection
    """Which way is better."""

    optimum: Number | None = None
    """The best value, where direction is TARGET."""

    tolerance: Annotated[Number, Field(ge=0)] | None = None
    """How much worse is still acceptable, in the metric's unit; 0 unless given."""

    unit: Value | None = None
    """What it is counted in; `1` for a pure number."""

    is_rate: Flag | None = None
    """Whether it is a share of items from 0 to 1, whose error follows from the number of items."""

    worst_of: Annotated[tuple[Name, ...], checked(unique)] | None = None
    """The metrics of which it is the worst."""

    disparity_of: Name | None = None
    """The metric whose largest gap between groups it is."""

    disparity_over: Value | None = None
    """The attribute that tells those groups apart."""

    description: Prose | None = None
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


class MetricValueInput(Input):
    """One result. `stderr` is in the metric's unit; `n` is the number of items it rests on."""

    name: Name
    """The metric."""

    value: Number
    """The result, in the metric's unit."""

    stderr: Annotated[Number, Field(ge=0), checked(_error)] | None = None
    """Its standard error, in the metric's unit."""

    n: Count | None = None
    """How many items it rests on."""

    slice: Slice | None = None
    """The group that it was measured on; everybody where none is given."""


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

    metric: Name
    """The metric that tells."""

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

    description: Prose | None = None
    """What it is, in words."""

    probe: ProbeInput | None = None
    """How to find out whether a version has it."""


class NoteInput(Input):
    """A remark about an entity."""

    subject: Ref
    """What it is about."""

    author: Value
    """Who says it."""

    text: Prose
    """What is said."""
