"""Evaluations as they are compared: results in series, read once.

A *series* is one metric under one protocol: the same suite, version and config, the same data (none is a series of
its own), the same slice. Results of different series are never subtracted from one another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from descentd.graph.cache import Cache
from descentd.graph.model.identity import Content, canonical
from descentd.graph.model.log import Entry
from descentd.graph.model.names import instant
from descentd.graph.store.base import Reads
from descentd.queries.evaluation.composites import Slice, with_composites
from descentd.queries.evaluation.definitions import Metrics
from descentd.queries.evaluation.series import EvaluationProtocol, SeriesKey
from descentd.queries.statistics.comparison import Result

ROOM: Final = 150_000
"""Results that are kept parsed; an evaluation itself weighs as much as five."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation: `subject` is the id of the version, `moment` when it counts, in microseconds since 1970 UTC."""

    sequence: int
    id: str
    subject: str
    protocol: EvaluationProtocol
    moment: int
    results: Mapping[SeriesKey, Result]
    """With those that follow from others: the worst of several, the disparity over groups."""


class EvaluationCache:
    """Evaluations as they were last read: they never change, so what was parsed once need not be again."""

    def __init__(self) -> None:
        self._kept = Cache[Evaluation](ROOM)
        self._series: dict[SeriesKey, SeriesKey] = {}

    async def read(self, reads: Reads, sequences: Sequence[int], metrics: Metrics) -> list[Evaluation]:
        """The evaluations at these sequences, with what follows from their results by the definitions in force."""
        number = metrics.number
        kept = {s: evaluation for s in sequences if (evaluation := self._kept.get((s, number))) is not None}
        missing = [sequence for sequence in sequences if sequence not in kept]
        for entry in await reads.entries(missing) if missing else ():
            evaluation = kept[entry.sequence] = parse(entry, metrics, self._series)
            self._kept.keep((entry.sequence, number), evaluation, len(evaluation.results) + 5)
        if len(self._series) > ROOM:
            self._series.clear()
        return [kept[sequence] for sequence in sequences]


def parse(entry: Entry, metrics: Metrics, known: dict[SeriesKey, SeriesKey]) -> Evaluation:
    """Read an EVALUATION record. `known` holds the series met so far, so that equal ones are one object."""
    content = entry.record.content
    protocol = protocol_of(content["suite"], content.get("data"))
    measured = {
        (given["name"], slice_of(given.get("slice", ()))): Result(given["value"], given.get("stderr"), given.get("n"))
        for given in content["metrics"]
    }
    if not metrics.composites.keys().isdisjoint(name for name, _ in measured):
        measured = with_composites(measured, metrics.composites)
    results: dict[SeriesKey, Result] = {}
    for (name, slice), result in measured.items():
        series = SeriesKey(metrics[name], protocol, slice, result.parts)
        results[known.setdefault(series, series)] = result
    moment = instant(content["evaluatedAt"]) if "evaluatedAt" in content else entry.recorded_at
    return Evaluation(entry.sequence, entry.record.id, content["subject"], protocol, moment, results)


def protocol_of(suite: Content, data: str | None) -> EvaluationProtocol:
    """The protocol of a suite as contents hold it, on data with this id."""
    config = suite.get("config")
    written = "" if config is None else canonical(config).decode()
    return EvaluationProtocol(suite["name"], suite["version"], written, data)


def slice_of(given: Sequence[Mapping[str, Any]]) -> Slice:
    """A slice as contents hold it, in order."""
    return tuple(sorted((part["attribute"], part["value"]) for part in given))
