"""A row of what was measured beside what was promised."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Row:
    """One figure. `ratio` is above 1 where it is better than the target."""

    what: str
    figure: float
    unit: str
    target: float
    better: Literal["less", "more"] = "less"
    note: str = ""

    @property
    def ratio(self) -> float:
        """How many times better than the target."""
        if self.better == "more":
            return self.figure / self.target
        return self.target / self.figure if self.figure else float("inf")

    def line(self) -> str:
        """As it is printed."""
        sign = "≤" if self.better == "less" else "≥"
        verdict = "" if self.ratio >= 1 else "  short"
        return (
            f"{self.what:<58} {sign} {self.target:>7,g} {self.unit:<4} {_short(self.figure):>9} "
            f"{self.ratio:>6.2f}×{verdict:<7}  {self.note}"
        )


HEADER = f"{'':<58} {'target':>14} {'figure':>9} {'ratio':>7}"


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
