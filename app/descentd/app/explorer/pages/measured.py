"""What a version was measured to be, by group, beside the version that it came from and beside what serves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.app.explorer.called import called_beside
from descentd.app.explorer.numbers import change, exact
from descentd.app.explorer.page import Asked
from descentd.app.explorer.table import Cell, Column, Table, estimate_cell, repeated
from descentd.graph.metrics import MetricDefinition, MetricDirection, MetricScale
from descentd.graph.model import clock
from descentd.graph.model.records import Brief
from descentd.queries.difference.metric_rows import Comparability, Row, rows
from descentd.queries.evaluation.comparable import Comparable, comparable
from descentd.queries.evaluation.labels import Labels, look_up_labels
from descentd.queries.evaluation.lines import first_parents
from descentd.queries.evaluation.series import SeriesKey
from descentd.queries.production.deployments import serving
from descentd.queries.statistics.comparison import Result

_VERDICTS: Final = {
    Comparability.BETTER: "good",
    Comparability.WORSE: "bad",
    Comparability.SAME: "soft",
    Comparability.INCOMPARABLE: "open",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """The tables of what was measured, with what their metrics mean; base and serving: what they are compared with."""

    tables: Sequence[Table]
    metrics: Sequence[MetricDefinition]
    base: Brief | None
    serving: Brief | None
    count: int


async def measured_tables(asked: Asked, version: Brief, parents: Sequence[Brief]) -> Measured:
    """The numbers of a version against the nearest measured version of its first parents, and against what serves."""
    registry = asked.registry
    serves = await _serving(asked, version)
    heads = [version.sequence, *([serves.sequence] if serves else [])]
    along = await comparable(registry, heads, asked.upto)
    held = {number for one in along.series for number in (*one.results, *one.left_out)}
    line = first_parents(version.sequence, along.parents, None)
    nearest = next((number for number in reversed(line) if number != version.sequence and number in held), None)
    base = (await registry.store.briefs([nearest]))[0] if nearest is not None else (parents[0] if parents else None)
    if serves is not None and base is not None and serves.sequence == base.sequence:
        serves = None
    shown = [one.sequence for one in (version, base, serves) if one is not None]
    called_ = await look_up_labels(registry, shown, [one.key for one in along.series], asked.upto)
    labels = called_.labels([one.key for one in along.series])
    against = rows(along.series, base.sequence if base else version.sequence, version.sequence, (), labels)
    beside = rows(along.series, serves.sequence, version.sequence, (), labels) if serves else []
    found = sorted(against, key=_order)
    by_series = {_place(row): row for row in beside}
    data = {id: brief.ref for id, brief in called_.data.items()}
    tables = [
        _numbers(asked, version, base, serves, found, by_series, data, labels),
        _statistics(asked, found, labels),
    ]
    metrics = list({row.metric.name: row.metric for row in found}.values())
    return Measured(tables, metrics, base, serves, _count(along, version))


def _order(row: Row) -> tuple[bool, str, str, bool, tuple[tuple[str, str], ...]]:
    """Safety first, each metric by protocol, everybody before the groups."""
    key = row.after or row.before
    protocol = "" if key is None else f"{key.protocol.suite} {key.protocol.version} {key.protocol.data}"
    return not row.metric.is_safety, row.metric.name, protocol, bool(row.slice), row.slice


def _place(row: Row) -> SeriesKey | None:
    return row.after


def _count(along: Comparable, version: Brief) -> int:
    return sum(version.sequence in (one.results.keys() | one.left_out | one.retracted) for one in along.series)


async def _serving(asked: Asked, version: Brief) -> Brief | None:
    """What serves of the same model, the latest deployed where several do."""
    moment = clock.now() if asked.moment is None else asked.moment
    there = sorted(await serving(asked.registry, None, None, moment, asked.upto), key=lambda one: -one.since)
    briefs = await asked.registry.store.resolve({one.version for one in there}) if there else {}
    name = version.ref.rpartition("@")[0]
    same = (briefs[one.version] for one in there if one.version in briefs)
    return next((one for one in same if one.ref.rpartition("@")[0] == name and one != version), None)


def _numbers(
    asked: Asked,
    version: Brief,
    base: Brief | None,
    serves: Brief | None,
    found: Sequence[Row],
    beside: Mapping[SeriesKey | None, Row],
    data: Mapping[str, str],
    labels: Labels,
) -> Table:
    columns = [Column("metric", says=True), Column("group", says=True)]
    if base is not None:
        columns.append(Column("before", number=True, heading=called_beside(base.ref, version.ref), estimate=True))
    columns.append(Column("now", number=True, heading=called_beside(version.ref, version.ref), estimate=True))
    if base is not None:
        columns.append(Column("change", says=True))
    if serves is not None:
        columns += [
            Column("serving", number=True, heading=called_beside(serves.ref, version.ref), estimate=True),
            Column("change_serving", says=True),
        ]
    names = [f"{row.metric.name} {_protocol(row, data)}" for row in found]
    table = []
    for row, again in zip(found, repeated(names), strict=True):
        cells = [
            _metric(asked, version, row, data, again=again),
            Cell(group_of(asked, row), note=told_apart(row, labels)),
        ]
        if base is not None:
            cells.append(value_cell(asked, row.base, row.metric))
        cells.append(value_cell(asked, row.head, row.metric))
        if base is not None:
            cells.append(verdict_cell(asked, row))
        if serves is not None:
            other = beside.get(_place(row))
            cells += (
                [value_cell(asked, other.base, row.metric), verdict_cell(asked, other)] if other else [Cell(), Cell()]
            )
        table.append(cells)
    return Table("measured", columns, table)


def _metric(asked: Asked, version: Brief, row: Row, data: Mapping[str, str], *, again: bool) -> Cell:
    t = asked.words
    direction = t(f"direction.{row.metric.direction}", optimum=f"{row.metric.optimum or 0:.4g}")
    # On a page the row above says it; a row of CSV stands alone.
    note = "" if again and asked.query.get("format") != "csv" else f"{direction}; {_protocol(row, data)}"
    to = asked.to("trend", version.ref, metric=row.metric.name)
    return Cell(row.metric.name, to, note=note, repeated=again)


def _protocol(row: Row, data: Mapping[str, str]) -> str:
    key = row.after or row.before
    if key is None:
        return ""
    on = "" if key.protocol.data is None else f" on {data[key.protocol.data].removeprefix('dataset:')}"
    return f"{key.protocol.suite} {key.protocol.version}{on}"


def told_apart(row: Row, labels: Labels) -> str:
    """What tells a row from others of its metric and group: suite, version, settings or data; empty where nothing."""
    key = row.after or row.before
    return "" if key is None else labels.distinction(key)


def group_of(asked: Asked, row: Row) -> str:
    """For whom a result is, in words."""
    if not row.slice:
        return asked.words("measured.everybody")
    return ", ".join(f"{attribute.replace('_', ' ')} {value}" for attribute, value in row.slice)


def value_cell(asked: Asked, result: Result | None, metric: MetricDefinition) -> Cell:
    """A result with its interval, or that there is none."""
    if result is None:
        return Cell(asked.words("measured.not"), tone="soft", value="")
    return estimate_cell(result.value, result.error(metric), metric.range)


def verdict_cell(asked: Asked, row: Row) -> Cell:
    """Whether it got better or worse, and by how much."""
    t = asked.words
    if row.metric.direction is MetricDirection.NONE and row.delta is not None:
        return Cell(
            change(row.delta, None if row.head is None else row.head.error(row.metric)),
            tone="soft",
            value=exact(row.delta),
        )
    chip = t(f"comparability.{row.verdict}")
    if row.delta is None:
        return Cell(tone=_VERDICTS[row.verdict], chip=chip, note=row.reason or "", value="")
    if row.verdict is Comparability.SAME:
        return Cell(tone=_VERDICTS[row.verdict], chip=chip, value=exact(row.delta))
    error = None if row.head is None else row.head.error(row.metric)
    return Cell(change(row.delta, error), tone=_VERDICTS[row.verdict], chip=chip, value=exact(row.delta))


def _detectable(row: Row) -> str:
    """The change that would usually have been seen: of a ratio, which is judged on its logarithm, as a factor."""
    if row.detectable is None:
        return ""
    if row.metric.scale is MetricScale.LOG:
        return f"× {math.exp(row.detectable):.3g}"
    return f"{row.detectable:.2g}"


def _exactly(chance: float | None) -> Cell:
    return Cell() if chance is None else Cell(f"{chance:.2g}", value=exact(chance))


def _statistics(asked: Asked, found: Sequence[Row], labels: Labels) -> Table:
    """How it is known: what was tested, and what would have been seen."""
    columns = [
        Column("metric"),
        Column("group", says=True),
        Column("change", number=True),
        Column("p", number=True),
        Column("q", number=True),
        Column("detectable", number=True),
        Column("reason"),
    ]
    rows = [
        (
            Cell(row.metric.name),
            Cell(group_of(asked, row), note=told_apart(row, labels)),
            Cell(change(row.delta, None), value=exact(row.delta)),
            _exactly(row.p),
            _exactly(row.q),
            Cell(_detectable(row)),
            Cell(row.reason or ""),
        )
        for row in found
        if row.delta is not None
    ]
    return Table("statistics", columns, rows)
