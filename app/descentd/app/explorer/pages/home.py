"""`/`: what serves, what got worse, what is open, and what waits."""

import asyncio
from typing import Final

import numpy as np

from descentd.app.explorer.called import called
from descentd.app.explorer.page import Asked, Page, View
from descentd.app.explorer.table import Cell, Column, Table
from descentd.graph.model import clock
from descentd.graph.model.errors import Unavailable
from descentd.graph.model.kinds import Kind
from descentd.queries.erosion.registry_report import ErosionGroup, erosion_groups
from descentd.queries.governance.drift import drift
from descentd.queries.governance.gate.rules import GateOutcome
from descentd.queries.production.deployments import serving
from descentd.queries.production.incidents import resolutions
from descentd.queries.production.record_deployment import Then, gate_then
from descentd.queries.prose import conjunction

_PLACES: Final = 12
_GROUPS: Final = 4
_INCIDENTS: Final = 6
_NEWEST: Final = 200
"""Versions whose documentation is looked at, and incidents that are looked through, for those that are open."""
_UNDOCUMENTED: Final = 6
_PATIENCE: Final = 0.02
"""Seconds that the page waits for the list of what got worse, which is worked out beside it all the time."""


async def _show(asked: Asked) -> View:
    tables = [await _serving(asked), await _incidents(asked), await _undocumented(asked)]
    groups = await _groups(asked)
    counts = {
        kind: len(await asked.registry.walk.everything(asked.upto, kind))
        for kind in (Kind.MODEL_VERSION, Kind.DATASET, Kind.EVALUATION)
    }
    return View(asked.words("home.title"), {"groups": groups, "counts": counts}, tables)


async def _serving(asked: Asked) -> Table:
    registry, t = asked.registry, asked.words
    then = Then(clock.now(), asked.upto)
    there = await serving(registry, None, None, then.moment, asked.upto)
    shown = there[: asked.most(_PLACES)]
    versions = await registry.store.resolve({one.version for one in shown}) if shown else {}
    rows = []
    for one in shown:
        gate = await gate_then(registry, one, then)
        if gate is None:
            meets = Cell(t("serving.claimed"), tone="soft")
        elif gate.outcome is GateOutcome.PASSED:
            meets = Cell(t("serving.meets"), tone="good")
        else:
            unmet = conjunction([rule.name for rule in gate.rules if rule.outcome is not GateOutcome.PASSED])
            meets = Cell(t("serving.unmet"), tone="bad", note=unmet)
        version = versions[one.version]
        environment, endpoint = one.place
        rows.append(
            (
                Cell(environment),
                Cell(endpoint),
                Cell(called(version), asked.to("record", version.ref)),
                Cell(t.day(one.since)),
                meets,
            )
        )
    columns = [Column(key) for key in ("environment", "endpoint", "version", "since", "policy")]
    return Table("serving", columns, rows, len(there), asked.to("serving") if len(there) > len(rows) else None)


async def _groups(asked: Asked) -> list[ErosionGroup] | None:
    """The newest derivations that made something worse; None while that is still being worked out."""
    try:
        async with asyncio.timeout(_PATIENCE):
            found = await erosion_groups(asked.registry, None, None, None)
    except (TimeoutError, Unavailable):
        return None
    return sorted(found.items, key=lambda group: -group.worst.sequence)[:_GROUPS]


async def _incidents(asked: Asked) -> Table:
    registry, t = asked.registry, asked.words
    opened = await registry.store.find_by_prefix("incident:opened")
    newest = opened[opened <= asked.upto][-_NEWEST:].tolist()
    over = await resolutions(registry, newest, asked.upto) if newest else {}
    waiting = [sequence for sequence in reversed(newest) if sequence not in over]
    entries = await registry.store.entries(waiting[: asked.most(_INCIDENTS)]) if waiting else []
    subjects = {entry.record.content["subject"] for entry in entries if "subject" in entry.record.content}
    versions = await registry.store.resolve(subjects) if subjects else {}
    rows = []
    for entry in entries:
        content = entry.record.content
        version = versions.get(content.get("subject", ""))
        rows.append(
            (
                Cell(content["title"], asked.to("record", entry.record.id)),
                Cell(t(f"severity.{content['severity']}"), tone="bad" if content["severity"] != "LOW" else "open"),
                Cell(called(version), asked.to("record", version.ref)) if version else Cell(t("incident.no_version")),
                Cell(t.day(content["openedAt"])),
            )
        )
    columns = [Column(key) for key in ("incident", "severity", "version", "since")]
    more = asked.to("incidents") if len(waiting) > len(rows) else None
    return Table("incidents", columns, rows, len(waiting), more)


async def _undocumented(asked: Asked) -> Table:
    """Of the newest versions those without a profile that is current."""
    registry = asked.registry
    versions = await registry.walk.everything(asked.upto, Kind.MODEL_VERSION)
    newest = np.sort(versions)[-_NEWEST:].tolist()
    found = {version: findings for version, findings in (await drift(registry, newest, asked.upto)).items() if findings}
    shown = sorted(found, reverse=True)[: asked.most(_UNDOCUMENTED)]
    rows = [
        (
            Cell(called(brief), asked.to("record", brief.ref)),
            Cell(" ".join(one.message for one in found[brief.sequence])),
        )
        for brief in (await registry.store.briefs(shown) if shown else ())
    ]
    more = asked.to("drift") if len(found) > len(rows) else None
    return Table("undocumented", [Column("version"), Column("missing")], rows, len(found), more)


PAGE = Page("home", "/", _show, as_of=False)
