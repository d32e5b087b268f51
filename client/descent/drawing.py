"""A series of results as a drawing in text: a line a version, its place between the lowest and the highest."""

from collections.abc import Sequence
from typing import Any

WIDTH = 40
CERTAIN = 1.96
"""Standard errors to either side that hold the true value in 95 % of cases."""


def draw(points: Sequence[dict[str, Any]], optimum: float | None = None, width: int = WIDTH) -> list[str]:
    """Draw points (`value`, and `stderr` or None) as one line each, all to one scale.

    `●` is the value, `─` its 95 % interval, `┊` the optimum of a metric that has one.
    """
    spans = [(point["value"], CERTAIN * (point["stderr"] or 0.0)) for point in points]
    marks = [value + side * reach for value, reach in spans for side in (-1, 1)]
    marks += [] if optimum is None else [optimum]
    low, high = min(marks), max(marks)

    def column(value: float) -> int:
        return width // 2 if high == low else round((value - low) / (high - low) * (width - 1))

    drawn = []
    for value, reach in spans:
        cells = ["·"] * width
        if optimum is not None:
            cells[column(optimum)] = "┊"
        for place in range(column(value - reach), column(value + reach) + 1):
            cells[place] = "─"
        cells[column(value)] = "●"
        drawn.append("".join(cells))
    return drawn
