"""Pages about a record, asked about none, such as `/lineage`: records to choose from, and a search for others."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import RedirectResponse, Response

from descentd.app.explorer.called import called
from descentd.app.explorer.page import Asked, View
from descentd.app.explorer.pages.search import COLUMNS, exactly, found, record_rows
from descentd.app.explorer.table import Cell, Table
from descentd.graph.model.kinds import DATA, VERSION, Kind
from descentd.graph.model.records import Brief

_NEWEST: Final = 20
"""Versions that are offered before anything is searched for."""
_KINDS: Final[Mapping[str, frozenset[Kind]]] = {
    **dict.fromkeys(("trend", "diff", "gate"), VERSION),
    **dict.fromkeys(("lineage", "impact"), VERSION | DATA),
}
"""By the name of a page, which records it is about; the others are about all."""
_OWN: Final = frozenset({"q", "after", "asOf", "format", "table", "done"})


async def choose(asked: Asked, view: str) -> View | Response:
    """The page in place of the view `view` of no record, which leads to that view of each record that it offers."""
    text = asked.query.get("q", "").strip()
    onward = {name: value for name, value in asked.query.items() if name not in _OWN}
    kinds = _KINDS.get(view)

    def leading(record: Brief) -> Cell:
        return Cell(called(record), asked.to(view, record.ref, **onward))

    if not text:
        newest = (await asked.registry.walk.latest(asked.upto, Kind.MODEL_VERSION, _NEWEST))[::-1].tolist()
        records = await asked.registry.store.briefs(newest) if newest else ()
        table = Table("newest", COLUMNS, record_rows(asked, records, leading))
    elif (ref := await exactly(asked, text)) is not None:
        return RedirectResponse(asked.to(view, ref, **onward), 303)
    else:
        _, table = await found(asked, text, sorted(kinds) if kinds else None, leading)
    values = {"view": view, "text": text, "kept": {**onward, "asOf": asked.query.get("asOf")}, "table": table}
    return View(asked.words(f"choose.{view}"), values, [table], template="choose.html")
