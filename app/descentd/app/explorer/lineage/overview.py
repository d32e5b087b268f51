"""The overview of a drawing that is too large for SVG: places and lines as numbers, for a canvas."""

from typing import Any, Final

from starlette.responses import JSONResponse

from descentd.app.explorer.lineage.parts import Figure, Seen

LARGE: Final = 1_500
"""Nodes above which the page shows a canvas (see docs/performance.md for what that rests on)."""


def overview(seen: Seen, drawn: Figure) -> JSONResponse:
    """Nodes as [x, y, width, height, style, text, address] and lines as [style, x, y, x, y, …], styles by number."""
    styles: dict[str, int] = {}

    def number(style: str) -> int:
        return styles.setdefault(style, len(styles))

    nodes: list[list[Any]] = [
        [
            round(node.box.x),
            round(node.box.y),
            round(node.box.width),
            round(node.box.height),
            number(node.style),
            node.rows[0].text,
            node.address,
            node.says,
        ]
        for node in drawn.nodes
    ]
    lines = [[number(line.style), *(round(value) for value in line.points)] for line in drawn.lines]
    return JSONResponse(
        {
            "width": drawn.width,
            "height": drawn.height,
            "right": seen.view.flow == "right",
            "nodes": nodes,
            "lines": lines,
            "styles": list(styles),
        }
    )
