"""What happened to a record, and the notes about it: parts of every record's page."""

from typing import Final

from descentd.app.explorer.page import Asked
from descentd.app.explorer.rendering import settings
from descentd.app.explorer.table import Cell, Column, Table
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief, Record
from descentd.graph.retractions import retracted_ids
from descentd.queries.lineage.history import Event, history
from descentd.queries.pages import MOST

_MOMENTS: Final = ("since", "until", "openedAt", "resolvedAt")
_EVENTS: Final = 12
"""Events that are shown; the others are in the CSV."""


async def history_table(asked: Asked, brief: Brief) -> Table:
    """What happened to a record, the newest first."""
    found = await history(asked.registry, brief.ref, MOST, None, asked.as_of)
    events = [event for event, _ in reversed(found.items)][: asked.most(_EVENTS)]
    rows = [
        (
            asked.moment_cell(event.entry.recorded_at),
            _what(asked, event),
            Cell(event.entry.recorded_by),
        )
        for event in events
    ]
    return Table("history", [Column(key) for key in ("when", "what", "person")], rows, found.total)


def _what(asked: Asked, event: Event) -> Cell:
    """What happened in a sentence; of an evaluation also the settings of its suite, by which several differ."""
    record, note = event.entry.record, ""
    sentence = event_in_words(asked, record, event.summary)
    if record.kind is Kind.EVALUATION and (given := record.content["suite"].get("config")):
        note = settings(given)
    return Cell(sentence, asked.to("record", record.id), note=note)


def event_in_words(asked: Asked, record: Record, sentence: str) -> str:
    """What happened, with words in place of codes and RFC 3339, where these are ours and not of who wrote a text."""
    if record.kind is Kind.REVIEW:
        return asked.decided(sentence)
    t, content = asked.words, record.content
    if record.kind is Kind.GATE_DECISION:
        outcome = content["outcome"]
        sentence = sentence.replace(f" said {outcome}", f" said {t(f'event.{outcome}')}", 1)
    elif record.kind is Kind.FLAG and content["action"] != "CLEAR":
        action = content["action"]
        sentence = sentence.replace(action, t(f"flag.{action}"), 1)
    for moment in (str(content[name]) for name in _MOMENTS if name in content):
        sentence = sentence.replace(moment, f"{t.moment(moment)} UTC", 1)
    return sentence


async def notes_about(asked: Asked, brief: Brief) -> list[Entry]:
    """The notes about a record, oldest first; one that was retracted is in its history alone."""
    store = asked.registry.store
    links = await store.links([brief.sequence], {Role.ABOUT}, inward=True)
    entries = await store.entries(sorted(link.source for link in links if link.source <= asked.upto)) if links else []
    notes = [entry for entry in entries if entry.record.kind is Kind.NOTE]
    gone = await retracted_ids(store, [entry.record.id for entry in notes], asked.upto) if notes else ()
    return [entry for entry in notes if entry.record.id not in gone]
