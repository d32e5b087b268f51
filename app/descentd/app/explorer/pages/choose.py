"""Pages about a record, asked about none, such as `/lineage`: records to choose from, and a search for others."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.responses import RedirectResponse, Response

from descentd.app.explorer.called import called
from descentd.app.explorer.page import Asked, View
from descentd.app.explorer.pages.search import exactly
from descentd.app.explorer.table import Cell, Column, Table
from descentd.graph.model.kinds import DATA, VERSION, Kind
from descentd.graph.model.records import Brief
from descentd.queries.lineage.search import search
from descentd.queries.registry import about

_SHOWN: Final = 50
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
    found: Sequence[Brief]
    total, more = None, None
    if not text:
        newest = (await asked.registry.walk.latest(asked.upto, Kind.MODEL_VERSION, _NEWEST))[::-1].tolist()
        found = await asked.registry.store.briefs(newest) if newest else ()
    elif (ref := await exactly(asked, text)) is not None:
        return RedirectResponse(asked.to(view, ref, **onward), 303)
    else:
        after = asked.query.get("after")
        with about("q"):
            listed = await search(
                asked.registry, text, sorted(kinds) if kinds else None, asked.most(_SHOWN), after, asked.as_of
            )
        found, total = [one for one, _ in listed.items], listed.total
        more = asked.again(after=listed.items[-1][1]) if listed.more else None
    rows = [
        (
            Cell(called(one), asked.to(view, one.ref, **onward)),
            Cell(asked.words(f"kind.{one.kind}")),
            Cell(one.ref, tone="soft"),
        )
        for one in found
    ]
    columns = [Column(key) for key in ("record", "kind", "ref")]
    name = "found" if text else "newest"
    table = Table(name, columns, rows, total, more, asked.back())
    values = {"view": view, "text": text, "kept": {**onward, "asOf": asked.query.get("asOf")}, "table": table}
    return View(asked.words(f"choose.{view}"), values, [table], template="choose.html")
