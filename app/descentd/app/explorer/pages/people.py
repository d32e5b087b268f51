"""Who decided what about a version, and why it counts or does not: a table of several pages."""

from collections.abc import Sequence
from typing import Final

from descentd.app.explorer.page import Asked
from descentd.app.explorer.table import Cell, Column, Table
from descentd.graph.model.identity import Content
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
                person_cell(asked, content),
                Cell(one.environment),
                Cell(
                    content["reason"],
                    asked.to("record", one.entry.record.id),
                    note=t("review.conditions", conditions=conditions) if conditions else "",
                ),
                Cell(t.day(one.entry.recorded_at)),
                counts,
            )
        )
    columns = [Column(key) for key in ("decision", "person", "environment", "why", "day", "counts")]
    return Table("people", columns, rows)


def person_cell(asked: Asked, review: Content) -> Cell:
    """Who decided; of a review that is claimed of elsewhere who is said to have, and where that can be found."""
    if "claimed" not in review:
        return Cell(review["by"])
    claimed = review["claimed"]
    note = asked.words("review.claimed", source=claimed["source"], person=review["by"])
    return Cell(claimed["by"], note=str(note))
