"""What a figure consists of: nodes and lines with their places, and what they are made from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from descentd.app.explorer.layout.drawing import Box
from descentd.app.explorer.lineage.text import Mark
from descentd.app.explorer.lineage.view import Openings, View
from descentd.app.explorer.page import Asked
from descentd.graph.model.kinds import Kind
from descentd.queries.lineage.selection.folding import Folded
from descentd.queries.lineage.selection.select import Selection
from descentd.queries.overview.shifts import Shifts
from descentd.queries.overview.version_status import VersionStatus

LINE: Final = 17.0
"""From one line of text in a node to the next."""
MARKER: Final = 20.0
"""The height of a marker, half of which stands out of its node."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that a figure shows: what is selected, after filters, and what is known of it.

    hidden: how many records the filters hide; blamed: by derivation (parent, child), the metrics by which safety got
    worse there, as far as the results can tell; openings: the addresses of `view` that show more.
    """

    asked: Asked
    view: View
    selection: Selection
    folded: Folded
    version_statuses: Mapping[int, VersionStatus]
    shifts: Shifts
    hidden: int
    blamed: Mapping[tuple[int, int], frozenset[str]]
    openings: Openings

    @property
    def selected(self) -> int:
        """The place of what is selected: the record in the middle, unless another that is drawn is asked for."""
        middle = self.selection.middle
        return self.folded.place.get(middle if self.view.at is None else self.view.at, middle)

    def blame(self, pairs: Iterable[tuple[int, int]]) -> str:
        """In words, what got worse by some derivations; empty where nothing did."""
        metrics = sorted({metric for pair in pairs for metric in self.blamed.get(pair, ())})
        return self.asked.words["lineage.blamed"].format(metrics=", ".join(metrics)) if metrics else ""


class Marker(NamedTuple):
    """A way to see more or less: how many neighbours are not drawn, where that is written, and the address of that."""

    x: float
    y: float
    width: float
    text: str
    says: str
    address: str
    way: str


class Node(NamedTuple):
    """A record, or a fold of several. `says` is all of it in words; `x` and `y` are where its texts begin.

    rows: the lines that are written on it, (text, style).
    """

    place: int
    box: Box
    kind: Kind
    style: str
    rows: Sequence[tuple[str, str]]
    x: float
    y: float
    marks: Sequence[Mark]
    says: str
    address: str
    fold: bool
    more: str | None
    markers: tuple[Marker, ...]


class Line(NamedTuple):
    """A line by the places of its ends: its path, what is written above and below its middle, what it says in words."""

    parent: int
    child: int
    path: str
    style: str
    x: float
    y: float
    shift: str
    relation: str
    says: str
    points: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure in pixels; frames are the outlines of grids, links all pairs of places that are joined.

    boxes: those of its nodes; node: makes the one in a box, so that the first are sent while others are made; opens:
    the middle of what is selected; alone: whether it is all that there is.
    """

    boxes: Sequence[Box]
    node: Callable[[int], Node]
    lines: Sequence[Line]
    frames: Sequence[Box]
    links: Sequence[tuple[int, int]]
    opens: tuple[float, float] | None
    alone: bool
    width: float
    height: float
