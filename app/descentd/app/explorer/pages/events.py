"""What happened to a record, and the notes about it: parts of every record's page."""

from typing import Final

from descentd.app.explorer.page import Asked, Part
from descentd.app.explorer.rendering import beginning, settings
from descentd.app.explorer.table import Cell, Column, Table
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief, Record
from descentd.graph.retractions import retracted_ids
from descentd.queries.lineage.history import happened, summary

_MOMENTS: Final = ("since", "until", "openedAt", "resolvedAt")
_EVENTS: Final = 12
_NOTES: Final = 10


async def history_table(asked: Asked, brief: Brief) -> Table:
    """What happened to a record, the newest first."""
    store = asked.registry.store
    part = asked.part((await happened(asked.registry, brief, asked.upto))[::-1], _EVENTS, "history")
    entries = await store.entries(part.items) if part.items else []
    gone = await retracted_ids(store, [entry.record.id for entry in entries], asked.upto) if entries else ()
    rows = [
        (
            asked.moment_cell(entry.recorded_at),
            _what(asked, entry, entry.record.id in gone),
            Cell(entry.recorded_by),
        )
        for entry in entries
    ]
    columns = [Column("when"), Column("what", says=True), Column("person")]
    return part.table("history", columns, rows)


def _what(asked: Asked, entry: Entry, retracted: bool) -> Cell:
    """What happened in a sentence, the whole of which is on its own page, and whether it was retracted since.

    Of an evaluation also the settings of its suite, by which several differ; of a note that was retracted who wrote it.
    """
    record, note = entry.record, ""
    sentence = beginning(event_in_words(asked, record, summary(entry)))
    if retracted and record.kind is Kind.NOTE:
        sentence = asked.words("event.note", author=record.content["author"])
    if record.kind is Kind.EVALUATION and (given := record.content["suite"].get("config")):
        note = beginning(settings(given))
    if retracted:
        note = "; ".join(part for part in (asked.words("event.retracted"), note) if part)
    return Cell(sentence, asked.to("record", record.id), note=note)


def event_in_words(asked: Asked, record: Record, sentence: str) -> str:
    """What happened, with words in place of codes and RFC 3339, where these are ours and not of who wrote a text."""
    if record.kind is Kind.REVIEW:
        return asked.wording.decided(sentence)
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


async def notes_about(asked: Asked, brief: Brief) -> Part[Entry]:
    """The notes about a record, the newest first; that one was retracted is in its history alone."""
    store = asked.registry.store
    links = await store.links([brief.sequence], {Role.ABOUT}, inward=True)
    held = sorted({link.source for link in links if link.source <= asked.upto}, reverse=True)
    notes = [one for one in (await store.briefs(held) if held else ()) if one.kind is Kind.NOTE]
    gone = await retracted_ids(store, [one.id for one in notes], asked.upto) if notes else ()
    part = asked.part([one.sequence for one in notes if one.id not in gone], _NOTES, "notes")
    return Part(await store.entries(part.items) if part.items else [], part.total, part.more, part.back, part.start)
