"""Pages about a record, asked about none, such as `/lineage`: records to choose from, and a search for others."""

from typing import Final

from starlette.responses import RedirectResponse, Response

from descentd.app.explorer.called import called
from descentd.app.explorer.page import Asked, Page, View
from descentd.app.explorer.pages.search import all_of, exactly, found
from descentd.app.explorer.table import Cell
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Brief

_NEWEST: Final = 20
"""Versions that are offered before anything is searched for."""
_OWN: Final = frozenset({"q", "after", "asOf", "format", "table"})


async def choose(asked: Asked, page: Page) -> View | Response:
    """What a page shows that is about no record, which leads to that page of each record that it offers."""
    view = page.name
    text = asked.query.get("q", "").strip()
    onward = {name: value for name, value in asked.query.items() if name not in _OWN}
    kinds = None if view == "record" else sorted(page.kinds)

    def leading(record: Brief) -> Cell:
        return Cell(called(record), asked.to(view, record.ref, **onward))

    if not text:
        table = await all_of(asked, Kind.MODEL_VERSION, "newest", _NEWEST, leading)
    elif (ref := await exactly(asked, text)) is not None:
        return RedirectResponse(asked.to(view, ref, **onward), 303)
    else:
        _, table = await found(asked, text, kinds, leading)
    values = {"view": view, "text": text, "kept": {**onward, "asOf": asked.query.get("asOf")}, "table": table}
    return View(asked.words(f"choose.{view}"), values, [table], template="choose.html")
