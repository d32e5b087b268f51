"""`/impact/REF`: what comes from a record, what of that serves, and flagging all of it."""

from collections.abc import Mapping
from typing import Final

from descentd.app.explorer.called import called, called_ref
from descentd.app.explorer.forms import confirmed_reason
from descentd.app.explorer.page import Act, Asked, Page, View
from descentd.app.explorer.pages.population import way
from descentd.app.explorer.pages.serving import now_of, served_cells
from descentd.app.explorer.table import Cell, Column, Table, count_cell
from descentd.graph.inputs.acts import FlagAction, FlagInput
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.flags import flag, flags_reaching
from descentd.queries.lineage.impact import impact
from descentd.queries.lineage.paths import Derivation
from descentd.queries.pages import MOST
from descentd.queries.production.deployments import deployments_by_record

_SHOWN: Final = 50


async def _show(asked: Asked) -> View:
    registry = asked.registry
    brief = await registry.find(asked.ref, asked.upto, field="of")
    question = await impact(registry, [asked.ref], None, asked.as_of, evidence=False)
    counts = await question.counts()
    found = await question.affected(asked.most(_SHOWN), asked.query.get("after"), via=True)
    rows = [
        (
            asked.record(one.record),
            Cell(asked.words(f"kind.{one.record.kind}")),
            count_cell(one.distance),
            Cell(way(one.via), note=_by_the_whole(asked, one.via)),
        )
        for one in found.items
    ]
    more = asked.again(after=found.items[-1].cursor) if found.more else None
    columns = [Column("record"), Column("kind"), Column("steps", number=True), Column("how")]
    tables = [await _deployed(asked, counts), Table("affected", columns, rows, found.total, more, asked.back())]
    values = {
        "brief": brief,
        "counts": counts,
        "flags": await flags_reaching(registry, brief.sequence, asked.upto),
        "actions": [one for one in FlagAction if one is not FlagAction.CLEAR],
    }
    return View(asked.words("impact.title", of=called(brief)), values, tables)


def _by_the_whole(asked: Asked, via: Derivation) -> str:
    """Where one part of a dataset comes from another by way of a whole dataset, which passes on all that it holds."""
    for before, whole, after in zip(via, via[1:], via[2:], strict=False):
        is_whole = whole.ref.startswith("dataset:") and not _is_part(whole.ref)
        if is_whole and _is_part(before.ref) and _is_part(after.ref):
            return asked.words("impact.whole", dataset=called_ref(whole.ref))
    return ""


def _is_part(ref: str) -> bool:
    return ref.startswith("dataset:") and "#" in ref


async def _deployed(asked: Asked, counts: Mapping[Kind, int]) -> Table:
    """What comes from it and serves, with how it does."""
    registry, t = asked.registry, asked.words
    columns = [
        Column("version", says=True),
        Column("environment"),
        Column("endpoint"),
        Column("since", says=True),
        Column("how"),
    ]
    if not counts.get(Kind.DEPLOYMENT):
        return Table("deployed", columns)
    question = await impact(registry, [asked.ref], [Kind.DEPLOYMENT], asked.as_of, evidence=False)
    found = (await question.affected(MOST, None, via=True)).items
    entries = await registry.store.entries([one.record.sequence for one in found])
    deployments = await deployments_by_record(registry, entries, asked.upto)
    moment = now_of(asked)
    serving = [
        (one, deployments[one.record.sequence])
        for one, entry in zip(found, entries, strict=True)
        if "since" in entry.record.content
        and one.record.sequence in deployments
        and deployments[one.record.sequence].serves_at(moment)
    ]
    versions = await registry.store.resolve({each.version for _, each in serving}) if serving else {}
    cells = await served_cells(asked, versions.values())
    rows = [
        (
            cells[each.version],
            Cell(each.place[0]),
            Cell(each.place[1]),
            asked.day(each.since, note=t("version.served_claimed") if each.claimed else ""),
            Cell(way(one.via[:-1])),
        )
        for one, each in serving[: asked.most(_SHOWN)]
    ]
    return Table("deployed", columns, rows, len(serving))


async def _flag(asked: Asked, fields: Mapping[str, str]) -> str:
    """Flag the record and, where that is asked for, whatever comes from it."""
    reason = confirmed_reason(
        fields, "A flag needs a reason: write a sentence.", "Say that you have looked at what it reaches"
    )
    given = {
        "subjects": [asked.ref],
        "action": fields.get("action", ""),
        "reason": reason,
        "propagate": fields.get("propagate") == "yes",
        "idempotencyKey": fields["key"],
    }
    await flag(asked.registry, FlagInput.read(given), asked.principal.person)
    return asked.to("impact", asked.ref, done="flag")


PAGE = Page("impact", "/impact/{ref:path}", _show, acts=(Act("flag", "Mutation.flag", _flag),))
