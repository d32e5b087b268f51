"""The same as a drawing in a table: what each line stands for, and the shift of the metric along it."""

from collections.abc import Sequence
from typing import Final

from descentd.app.explorer.called import called
from descentd.app.explorer.lineage.parts import Seen
from descentd.app.explorer.lineage.text import MARKS, number, relation_words
from descentd.app.explorer.table import Cell, Column, Table
from descentd.graph.model.kinds import Kind
from descentd.queries.lineage.selection.links import Link
from descentd.queries.overview.shifts import Outcome, Shift

SHOWN: Final = 100
"""Rows on the page."""

_TONES: Final = {Outcome.WORSE: "bad", Outcome.BETTER: "good", Outcome.SAME: "soft", Outcome.CHANGED: "soft"}


def drawn_lines(seen: Seen) -> Table:
    """A row for each line, those nearest to the record in the middle first; a fold is one end."""
    steps = {one: member.steps for one, member in seen.selection.members.items()}
    between = seen.folded.between
    nearest = sorted(between, key=lambda ends: (steps[ends[1]], steps[ends[0]], ends))[:SHOWN]
    rows = [_row([_end(end, seen) for end in ends], between[ends], seen) for ends in nearest]
    more = None if len(between) == len(rows) else seen.view.as_format("csv")
    return Table("derivations", _columns(seen), rows, len(between), more)


def every_derivation(seen: Seen) -> Table:
    """A row for each derivation, folded or not: for CSV."""
    members = seen.selection.members
    rows = [
        _row([Cell(members[end].brief.ref) for end in (link.parent, link.child)], [link], seen)
        for link in seen.selection.links
    ]
    if seen.shifts.metric is None:
        # The columns are the same whatever was measured, so that they are found by their places.
        columns = [*_columns(seen), Column("shift", number=True), Column("moved")]
        return Table("derivations", columns, [[*row, Cell(), Cell()] for row in rows], len(rows))
    return Table("derivations", _columns(seen), rows, len(rows))


def _columns(seen: Seen) -> list[Column]:
    columns = [Column("from"), Column("to"), Column("how")]
    if seen.shifts.metric is not None:
        columns += [Column("shift", number=True, heading=seen.shifts.metric.name), Column("moved")]
    return columns


def _end(place: int, seen: Seen) -> Cell:
    fold = seen.folded.folds.get(place)
    if fold is not None:
        return Cell(f"{len(fold.members):,} × {fold.name}", f"{seen.view.but(inside=fold.number).address}#inside")
    brief = seen.folded.singles[place].brief
    return Cell(called(brief), seen.asked.to("record", brief.ref))


def _row(ends: list[Cell], links: Sequence[Link], seen: Seen) -> list[Cell]:
    words, members = seen.asked.words, seen.selection.members
    how = relation_words(words, list(dict.fromkeys(one for link in links for one in link.relations)))
    notes = [words["lineage.disclosed"]] if any(link.disclosed for link in links) else []
    cells = [*ends, Cell(how, note="".join(notes))]
    if seen.shifts.metric is None:
        return cells
    pairs = dict.fromkeys((link.parent, link.child) for link in links)
    shifts = [seen.shifts.by_derivation[pair] for pair in pairs if pair in seen.shifts.by_derivation]
    _, blamed = seen.blame(pairs)
    if shifts:
        return [*cells, *_shifted(shifts, blamed, seen)]
    versions = all(members[end].brief.kind is Kind.MODEL_VERSION for pair in pairs for end in pair)
    return [*cells, Cell(), Cell(f"? {words['lineage.not_measured']}" if versions else "", tone="soft", note=blamed)]


def _shifted(shifts: Sequence[Shift], blamed: str, seen: Seen) -> list[Cell]:
    """The value before and after, and what that means; of several how many got worse."""
    words = seen.asked.words
    if len(shifts) == 1:
        [shift] = shifts
        moved = f"{number(shift.before.value)} → {number(shift.after.value)}"
        chip = f"{MARKS[shift.outcome]} {words[f'lineage.outcome.{shift.outcome}']}"
        return [Cell(moved), Cell(chip=chip, tone=_TONES[shift.outcome], note=blamed)]
    worse = sum(shift.outcome is Outcome.WORSE for shift in shifts)
    outcome = Outcome.WORSE if worse else Outcome.SAME
    text = words["lineage.worse_of"].format(worse=f"{worse:,}", n=f"{len(shifts):,}")
    return [Cell(), Cell(chip=f"{MARKS[Outcome.WORSE]} {text}", tone=_TONES[outcome], note=blamed)]
