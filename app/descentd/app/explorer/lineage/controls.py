"""The controls of a drawing: links to the views beside it, and what there is to choose from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.app.explorer.layout.drawing import Flow
from descentd.app.explorer.lineage.parts import Seen
from descentd.app.explorer.lineage.text import relation_words
from descentd.app.explorer.lineage.view import DRAWN_KINDS, kinds_text
from descentd.app.explorer.slices import slice_text
from descentd.graph.model.kinds import DATA, ENTITIES, VERSION, Kind
from descentd.graph.model.reach import Direction
from descentd.queries.lineage.selection.select import KINDS
from descentd.queries.overview.version_status import Status

_KINDS: Final[Mapping[str, frozenset[Kind]]] = {
    "usual": KINDS,
    "versions": VERSION,
    "data": DATA,
    "entities": ENTITIES,
    "all": frozenset(DRAWN_KINDS),
}


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose: the value of the parameter, in words, and whether it is chosen."""

    value: str
    words: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Controls:
    """What there is to choose from, and the addresses of the views beside this one; None where there is no such."""

    metrics: Sequence[Option]
    slices: Sequence[Option]
    kinds: Sequence[Option]
    relations: Sequence[Option]
    statuses: Sequence[Option]
    farther_above: str | None
    farther_below: str | None
    afresh: str
    turned: str
    folding: str
    without_path: str | None
    unfiltered: str | None
    filtered: bool
    svg: str


def controls(seen: Seen) -> Controls:
    """The controls of what is seen."""
    words, view, shifts = seen.asked.words, seen.view, seen.shifts
    choice, chosen = view.choice, shifts.metric.name if shifts.metric is not None else ""
    statuses = [Option(one, words[f"lineage.status.{one}"], one in view.wanted.statuses) for one in Status]
    relations = sorted({one for link in seen.selection.links for one in link.relations} | view.wanted.relations)
    grows_above, grows_below = (way in seen.selection.farther for way in (Direction.ANCESTORS, Direction.DESCENDANTS))
    slices = dict.fromkeys([(), *shifts.slices, shifts.slice])
    groups = [
        Option(slice_text(one), slice_text(one) if one else words["lineage.everybody"], one == shifts.slice)
        for one in slices
    ]
    filtered = view.wanted != type(view.wanted)()
    return Controls(
        [Option(one.name, one.name, one.name == chosen) for one in shifts.metrics],
        groups if len(groups) > 1 else [],
        [
            Option("" if kinds == KINDS else kinds_text(kinds), words[f"lineage.kinds.{name}"], kinds == choice.kinds)
            for name, kinds in _KINDS.items()
        ],
        [Option(one, relation_words(words, [one]), one in view.wanted.relations) for one in relations],
        statuses,
        view.choosing(above=choice.above + 1).address if grows_above else None,
        view.choosing(below=choice.below + 1).address if grows_below else None,
        type(view)(view.ref, as_of=view.as_of, metric=view.metric).address,
        view.but(flow=Flow.DOWN if view.flow is Flow.RIGHT else Flow.RIGHT).address,
        view.but(folds=not view.folds).address,
        view.choosing(to=None).address if choice.to else None,
        view.but(wanted=type(view.wanted)()).address if filtered else None,
        filtered or choice.kinds != KINDS or choice.to is not None,
        view.as_format("svg"),
    )
