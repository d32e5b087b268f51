"""Numbers as people read them: as many digits as are known, with an interval where its width is."""

import math
from typing import Final

Z95: Final = 1.959964
"""Half the width of a 95 % interval, in standard errors."""
_MOST: Final = 12
"""Decimals that are written out; what needs more is shown with a power of ten."""


def interval(value: float, error: float | None, bounds: tuple[float, float] = (-math.inf, math.inf)) -> str:
    """A value with its 95 % interval, `0.627 ± 0.015`; with four significant digits where no error is known.

    An interval that would leave the bounds of what can be is written by its ends: `0.991 (0.978 to 1)`.
    """
    half = _half(error)
    if half is None:
        return f"{value:.4g}"
    places = _places(half)
    least, most = value - half, value + half
    if (least < bounds[0] or most > bounds[1]) and places <= _MOST:
        low, high = (f"{end:.{places}f}" for end in (max(least, bounds[0]), min(most, bounds[1])))
        return f"{value:.{places}f} ({low} to {high})"
    return f"{value:.{places}f} ± {half:.{places}f}" if places <= _MOST else f"{value:.4g} ± {half:.2g}"


def exact(number: float) -> str:
    """A number with all of its digits, as machines read it."""
    return repr(float(number))


def ends(value: float, error: float | None, bounds: tuple[float, float]) -> tuple[float, float] | None:
    """The ends of the 95 % interval of a value, within the bounds of what can be; None where no error is known."""
    half = _half(error)
    return None if half is None else (max(value - half, bounds[0]), min(value + half, bounds[1]))


def change(delta: float, error: float | None) -> str:
    """A change with its sign, to the digits that an error allows: `+0.13`, `−0.018`."""
    half = _half(error)
    places = None if half is None else _places(half)
    text = f"{abs(delta):.4g}" if places is None or places > _MOST else f"{abs(delta):.{places}f}"
    if not float(text):
        return "0"
    return ("+" if delta > 0 else "−") + text


def _half(error: float | None) -> float | None:
    """Half the width of a 95 % interval; None where no error is known."""
    return Z95 * error if error is not None and error > 0 and math.isfinite(error) else None


def _places(half: float) -> int:
    """Decimals that show a half width with one digit, with two where the first is a 1 or a 2."""
    exponent = math.floor(math.log10(half))
    if exponent < -_MOST:
        return -exponent
    first_digit = half * 10.0**-exponent
    return max(0, -exponent + (first_digit < 3))
