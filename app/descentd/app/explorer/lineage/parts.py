"""What a figure consists of: nodes and lines with their places, and what they are made from."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from descentd.app.explorer.called import called_beside
from descentd.app.explorer.layout.drawing import Box
from descentd.app.explorer.lineage.losses import Blame, Derivation, Losses, MeasuredBy, series_name
from descentd.app.explorer.lineage.text import Mark
from descentd.app.explorer.lineage.view import Openings, View
from descentd.app.explorer.page import Asked
from descentd.graph.model.kinds import Kind
from descentd.queries.lineage.selection.folding import Folded
from descentd.queries.lineage.selection.select import Selection
from descentd.queries.overview.shifts import Outcome, Shifts
from descentd.queries.overview.version_status import VersionStatus

LINE: Final = 17.0
"""From one line of text in a node to the next."""
MARKER: Final = 20.0
"""The height of a marker, half of which stands out of its node."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that a figure shows: what is selected, after filters, and what is known of it.

    hidden: how many records the filters hide; losses: of the versions that are left; openings: the addresses of `view`
    that show more.
    """

    asked: Asked
    view: View
    selection: Selection
    folded: Folded
    version_statuses: Mapping[int, VersionStatus]
    shifts: Shifts
    hidden: int
    losses: Losses
    openings: Openings

    @property
    def selected(self) -> int:
        """The place of what is selected: the record in the middle, unless another that is drawn is asked for."""
        middle = self.selection.middle
        return self.folded.place.get(middle if self.view.at is None else self.view.at, middle)

    @property
    def series(self) -> MeasuredBy | None:
        """The metric and slice whose shifts are shown."""
        return None if self.shifts.metric is None else (self.shifts.metric.name, self.shifts.slice)

    def blame(self, pairs: Iterable[Derivation]) -> tuple[list[str], str]:
        """What some derivations are blamed for: the styles of a line that is marked for it, and all of it in words."""
        derivations = list(pairs)
        blamed = self.losses.blame(derivations, self.series)
        marked = [blame for blame in blamed if blame.marked]
        parts = [self._blamed(blame) for blame in blamed]
        moved = [self.shifts.by_derivation[one] for one in derivations if one in self.shifts.by_derivation]
        if marked and moved and all(shift.outcome is not Outcome.WORSE for shift in moved):
            parts.insert(len(marked), self.asked.words["lineage.taken_together"])
        unsure = ["unsure"] if not any(blame.sure for blame in marked) else []
        return ["blamed", *unsure] if marked else [], "; ".join(parts)

    def _blamed(self, blame: Blame) -> str:
        losses = "; ".join(self._lost(series, versions) for series, versions in blame.versions.items())
        kind = f"{'blamed' if blame.marked else 'others'}_{'sure' if blame.sure else 'unsure'}"
        return self.asked.words[f"lineage.{kind}"].format(losses=losses)

    def _lost(self, series: MeasuredBy, versions: Sequence[int]) -> str:
        """A loss in words, and whose it is: that of the record in the middle, or else of the first."""
        first = self.selection.middle if self.selection.middle in versions else versions[0]
        brief = self.selection.members[first].brief
        named = called_beside(brief.ref, self.selection.members[self.selection.middle].brief.ref)
        if len(versions) > 1:
            named = self.asked.words["lineage.and_more"].format(name=named, n=f"{len(versions) - 1:,}")
        return self.asked.words["lineage.loss"].format(metric=series_name(series), versions=named)


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


class Label(NamedTuple):
    """A text beside a line: `x` is its middle and `y` its foot; `box` is what it takes."""

    text: str
    style: str
    x: float
    y: float
    box: Box


class Line(NamedTuple):
    """A line by the places of its ends: its path, what is to be written beside it, what it says in words."""

    parent: int
    child: int
    path: str
    style: str
    shift: str
    relation: str
    says: str
    points: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure in pixels; frames are the outlines of grids, links all pairs of places that are joined.

    boxes: those of its nodes; node: makes the one in a box, so that the first are sent while others are made; labels:
    what is written beside each line; opens: the middle of what is selected; alone: whether it is all that there is.
    """

    boxes: Sequence[Box]
    node: Callable[[int], Node]
    lines: Sequence[Line]
    labels: Sequence[Sequence[Label]]
    frames: Sequence[Box]
    links: Sequence[tuple[int, int]]
    opens: tuple[float, float] | None
    alone: bool
    width: float
    height: float
