"""`/record/REF`: everything that is known of one record, each kind in the words that fit it."""

import json
from collections.abc import Mapping, Sequence
from typing import Final

from descentd.app.auth.authorization import check_manifest
from descentd.app.explorer.called import called
from descentd.app.explorer.forms import filled_in
from descentd.app.explorer.page import Act, Asked, Page, View
from descentd.app.explorer.pages.events import event_in_words, history_table, notes_about
from descentd.app.explorer.pages.kinds import Fact, facts, ids_in
from descentd.app.explorer.pages.parts import tables_of
from descentd.app.explorer.pages.taking_back import ACTS, taking_back
from descentd.app.explorer.pages.version import version_card
from descentd.app.explorer.rendering import beginning
from descentd.app.explorer.table import Cell
from descentd.app.server.policy_files import policy_text
from descentd.graph.inputs.acts import ResolutionInput
from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.errors import InvalidInput, NotFound, VersionConflict
from descentd.graph.model.kinds import ENTITIES, Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief
from descentd.graph.registration.register import register
from descentd.queries.governance.policies import policies_by_digest, policies_in_force
from descentd.queries.lineage.history import summary
from descentd.queries.production.incidents import affected, resolutions
from descentd.queries.production.record_incident import resolve
from descentd.queries.retractions import RetractedEntity

_TITLED: Final = {Kind.INCIDENT: "title", Kind.VULNERABILITY: "title"}
_DRAWN: Final = ENTITIES - {Kind.CODE, Kind.CONFIG, Kind.ENVIRONMENT}


async def _show(asked: Asked) -> View:
    brief = await _find(asked)
    [entry] = await asked.registry.store.entries([brief.sequence])
    if brief.kind is Kind.MODEL_VERSION:
        return await version_card(asked, brief, entry)
    content = entry.record.content
    ids = ids_in(content)
    named = await asked.registry.store.resolve(ids) if ids else {}
    taken = await taking_back(asked, brief, entry)
    values = {
        "brief": brief,
        "entry": entry,
        "content": content,
        "summary": beginning(event_in_words(asked, entry.record, summary(entry))),
        "facts": [*facts(asked, brief.kind, content, named), *_text(entry), *await _reached(asked, entry, named)],
        "status": await _status(asked, brief, entry, taken["gone"]),
        "notes": await notes_about(asked, brief),
        **taken,
        "drawn": brief.kind in _DRAWN,
        "whole": json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True),
    }
    tables = [*await tables_of(asked, brief, entry, named), await history_table(asked, brief)]
    title = content.get(_TITLED.get(brief.kind, ""), called(brief))
    return View(title, values, tables, template="record.html")


def _text(entry: Entry) -> Sequence[Fact]:
    """A policy as the text of its file."""
    if entry.record.kind is not Kind.POLICY:
        return ()
    return [Fact("text", [Cell(policy_text(entry.record.content))], code=True)]


async def _reached(asked: Asked, entry: Entry, named: Mapping[str, Brief]) -> Sequence[Fact]:
    """What comes from the cause of an incident, or else from its version: how much, and where it is listed."""
    content = entry.record.content
    counts = await affected(asked.registry, content, asked.upto) if entry.record.kind is Kind.INCIDENT else {}
    if not counts:
        return ()
    origin = named[content["cause"] if "cause" in content else content["subject"]]
    text = ", ".join(asked.words(f"counted.{kind}", n=count) for kind, count in counts.items())
    return [Fact("reached", [Cell(text, asked.to("impact", origin.ref))])]


async def _status(
    asked: Asked, brief: Brief, entry: Entry, gone: RetractedEntity | None
) -> tuple[str, str, str] | None:
    """Whether what a record is about goes on: a tone, a key of the catalogue, and a sentence where there is one."""
    content = entry.record.content
    if brief.kind is Kind.INCIDENT and "supersedes" not in content:
        over = await resolutions(asked.registry, [brief.sequence], asked.upto)
        if not over:
            # Of one that was retracted the page says so, and that it was open before says nothing any more.
            return ("bad", "record.open", "") if gone is None else None
        end = over[brief.sequence]
        return "good", "record.resolved", event_in_words(asked, end.record, summary(end))
    if brief.kind is Kind.POLICY:
        found = await policies_in_force(asked.registry.store, [content["environment"]], asked.upto)
        policy = found.get(content["environment"])
        holds = policy is not None and policy.id == brief.id
        return ("good", "record.in_force", "") if holds else ("open", "record.not_in_force", "")
    return None


async def _find(asked: Asked) -> Brief:
    """The record that the address names, a policy also by the digest that decisions name it by."""
    try:
        return await asked.registry.find(asked.ref, asked.upto, field="ref")
    except NotFound:
        policies = await policies_by_digest(asked.registry, [asked.ref], asked.upto)
        if asked.ref not in policies:
            raise
        return policies[asked.ref]


async def _write_note(asked: Asked, fields: Mapping[str, str]) -> str:
    """Record a note as of who writes it, or as a quotation of somebody else."""
    text = filled_in(fields, "text")
    if text is None:
        raise InvalidInput("The note is empty: write something first.", "text")
    person = asked.principal.person
    note = {"subject": asked.ref, "author": filled_in(fields, "author") or person, "text": text}
    manifest = ManifestInput.read({"notes": [note]})
    check_manifest(manifest, asked.principal.roles)
    await register(asked.registry.committer, manifest, person)
    return asked.to("record", asked.ref)


async def _resolve(asked: Asked, fields: Mapping[str, str]) -> str:
    """Record that the incident of this page is over."""
    reason = filled_in(fields, "reason")
    if reason is None:
        raise InvalidInput("Nothing says how it was resolved: write a sentence.", "reason")
    brief = await _find(asked)
    given = ResolutionInput.read({"incident": brief.id, "reason": reason})
    resolution = await resolve(asked.registry, given, asked.principal.person)
    if (by := resolution.content["by"], resolution.content["reason"]) != (asked.principal.person, given.reason):
        raise VersionConflict(f"The incident was already resolved by {by}: write a note to add to it.")
    return asked.to("record", asked.ref)


PAGE = Page(
    "record",
    "/record/{ref:path}",
    _show,
    acts=(Act("note", "Mutation.register", _write_note), Act("resolve", "Mutation.resolveIncident", _resolve), *ACTS),
)
