"""`/diff/BASE?head=`: two versions side by side, the summary first, groups before everything else."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from descentd.app.explorer.called import called, called_ref, short
from descentd.app.explorer.numbers import exact
from descentd.app.explorer.page import Asked, Page, View
from descentd.app.explorer.pages.between import losses_between
from descentd.app.explorer.pages.measured import group_of, told_apart, value_cell, verdict_cell
from descentd.app.explorer.table import Cell, Column, Table, repeated
from descentd.graph.model.kinds import VERSION
from descentd.graph.model.names import DIGEST
from descentd.graph.model.records import Brief
from descentd.queries.difference.diff import Diff, diff
from descentd.queries.difference.diff_summary import sentences
from descentd.queries.difference.metric_rows import Row
from descentd.queries.evaluation.labels import Labels
from descentd.queries.lineage.builds import Change, ChangeArea
from descentd.queries.overview.version_status import is_assessed

_LONGEST: Final = 300
_OTHERS: Final = 20
"""Versions of the same model that are offered to compare with."""
_PART: Final = re.compile(r"([^.\[]*)(?:\[(\d+)\])?\.?(.*)", re.DOTALL)
"""A dotted field: the name of its first part, the number in a list, and the rest."""
_OF_RECORDS: Final = (ChangeArea.PARENT, ChangeArea.DATA)


async def _show(asked: Asked) -> View:
    base = await asked.registry.find(asked.ref, asked.upto, field="base")
    head = asked.query.get("head", "").strip()
    if not head:
        values = {"base": base, "others": await _others(asked, base)}
        return View(asked.words("diff.choose", base=called(base)), values, template="diff-choose.html")
    attributes = [part for part in (asked.query.get("attribute") or "").split(",") if part.strip()]
    found = await diff(asked.registry, base.ref, head, attributes or None, asked.as_of)
    new = await asked.registry.find(found.head, asked.upto, field="head")
    assessing = asked.as_of is None and not is_assessed(asked.registry)  # before what got worse is looked up
    losses = await losses_between(asked.registry, base, new, found.upto) if asked.as_of is None else []
    tables = [_metrics(asked, found), _populations(asked, found), _changes(asked, found)]
    values = {
        "base": base,
        "head": found.head,
        "diff": found,
        "summary": sentences(found, lambda one: asked.words(f"differ.{one.area}"), chances=False),
        "losses": losses,
        "assessing": assessing,
        "refs": {found.base, found.head},
        "uncounted": [one for one in found.populations if one.base is None and one.head is None],
    }
    title = asked.words("diff.title", base=called_ref(found.base), head=called_ref(found.head))
    return View(title, values, tables)


async def _others(asked: Asked, base: Brief) -> Sequence[Brief]:
    """The newest other versions of the same model, which most who compare a version look for."""
    name = base.ref.rpartition("@")[0]
    held = (await asked.registry.store.find_by_keys([name])).get(name, ())
    newest = sorted(int(one) for one in held if one <= asked.upto and one != base.sequence)[-_OTHERS:]
    return await asked.registry.store.briefs(newest[::-1]) if newest else ()


def _metrics(asked: Asked, found: Diff) -> Table:
    order = sorted(found.metrics, key=_order)
    columns = [
        Column("group"),
        Column("metric", says=True),
        Column("before", number=True, heading=called_ref(found.base), estimate=True),
        Column("now", number=True, heading=called_ref(found.head), estimate=True),
        Column("change", says=True),
    ]
    labels = found.called.labels([one for row in order for one in (row.before, row.after) if one is not None])
    groups = [group_of(asked, row) for row in order]
    rows = [
        (
            Cell(group, repeated=again),
            Cell(row.metric.name, note=_note(asked, row, labels)),
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


def _note(asked: Asked, row: Row, labels: Labels) -> str:
    """Which direction is better, and what tells the row from others of its metric and group."""
    direction = asked.words(f"direction.{row.metric.direction}", optimum=f"{row.metric.optimum or 0:.4g}")
    apart = told_apart(row, labels)
    return f"{direction}; {apart}" if apart else direction


def _populations(asked: Asked, found: Diff) -> Table:
    def share(value: float | None) -> Cell:
        if value is None:
            return Cell(asked.words("diff.not_known"), tone="soft", value="")
        return Cell(f"{value:.1%}", value=exact(value))

    columns = [
        Column("attribute"),
        Column("value"),
        Column("before", number=True, heading=called_ref(found.base)),
        Column("now", number=True, heading=called_ref(found.head)),
    ]
    every = asked.for_csv
    rows = [
        (Cell(one.attribute), Cell(one.value), share(one.base), share(one.head))
        for one in found.populations
        if every or (one.base, one.head) != (None, None)
    ]
    return Table("populations", columns, rows)


def _changes(asked: Asked, found: Diff) -> Table:
    areas = [asked.words(f"area.{one.area}") for one in found.changes]
    columns = [
        Column("area"),
        Column("what"),
        Column("before", heading=called_ref(found.base)),
        Column("now", heading=called_ref(found.head)),
    ]
    if asked.for_csv:
        rows = [
            (Cell(area), Cell(one.field), Cell(_written(one.before)), Cell(_written(one.after)))
            for one, area in zip(found.changes, areas, strict=True)
        ]
        return Table("changes", columns, rows)
    rows = [
        (
            Cell(area, repeated=again),
            Cell(_field(asked, one), note=asked.words("diff.disclosed") if one.disclosed else ""),
            _side(asked, one, one.before, one.after),
            _side(asked, one, one.after, one.before),
        )
        for one, area, again in zip(found.changes, areas, repeated(areas), strict=True)
    ]
    return Table("changes", columns, rows)


def _field(asked: Asked, change: Change) -> str:
    """What differs, in words: `Known biases 2, description` for `safetyProfile.knownBiases[1].description`."""
    t = asked.words
    if change.area is ChangeArea.ARTIFACT:
        return change.field.removeprefix("artifacts[").removesuffix("].digest")
    if change.area in _OF_RECORDS:
        field, _, ref = change.field.removesuffix("]").partition("[")
        return f"{t(f'fact.{field}')}: {called_ref(ref)}" if ref else t(f"fact.{field}")
    _, _, part = change.field.partition(".")
    if not part:
        return t(f"area.{change.area}")
    if change.area is ChangeArea.CONFIG:
        return part
    name, number, rest = _PART.fullmatch(part).groups()  # type: ignore[union-attr]
    words = t(f"fact.{name}") if f"fact.{name}" in t else name
    return words + (f" {int(number) + 1}" if number else "") + (f", {rest}" if rest else "")


def _side(asked: Asked, change: Change, value: Any, other: Any) -> Cell:
    """A value on one side: a record under its name, of a list what the other side has not, the beginning of a text."""
    if value is None:
        return Cell("–", tone="soft")
    if change.area in _OF_RECORDS:
        if "[" in change.field:
            return Cell(", ".join(_role(asked, one) for one in str(value).split(", ")))
        return Cell(called_ref(value), asked.to("record", value))
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        shown = [one for one in value if not isinstance(other, list) or one not in other]
        same = len(value) - len(shown)
        note = asked.words("diff.same_items", n=same) if same else ""
        return Cell("\n".join(f"• {one}" for one in shown), note=note)
    if isinstance(value, str) and DIGEST.fullmatch(value):
        return Cell(short(value))
    text = _written(value)
    return Cell(text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …")


def _role(asked: Asked, name: str) -> str:
    key = f"lineage.relation.{name}"
    return asked.words(key) if key in asked.words else name


def _written(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


PAGE = Page("diff", "/diff/{ref:path}", _show, takes=("head", "attribute"), kinds=VERSION)
