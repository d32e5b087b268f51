"""Several results of one version in one series as one, so that asking again cannot choose the answer.

Repeated runs ask the same items, so more runs are no more evidence: the standard error is the smallest of theirs.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricScale
from descentd.queries.statistics.comparison import Pair, Result

MONITORED: Final = (MetricCategory.DRIFT, MetricCategory.LATENCY)
"""Categories that are measured again because time passes: there the newest result stands."""


def poolable(definition: MetricDefinition, results: Sequence[Result]) -> list[int]:
    """Which of some results count, by place, given the newest last: those with errors, or the newest one alone."""
    last = [len(results) - 1] if results else []
    if definition.category in MONITORED:
        return last
    known = [place for place, one in enumerate(results) if _is_known(definition, one)]
    return known or last


def pool(definition: MetricDefinition, results: Sequence[Result]) -> Result:
    """One result for several of the same version, given the newest last.

    value: their mean, weighted by n where all have it, otherwise by 1/s²; of ratios, the mean of the logarithms.
    stderr: the smallest of theirs; n: the largest. Results without an error are left out where others have one, and
    where none has, and for DRIFT and LATENCY, the newest stands.
    """
    places = poolable(definition, results)
    chosen = [results[place] for place in places]
    if len(chosen) == 1:
        return chosen[0] if places[0] == len(results) - 1 else replace(chosen[0], newest=results[-1].value)
    errors = [one.error(definition) or math.inf for one in chosen]
    log = definition.scale is MetricScale.LOG
    values = [math.log(one.value) if log else one.value for one in chosen]
    spreads = [error / one.value if log else error for error, one in zip(errors, chosen, strict=True)]
    sizes = [one.n for one in chosen if one.n]
    weights = [float(n) for n in sizes] if len(sizes) == len(chosen) else [spread**-2.0 for spread in spreads]
    mean = sum(weight * value for weight, value in zip(weights, values, strict=True)) / sum(weights)
    value = float(f"{math.exp(mean) if log else mean:.12g}")
    least = min(spreads) * value if log else min(spreads)
    n = max(sizes, default=None)
    surest = chosen[spreads.index(min(spreads))]
    counted = not any(one.stderr for one in chosen)  # by their number of items alone, as only rates can be
    return Result(
        value,
        (None if any(one.stderr is None for one in chosen) else 0.0) if counted else least,
        n,
        clusters=surest.clusters,
        pairs=_pairs(chosen),
        pooled=least if counted else None,
        runs=len(chosen),
        newest=results[-1].value,
    )


def _is_known(definition: MetricDefinition, result: Result) -> bool:
    """Whether its error is known, and where that has to be a ratio's, its logarithm."""
    return result.error(definition) is not None and (definition.scale is not MetricScale.LOG or result.value > 0)


def _pairs(results: Sequence[Result]) -> tuple[Pair, ...]:
    """Of each other version the newest pair."""
    newest = {pair.subject: pair for one in results for pair in one.pairs}
    return tuple(newest.values())
