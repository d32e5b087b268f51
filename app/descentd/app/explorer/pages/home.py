"""`/`: what serves, what got worse, what is open, and what waits."""

import asyncio
from typing import Final

from descentd.app.explorer.page import Asked, Page, View
from descentd.app.explorer.pages.erosions import phenomena
from descentd.app.explorer.pages.incidents import open_incidents_table
from descentd.app.explorer.pages.reviews import DECIDING, waiting_by_whom, waiting_table
from descentd.app.explorer.pages.serving import deployed_versions, marked_cells, now_of, serving_table
from descentd.app.explorer.table import Cell, Column, Table
from descentd.graph.model.errors import Unavailable
from descentd.graph.model.kinds import Kind
from descentd.queries.erosion.registry_report import ErosionGroup, newest_groups
from descentd.queries.governance.drift import drift
from descentd.queries.governance.probes import probes_of
from descentd.queries.overview.version_status import is_assessed
from descentd.queries.pages import MOST
from descentd.queries.production.deployments import serving

_PLACES: Final = 12
_GROUPS: Final = 4
_INCIDENTS: Final = 6
_NEWEST: Final = 200
"""Versions whose documentation is looked at."""
_UNDOCUMENTED: Final = 6
_WAITING: Final = 6
_TRIED: Final = 20
"""The newest versions, whose probes are looked at."""
_PATIENCE: Final = 0.5
"""Seconds that the page waits for the list of what got worse, which is worked out beside it all the time."""


async def _show(asked: Asked) -> View:
    registry = asked.registry
    there = await serving(registry, None, None, now_of(asked), asked.upto)
    versions = await deployed_versions(asked, there)
    cells = await marked_cells(asked, versions.values())
    # What serves although it is retracted or flagged comes first: the page shows only some of the places.
    there = sorted(there, key=lambda one: not cells[one.version].chip)
    mine, others = await waiting_by_whom(asked)
    name, waits = ("mine", mine) if asked.may(DECIDING) else ("others", others)
    tables = [
        await serving_table(asked, asked.first(there, _PLACES, asked.to("serving")), versions, cells),
        await open_incidents_table(asked, _INCIDENTS, asked.to("incidents")),
        await waiting_table(asked, name, asked.first(waits, _WAITING, asked.to("reviews"))),
        await _probes_due(asked),
        await _undocumented(asked, {one.sequence for one in versions.values()}),
    ]
    counts = {
        kind: await registry.walk.count(asked.upto, kind)
        for kind in (Kind.MODEL_VERSION, Kind.DATASET, Kind.EVALUATION)
    }
    groups = await _groups(asked) if counts[Kind.EVALUATION] else []
    return View(asked.words("home.title"), {"groups": groups, "counts": counts, "waits": name}, tables)


async def _groups(asked: Asked) -> list[ErosionGroup] | None:
    """The newest derivations that made something worse; None while that is still being worked out."""
    if not is_assessed(asked.registry):
        return None
    try:
        async with asyncio.timeout(_PATIENCE):
            newest = await newest_groups(asked.registry, MOST)
    except (TimeoutError, Unavailable):
        return None
    found: dict[object, ErosionGroup] = {}
    for group, *_ in phenomena(newest):
        # The same loss is found anew in a span of its own for one version after another: the newest stands for all.
        alike = (group.worst.ref.rpartition("@")[0], *((one.metric, one.slice) for one in group.findings[:1]))
        found.setdefault(alike, group)
    return list(found.values())[:_GROUPS]


async def _probes_due(asked: Asked) -> Table:
    """Weaknesses that the newest versions were not tried for."""
    registry, t = asked.registry, asked.words
    weak = await registry.walk.count(asked.upto, Kind.VULNERABILITY)
    newest = (await registry.walk.latest(asked.upto, Kind.MODEL_VERSION, _TRIED)).tolist() if weak else []
    rows = []
    for brief in reversed(await registry.store.briefs(newest) if newest else ()):
        for one in (await probes_of(registry, brief, asked.upto)).due:
            weakness = one.vulnerability.record
            rows.append(
                (
                    asked.record(brief),
                    Cell(weakness.content["title"], asked.to("record", weakness.id)),
                    Cell(t(f"severity.{weakness.content['severity']}")),
                )
            )
    columns = [Column(key) for key in ("version", "weakness", "severity")]
    part = asked.first(rows, _WAITING)
    return part.table("due", columns, part.items)


async def _undocumented(asked: Asked, served: set[int]) -> Table:
    """Of what serves, however old it is, and of the newest versions those without a profile that is current."""
    registry = asked.registry
    newest = await registry.walk.latest(asked.upto, Kind.MODEL_VERSION, _NEWEST)
    looked_at = sorted(served.union(newest.tolist()))
    found = {one: findings for one, findings in (await drift(registry, looked_at, asked.upto)).items() if findings}
    part = asked.first(sorted(found, key=lambda one: (one not in served, -one)), _UNDOCUMENTED, asked.to("drift"))
    rows = [
        (
            asked.record(brief),
            Cell(
                asked.named(" ".join(one.message for one in found[brief.sequence])),
                value=";".join(one.kind for one in found[brief.sequence]),
            ),
        )
        for brief in (await registry.store.briefs(part.items) if part.items else ())
    ]
    return part.table("undocumented", [Column("version"), Column("missing")], rows)


PAGE = Page("home", "/", _show, as_of=False)
