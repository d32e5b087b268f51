"""`/incidents`: what went wrong in production, open or all, the newest first, and reporting it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from descentd.app.explorer.forms import filled_in
from descentd.app.explorer.page import Act, Asked, Page, Part, View
from descentd.app.explorer.pages.environments import environment_of, given_environment
from descentd.app.explorer.past import in_utc
from descentd.app.explorer.table import Cell, Column, Table
from descentd.app.explorer.vocabulary import Vocabulary
from descentd.graph.inputs.acts import IncidentInput
from descentd.graph.inputs.evaluations import Severity
from descentd.graph.model import clock
from descentd.graph.model.errors import InvalidInput, VersionConflict
from descentd.graph.model.kinds import VERSION
from descentd.graph.retractions import retracted_ids
from descentd.queries.production.deployments import serving
from descentd.queries.production.incidents import resolutions
from descentd.queries.production.record_incident import report

_SHOWN: Final = 50
_LOOKED_THROUGH: Final = 2_000
"""Incidents among which those that are asked for are looked for at once, the newest first."""
_NEWEST: Final = 200
"""The same for the few newest that are open."""
_REPORTING: Final = "Mutation.reportIncident"
_SAID: Final = ("title", "severity", "environment", "endpoint", "description")
"""The fields of a report that are recorded as they are."""
_SEVERITIES: Final = list(Severity)
"""The worse ones come later."""
_STATES: Final = {"open": "bad", "over": "good", "retracted": "soft"}
_TONES: Final = {"HIGH": "bad", "CRITICAL": "bad", "MEDIUM": "open", "LOW": "soft"}


async def _show(asked: Asked) -> View:
    every = asked.query.get("status") == "all"
    severity = asked.one_of(Severity, "severity")
    opened, later = await _opened(asked)
    block = opened[_begin(asked, opened) :][:_LOOKED_THROUGH]
    are_all = len(block) == len(opened)
    states = await _states(asked, block)
    entries = await asked.registry.store.entries(block) if block else []
    named = {one.record.content["environment"] for one in entries if "environment" in one.record.content}
    # Others, older or later, may have an environment that none of these has: that is no mistake.
    environment = await environment_of(asked, named) if are_all and not later else given_environment(asked)
    version = asked.query.get("version")
    subject = None if version is None else await asked.registry.find(version, asked.upto, VERSION, "version")
    wanted = {"environment": environment, "severity": severity, "subject": subject and subject.id}
    matching = [
        entry.sequence
        for entry in entries
        if (every or entry.sequence not in states)
        and all(value in (None, entry.record.content.get(name)) for name, value in wanted.items())
    ]
    cursor = str(block[-1]) if block and block[-1] != opened[-1] else None
    part = asked.part_of_block(matching, _SHOWN, "incidents", cursor)
    rows = await _rows(asked, part.items, states)
    environments = sorted(named if environment is None else named | {environment})
    values = {
        "every": every,
        "environments": environments,
        "environment": environment,
        "severities": _SEVERITIES,
        "subject": subject,
        "places": await _places(asked),
        "looked_through": None if are_all else (len(block), len(opened)),
        "older": asked.again(after=cursor, incidents=None) if cursor is not None else None,
    }
    return View(asked.words("incidents.title"), values, [_table(part, rows)])


async def _places(asked: Asked) -> list[tuple[str, str]]:
    """Where something serves now: environments and endpoints, which are offered to who reports an incident."""
    if asked.is_past or not asked.may(_REPORTING):
        return []
    return sorted({one.place for one in await serving(asked.registry, None, None, clock.now(), asked.upto)})


async def _report(asked: Asked, fields: Mapping[str, str]) -> str:
    """Record an incident; a form that is sent twice is one."""
    names = ("title", "severity", "subject", "environment", "endpoint", "at", "description")
    given = {name: value for name in names if (value := filled_in(fields, name)) is not None}
    if "title" not in given:
        raise InvalidInput("Nothing says what happened: write a sentence.", "title")
    if "at" in given:
        given["at"] = in_utc(given["at"])
    read = IncidentInput.read(given | {"externalId": fields["key"]})
    record = (await report(asked.registry, read, asked.principal.person)).record
    if any(record.content.get(name) != value for name, value in read.content().items() if name in _SAID):
        raise VersionConflict("This form has reported another incident: open the page again to report one more.")
    return asked.to("record", record.id)


async def open_incidents_table(asked: Asked, most: int, more: str) -> Table:
    """The newest incidents that are open, the worst first; `more` is where all of them are.

    For CSV all are looked through, else as many as it takes, and no more than the list itself looks through at once.
    """
    opened, _ = await _opened(asked)
    limit = len(opened) if asked.for_csv else min(len(opened), _LOOKED_THROUGH)
    found: list[int] = []
    looked = 0
    while looked < limit and (asked.for_csv or len(found) <= most):
        block = opened[looked:limit][:_NEWEST]
        states = await _states(asked, block)
        found += [sequence for sequence in block if sequence not in states]
        looked += len(block)
    part = asked.first(await _worst_first(asked, found), most, more)
    if looked < len(opened):
        part = replace(part, total=None, more=more)
    return _table(part, await _rows(asked, part.items, {}))


async def _worst_first(asked: Asked, incidents: Sequence[int]) -> list[int]:
    entries = await asked.registry.store.entries(incidents) if incidents else []
    severities = {entry.sequence: _SEVERITIES.index(entry.record.content["severity"]) for entry in entries}
    return sorted(incidents, key=lambda one: (-severities[one], -one))


async def _opened(asked: Asked) -> tuple[list[int], bool]:
    """All incidents, the newest first, and whether there are others, later than asked about."""
    held = await asked.registry.store.find_by_prefix("incident:opened")
    opened = held[held <= asked.upto]
    return opened[::-1].tolist(), len(opened) < len(held)


def _begin(asked: Asked, opened: Sequence[int]) -> int:
    """How many incidents are newer than those that are asked for; raises InvalidInput where that is no incident."""
    after = asked.query.get("after")
    if after is None:
        return 0
    for place, sequence in enumerate(opened, 1):
        if str(sequence) == after:
            return place
    raise InvalidInput("Expected in after the number of an incident: open the page again.", "after")


async def _states(asked: Asked, incidents: Sequence[int]) -> Mapping[int, str]:
    """How those incidents stand that are no longer open."""
    if not incidents:
        return {}
    store = asked.registry.store
    briefs = await store.briefs(incidents)
    gone = await retracted_ids(store, [brief.id for brief in briefs], asked.upto)
    states = dict.fromkeys(await resolutions(asked.registry, incidents, asked.upto), "over")
    return states | {brief.sequence: "retracted" for brief in briefs if brief.id in gone}


def _table(part: Part[int], rows: Sequence[Sequence[Cell]]) -> Table:
    columns = [Column(key) for key in ("incident", "severity", "version", "place", "since", "status")]
    return part.table("incidents", columns, rows)


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
                Cell(t(f"incidents.{state}"), tone=_STATES[state], value=state.upper()),
            )
        )
    return rows


PAGE = Page(
    "incidents",
    "/incidents",
    _show,
    takes=("environment", "version"),
    acts=(Act("report", _REPORTING, _report),),
    choices={"status": Vocabulary(("open", "all")), "severity": Vocabulary(tuple(Severity))},
)
