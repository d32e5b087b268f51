"""`/diff/BASE?head=`: two versions side by side, the summary first, groups before everything else."""

import json
from collections.abc import Sequence
from typing import Any, Final

from descentd.app.explorer.called import called, called_ref, short
from descentd.app.explorer.page import Asked, Page, View
from descentd.app.explorer.pages.measured import group_of, metric_words, settings_apart, value_cell, verdict_cell
from descentd.app.explorer.table import Cell, Column, Table, repeated
from descentd.graph.model.names import DIGEST
from descentd.queries.difference.diff import Diff, diff
from descentd.queries.difference.diff_summary import sentences
from descentd.queries.difference.metric_rows import Row

_LONGEST: Final = 300


async def _show(asked: Asked) -> View:
    base = await asked.registry.find(asked.ref, asked.upto, field="base")
    head = asked.query.get("head", "").strip()
    if not head:
        return View(asked.words("diff.choose", base=called(base)), {"base": base}, template="diff-choose.html")
    attributes = [part for part in (asked.query.get("attribute") or "").split(",") if part.strip()]
    found = await diff(asked.registry, base.ref, head, attributes or None, asked.as_of)
    tables = [_metrics(asked, found), _populations(asked, found), _changes(asked, found)]
    values = {
        "base": base,
        "head": found.head,
        "diff": found,
        "summary": sentences(found),
        "refs": {found.base, found.head},
    }
    title = asked.words("diff.title", base=called_ref(found.base), head=called_ref(found.head))
    return View(title, values, tables)


def _metrics(asked: Asked, found: Diff) -> Table:
    order = sorted(found.metrics, key=_order)
    columns = [
        Column("group"),
        Column("metric"),
        Column("before", number=True, heading=called_ref(found.base)),
        Column("now", number=True, heading=called_ref(found.head)),
        Column("change"),
    ]
    groups = [group_of(asked, row) for row in order]
    rows = [
        (
            Cell(group, repeated=again),
            Cell(metric_words(row.metric), note=_note(asked, row, order)),
            value_cell(asked, row.base, row.metric),
            value_cell(asked, row.head, row.metric),
            verdict_cell(asked, row),
        )
        for row, group, again in zip(order, groups, repeated(groups), strict=True)
    ]
    return Table("metrics", columns, rows)


def _order(row: Row) -> tuple[Any, ...]:
    """Groups first, everybody last; within a group safety first, and what can be compared."""
    return not row.slice, row.slice, *row.gravity[:1], row.metric.name


def _note(asked: Asked, row: Row, among: Sequence[Row]) -> str:
    """Which direction is better, and what tells the row from others of its metric and group."""
    direction = str(asked.words(f"direction.{row.metric.direction}", optimum=f"{row.metric.optimum or 0:.4g}"))
    key = row.after or row.before
    apart = "" if key is None else settings_apart(key, [one.after or one.before for one in among])
    return f"{direction}; {apart}" if apart else direction


def _populations(asked: Asked, found: Diff) -> Table:
    def share(value: float | None) -> Cell:
        return Cell(asked.words("diff.not_known"), tone="soft") if value is None else Cell(f"{value:.1%}")

    columns = [
        Column("attribute"),
        Column("value"),
        Column("before", number=True, heading=called_ref(found.base)),
        Column("now", number=True, heading=called_ref(found.head)),
    ]
    rows = [(Cell(one.attribute), Cell(one.value), share(one.base), share(one.head)) for one in found.populations]
    return Table("populations", columns, rows)


def _changes(asked: Asked, found: Diff) -> Table:
    areas = [str(asked.words(f"area.{one.area}")) for one in found.changes]
    columns = [
        Column("area"),
        Column("what"),
        Column("before", heading=called_ref(found.base)),
        Column("now", heading=called_ref(found.head)),
    ]
    rows = [
        (Cell(area, repeated=again), Cell(one.field), Cell(_json(asked, one.before)), Cell(_json(asked, one.after)))
        for one, area, again in zip(found.changes, areas, repeated(areas), strict=True)
    ]
    return Table("changes", columns, rows)


def _json(asked: Asked, value: Any) -> str:
    """A value as it is shown: on the page the ends of a digest and the beginning of what is long, in CSV all of it."""
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if asked.query.get("format") == "csv":
        return text
    if DIGEST.fullmatch(text):
        return short(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


PAGE = Page("diff", "/diff/{ref:path}", _show)
