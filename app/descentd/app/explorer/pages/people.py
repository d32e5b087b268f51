"""Who decided what about a version, and why it counts or does not: a table of several pages."""

from collections.abc import Sequence
from typing import Final

from descentd.app.explorer.page import Asked
from descentd.app.explorer.table import Cell, Column, Table
from descentd.queries.governance.reviews import ReviewState

_TONES: Final = {"GO": "good", "NO_GO": "bad", "ABSTAIN": "soft"}


def people_table(asked: Asked, states: Sequence[ReviewState]) -> Table:
    """Decisions, the newest first."""
    t = asked.words
    rows = []
    for one in reversed(states):
        content = one.entry.record.content
        counts = Cell(t("review.counts")) if one.void is None else Cell(t("review.void"), tone="soft", note=one.void)
        conditions = "; ".join(content.get("conditions", ()))
        rows.append(
            (
                Cell(t(f"decision.{one.decision}"), tone=_TONES[one.decision] if one.void is None else "soft"),
                Cell(one.person),
                Cell(one.environment),
                Cell(
                    content["reason"],
                    asked.to("record", one.entry.record.id),
                    note=str(t("review.conditions", conditions=conditions)) if conditions else "",
                ),
                Cell(t.day(one.entry.recorded_at)),
                counts,
            )
        )
    columns = [Column(key) for key in ("decision", "person", "environment", "why", "day", "counts")]
    return Table("people", columns, rows)
