"""Ancestries and series by a few numbers, and what an assessment of them holds."""

from collections.abc import Mapping, Sequence
from typing import Any

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection
from descentd.queries.erosion.findings import Assessment, Finding
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.evaluation.composites import Slice
from descentd.queries.evaluation.labels import Labels
from descentd.queries.evaluation.series import EvaluationProtocol, Series, SeriesKey
from descentd.queries.statistics.comparison import Result

STEP, CUMULATIVE, TREND, LASTING, TRADE_OFF, COVERAGE, CONFLICT = (
    ErosionKind.STEP_REGRESSION,
    ErosionKind.CUMULATIVE_EROSION,
    ErosionKind.MONOTONIC_TREND,
    ErosionKind.LASTING_EROSION,
    ErosionKind.TRADE_OFF,
    ErosionKind.COVERAGE_LOSS,
    ErosionKind.PARENT_CONFLICT,
)
Parents = Mapping[int, Sequence[int]]


def metric(
    name: str = "toxicity",
    direction: MetricDirection = MetricDirection.LOWER_IS_BETTER,
    category: MetricCategory = MetricCategory.TOXICITY,
    **given: Any,
) -> MetricDefinition:
    return MetricDefinition(name, category, direction, **given)


ACCURACY = metric("accuracy", MetricDirection.HIGHER_IS_BETTER, MetricCategory.PERFORMANCE)


def series(
    values: Mapping[int, float], definition: MetricDefinition | None = None, stderr: float | None = 0.01, **given: Any
) -> Series:
    left_out = frozenset(given.pop("left_out", ()))
    key = series_key(definition or metric(), **given)
    return Series(key, {version: Result(value, stderr) for version, value in values.items()}, left_out)


def chain(size: int) -> dict[int, list[int]]:
    return {version: [version - 1] if version else [] for version in range(size)}


def kinds(assessment: Assessment) -> list[ErosionKind]:
    return [finding.kind for finding in assessment.findings]


def one(assessment: Assessment, kind: ErosionKind) -> Finding:
    (found,) = (finding for finding in assessment.findings if finding.kind is kind)
    return found


named = Labels("model:m@{}".format, "dataset:{}@1".format)


def series_key(
    metric: MetricDefinition,
    suite: str = "suite",
    version: str = "1",
    config: str = "",
    data: str | None = None,
    slice: Slice = (),
    parts: tuple[str, ...] = (),
) -> SeriesKey:
    """A key with a protocol of its own."""
    return SeriesKey(metric, EvaluationProtocol(suite, version, config, data), slice, parts)
