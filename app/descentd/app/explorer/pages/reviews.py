"""`/reviews`: what waits for a decision, first what waits for whoever looks."""

from collections.abc import Sequence
from typing import Final

from descentd.app.explorer.page import Asked, Page, Part, View
from descentd.app.explorer.pages.people import decision_columns, decision_row
from descentd.app.explorer.pages.serving import marked_cells
from descentd.app.explorer.table import Cell, Column, Table
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.reviews import reviews
from descentd.queries.governance.waiting import Waiting, waiting

_SAYING: Final = ("environment", "said_go")
"""Columns in which something is said beside the value."""
DECIDING: Final = "Mutation.review"
"""What whoever decides needs a role for."""
_SHOWN = 50
_DECISIONS = 20


async def _show(asked: Asked) -> View:
    mine, others = await waiting_by_whom(asked)
    parts = {"mine": asked.part(mine, _SHOWN, "mine"), "others": asked.part(others, _SHOWN, "others")}
    tables = [
        *[await waiting_table(asked, name, part) for name, part in parts.items()],
        await _decisions(asked),
    ]
    return View(asked.words("reviews.title"), {"decides": asked.may(DECIDING)}, tables)


async def waiting_by_whom(asked: Asked) -> tuple[Sequence[Waiting], Sequence[Waiting]]:
    """What waits for whoever looks, and what waits for others: all of it, where their roles let them decide nothing.

    What is blocked whatever is decided comes last.
    """
    person = asked.principal.person if asked.may(DECIDING) else None
    newest = await waiting(asked.registry, person, asked.upto, asked.moment)
    found = sorted(newest, key=lambda one: not one.documented)
    return [one for one in found if one.mine], [one for one in found if not one.mine]


async def waiting_table(asked: Asked, name: str, part: Part[Waiting]) -> Table:
    """Versions that wait, each with where, how many have said go, and where to decide, or to see why it waits."""
    t = asked.words
    served = await marked_cells(asked, [one.version for one in part.items if one.serves])
    lapsed = any(one.lapsed for one in part.items) or asked.for_csv
    rows = [
        (
            served.get(one.version.id) or asked.record(one.version),
            Cell(one.environment, note=_serves(asked, one)),
            Cell(
                t("reviews.reached", n=one.quorum.needed, reached=len(one.quorum.people)),
                value=f"{len(one.quorum.people)}/{one.quorum.needed}",
                note="" if one.documented else t("reviews.blocked"),
            ),
            *([Cell(asked.wording.decided("; ".join(one.lapsed)))] if lapsed else ()),
            Cell(
                t("reviews.decide") if one.mine and one.documented and not asked.is_past else t("reviews.look"),
                asked.to("gate", one.version.ref, environment=one.environment),
            ),
        )
        for one in part.items
    ]
    keys = ("environment", "said_go", *(("lapsed",) if lapsed else ()), "act")
    columns = [Column("version", says=True), *[Column(key, says=key in _SAYING) for key in keys]]
    return part.table(name, columns, rows)


def _serves(asked: Asked, one: Waiting) -> str:
    """Whether it serves where it waits, and if that is claimed only by what: a claim may say that it is an example."""
    if one.serves is None:
        return ""
    if not one.serves.claimed:
        return asked.words("reviews.serves")
    return asked.words("reviews.serves_claimed", source=one.serves.entry.record.content["claimed"]["source"])


async def _decisions(asked: Asked) -> Table:
    """The newest decisions of anybody."""
    registry = asked.registry
    held = await registry.walk.everything(asked.upto, Kind.REVIEW)
    part = asked.part(held.tolist()[::-1], _DECISIONS)
    entries = await registry.store.entries(part.items) if part.items else []
    subjects = {entry.record.content["subject"] for entry in entries}
    versions = await registry.store.resolve(subjects) if subjects else {}
    sequences = sorted({version.sequence for version in versions.values()})
    found = await reviews(registry, sequences, asked.upto, asked.moment) if sequences else {}
    states = {one.entry.sequence: one for decided in found.values() for one in decided}
    rows = [decision_row(asked, states[entry.sequence], versions[entry.record.content["subject"]]) for entry in entries]
    columns = decision_columns("version")
    return part.table("decisions", columns, rows)


PAGE = Page("reviews", "/reviews", _show)
