"""The names that tools give to metrics, and the metrics of the registry's catalogue that they mean.

The table is `metrics.yaml`; a mapping file adds to it and takes precedence. A metric that is in neither and not in the
catalogue becomes a definition only if its direction is given, by the mapping or by the file that is imported.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any, Final

from descent.catalogue import catalogue
from descent.importers.at import At
from descent.importers.reading import yaml_value
from descent.names import fault_in_name

_DEFINITION: Final = {
    "category": "category", "direction": "direction", "minimum": "minimum", "maximum": "maximum", "scale": "scale",
    "counts_as_safety": "countsAsSafety", "optimum": "optimum", "tolerance": "tolerance", "unit": "unit",
    "is_rate": "isRate", "description": "description",
}  # fmt: skip
"""Keys of an entry that define a metric, and their names in GraphQL."""

_KEYS: Final = {"metric", "factor", "suites", *_DEFINITION}


class NotPlaced(Exception):
    """A result cannot be placed; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of the registry that a tool's metric means: value of the registry = factor × value of the tool.

    `definition` is that of a metric which the catalogue does not have; `why` says where its direction is from.
    """

    name: str
    factor: float = 1.0
    definition: dict[str, Any] | None = None
    why: str = ""


class MetricTable:
    """The table of one format, with what a mapping file adds to it."""

    def __init__(self, format: str, own: At | None = None) -> None:
        tables = [_entries(own, format)] if own is not None else []
        self.tables = [*tables, _entries(_built_in(), format)]

    def find(self, name: str, suite: str = "", higher_is_better: bool | None = None) -> Metric:
        """Return the metric that a tool's name means in a suite; raises NotPlaced if there is none.

        A name that is not known as it is written may be known in small letters, with underscores ("F1 Score").
        """
        for spelled in dict.fromkeys((name, name.lower().replace(" ", "_").replace("-", "_"))):
            for table in self.tables:
                for entry in table.get(spelled, ()):
                    if any(fnmatchcase(suite, pattern) for pattern in entry.suites):
                        return entry.metric()
            if spelled.replace("@", "_at_") in catalogue():
                return Metric(spelled.replace("@", "_at_"))
        plain = name.replace("@", "_at_")
        if higher_is_better is None:
            message = (
                f"{name} is not a metric of the catalogue, and its direction is not given: name it in a --mapping file."
            )
            raise NotPlaced(message)
        if fault := fault_in_name(plain):
            raise NotPlaced(f'"{plain}" {fault}: name the metric in a --mapping file.')
        direction = "HIGHER_IS_BETTER" if higher_is_better else "LOWER_IS_BETTER"
        definition = {"name": plain, "category": "PERFORMANCE", "direction": direction}
        return Metric(plain, 1.0, definition, "by the direction that the file states")


@dataclass(frozen=True, slots=True)
class _Entry:
    suites: tuple[str, ...]
    name: str
    factor: float
    definition: dict[str, Any] | None

    def metric(self) -> Metric:
        return Metric(self.name, self.factor, self.definition, "by the table of metrics")


def _entries(root: At, format: str) -> dict[str, list[_Entry]]:
    """Return the entries for a format, by the tool's names; those for a format before those for all."""
    found: dict[str, list[_Entry]] = {}
    for section in (format, "metrics"):
        for name, given in root.at(section).mapping().items():
            found.setdefault(name, []).extend(_read(name, one) for one in given.one_or_more())
    return found


def _read(name: str, given: At) -> _Entry:
    if isinstance(given.value, str):
        given = At({"metric": given.value}, given.path, given.source)
    members = given.mapping()
    if unknown := members.keys() - _KEYS:
        raise given.fault(f'There is no "{min(unknown)}" in an entry; it may have {", ".join(sorted(_KEYS))}.')
    metric = given.at("metric").text() or name.replace("@", "_at_")
    if fault := fault_in_name(metric):
        raise given.fault(f'"{metric}" {fault}.')
    factor = 1.0 if not given.at("factor") else given.at("factor").number()
    if not factor:
        raise given.at("factor").expected("a number that is not 0")
    suites = tuple(suite for one in given.at("suites").one_or_more() if (suite := one.text()))
    return _Entry(suites or ("*",), metric, factor, _definition(metric, given))


def _definition(metric: str, given: At) -> dict[str, Any] | None:
    stated = {
        key: value.upper() if key in ("category", "direction", "scale") and isinstance(value, str) else value
        for key, value in given.value.items()
        if key in _DEFINITION
    }
    if metric in catalogue():
        if stated:
            raise given.fault(f"{metric} is in the catalogue: leave out {', '.join(stated)}, or choose another name.")
        return None
    if "direction" not in stated:
        message = (
            f"{metric} is not a metric of the catalogue: add its direction (higher_is_better, lower_is_better, …)."
        )
        raise given.fault(message)
    stated = {"category": "PERFORMANCE", **stated}
    return {"name": metric, **{_DEFINITION[key]: value for key, value in stated.items()}}


@cache
def _built_in() -> At:
    text = resources.files("descent.importers").joinpath("metrics.yaml").read_text("utf-8")
    return yaml_value(text, "metrics.yaml")


def outside_range(metric: Metric, value: float) -> str | None:
    """Return why a value cannot be one of a metric; None if it can."""
    bounds: Mapping[str, Any] = metric.definition or catalogue().get(metric.name, {})
    least, most = bounds.get("minimum"), bounds.get("maximum")
    if bounds.get("isRate"):
        least, most = least or 0, 1 if most is None else most
    if (least is None or value >= least) and (most is None or value <= most):
        return None
    parts = "".join(_bounds(least, most))
    return f"{metric.name} is {parts}, and {value:g} was given: set a factor for it in a --mapping file."


def _bounds(least: float | None, most: float | None) -> Iterator[str]:
    if least is None or most is None:
        yield f"{most:g} or less" if least is None else f"{least:g} or more"
    else:
        yield f"from {least:g} to {most:g}"
