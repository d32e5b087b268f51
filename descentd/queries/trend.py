"""One metric along one line of descent: its points, slope and trend in each series that may be compared."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from descentd.graph.errors import InvalidInput
from descentd.graph.metrics import MetricDefinition
from descentd.graph.names import text
from descentd.graph.records import Brief
from descentd.queries.comparable import comparable
from descentd.queries.erosion.composites import Slice
from descentd.queries.erosion.lines import Line, lines
from descentd.queries.erosion.series import Protocol
from descentd.queries.evaluations import VERSION
from descentd.queries.registry import Registry, about


@dataclass(frozen=True, slots=True)
class Trend:
    """A metric's lines, each with its protocol; `refs` of every version on them; `data` by id."""

    metric: MetricDefinition
    lines: Sequence[tuple[Protocol, Line]]
    refs: Mapping[int, str]
    data: Mapping[str, Brief]
    upto: int


async def trend(
    registry: Registry, ref: str, metric: str, slice: Slice | None, since: str | None, as_of: str | None = None
) -> Trend:
    """A metric along first parents, in every slice where none is given.

    Raises NotFound, UnknownMetric, and InvalidInput where `since` is no ancestor.
    """
    upto = await registry.sequence(as_of)
    of = await registry.find(ref, upto, VERSION, "of")
    start = None if since is None else (await registry.find(since, upto, VERSION, "since")).sequence
    definition = (await registry.definitions.read(registry.store, registry.walk, upto)).find(metric, "metric")
    along = await comparable(registry, [of.sequence], upto)
    asked = [
        one
        for one in along.series
        if one.protocol.metric.name == definition.name and slice in (None, one.protocol.slice)
    ]
    drawn = await asyncio.to_thread(lines, of.sequence, along.parents, asked, since=start)
    found = [(one.protocol, line) for one, line in zip(asked, drawn, strict=True) if line.points]
    versions = sorted({point.version for _, line in found for point in line.points})
    refs = {brief.sequence: brief.ref for brief in await registry.store.briefs(versions)}
    data = await registry.store.resolve({protocol.data for protocol, _ in found if protocol.data})
    return Trend(definition, found, refs, data, upto)


def slice_given(terms: Sequence[tuple[str, str]]) -> Slice:
    """A slice as a client gave it, in its normal form; raises InvalidInput where an attribute is given twice."""
    normal: dict[str, str] = {}
    for i, (attribute, value) in enumerate(terms):
        with about(f"slice[{i}].attribute"):
            name = text(attribute, "attribute")
        with about(f"slice[{i}].value"):
            exact = text(value, "value")
        if name in normal:
            raise InvalidInput(f"The attribute {ascii(name)} is given twice: give it once.", f"slice[{i}].attribute")
        normal[name] = exact
    return tuple(sorted(normal.items()))
