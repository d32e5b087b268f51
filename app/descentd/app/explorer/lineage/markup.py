"""A figure as SVG: lines first, then what is written on them, then nodes and what shows more.

It is written without templates, and without spaces between elements: thousands of nodes are most of what a page of a
lineage costs to make, to read and to draw.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from itertools import chain
from math import ceil, floor
from operator import add
from typing import Final

from markupsafe import Markup
from markupsafe import escape as of_words

from descentd.app.explorer.layout.drawing import Box
from descentd.app.explorer.lineage.parts import LINE, Figure, Label, Line, Marker, Node
from descentd.app.explorer.lineage.shapes import outline, short

PARTED: Final = 60
"""Nodes or lines above which they are grouped by where they are: those out of sight are drawn by browsers later."""
PART_WIDTH: Final = 400.0
PART_HEIGHT: Final = 240.0
_ARROW: Final = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7.2" refY="4" markerUnits="userSpaceOnUse" markerWidth="10" '
    'markerHeight="10" orient="auto"><path d="M0 .6 8 4 0 7.4z" class="head" fill="context-stroke"/></marker></defs>'
)


def drawing(figure: Figure, title: str, description: str, style: str = "", *, alone: bool = False) -> Iterator[Markup]:
    """The picture with its title and description in words, part by part.

    style: rules of its own, where it is a file; alone: it is one, so that nothing in it leads anywhere.
    """
    width, height = figure.width, figure.height
    keys = "" if alone or figure.alone else " lineage-keys"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="lineage" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="group" aria-labelledby="lineage-title" aria-describedby="lineage-description{keys}">'
        f'<title id="lineage-title">{of_words(title)}</title>'
        f'<desc id="lineage-description">{of_words(description)}</desc>{style}{_ARROW}'
    )
    in_order = _in_parts if is_parted(figure) and not alone else _one_by_one
    lines = in_order([_line_box(line) for line in figure.lines], lambda i: _line(figure.lines[i]))
    labels = list(chain.from_iterable(figure.labels))
    written = in_order([label.box for label in labels], lambda i: _written(labels[i]))
    nodes = in_order(figure.boxes, lambda i: _node(figure.node(i), alone=alone))
    between = '</g><g class="written" aria-hidden="true">'
    frames, before = map(_frame, figure.frames), '<g class="lines" marker-end="url(#arrow)">'
    parts = chain([head], frames, [before], lines, [between], written, ["</g>"], nodes, ["</svg>"])
    return map(Markup, parts)  # all that is not ours is escaped


def is_parted(figure: Figure) -> bool:
    """Whether it is so large that browsers draw what is in their window before the rest."""
    return max(len(figure.boxes), len(figure.lines)) > PARTED


def _one_by_one(boxes: Sequence[Box], write: Callable[[int], str]) -> Iterator[str]:
    return map(write, range(len(boxes)))


def _in_parts(boxes: Sequence[Box], write: Callable[[int], str]) -> Iterator[str]:
    """What `write` makes for each box in groups of what is near each other, each with the box around it.

    Groups are pictures within the picture: of a `g` that is not displayed Chromium lays out the texts all the same.
    """
    tiles: dict[tuple[int, int], list[int]] = {}
    for i, box in enumerate(boxes):
        place = int((box.x + box.width / 2) // PART_WIDTH), int((box.y + box.height / 2) // PART_HEIGHT)
        tiles.setdefault(place, []).append(i)
    for _, inside in sorted(tiles.items()):
        held, around = "".join(map(write, inside)), _around(boxes[i] for i in inside)
        yield f'<svg class="part" data-box="{around}">{held}</svg>'


def _around(boxes: Iterable[Box]) -> str:
    xs, ys, widths, heights = zip(*boxes, strict=True)
    left, top = floor(min(xs)), floor(min(ys))
    return f"{left} {top} {ceil(max(map(add, xs, widths))) - left} {ceil(max(map(add, ys, heights))) - top}"


def _frame(box: Box) -> str:
    return f'<rect class="frame" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="10"/>'


def _line(line: Line) -> str:
    return (
        f'<path class="line {line.style}" d="{line.path}" data-ends="{line.parent} {line.child}">'
        f"<title>{_text(line.says)}</title></path>"
    )


def _line_box(line: Line) -> Box:
    xs, ys = line.points[::2], line.points[1::2]
    return Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def _written(label: Label) -> str:
    return f'<text class="{label.style}" x="{short(label.x)}" y="{short(label.y)}">{_text(label.text)}</text>'


def _node(node: Node, *, alone: bool) -> str:
    says, shape = _text(node.says), outline(node.kind, node.box)
    more = f' data-more="{escape(node.more)}"' if node.more else ""
    selected = ' id="drawing" aria-current="true"' if "selected" in node.style else ""
    behind = f'<path class="behind" d="{shape}" transform="translate(5 5)"/>' if node.fold else ""
    x, y, rows = short(node.x), node.y, []
    for text, style in node.rows:
        rows.append(f'<text class="{style}" x="{x}" y="{y:.1f}">{_text(text)}</text>')
        y += LINE
    if node.marks:
        signs = " ".join(f'<tspan class="{mark.tone}">{mark.sign}</tspan>' for mark in node.marks)
        rows.append(f'<text class="mark" x="{short(node.box.x + node.box.width - 12)}" y="{node.y}">{signs}</text>')
    markers = "" if alone else "".join(_marker(marker, node.place) for marker in node.markers)
    return (
        f'<g class="node {node.style}"><a href="{"#" if alone else escape(node.address)}" data-place="{node.place}"'
        f'{more}{selected}><title>{says}</title>{behind}<path class="body" d="{shape}"/>'
        f"{''.join(rows)}</a>{markers}</g>"
    )


def _text(text: str) -> str:
    """A text between elements, where quotation marks may stay as they are."""
    return escape(text, quote=False)


def _marker(marker: Marker, place: int) -> str:
    says = _text(marker.says)
    return (
        f'<a class="marker" href="{escape(marker.address)}" data-of="{place}" data-way="{marker.way}">'
        f"<title>{says}</title>"
        f'<rect x="{marker.x}" y="{marker.y}" width="{marker.width}" height="20" rx="10"/>'
        f'<text x="{marker.x + marker.width / 2}" y="{marker.y + 14.5}">{marker.text}</text></a>'
    )
