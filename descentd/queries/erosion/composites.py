"""Metrics that are made of others: the worst of several, and the largest disparity over slices."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping

from descentd.graph.metrics import MetricDefinition
from descentd.queries.erosion.results import Result

Slice = tuple[tuple[str, str], ...]
"""Attribute and value of each term, in the order of the attributes; () is everybody."""
Results = Mapping[tuple[str, Slice], Result]
Definitions = Mapping[str, MetricDefinition]


def with_composites(measured: Results, definitions: Definitions) -> dict[tuple[str, Slice], Result]:
    """Add to an evaluation's results, by metric and slice, those that follow from them; what was reported wins.

    definitions: of every metric measured and of every composite that may follow. A worst-of takes n and standard error
    of the worst one, by its own direction; a disparity is the largest minus the smallest value over the attribute's
    slices, with the standard error √(s_max² + s_min²).
    """
    results = dict(measured)
    for definition in _parts_first(definitions):
        found = _worst(results, definition, definitions) if definition.worst_of else {}
        found |= _disparities(results, definition, definitions) if definition.disparity_of else {}
        for slice_, result in found.items():
            results.setdefault((definition.name, slice_), result)
    return results


def _parts_first(definitions: Definitions) -> Iterator[MetricDefinition]:
    """The composites, each after those that it is made of; of a circle, whichever comes first."""
    waiting = {name: one for name, one in definitions.items() if one.worst_of or one.disparity_of}
    while waiting:
        ready = [one for one in waiting.values() if not any(part in waiting for part in _parts(one))]
        for one in ready or [next(iter(waiting.values()))]:
            del waiting[one.name]
            yield one


def _parts(definition: MetricDefinition) -> set[str]:
    return {*definition.worst_of, *filter(None, [definition.disparity_of])} - {definition.name}


def _worst(results: Results, definition: MetricDefinition, definitions: Definitions) -> dict[Slice, Result]:
    found: dict[Slice, tuple[float, Result]] = {}
    for (name, slice_), result in results.items():
        badness = definition.badness(result.value) if name in definition.worst_of else None
        if badness is not None and (slice_ not in found or badness > found[slice_][0]):
            part = definitions.get(name)
            counted = definition.is_rate or part is None
            found[slice_] = badness, result if counted or part is None else _with_error(result, part)
    return {slice_: result for slice_, (_, result) in found.items()}


def _with_error(result: Result, part: MetricDefinition) -> Result:
    """The result with the standard error that its own metric gives it."""
    return Result(result.value, result.error(part), result.n)


def _disparities(results: Results, definition: MetricDefinition, definitions: Definitions) -> dict[Slice, Result]:
    over, of = definition.disparity_over, definition.disparity_of
    groups: dict[Slice, list[Result]] = defaultdict(list)
    for (name, slice_), result in results.items():
        if name == of and any(attribute == over for attribute, _ in slice_):
            groups[tuple(term for term in slice_ if term[0] != over)].append(result)
    part = definitions.get(of or "")
    return {
        rest: _difference(max(group, key=_value), min(group, key=_value), part)
        for rest, group in groups.items()
        if len(group) > 1
    }


def _value(result: Result) -> float:
    return result.value


def _difference(largest: Result, smallest: Result, part: MetricDefinition | None) -> Result:
    errors = [one.error(part) if part else one.stderr or None for one in (largest, smallest)]
    known = [error for error in errors if error is not None]
    return Result(
        round(largest.value - smallest.value, 12), math.hypot(*known) if len(known) == len(errors) else None, None
    )
