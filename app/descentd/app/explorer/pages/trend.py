"""`/trend/REF?metric=`: one metric along the ancestry, as charts and as tables."""

from collections.abc import Mapping, Sequence
from typing import Final

from descentd.app.explorer.called import called, called_ref
from descentd.app.explorer.chart import Chart, Dot, chart
from descentd.app.explorer.numbers import Z95
from descentd.app.explorer.page import Asked, Page, View
from descentd.app.explorer.slices import slice_from, slice_text
from descentd.app.explorer.table import Cell, Column, Table, count_cell, estimate_cell
from descentd.app.explorer.vocabulary import alternatives
from descentd.graph.metrics import MetricDefinition
from descentd.graph.model.kinds import VERSION
from descentd.queries.erosion.report import Erosion, FindingReport, erosion
from descentd.queries.evaluation.evaluations import results_of
from descentd.queries.evaluation.labels import Labels
from descentd.queries.evaluation.lines import Line
from descentd.queries.evaluation.series import SeriesKey
from descentd.queries.evaluation.trend import Trend, trend
from descentd.queries.statistics.comparison import standard_errors

_CHARTS: Final = 12
"""Series that are drawn; all of them are in the table."""
_ROWS: Final = 100
"""Values that are shown in the table at once."""

Errors = Sequence[float | None]
"""The standard errors of the points of a line."""


async def _show(asked: Asked) -> View:
    registry, query = asked.registry, asked.query
    brief = await registry.find(asked.ref, asked.upto, field="of")
    metric = query.get("metric", "").strip()
    if not metric:
        measured = {key.metric.name for key in await results_of(registry, brief.sequence, asked.upto)}
        values = {"brief": brief, "metrics": sorted(measured)}
        return View(asked.words("trend.choose", of=called(brief)), values, template="trend-choose.html")
    slice = slice_from(query["slice"]) if query.get("slice") else None
    found = await trend(registry, asked.ref, metric, slice, query.get("since"), asked.as_of)
    eroded = await erosion(registry, asked.ref, query.get("since"), None, asked.as_of)
    labels = Labels(found.refs.__getitem__, lambda id: found.data[id].ref, [key for key, _ in found.lines])
    errors = [standard_errors(key.metric, [point.result for point in line.points]) for key, line in found.lines]
    worse = {key: _worse(eroded, key) for key, _ in found.lines}
    lines = zip(found.lines, errors, strict=True)
    drawn = sorted(lines, key=lambda one: not worse[one[0][0]])[:_CHARTS]  # what got worse is not left out
    series = [
        (_named(asked, key, labels), _chart(found, key, line, of_line, worse[key]), line, worse[key])
        for (key, line), of_line in drawn
    ]
    values = {
        "brief": brief,
        "metric": found.metric,
        "name": found.metric.name,
        "series": series,
        "left": max(0, len(found.lines) - _CHARTS),
        "slices": [slice_text(one) for one in found.slices],
        "slice": None if slice is None else slice_text(slice),
        "series_name": eroded.called.labels(eroded.assessment.series).series,
        "refs": {*found.refs.values(), *eroded.called.refs.values()},
    }
    title = asked.words("trend.title", metric=found.metric.name, of=called(brief))
    return View(title, values, [_points(asked, found, labels, errors, worse)])


def _named(asked: Asked, key: SeriesKey, labels: Labels) -> str:
    whom = ", ".join(f"{attribute.replace('_', ' ')} {value}" for attribute, value in key.slice)
    apart = labels.distinction(key)
    return " · ".join(part for part in (whom or asked.words("measured.everybody"), apart) if part)


def _chart(found: Trend, key: SeriesKey, line: Line, errors: Errors, worse: Sequence[FindingReport]) -> Chart:
    dots = []
    for point, error in zip(line.points, errors, strict=True):
        half = None if error is None else Z95 * error
        dots.append(Dot(point.distance, point.result.value, half, called_ref(found.refs[point.version])))
    places = {point.version: point.distance for point in line.points}
    spans = [
        (places[span.ancestor], places[span.descendant])
        for report in worse
        for span in report.finding.introduced_by
        if span.ancestor in places and span.descendant in places
    ]
    return chart(dots, _limits(key.metric, dots), key.metric.range, spans)


def _limits(metric: MetricDefinition, dots: list[Dot]) -> list[float]:
    """Where the tolerance ends, seen from where the line begins: on the side, or sides, that are worse."""
    if not dots or not metric.tolerance or metric.scale.value == "LOG":
        return []
    start, tolerance = dots[0].value, metric.tolerance
    match metric.direction.value:
        case "LOWER_IS_BETTER":
            return [start + tolerance]
        case "HIGHER_IS_BETTER":
            return [start - tolerance]
        case "TARGET" if metric.optimum is not None:
            away = abs(start - metric.optimum) + tolerance
            return [metric.optimum - away, metric.optimum + away]
        case _:
            return []


def _worse(eroded: Erosion, key: SeriesKey) -> list[FindingReport]:
    return [report for report in eroded.findings if report.finding.series == key and report.finding.erodes][:1]


def _came_in(asked: Asked, report: FindingReport) -> Mapping[int, str]:
    """What is said beside the versions at which a loss came in, or may have."""
    t = asked.words
    befores: dict[int, list[str]] = {}
    for span, names in zip(report.finding.introduced_by, report.introduced_by, strict=True):
        befores.setdefault(span.descendant, []).append(called_ref(names.start))
    said = {}
    for version, starts in befores.items():
        before = alternatives(starts)
        if report.finding.gradual:
            said[version] = t("trend.gradually", before=before)
        elif len(report.introduced_by) > 1:
            said[version] = t("trend.may_have", before=before)
        else:
            said[version] = t("trend.came_in", before=before)
    return said


def _points(
    asked: Asked,
    found: Trend,
    labels: Labels,
    errors: Sequence[Errors],
    worse: Mapping[SeriesKey, Sequence[FindingReport]],
) -> Table:
    """The values of all series, along the ancestry."""
    every = [
        (key, point, error)
        for (key, line), of_line in zip(found.lines, errors, strict=True)
        for point, error in zip(line.points, of_line, strict=True)
    ]
    names = {key: _named(asked, key, labels) for key, _ in found.lines}
    came_in = {key: _came_in(asked, report) for key, reports in worse.items() for report in reports}
    part = asked.part(every, _ROWS)
    rows = [
        (
            Cell(names[key]),
            Cell(
                called_ref(found.refs[point.version]),
                asked.to("record", found.refs[point.version]),
                note=came_in.get(key, {}).get(point.version, ""),
                value=found.refs[point.version],
            ),
            count_cell(point.distance),
            estimate_cell(point.result.value, error, key.metric.range),
            count_cell(point.result.n),
        )
        for key, point, error in part.items
    ]
    columns = [
        Column("group"),
        Column("version", says=True),
        Column("steps", number=True),
        Column("value", number=True, estimate=True),
        Column("items", number=True),
    ]
    return part.table("points", columns, rows)


PAGE = Page("trend", "/trend/{ref:path}", _show, takes=("metric", "slice", "since"), kinds=VERSION)
