"""`/incidents`: what went wrong in production, open or all, the newest first."""

from collections.abc import Mapping, Sequence
from typing import Final

from descentd.app.explorer.page import Asked, Page, View, Vocabulary
from descentd.app.explorer.pages.environments import environment_of, given_environment
from descentd.app.explorer.table import Cell, Column, Table
from descentd.graph.inputs.evaluations import Severity
from descentd.graph.retractions import retracted_ids
from descentd.queries.production.incidents import resolutions

_SHOWN: Final = 50
_LOOKED_THROUGH: Final = 2_000
"""The newest incidents, among which those that are asked for are looked for."""
_STATES: Final = {"open": "bad", "over": "good", "retracted": "soft"}
_TONES: Final = {"HIGH": "bad", "CRITICAL": "bad", "MEDIUM": "open", "LOW": "soft"}


async def _show(asked: Asked) -> View:
    every = asked.query.get("status") == "all"
    severity = asked.one_of(Severity, "severity")
    newest, are_all = await _newest(asked, _LOOKED_THROUGH)
    states = await _states(asked, newest)
    entries = await asked.registry.store.entries(newest) if newest else []
    named = {one.record.content["environment"] for one in entries if "environment" in one.record.content}
    # Others, older or later, may have an environment that none of these has: that is no mistake.
    environment = await environment_of(asked, named) if are_all else given_environment(asked)
    wanted = {"environment": environment, "severity": severity}
    matching = [
        entry.sequence
        for entry in entries
        if (every or entry.sequence not in states)
        and all(value in (None, entry.record.content.get(name)) for name, value in wanted.items())
    ]
    part = asked.part(matching, _SHOWN)
    rows = await _rows(asked, part.items, states)
    environments = sorted(named if environment is None else named | {environment})
    values = {
        "every": every,
        "environments": environments,
        "environment": environment,
        "severities": list(Severity),
    }
    return View(asked.words("incidents.title"), values, [_table(rows, part.total, part.more, part.back)])


async def open_incidents_table(asked: Asked, most: int, looked_through: int, more: str) -> Table:
    """Incidents that are open among the newest `looked_through`, the newest first; `more` is where all of them are."""
    newest, _ = await _newest(asked, looked_through)
    states = await _states(asked, newest)
    found = [sequence for sequence in newest if sequence not in states]
    rows = await _rows(asked, asked.first(found, most), states)
    return _table(rows, len(found), more if len(found) > len(rows) else None)


async def _newest(asked: Asked, looked_through: int) -> tuple[list[int], bool]:
    """The newest incidents, the newest first, and whether there are no others, older or later than asked about."""
    opened = await asked.registry.store.find_by_prefix("incident:opened")
    newest = opened[opened <= asked.upto][-looked_through:]
    return newest.tolist()[::-1], len(newest) == len(opened)


async def _states(asked: Asked, incidents: Sequence[int]) -> Mapping[int, str]:
    """How those incidents stand that are no longer open."""
    if not incidents:
        return {}
    store = asked.registry.store
    briefs = await store.briefs(incidents)
    gone = await retracted_ids(store, [brief.id for brief in briefs], asked.upto)
    states = dict.fromkeys(await resolutions(asked.registry, incidents, asked.upto), "over")
    return states | {brief.sequence: "retracted" for brief in briefs if brief.id in gone}


def _table(rows: Sequence[Sequence[Cell]], total: int, more: str | None, back: str | None = None) -> Table:
    columns = [Column(key) for key in ("incident", "severity", "version", "place", "since", "status")]
    return Table("incidents", columns, rows, total, more, back)


async def _rows(asked: Asked, sequences: Sequence[int], states: Mapping[int, str]) -> list[Sequence[Cell]]:
    store, t = asked.registry.store, asked.words
    entries = await store.entries(sequences) if sequences else []
    subjects = {entry.record.content["subject"] for entry in entries if "subject" in entry.record.content}
    versions = await store.resolve(subjects) if subjects else {}
    rows: list[Sequence[Cell]] = []
    for entry in entries:
        content = entry.record.content
        version = versions.get(content.get("subject", ""))
        place = " ".join(content[part] for part in ("environment", "endpoint") if part in content)
        state = states.get(entry.sequence, "open")
        rows.append(
            (
                Cell(content["title"], asked.to("record", entry.record.id)),
                Cell(t(f"severity.{content['severity']}"), tone=_TONES[content["severity"]]),
                asked.record(version) if version else Cell(t("incidents.no_version")),
                Cell(place),
                asked.day(content["openedAt"]),
                Cell(t(f"incidents.{state}"), tone=_STATES[state]),
            )
        )
    return rows


PAGE = Page(
    "incidents",
    "/incidents",
    _show,
    choices={"status": Vocabulary(("open", "all")), "severity": Vocabulary(tuple(Severity))},
)
