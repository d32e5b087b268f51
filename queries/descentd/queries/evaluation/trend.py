"""The trend of a metric along a line of first parents: points, slope and trend of each comparable series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from descentd.graph.metrics import MetricDefinition
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import VERSION
from descentd.graph.model.names import text
from descentd.graph.model.records import Brief
from descentd.graph.turns import in_thread
from descentd.queries.evaluation.comparable import comparable
from descentd.queries.evaluation.composites import Slice
from descentd.queries.evaluation.definitions import definitions
from descentd.queries.evaluation.lines import Line, first_parents, lines
from descentd.queries.evaluation.series import ExcludedResults, SeriesKey
from descentd.queries.registry import Registry, about


@dataclass(frozen=True, slots=True)
class Trend:
    """A metric's lines, each with its series key; `refs` of every version on them; `data` by id.

    left_out: results on the line that do not count; slices: all that the metric was measured in there.
    """

    metric: MetricDefinition
    lines: Sequence[tuple[SeriesKey, Line]]
    left_out: Sequence[ExcludedResults]
    slices: Sequence[Slice]
    refs: Mapping[int, str]
    data: Mapping[str, Brief]
    upto: int


async def trend(
    registry: Registry, ref: str, metric: str, slice: Slice | None, since: str | None, as_of: str | None = None
) -> Trend:
    """A metric along first parents, in every slice where none is given.

    Raises NotFound, UnknownMetric, and InvalidInput where `since` is no ancestor.
    """
    upto = await registry.sequence(as_of, [ref])
    of = await registry.find(ref, upto, VERSION, "of")
    start = None if since is None else (await registry.find(since, upto, VERSION, "since")).sequence
    definition = (await definitions(registry, upto)).find(metric, "metric")
    along = await comparable(registry, [of.sequence], upto, kept=() if start is None else (start,))
    line = set(first_parents(of.sequence, along.parents, start))
    measured = [
        one
        for one in along.series
        if SeriesKey(definition, one.key.protocol, one.key.slice, one.key.parts) == one.key
        and not line.isdisjoint([*one.results, *one.left_out, *one.retracted])
    ]
    asked = [one for one in measured if slice is None or _is_sliced(one.key, slice)]
    left_out = [
        ExcludedResults(one.key, tuple(sorted(one.left_out & line)), tuple(sorted(one.retracted & line)))
        for one in asked
        if not line.isdisjoint(one.left_out | one.retracted)
    ]
    drawn = await in_thread(lines, of.sequence, along.parents, asked, since=start, passed=along.lineage.passed)
    found = [(one.key, line) for one, line in zip(asked, drawn, strict=True) if line.points]
    points = {point.version for _, line in found for point in line.points}
    versions = sorted(points.union(*(one.contaminated + one.retracted for one in left_out)))
    refs = {brief.sequence: brief.ref for brief in await registry.store.briefs(versions)}
    data = await registry.store.resolve({one.key.protocol.data for one in asked if one.key.protocol.data})
    slices = list(dict.fromkeys(one.key.slice for one in measured))
    return Trend(definition, found, left_out, slices, refs, data, upto)


def _is_sliced(key: SeriesKey, slice: Slice) -> bool:
    """Whether a series is of this slice, whatever its case."""
    return SeriesKey(key.metric, key.protocol, slice, key.parts) == key


def slice_given(terms: Sequence[tuple[str, str]]) -> Slice:
    """A slice as a client gave it, in its normal form; raises InvalidInput where an attribute is given twice."""
    normal: dict[str, str] = {}
    for i, (attribute, value) in enumerate(terms):
        with about(f"slice[{i}].attribute"):
            name = text(attribute, "attribute")
        with about(f"slice[{i}].value"):
            exact = text(value, "value")
        if name in normal:
            raise InvalidInput(f"The attribute {repr(name)} is given twice: give it once.", f"slice[{i}].attribute")
        normal[name] = exact
    return tuple(sorted(normal.items()))
