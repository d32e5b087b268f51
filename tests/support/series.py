"""Keys of series for tests of the statistics."""

from descentd.graph.metrics import MetricDefinition
from descentd.queries.evaluation.composites import Slice
from descentd.queries.evaluation.series import EvaluationProtocol, SeriesKey


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
