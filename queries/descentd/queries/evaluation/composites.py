"""Composite metrics, which are computed from others: the worst of several, and the largest disparity over slices."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from descentd.graph.metrics import MetricDefinition
from descentd.queries.statistics.comparison import Group, Result

Slice = tuple[tuple[str, str], ...]
"""Attribute and value of each term, in the order of the attributes; () is everybody."""
Results = Mapping[tuple[str, Slice], Result]
ByName = Mapping[str, MetricDefinition]


def with_composites(measured: Results, definitions: ByName) -> dict[tuple[str, Slice], Result]:
    """Add to an evaluation's results, by metric and slice, those that follow from them; what was reported wins.

    definitions: of every metric measured and of every composite that may follow. A worst-of takes n and standard error
    of the worst one, by its own direction; a disparity is the largest minus the smallest value over the attribute's
    slices, with the standard error √(s_max² + s_min²) for display, and the groups to compare by. Which parts, or
    groups, there were is noted: the worst of fewer is no improvement.
    """
    results = dict(measured)
    for definition in _parts_first(definitions):
        found = _worst(results, definition, definitions) if definition.worst_of else {}
        found |= _disparities(results, definition, definitions) if definition.disparity_of else {}
        for slice_, result in found.items():
            results.setdefault((definition.name, slice_), result)
    return results


def _parts_first(definitions: ByName) -> Iterator[MetricDefinition]:
    """The composites, each after those that it is made of; of a circle, whichever comes first."""
    waiting = {name: one for name, one in definitions.items() if one.parts}
    while waiting:
        ready = [one for one in waiting.values() if waiting.keys().isdisjoint({*one.parts} - {one.name})]
        for one in ready or [next(iter(waiting.values()))]:
            del waiting[one.name]
            yield one


def _worst(results: Results, definition: MetricDefinition, definitions: ByName) -> dict[Slice, Result]:
    found: defaultdict[Slice, dict[str, Result]] = defaultdict(dict)
    for (name, slice_), result in results.items():
        if name in definition.worst_of and definition.badness(result.value) is not None:
            found[slice_][name] = result
    return {slice_: _worst_of(parts, definition, definitions) for slice_, parts in found.items()}


def _worst_of(measured: Mapping[str, Result], definition: MetricDefinition, definitions: ByName) -> Result:
    name, worst = max(measured.items(), key=lambda item: definition.badness(item[1].value) or 0.0)
    part = None if definition.is_rate else definitions.get(name)
    lacking = {part for one in measured.values() for part in one.lacking}.union(definition.worst_of) - measured.keys()
    return Result(
        worst.value,
        worst.error(part) if part else worst.stderr,
        worst.n,
        tuple(sorted(measured if lacking else {each for one in measured.values() for each in one.parts})),
        tuple(sorted(lacking)),
    )


def _disparities(results: Results, definition: MetricDefinition, definitions: ByName) -> dict[Slice, Result]:
    over, of = definition.disparity_over, definition.disparity_of
    groups: defaultdict[Slice, dict[str, Result]] = defaultdict(dict)
    for (name, slice_), result in results.items():
        if name == of and over in dict(slice_):
            groups[tuple(term for term in slice_ if term[0] != over)][dict(slice_)[over]] = result
    part = definitions.get(of or "")
    return {
        rest: replace(
            _difference(max(group.values(), key=_value), min(group.values(), key=_value), part),
            parts=tuple(sorted(group)),
            groups=tuple(_group(name, group[name], part) for name in sorted(group)),
        )
        for rest, group in groups.items()
        if len(group) > 1
    }


def _group(name: str, result: Result, part: MetricDefinition | None) -> Group:
    return Group(name, result.value, result.stderr, result.n, part is not None and part.is_rate)


def _value(result: Result) -> float:
    return result.value


def _difference(largest: Result, smallest: Result, part: MetricDefinition | None) -> Result:
    errors = [one.error(part) if part else one.stderr or None for one in (largest, smallest)]
    known = [error for error in errors if error is not None]
    return Result(
        round(largest.value - smallest.value, 12), math.hypot(*known) if len(known) == len(errors) else None, None
    )
