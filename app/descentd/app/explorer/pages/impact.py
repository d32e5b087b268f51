"""`/impact/REF`: what comes from a record, what of that serves, and flagging all of it."""

from collections.abc import Mapping
from typing import Final

from descentd.app.explorer.called import called, called_ref
from descentd.app.explorer.forms import confirmed_reason
from descentd.app.explorer.page import Act, Asked, Page, View
from descentd.app.explorer.pages.population import way
from descentd.app.explorer.pages.serving import deployed_versions, marked_cells, now_of
from descentd.app.explorer.table import Cell, Column, Table, count_cell
from descentd.graph.inputs.acts import FlagAction, FlagInput
from descentd.graph.model.kinds import Kind
from descentd.graph.model.reach import Direction
from descentd.graph.model.records import Brief
from descentd.queries.governance.flags import flag, flags_reaching
from descentd.queries.lineage.impact import impact
from descentd.queries.lineage.paths import Derivation, name_steps
from descentd.queries.production.deployments import serving

_SHOWN: Final = 50


async def _show(asked: Asked) -> View:
    registry = asked.registry
    brief = await registry.find(asked.ref, asked.upto, field="of")
    question = await impact(registry, [asked.ref], None, asked.as_of, evidence=False)
    counts = await question.counts()
    found = await question.affected(asked.most(_SHOWN), asked.cursor(), via=True)
    marked = await marked_cells(asked, [one.record for one in found.items])
    rows = [
        (
            marked[one.record.id],
            Cell(asked.words(f"kind.{one.record.kind}")),
            count_cell(one.distance),
            Cell(way(one.via), note=_by_the_whole(asked, one.via)),
        )
        for one in found.items
    ]
    columns = [Column("record", says=True), Column("kind"), Column("steps", number=True), Column("how", says=True)]
    tables = [
        await _deployed(asked, brief),
        asked.listed("affected", columns, rows, found.total, found.items[-1].cursor if found.more else None),
    ]
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


async def _deployed(asked: Asked, origin: Brief) -> Table:
    """What comes from it and serves, with how it does: asked of what serves, since most deployments are over."""
    registry, t = asked.registry, asked.words
    there = await serving(registry, None, None, now_of(asked), asked.upto)
    below: frozenset[int] = frozenset()
    if there:
        found = await registry.walk.members([origin.sequence], Direction.DESCENDANTS, asked.upto, Kind.DEPLOYMENT)
        below = frozenset(found.tolist())
    part = asked.part([one for one in there if one.entry.sequence in below], _SHOWN, "deployed")
    cells = await marked_cells(asked, (await deployed_versions(asked, part.items)).values())
    steps = await registry.walk.via([origin.sequence], [one.entry.sequence for one in part.items], asked.upto)
    _, ways = await name_steps(registry, (), steps)
    rows = [
        (
            cells[one.version],
            Cell(one.place[0]),
            Cell(one.place[1]),
            asked.day(one.since, note=t("version.served_claimed") if one.claimed else ""),
            Cell(way(via[:-1])),
        )
        for one, via in zip(part.items, ways, strict=True)
    ]
    columns = [
        Column("version", says=True),
        Column("environment"),
        Column("endpoint"),
        Column("since", says=True),
        Column("how"),
    ]
    return part.table("deployed", columns, rows)


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
    return asked.to("impact", asked.ref)


PAGE = Page("impact", "/impact/{ref:path}", _show, acts=(Act("flag", "Mutation.flag", _flag),))
