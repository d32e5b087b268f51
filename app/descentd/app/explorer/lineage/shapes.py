"""The outline of a node: each kind of record has its own shape, so that colour is never what tells them apart."""

from functools import lru_cache
from itertools import pairwise
from typing import Final

from descentd.app.explorer.layout.drawing import Box
from descentd.graph.model.kinds import Kind

POINT: Final = 9.0
"""How far the point of an arrow stands out, within the box."""


def outline(kind: Kind, box: Box) -> str:
    """The path of a node of this kind in its box.

    A version is a rectangle with round corners, data an arrow, a part of it an arrow cut off at its back, code a
    hexagon, a configuration a rectangle with cut corners, an environment a pill, a deployment a house.
    """
    (x, y), path = _shape(kind, box.width, box.height)
    return f"M{short(box.x + x)} {short(box.y + y)}{path}"


@lru_cache(maxsize=4096)
def _shape(kind: Kind, width: float, height: float) -> tuple[tuple[float, float], str]:
    """Where a path begins, from the upper left corner, and how it goes on from there: the same at every place."""
    middle, back, foot = height / 2, width - POINT, height - POINT
    match kind:
        case Kind.MODEL_VERSION:
            return _round(width, height, POINT)
        case Kind.DATASET:
            points = [(0.0, 0.0), (back, 0), (width, middle), (back, height), (0, height), (POINT, middle)]
        case Kind.PARTITION:
            points = [(0.0, 0.0), (back, 0), (width, middle), (back, height), (0, height)]
        case Kind.CODE:
            points = [(POINT, 0.0), (back, 0), (width, middle), (back, height), (POINT, height), (0, middle)]
        case Kind.CONFIG:
            upper, lower = [(POINT, 0.0), (back, 0), (width, POINT)], [(back, height), (POINT, height), (0, foot)]
            points = [*upper, (width, foot), *lower, (0, POINT)]
        case Kind.DEPLOYMENT:
            points = [(0.0, POINT), (width / 2, 0), (width, POINT), (width, height), (0, height)]
        case Kind.ENVIRONMENT:
            return _round(width, height, middle)
        case _:
            return _round(width, height, 0.0)
    steps = ((after[0] - before[0], after[1] - before[1]) for before, after in pairwise(points))
    return points[0], f"{''.join(f'l{short(a)} {short(b)}' for a, b in steps)}z"


def _round(width: float, height: float, radius: float) -> tuple[tuple[float, float], str]:
    r = short(radius)
    across, down = short(width - 2 * radius), short(height - 2 * radius)
    back, up = short(2 * radius - width), short(2 * radius - height)
    if not radius:
        return (0.0, 0.0), f"h{across}v{down}h{back}z"
    arc, minus = f"a{r} {r} 0 0 1", short(-radius)
    upper, lower = f"h{across}{arc} {r} {r}v{down}", f"{arc} {minus} {r}h{back}{arc} {minus} {minus}v{up}"
    return (radius, 0.0), f"{upper}{lower}{arc} {r} {minus}z"


def short(value: float) -> str:
    """A coordinate with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")
