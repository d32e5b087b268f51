"""The nodes of a figure: what is written on them, how large they are, and where they lead."""

from functools import cache
from typing import Final, NamedTuple

from descentd.app.explorer.layout.drawing import Box
from descentd.app.explorer.lineage.parts import LINE, Marker, Node, Seen
from descentd.app.explorer.lineage.text import (
    GOT_WORSE,
    RETRACTED,
    VERDICT_MARKS,
    Mark,
    cut,
    name_and_rest,
    number,
    status_words,
    width_of,
)
from descentd.app.explorer.words import Words
from descentd.graph.model.kinds import Kind
from descentd.queries.lineage.selection.folding import Fold
from descentd.queries.lineage.selection.select import Member
from descentd.queries.overview.version_status import VersionStatus

SIZES: Final = {"name": 15.0, "data": 13.5, "sub": 12.5}
PADDING: Final = 14.0
INSET: Final = 10.0
"""What the points of other shapes than a version's take at each side."""
NARROWEST: Final = 96.0
_STYLES: Final = {kind: kind.lower().replace("_", "-") for kind in Kind}


class Draft(NamedTuple):
    """A node before it has a place. `rows` are (text, style)."""

    place: int
    kind: Kind
    rows: tuple[tuple[str, str], ...]
    marks: tuple[Mark, ...]
    size: tuple[float, float]


def draft(place: int, seen: Seen) -> Draft:
    """What is written on a node, and how large that makes it."""
    fold = seen.folded.folds.get(place)
    member = seen.folded.singles.get(place)
    status = seen.version_statuses.get(place) if member else None
    marks = _marks(status) if status else ()
    if fold:
        kind, rows = fold.kind, _fold_rows(fold, seen)
    else:
        assert member is not None
        kind, rows = member.brief.kind, _record_rows(member, status, seen)
    widths = [width_of(text, SIZES[style], style != "sub") for text, style in rows]
    widths[0] += 17 * len(marks) + 8 if marks else 0
    width = max(NARROWEST, max(widths) + 2 * (PADDING + _inset(kind)))
    return Draft(place, kind, rows, marks, (round(width, 1), LINE * len(rows) + 18))


def finished(one: Draft, box: Box, seen: Seen, markers: tuple[Marker, ...]) -> Node:
    """A node at its place, with what shows more or less there."""
    fold = seen.folded.folds.get(one.place)
    address, says = leading(one, seen)
    return Node(
        one.place,
        box,
        one.kind,
        style_of(one, seen),
        one.rows,
        round(box.x + PADDING + _inset(one.kind), 1),
        round(box.y + (box.height - LINE * len(one.rows)) / 2 + LINE - 4.5, 1),
        one.marks,
        says,
        address,
        bool(fold),
        seen.view.unfolding(fold.number, fold.place).address if fold else None,
        markers,
    )


def style_of(one: Draft, seen: Seen) -> str:
    """By which a node looks as it does: its kind, how it stands, whether it is in the middle or selected."""
    place, style = one.place, _STYLES[one.kind]
    if place in seen.folded.folds:
        style += " folded"
    elif status := seen.version_statuses.get(place):
        style += " retracted" if status.retracted else ""
        style += " worse" if status.worse else ""
    style += " middle" if place == seen.selection.middle else ""
    return f"{style} selected" if place == seen.selected else style


def leading(one: Draft, seen: Seen) -> tuple[str, str]:
    """Where a node leads, and all of it in words."""
    if fold := seen.folded.folds.get(one.place):
        return f"{seen.view.but(inside=fold.number, find='', at=fold.place).address}#inside", _fold_says(fold, seen)
    member = seen.folded.singles[one.place]
    return seen.asked.to("record", member.brief.ref), _says(member, seen.version_statuses.get(one.place), seen)


def _inset(kind: Kind) -> float:
    return 0.0 if kind is Kind.MODEL_VERSION else INSET


def _marks(status: VersionStatus) -> tuple[Mark, ...]:
    """How a record stands in signs: that it got worse, and its verdict."""
    found = [GOT_WORSE] if status.worse else []
    if status.retracted:
        found.append(RETRACTED)
    elif status.verdict is not None:
        found.append(VERDICT_MARKS[status.verdict])
    return tuple(found)


def _fold_rows(fold: Fold, seen: Seen) -> tuple[tuple[str, str], ...]:
    words = seen.asked.words
    name = fold.name.rpartition("/")[2]
    return (words["lineage.fold"].format(n=f"{len(fold.members):,}"), "name"), (cut(name), "sub")


def _record_rows(member: Member, status: VersionStatus | None, seen: Seen) -> tuple[tuple[str, str], ...]:
    brief, words = member.brief, seen.asked.words
    name, rest = name_and_rest(brief)
    if brief.kind is not Kind.MODEL_VERSION:
        kind = words[f"kind.{brief.kind}"]
        if brief.label is None:
            return (kind, "data"), (rest, "sub")
        if brief.kind is Kind.PARTITION:
            return (cut(rest), "data"), (cut(name), "sub")
        return (cut(f"{name} {rest}"), "data"), (kind.lower(), "sub")
    last = []
    if seen.shifts.metric is not None:
        value = seen.shifts.values.get(brief.sequence)
        last.append(f"? {words['lineage.not_measured']}" if value is None else number(value.value))
    if status is not None:
        last += [words["lineage.status.RETRACTED"]] if status.retracted else []
        last += [words["lineage.status.SERVING"]] if status.serving else []
    rows = (cut(rest or name), "name"), (cut(name), "sub")
    return (*rows, (" · ".join(last), "sub")) if last else rows


@cache
def _kind(words: Words, kind: Kind) -> str:
    return words[f"kind.{kind}"].lower()


def _fold_says(fold: Fold, seen: Seen) -> str:
    kind = _kind(seen.asked.words, fold.kind)
    return str(seen.asked.words["lineage.fold_says"]).format(n=f"{len(fold.members):,}", kind=kind, name=fold.name)


def _says(member: Member, status: VersionStatus | None, seen: Seen) -> str:
    brief, words = member.brief, seen.asked.words
    parts = [f"{brief.ref}, {_kind(words, brief.kind)}"]
    if status is not None:
        parts += status_words(words, status)
    metric = seen.shifts.metric
    if metric is not None and brief.kind is Kind.MODEL_VERSION:
        value = seen.shifts.values.get(brief.sequence)
        parts.append(f"{metric.name} {words['lineage.not_measured'] if value is None else number(value.value)}")
    for hidden, key in ((member.above, "above"), (member.below, "below")):
        if hidden:
            parts.append(words[f"lineage.not_drawn_{key}"].format(n=f"{hidden:,}"))
    return "; ".join(parts)
