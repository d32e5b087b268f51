"""The outline of a node: each kind of record has its own shape, so that colour is never what tells them apart."""

from descentd.app.explorer.layout.drawing import Box
from descentd.graph.model.kinds import Kind

POINT = 9.0
"""How far the point of an arrow stands out, within the box."""


def outline(kind: Kind, box: Box) -> str:
    """The path of a node of this kind in its box.

    A version is a rectangle with round corners, data an arrow, a part of it an arrow cut off at its back, code a
    hexagon, a configuration a rectangle with cut corners, an environment a pill, a deployment a house.
    """
    x, y, width, height = box.x, box.y, box.width, box.height
    right, bottom, middle = x + width, y + height, y + height / 2
    match kind:
        case Kind.MODEL_VERSION:
            return _round(box, 9.0)
        case Kind.DATASET:
            points = [
                (x, y),
                (right - POINT, y),
                (right, middle),
                (right - POINT, bottom),
                (x, bottom),
                (x + POINT, middle),
            ]
        case Kind.PARTITION:
            points = [(x, y), (right - POINT, y), (right, middle), (right - POINT, bottom), (x, bottom)]
        case Kind.CODE:
            points = [
                (x + POINT, y),
                (right - POINT, y),
                (right, middle),
                (right - POINT, bottom),
                (x + POINT, bottom),
                (x, middle),
            ]
        case Kind.CONFIG:
            cut = POINT
            points = [
                (x + cut, y),
                (right - cut, y),
                (right, y + cut),
                (right, bottom - cut),
                (right - cut, bottom),
                (x + cut, bottom),
                (x, bottom - cut),
                (x, y + cut),
            ]
        case Kind.DEPLOYMENT:
            points = [(x, y + POINT), (x + width / 2, y), (right, y + POINT), (right, bottom), (x, bottom)]
        case Kind.ENVIRONMENT:
            return _round(box, height / 2)
        case _:
            return _round(box, 0.0)
    return f"M{'L'.join(f'{short(a)} {short(b)}' for a, b in points)}z"


def _round(box: Box, radius: float) -> str:
    x, y, r = box.x, box.y, radius
    across, down = short(box.width - 2 * r), short(box.height - 2 * r)
    arc = f"a{short(r)} {short(r)} 0 0 1"
    back, up = short(2 * r - box.width), short(2 * r - box.height)
    if not r:
        return f"M{short(x)} {short(y)}h{across}v{down}h{back}z"
    return (
        f"M{short(x + r)} {short(y)}h{across}{arc} {short(r)} {short(r)}v{down}{arc} {short(-r)} {short(r)}"
        f"h{back}{arc} {short(-r)} {short(-r)}v{up}{arc} {short(r)} {short(-r)}z"
    )


def short(value: float) -> str:
    """A coordinate with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")
