"""The variable `metrics`: a version's results by the names of metrics."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from descentd.graph.model.records import Brief
from descentd.queries.evaluation.contamination import Contamination, contamination
from descentd.queries.evaluation.evaluations import Found, Measured, measured
from descentd.queries.evaluation.series import SeriesKey
from descentd.queries.governance.gate.context import GateContext, Observation
from descentd.queries.governance.gate.rules import Missing


async def metrics(context: GateContext, serving: Sequence[Brief]) -> Mapping[str, Observation]:
    """The results of each metric that is spoken of, several pooled, each with the newest of them beside it.

    serving: what they are compared with, where they are.

    A metric without a result is absent, or Missing where all that there is was retracted.
    """
    versions = [context.version.sequence, *(brief.sequence for brief in serving)]
    found = await measured(context.registry, versions, context.upto, context.statistics)
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    for name in context.references.metrics:
        wanted[found.metrics.canonical(name)].append(name)
    own = {
        series: one for series, one in found.results(context.version.sequence).items() if series.metric.name in wanted
    }
    data = await context.registry.store.resolve({s.protocol.data for s in own if s.protocol.data is not None})
    touched = await _contamination(context, data)
    there = [found.results(brief.sequence) for brief in serving]
    seen: defaultdict[str, list[object]] = defaultdict(list)
    evidence: defaultdict[str, list[str]] = defaultdict(list)
    for series, one in sorted(own.items(), key=lambda item: item[1].evaluation.sequence):
        definition = series.metric
        on = data.get(series.protocol.data or "")
        value = {
            "value": float(one.result.value),
            "badness": definition.badness(one.result.value),
            "stderr": one.result.error(definition) if "stderr" in context.references.fields else None,
            "n": one.result.n,
            "runs": one.result.runs,
            "newest": float(one.result.latest),
            "newest_badness": definition.badness(one.result.latest),
            "slice": dict(series.slice),
            "suite": series.protocol.suite,
            "suite_version": series.protocol.version,
            "data": on.ref if on else None,
            "contaminated": touched.touches(context.version.sequence, on.sequence) if touched and on else None,
            "delta_serving": _delta(series, one, there),
            "age_days": context.age_days(one.evaluation.moment),
        }
        for name in wanted[series.metric.name]:  # a policy may call it by an alias
            seen[name].append(value)
            evidence[name] += [each.id for each in one.evaluations]
    observations = {name: Observation(seen[name], tuple(dict.fromkeys(evidence[name]))) for name in seen}
    return _retracted(context, found, context.references.metrics - seen.keys()) | observations


async def _contamination(context: GateContext, data: Mapping[str, Brief]) -> Contamination | None:
    if "contaminated" not in context.references.fields:
        return None
    sequences = {brief.sequence for brief in data.values()}
    return await contamination(context.registry, [context.version.sequence], sequences, context.upto)


def _delta(series: SeriesKey, one: Found, there: Sequence[Mapping[SeriesKey, Found]]) -> float | None:
    """How much worse than what serves, in badness; of several that serve the best one. None: nothing to compare."""
    definition = series.metric
    bad = [definition.badness(results[series].result.value) for results in there if series in results]
    own = definition.badness(one.result.value)
    compared = [own - other for other in bad if own is not None and other is not None]
    return max(compared, default=None)


def _retracted(context: GateContext, found: Measured, absent: frozenset[str]) -> dict[str, Observation]:
    """The metrics of which there are retracted results alone."""
    seen: dict[str, Observation] = {}
    for evaluation in found.evaluations.get(context.version.sequence, ()):
        measured_names = {series.metric.name for series in evaluation.results}
        for name in {name for name in absent if found.metrics.canonical(name) in measured_names}:
            seen[name] = Observation(Missing(f"What was measured of {name} was retracted."), (evaluation.id,))
    return seen
