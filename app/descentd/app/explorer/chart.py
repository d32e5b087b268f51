"""Charts of one series: where its points, its band of intervals and its lines are, in the units of the drawing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 14, 34
_TICKS: Final = 4
_LABELS: Final = 7
"""Versions that are named below the chart."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A measured value: `half` is half its interval, None where no error is known; `place` counts derivations."""

    place: int
    value: float
    half: float | None
    name: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as it is drawn; `points` are x, y, value and name, `band` and `line` are points of SVG.

    ticks: y and what is written there; names: x and the version; limits: y of each line that tolerance ends at; spans:
    from which x to which x something is marked.
    """

    points: Sequence[tuple[float, float, str, str]]
    band: str
    line: str
    ticks: Sequence[tuple[float, str]]
    names: Sequence[tuple[float, str]]
    limits: Sequence[float]
    spans: Sequence[tuple[float, float]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    top: int = _TOP
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM


def chart(
    dots: Sequence[Dot],
    limits: Sequence[float],
    bounds: tuple[float, float] = (-math.inf, math.inf),
    spans: Sequence[tuple[int, int]] = (),
) -> Chart:
    """The chart of some dots in order.

    limits: the values at which tolerance ends; bounds: the least and the largest value that there can be, at which
    intervals and the axis end too; spans: from which place to which something is marked.
    """
    least = min([bounds[0], *(dot.value for dot in dots)])
    most = max([bounds[1], *(dot.value for dot in dots)])
    halves = [dot.half or 0 for dot in dots]
    lower_ends = [max(dot.value - half, least) for dot, half in zip(dots, halves, strict=True)]
    upper_ends = [min(dot.value + half, most) for dot, half in zip(dots, halves, strict=True)]
    within = [limit for limit in limits if least <= limit <= most]
    steps = _steps(min([*lower_ends, *within]), max([*upper_ends, *within]), (least, most))
    low, high = steps[0], steps[-1]
    last = max((dot.place for dot in dots), default=0) or 1

    def x(place: int) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * place / last, 1)

    def y(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - low) / (high - low), 1)

    known = [number for number, dot in enumerate(dots) if dot.half is not None]
    upper = [f"{x(dots[number].place)},{y(upper_ends[number])}" for number in known]
    lower = [f"{x(dots[number].place)},{y(lower_ends[number])}" for number in reversed(known)]
    every = max(1, math.ceil(len(dots) / _LABELS))
    return Chart(
        [(x(dot.place), y(dot.value), f"{dot.value:.4g}", dot.name) for dot in dots],
        " ".join([*upper, *lower]) if len(known) > 1 else "",
        " ".join(f"{x(dot.place)},{y(dot.value)}" for dot in dots),
        [(y(value), f"{value:.6g}") for value in steps],
        [(x(dot.place), dot.name.rpartition(" ")[2]) for dot in dots[::every]],
        [y(limit) for limit in within],
        [(x(start), x(end)) for start, end in spans],
    )


def _steps(low: float, high: float, bounds: tuple[float, float]) -> list[float]:
    """Round values from at most `low` to at least `high`, evenly apart; around a single value within its bounds."""
    if not high > low:
        apart = abs(low) / 10 or 1.0
        low, high = max(low - apart, bounds[0]), min(high + apart, bounds[1])
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    size = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough)
    first = math.floor(low / size)
    count = math.ceil(high / size) - first
    return [(first + step) * size for step in range(count + 1)]
