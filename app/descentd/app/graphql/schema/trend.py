"""Trends: a metric along the first parents of a version."""

from typing import Annotated, Any, Final

import strawberry
from strawberry.types import Info

from descentd.app.graphql.context import context
from descentd.app.graphql.schema.arguments import AsOf, Of
from descentd.app.graphql.schema.enums import MetricCategory, MetricDirection
from descentd.app.graphql.schema.erosion import LeftOut, Since, left_out, people
from descentd.app.graphql.schema.evaluations import Suite, suite_of
from descentd.app.graphql.schema.inputs import made
from descentd.app.graphql.schema.records import Record, node
from descentd.app.graphql.schema.scalars import Count, Ref
from descentd.app.graphql.schema.statements import Attribute
from descentd.graph.inputs.base import AttributeInput
from descentd.queries.evaluation import trend
from descentd.queries.evaluation.lines import Line
from descentd.queries.evaluation.series import SeriesKey

SliceTerm: Final[Any] = made(AttributeInput)


@strawberry.type(description="What a metric means in this registry.")
class Metric:
    """Metric."""

    name: str = strawberry.field(description="Its name.")
    category: MetricCategory = strawberry.field(description="Its category.")
    direction: MetricDirection = strawberry.field(description="Whether lower or higher values are better, or a target.")
    optimum: float | None = strawberry.field(description="The best value, if the direction is TARGET.")
    unit: str = strawberry.field(description="Its unit in UCUM; `1` if it has none.")
    tolerance: float = strawberry.field(description="The largest change that is tolerated, in the unit.")


@strawberry.type(description="A version of the line and its result.")
class TrendPoint:
    """Point."""

    ref: Ref = strawberry.field(description="The version.")
    distance: int = strawberry.field(description="The number of derivations from the beginning of the line.")
    value: float = strawberry.field(description="The value, in the unit of the metric; several results are pooled.")
    newest: float = strawberry.field(description="The newest of its results that were not retracted.")
    runs: Count = strawberry.field(description="The number of pooled results.")
    stderr: float | None = strawberry.field(
        description="The standard error: as reported, or for a rate from n; null where none is known."
    )
    n: Count | None = strawberry.field(description="The number of items that were evaluated.")
    badness: float | None = strawberry.field(
        description="The badness: larger is worse, whatever the direction; null if no value is better than another."
    )


@strawberry.type(description="The first or last point of a change.")
class TrendEnd:
    """End."""

    ref: Ref = strawberry.field(description="The version.")
    value: float = strawberry.field(description="The value, in the unit of the metric.")


@strawberry.type(description="The change from the first point of a series to the last.")
class TrendChange:
    """Change."""

    from_: TrendEnd = strawberry.field(name="from", description="The first point.")
    to: TrendEnd = strawberry.field(description="The last point.")
    delta: float = strawberry.field(description="The change in badness: above 0 is worse.")
    z: float | None = strawberry.field(
        description="The standardised change; above 0 is worse; null if no standard error is known."
    )
    p: float | None = strawberry.field(description="The two-sided p-value; null if no standard error is known.")


@strawberry.type(description="Comparable results: one protocol and one slice.")
class TrendSeries:
    """Series."""

    suite: Suite = strawberry.field(description="The protocol.")
    data: Record | None = strawberry.field(description="The data of the evaluation; null if it was not recorded.")
    slice: list[Attribute] = strawberry.field(
        description="The slice: the people or items that the results are about; empty: all."
    )
    points: list[TrendPoint] = strawberry.field(description="The points along first parents, root first.")
    slope: float | None = strawberry.field(
        description="The slope of Theil and Sen, in badness per derivation; null if there are fewer than two points."
    )
    trend_p: float | None = strawberry.field(
        description="The two-sided p-value of the Mann-Kendall test; null if there are fewer than two points."
    )
    change: TrendChange | None = strawberry.field(
        description="The change from the first point to the last; null if there are fewer than two points."
    )


@strawberry.type(description="A slice that was measured.")
class TrendSlice:
    """Slice."""

    slice: list[Attribute] = strawberry.field(
        description="The slice: the people or items that the results are about; empty: all."
    )


@strawberry.type(description="A metric along the first parents of a version.")
class Trend:
    """Trend."""

    metric: Metric = strawberry.field(description="The definition of the metric.")
    series: list[TrendSeries] = strawberry.field(
        description="One for each protocol and slice; different ones are never compared."
    )
    left_out: list[LeftOut] = strawberry.field(
        description="Results on this line that do not count, because they are contaminated or retracted."
    )
    slices: list[TrendSlice] = strawberry.field(
        description="Every slice in which the metric was measured on this line, also those that were not asked for."
    )


def _series(found: trend.Trend, key: SeriesKey, line: Line) -> TrendSeries:
    return TrendSeries(
        suite=suite_of(key.protocol),
        data=node(found.data[key.protocol.data], found.upto) if key.protocol.data else None,
        slice=people(key.slice),
        points=[
            TrendPoint(
                ref=Ref(found.refs[point.version]),
                distance=point.distance,
                value=point.result.value,
                newest=point.result.latest,
                runs=Count(point.result.runs),
                stderr=point.result.error(found.metric),
                n=None if point.result.n is None else Count(point.result.n),
                badness=point.badness,
            )
            for point in line.points
        ],
        slope=line.slope,
        trend_p=line.p,
        change=_change(found, line),
    )


def _change(found: trend.Trend, line: Line) -> TrendChange | None:
    if line.change is None:
        return None
    first, last = line.points[0], line.points[-1]
    return TrendChange(
        from_=TrendEnd(ref=Ref(found.refs[first.version]), value=first.result.value),
        to=TrendEnd(ref=Ref(found.refs[last.version]), value=last.result.value),
        delta=line.change.delta,
        z=line.change.z,
        p=line.change.p,
    )


@strawberry.type
class TrendQuery:
    """Questions about trends."""

    @strawberry.field(
        description="A metric along a version's first parents, with a series for each protocol and slice."
    )
    async def trend(
        self,
        info: Info,
        of: Of,
        metric: Annotated[str, strawberry.argument(description="The metric's name.")],
        slice: Annotated[
            list[SliceTerm] | None,
            strawberry.argument(description="Only this slice; every slice by default; [] means all people or items."),
        ] = None,
        since: Since = None,
        as_of: AsOf = None,
    ) -> Trend | None:
        wanted = None if slice is None else trend.slice_given([(term.attribute, term.value) for term in slice])
        found = await trend.trend(context(info).registry, of, metric, wanted, since, as_of)
        context(info).answered_at(found.upto, as_of)
        definition = found.metric
        return Trend(
            metric=Metric(
                name=definition.name,
                category=definition.category,
                direction=definition.direction,
                optimum=definition.optimum,
                unit=definition.unit,
                tolerance=definition.tolerance,
            ),
            series=[_series(found, key, line) for key, line in found.lines],
            left_out=left_out(found.left_out, found.refs, found.data, found.upto),
            slices=[TrendSlice(slice=people(one)) for one in found.slices],
        )
