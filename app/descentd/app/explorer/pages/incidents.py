"""`/incidents`: what went wrong in production, open or all, the newest first."""

from collections.abc import Sequence
from typing import Final

from descentd.app.explorer.called import called
from descentd.app.explorer.page import Asked, Page, View
from descentd.app.explorer.table import Cell, Column, Table
from descentd.queries.production.incidents import resolutions

_SHOWN: Final = 50
_LOOKED_THROUGH: Final = 2_000
"""The newest incidents among which those that are open are looked for."""
_TONES: Final = {"HIGH": "bad", "CRITICAL": "bad", "MEDIUM": "open", "LOW": "soft"}


async def _show(asked: Asked) -> View:
    every = asked.query.get("status") == "all"
    table = await incidents_table(asked, asked.most(_SHOWN), every=every, looked_through=_LOOKED_THROUGH)
    return View(asked.words("incidents.title"), {"every": every}, [table])


async def incidents_table(
    asked: Asked, most: int, *, every: bool, looked_through: int, more: str | None = None
) -> Table:
    """Incidents, the newest first: `every` one, or those that are open among the newest `looked_through`."""
    registry = asked.registry
    opened = await registry.store.find_by_prefix("incident:opened")
    known = opened[opened <= asked.upto]
    newest = known[-looked_through:].tolist()[::-1]
    over = await resolutions(registry, newest, asked.upto) if newest else {}
    chosen = [sequence for sequence in newest if every or sequence not in over]
    rows = await _rows(asked, chosen[:most], over.keys())
    columns = [Column(key) for key in ("incident", "severity", "version", "place", "since", "status")]
    total = len(known) if every else len(chosen)
    return Table("incidents", columns, rows, total, more if total > len(rows) else None)


async def _rows(asked: Asked, sequences: Sequence[int], over: object) -> list[Sequence[Cell]]:
    store, t = asked.registry.store, asked.words
    entries = await store.entries(sequences) if sequences else []
    subjects = {entry.record.content["subject"] for entry in entries if "subject" in entry.record.content}
    versions = await store.resolve(subjects) if subjects else {}
    rows: list[Sequence[Cell]] = []
    for entry in entries:
        content = entry.record.content
        version = versions.get(content.get("subject", ""))
        place = " ".join(content[part] for part in ("environment", "endpoint") if part in content)
        closed = entry.sequence in over  # type: ignore[operator]
        rows.append(
            (
                Cell(content["title"], asked.to("record", entry.record.id)),
                Cell(t(f"severity.{content['severity']}"), tone=_TONES[content["severity"]]),
                Cell(called(version), asked.to("record", version.ref)) if version else Cell(t("incidents.no_version")),
                Cell(place),
                Cell(t.day(content["openedAt"])),
                Cell(t("incidents.over"), tone="good") if closed else Cell(t("incidents.open"), tone="bad"),
            )
        )
    return rows


PAGE = Page("incidents", "/incidents", _show)
