"""A selection as a figure, nodes and lines with their places: laid out once and kept, as a picture, as an overview."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import quote

import numpy as np
from starlette.responses import Response

from descentd.app.explorer.layout.drawing import Box, Drawing, Flow, draw
from descentd.app.explorer.layout.grids import Size
from descentd.app.explorer.layout.layers import Way
from descentd.app.explorer.lineage.labels import labels_of
from descentd.app.explorer.lineage.lines import lines_of
from descentd.app.explorer.lineage.markers import closings, markers
from descentd.app.explorer.lineage.markup import drawing
from descentd.app.explorer.lineage.nodes import Draft, draft, finished, leading, style_of
from descentd.app.explorer.lineage.parts import MARKER, Figure, Node, Seen
from descentd.app.explorer.rendering import environment
from descentd.app.explorer.words import Words
from descentd.graph.cache import Cache
from descentd.graph.model.records import Brief

LARGE: Final = 750
"""Nodes above which the page shows a canvas: see ADR 23 for what that rests on."""
DENSE: Final = 80
"""Lines above which nothing is written on those of data."""
EDGE: Final = 4.0
"""Between what is written and the edge of a drawing."""
ROOM: Final = 16 << 20
"""Bytes that kept drawings may occupy."""
_NODE: Final = 400
"""About how many bytes a node or a line of a drawing takes."""
_TEMPLATES: Final = environment()
_NOT_IN_NAMES: Final = re.compile(r"[^\w.@-]+")


class Drawings:
    """The drawings that were asked for last, by the digest of what was to be drawn."""

    def __init__(self, room: int = ROOM) -> None:
        self._cache = Cache[Drawing](room)

    def draw(self, sizes: Sequence[Size], ways: Sequence[Way], flow: Flow, alone: Collection[int] = ()) -> Drawing:
        """Lay out as `drawing.draw` does, or return the drawing of the same sizes, lines and flow that is kept."""
        digest = blake2b(f"{flow} {sorted(alone)} {len(sizes)}".encode(), digest_size=16)
        digest.update(np.array(sizes, np.float64).tobytes())
        digest.update(np.array(ways, np.int64).tobytes())
        return self._cache.find(
            digest.digest(),
            lambda: draw(sizes, ways, flow, alone=alone),
            lambda drawing: _NODE * (len(drawing.boxes) + len(drawing.lines)),
        )


@dataclass(frozen=True, slots=True)
class Laid:
    """What is seen, laid out: nodes with their places, and all pairs of places that are joined."""

    drafts: Sequence[Draft]
    links: Sequence[tuple[int, int]]
    drawing: Drawing

    @property
    def large(self) -> bool:
        """Whether a page shows it on a canvas."""
        return len(self.drafts) > LARGE


def lay_out(seen: Seen, drawings: Drawings) -> Laid:
    """Lay out what is seen."""
    folded = seen.folded
    places = sorted({*folded.singles, *folded.folds})
    numbers = {place: i for i, place in enumerate(places)}
    drafts = [draft(place, seen) for place in places]
    links = list(folded.between)
    ways = [(numbers[parent], numbers[child]) for parent, child in links]
    alone = [numbers[one] for one in (seen.selection.middle, seen.selection.end, seen.view.at) if one in numbers]
    return Laid(drafts, links, drawings.draw([one.size for one in drafts], ways, seen.view.flow, alone))


def figure(seen: Seen, laid: Laid) -> Figure:
    """All that an SVG shows of what is seen."""
    drawing, drafts = laid.drawing, laid.drafts
    selected = [box for one, box in zip(drafts, drawing.boxes, strict=True) if one.place == seen.selected]
    members = seen.folded.singles.values()
    offered = closings(seen)

    def node(number: int) -> Node:
        one, box = drafts[number], drawing.boxes[number]
        marked = () if laid.large else markers(one.place, box, seen, offered.get(one.place, ()))
        return finished(one, box, seen, marked)

    lines = lines_of(seen, drawing)
    labels = labels_of(lines, drawing.boxes, seen.view.flow, dense=len(lines) > DENSE)
    return Figure(
        drawing.boxes,
        node,
        lines,
        labels,
        [frame.box for frame in drawing.frames],
        laid.links,
        (selected[0].x + selected[0].width / 2, selected[0].y + selected[0].height / 2) if selected else None,
        len(drafts) == 1 and not any(one.above or one.below for one in members),
        *_extent(drawing, [label.box for of_line in labels for label in of_line]),
    )


def _extent(drawing: Drawing, written: Sequence[Box] = ()) -> tuple[float, float]:
    """Width and height; markers stand out below, above within the margin, and what is written on lines at any side."""
    width = max([drawing.width, *(box.x + box.width + EDGE for box in written)])
    height = max([drawing.height + MARKER / 2, *(box.y + box.height + EDGE for box in written)])
    return round(width, 1), round(height, 1)


def picture(seen: Seen, laid: Laid) -> Response:
    """The drawing as a file to download."""
    drawn, words, brief = figure(seen, laid), seen.asked.words, seen.selection.members[seen.selection.middle].brief
    style = f"<style>{_TEMPLATES.get_template('lineage-picture.css').render()}</style>"
    title = words("lineage.title", name=brief.ref)
    body = "".join(drawing(drawn, title, described(drawn, words), style, alone=True))
    return Response(
        body,
        media_type="image/svg+xml",
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file_stem(brief))}.svg",
            # It is opened by itself too, and holds its own style.
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
        },
    )


def file_stem(brief: Brief) -> str:
    """What the file of a drawing is called, without its ending: SVG and PNG are told apart by that alone."""
    name = brief.id.removeprefix("sha256:")[:10] if brief.label is None else brief.ref.partition(":")[2]
    return f"lineage-{_NOT_IN_NAMES.sub('-', name)}"


def described(drawn: Figure, words: Words) -> str:
    """What a figure shows, for those who do not see it."""
    if drawn.alone:
        return words("lineage.alone")
    return words("lineage.description", nodes=len(drawn.boxes), lines=len(drawn.lines))


def overview(seen: Seen, laid: Laid) -> dict[str, Any]:
    """What is seen in numbers, styles by number: what a canvas shows, made without what it does not.

    Nodes are [x, y, width, height, style, text, address, in words], lines [style, x, y, x, y, …]; places are the nodes'
    own, links the pairs of nodes that are joined, by their numbers, and current that of the selected one.
    """
    places = [one.place for one in laid.drafts]
    numbers = {place: i for i, place in enumerate(places)}
    styles: dict[str, int] = {}

    def number(style: str) -> int:
        return styles.setdefault(style, len(styles))

    nodes: list[list[Any]] = []
    for one, box in zip(laid.drafts, laid.drawing.boxes, strict=True):
        address, says = leading(one, seen)
        nodes.append([*map(round, box), number(style_of(one, seen)), one.rows[0][0], address, says])
    lines = [[number(line.style), *map(round, line.points)] for line in lines_of(seen, laid.drawing)]
    width, height = _extent(laid.drawing)
    return {
        "width": width,
        "height": height,
        "right": seen.view.flow == "right",
        "current": numbers[seen.selected],
        "nodes": nodes,
        "places": places,
        "links": [(numbers[parent], numbers[child]) for parent, child in laid.links],
        "lines": lines,
        "styles": list(styles),
    }
