"""How values, suites, slices, numbers and series are written in tables, sentences and drawings of characters."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

WIDTH: Final = 40
"""Characters of the line that a result is drawn on."""
CERTAIN: Final = 1.96
"""Standard errors to either side that contain the true value in 95 % of cases."""


def value(given: Any) -> str:
    """Write a JSON value: text without quotes, null as a dash."""
    if given is None:
        return "-"
    return given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)


def share(given: float | None) -> str:
    """Write a share (0 to 1) as a percentage; None as "unknown"."""
    return "unknown" if given is None else f"{100 * given:.3g} %"


def suite(given: dict[str, Any]) -> str:
    """Write a suite as its name and version."""
    return f"{given['name']} {given['version']}"


def settings(config: Any) -> str:
    """Write a suite's settings as `eps=8`; none and empty ones are the same."""
    if config is None or config in ({}, []):
        return "without settings"
    parts = config if isinstance(config, dict) else {"config": config}
    return " ".join(f"{name}={value(part)}" for name, part in parts.items())


def suites(given: Sequence[dict[str, Any]]) -> list[str]:
    """Write each suite of a table; those that were run with several settings there with their settings, all of them."""
    known: dict[str, set[str]] = {}
    for one in given:
        known.setdefault(suite(one), set()).add(settings(one["config"]))
    return [f"{suite(one)} {settings(one['config'])}" if len(known[suite(one)]) > 1 else suite(one) for one in given]


def on(data: dict[str, Any] | None) -> str:
    """Write the data of an evaluation as ` on REF`; empty if it names none."""
    return f" on {data['ref']}" if data else ""


def people(slice: Sequence[dict[str, str]]) -> str:
    """Write a slice as `age_group=65+`."""
    return ", ".join(f"{part['attribute']}={part['value']}" for part in slice)


def number(value: float | None) -> str | None:
    """Write a number with four significant digits."""
    return None if value is None else f"{value:.4g}"


def change(badness: float | None, scale: str | None) -> str | None:
    """Write a change of badness: of a ratio, which is judged on its logarithm (LOG), as a factor, `× 1.12`."""
    if badness is None or scale != "LOG":
        return number(badness)
    return f"× {number(math.exp(badness))}"


def noun(number: int, one: str, many: str) -> str:
    """Return the noun that goes with a number: `one` with 1, `many` with all others."""
    return one if number == 1 else many


def chance(compared: Mapping[str, Any]) -> str | None:
    """Write the p of a comparison, and whether it was of the items that both versions answered."""
    written = number(compared["p"])
    return f"{written} (paired)" if written and compared.get("paired") else written


def protocols(series: Sequence[dict[str, Any]]) -> list[str]:
    """Write the protocol of each series of a table: its suite, and the data."""
    written = suites([one["suite"] for one in series])
    return [f"{name}{on(one['data'])}" for one, name in zip(series, written, strict=True)]


def draw(points: Sequence[dict[str, Any]], optimum: float | None = None, width: int = WIDTH) -> list[str]:
    """Draw the results of a series: a line of `width` characters for each point, all on one scale.

    A point has a `value`, and a `stderr` or None. `●` is the value, `─` its 95 % interval, `┊` the optimum of a metric
    that has one.
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
