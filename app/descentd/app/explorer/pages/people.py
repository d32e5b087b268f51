"""Who decided what about a version, and why it counts or does not: a table of several pages."""

from collections.abc import Sequence
from typing import Final

from descentd.app.explorer.page import Asked
from descentd.app.explorer.table import Cell, Column, Table
from descentd.graph.inputs.acts import Decision
from descentd.graph.model.identity import Content
from descentd.graph.model.records import Brief
from descentd.queries.governance.gate.decide import RuleOutcome
from descentd.queries.governance.reviews import Quorum, ReviewState

_SHOWN: Final = 50
_TONES: Final = {"GO": "good", "NO_GO": "bad", "ABSTAIN": "soft"}


def people_table(asked: Asked, states: Sequence[ReviewState]) -> Table:
    """Decisions, the newest first."""
    columns = decision_columns()
    part = asked.part(states[::-1], _SHOWN, "people")
    rows = [decision_row(asked, one) for one in part.items]
    return part.table("people", columns, rows)


def decision_columns(*about: str) -> list[Column]:
    """The columns of decisions; `about`: the one of what they are about."""
    keys = ("decision", "person", *about, "environment", "why", "day", "counts")
    return [Column(key, says=key in ("person", "why", "counts")) for key in keys]


def decision_row(asked: Asked, one: ReviewState, version: Brief | None = None) -> Sequence[Cell]:
    """A decision with its conditions, and why it does not count where it does not; `version`: what it is about."""
    t, content = asked.words, one.entry.record.content
    conditions = "; ".join(content.get("conditions", ()))
    return (
        Cell(
            t(f"decision.{one.decision}"), tone=_TONES[one.decision] if one.void is None else "soft", value=one.decision
        ),
        person_cell(asked, content),
        *(() if version is None else (asked.record(version),)),
        Cell(one.environment),
        Cell(
            content["reason"],
            asked.to("record", one.entry.record.id),
            note=t("review.conditions", conditions=conditions) if conditions else "",
        ),
        asked.day(one.entry.recorded_at),
        Cell(t("review.counts")) if one.void is None else Cell(t("review.void"), tone="soft", note=one.void),
    )


def beside_people(unmet: Sequence[RuleOutcome], people: Quorum | None) -> Sequence[RuleOutcome]:
    """Of the rules of a gate that are not met those but for which a go of enough people would let it in."""
    # The quorum is the last rule, where it is asked for.
    return unmet if people is None or people.reached else unmet[:-1]


def on_conditions(states: Sequence[ReviewState], environment: str | None = None) -> list[ReviewState]:
    """The go that stand with conditions, for an environment or for all: what they let in is let in on these."""
    return [
        one
        for one in states
        if one.void is None
        and one.decision is Decision.GO
        and environment in (None, one.environment)
        and one.entry.record.content.get("conditions")
    ]


def person_cell(asked: Asked, review: Content) -> Cell:
    """Who decided; of a review that is claimed of elsewhere who is said to have, and where that can be found."""
    if "claimed" not in review:
        return Cell(review["by"])
    claimed = review["claimed"]
    note = asked.words("review.claimed", source=claimed["source"], person=review["by"])
    return Cell(claimed["by"], note=str(note))
