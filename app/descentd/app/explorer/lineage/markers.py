"""What shows more at a node, and what takes that back: what was opened, unfolded or pulled out there."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from descentd.app.explorer.layout.drawing import Box
from descentd.app.explorer.lineage.nodes import SIZES
from descentd.app.explorer.lineage.parts import MARKER, Marker, Seen
from descentd.app.explorer.lineage.text import width_of
from descentd.graph.model.reach import Direction

_INSET: Final = 6.0
"""From the corner of a node to its marker."""
_WAYS: Final = {Direction.ANCESTORS: "above", Direction.DESCENDANTS: "below"}


class Closing(NamedTuple):
    """What takes back one thing that shows more: which, in words, and the address of the view without it."""

    way: str
    says: str
    address: str


def closings(seen: Seen) -> Mapping[int, Sequence[Closing]]:
    """By the place where it is offered, what takes back what was opened, unfolded and pulled out."""
    found: defaultdict[int, list[Closing]] = defaultdict(list)
    view, drawn = seen.view, seen.folded.singles

    def offer(place: int, record: int, way: str, address: str) -> None:
        says = seen.asked.words[f"lineage.less_{way}"].format(name=seen.selection.members[record].brief.ref)
        found[place].append(Closing(f"less_{way}", says, address))

    for opened in view.choice.opened:
        if opened.record in drawn:
            address = view.closing(opened.record, opened.direction).address
            offer(opened.record, opened.record, _WAYS[opened.direction], address)
    if view.folds:
        rests = {fold.number: fold.place for fold in seen.folded.folds.values()}
        for number, _ in view.unfolded:
            for place in {number, rests.get(number, number)} if number in drawn else ():
                offer(place, number, "unfolded", view.folding(number).address)
        for record in sorted(view.pulled & drawn.keys()):
            offer(record, record, "pulled", view.returning(record).address)
    return found


def markers(place: int, box: Box, seen: Seen, closings: Sequence[Closing]) -> tuple[Marker, ...]:
    """At the lower corners what shows more, at the upper ones what shows less: of what is above at the left.

    What folds again is in the middle between these.
    """
    found = []
    member = seen.folded.singles.get(place)
    hidden = {Direction.ANCESTORS: member.above, Direction.DESCENDANTS: member.below} if member else {}
    for direction, count in hidden.items():
        if count and member:
            way = _WAYS[direction]
            says = seen.asked.words[f"lineage.show_{way}"].format(n=f"{count:,}", name=member.brief.ref)
            address = seen.openings.address(member.brief.sequence, direction)
            found.append(_marker(way, f"+{count:,}", says, address, box, box.y + box.height))
    return (*found, *(_marker(one.way, "−", one.says, one.address, box, box.y) for one in closings))


def _marker(way: str, text: str, says: str, address: str, box: Box, y: float) -> Marker:
    width = round(width_of(text, SIZES["sub"]) + 16, 1)
    room = box.width - width
    x = box.x + (_INSET if way.endswith("above") else room - _INSET if way.endswith("below") else room / 2)
    return Marker(round(x, 1), round(y - MARKER / 2, 1), width, text, says, address, way)
