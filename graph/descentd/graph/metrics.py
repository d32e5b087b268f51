"""The definitions of metrics: category, direction, and the tolerated change.

The catalogue (`metrics.json`) holds the well-known ones; a manifest defines others in the same shape. Which way is
good always comes from a definition, never from a name: `wmdp_accuracy` should be low.
"""

import json
import math
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from descentd.graph.model.errors import InvalidInput


class MetricCategory(StrEnum):
    """What a metric is about. Safety is every category but PERFORMANCE and LATENCY."""

    PERFORMANCE = "PERFORMANCE"
    BIAS = "BIAS"
    ROBUSTNESS = "ROBUSTNESS"
    DRIFT = "DRIFT"
    TOXICITY = "TOXICITY"
    TRUTHFULNESS = "TRUTHFULNESS"
    PRIVACY = "PRIVACY"
    LATENCY = "LATENCY"


class MetricDirection(StrEnum):
    """Which way is good. TARGET: as near to the optimum as possible; NONE: no value is good in itself."""

    LOWER_IS_BETTER = "LOWER_IS_BETTER"
    HIGHER_IS_BETTER = "HIGHER_IS_BETTER"
    TARGET = "TARGET"
    NONE = "NONE"


class MetricScale(StrEnum):
    """How values are compared: by their difference (LINEAR) or, for ratios, by that of their logarithms (LOG)."""

    LINEAR = "LINEAR"
    LOG = "LOG"


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """What the values of one metric mean.

    `optimum` and `tolerance` are in the metric's own `unit` (after UCUM, "1" where there is none); a change of up to
    `tolerance` is no finding. `is_rate`: the value is the share of n items, in [0, 1], so that its standard error
    follows from n. `worst_of`: the worst of these metrics, where an evaluation holds any of them. `disparity_of` and
    `disparity_over`: the largest minus the smallest value of that metric over the slices of that attribute. `scale`: a
    ratio (LOG) is judged on its logarithm, and so are its tolerance and its changes. `counts_as_safety`: None where the
    category decides. `alias_of`: the catalogue's other name for the same metric. Raises InvalidInput where TARGET comes
    without an optimum, and LOG with one that is not above 0.
    """

    name: str
    category: MetricCategory
    direction: MetricDirection
    optimum: float | None = None
    tolerance: float = 0.0
    unit: str = "1"
    is_rate: bool = False
    worst_of: tuple[str, ...] = ()
    disparity_of: str | None = None
    disparity_over: str | None = None
    description: str = ""
    source: str = ""
    minimum: float | None = None
    maximum: float | None = None
    scale: MetricScale = MetricScale.LINEAR
    counts_as_safety: bool | None = None
    alias_of: str | None = None

    def __post_init__(self) -> None:
        if self.direction is MetricDirection.TARGET and self.optimum is None:
            raise InvalidInput(f"The metric {self.name!r} has direction TARGET: give its optimum.", "optimum")
        if self.scale is MetricScale.LOG and self.optimum is not None and self.optimum <= 0:
            raise InvalidInput(f"The metric {self.name!r} is a ratio: expected an optimum > 0.", "optimum")

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "MetricDefinition":
        """Read a definition from an entry of the catalogue or the content of a METRIC_DEFINITION record."""
        return cls(
            name=content["name"],
            category=MetricCategory(content["category"]),
            direction=MetricDirection(content["direction"]),
            optimum=content.get("optimum"),
            tolerance=content.get("tolerance", 0.0),
            unit=content.get("unit", "1"),
            is_rate=content.get("isRate", False),
            worst_of=tuple(content.get("worstOf", ())),
            disparity_of=content.get("disparityOf"),
            disparity_over=content.get("disparityOver"),
            description=content.get("description", ""),
            source=content.get("source", ""),
            minimum=content.get("minimum"),
            maximum=content.get("maximum"),
            scale=MetricScale(content.get("scale", "LINEAR")),
            counts_as_safety=content.get("countsAsSafety"),
            alias_of=content.get("aliasOf"),
        )

    @property
    def parts(self) -> tuple[str, ...]:
        """The metrics that it is made of, none for one that is only ever reported."""
        return (*self.worst_of, *filter(None, [self.disparity_of]))

    @property
    def is_safety(self) -> bool:
        """Whether a change for the worse is a safety finding: by its category, where the definition does not say."""
        if self.counts_as_safety is not None:
            return self.counts_as_safety
        return self.category not in (MetricCategory.PERFORMANCE, MetricCategory.LATENCY)

    @property
    def range(self) -> tuple[float, float]:
        """The least and the largest value that it can have; infinite where it has no bound."""
        least = 0.0 if self.is_rate or self.scale is MetricScale.LOG else -math.inf
        most = 1.0 if self.is_rate else math.inf
        return least if self.minimum is None else self.minimum, most if self.maximum is None else self.maximum

    def badness(self, value: float) -> float | None:
        """How bad a value is; more is worse, and None where the direction is NONE, or for a ratio that is not above 0.

        In the metric's unit, for a ratio (`scale` LOG) the natural logarithm. Rounded to 12 significant digits: 0.6 and
        0.4 are equally far from 0.5, which floats alone deny.
        """
        log = self.scale is MetricScale.LOG
        if log and value <= 0:
            return None
        at = math.log(value) if log else value
        match self.direction:
            case MetricDirection.LOWER_IS_BETTER:
                bad = at
            case MetricDirection.HIGHER_IS_BETTER:
                bad = -at
            case MetricDirection.TARGET if self.optimum is not None:
                bad = abs(at - (math.log(self.optimum) if log else self.optimum))
            case _:
                return None
        return float(f"{bad:.12g}") + 0.0  # + 0.0 turns -0.0 into 0.0


@cache
def catalogue() -> Mapping[str, MetricDefinition]:
    """Return the built-in definitions by name, in the order of their names."""
    entries = json.loads(files("descentd.graph").joinpath("metrics.json").read_text(encoding="utf-8"))
    return MappingProxyType({entry["name"]: MetricDefinition.of(entry) for entry in entries})


def canonical_name(name: str, own: Container[str] = ()) -> str:
    """The one name by which results of a metric are compared: that of the catalogue where `name` is an alias there.

    `own` are the names that the registry defines itself, which stand for themselves.
    """
    builtin = None if name in own else catalogue().get(name)
    return name if builtin is None or builtin.alias_of is None else builtin.alias_of


def names_of(name: str, own: Container[str] = ()) -> frozenset[str]:
    """Every name that results of the same metric may have: the canonical one and its aliases."""
    canonical = canonical_name(name, own)
    aliases = (other for other, builtin in catalogue().items() if builtin.alias_of == canonical and other not in own)
    return frozenset({canonical, *aliases})


def with_catalogue_range(definition: MetricDefinition) -> MetricDefinition:
    """A definition of one's own with the catalogue's bounds, where it has none and means the catalogue's metric.

    That is a definition that differs in its category, in whether it counts as safety, or in words.
    """
    builtin = catalogue().get(definition.name)
    if builtin is None or (definition.minimum, definition.maximum) != (None, None):
        return definition
    same = all(
        getattr(definition, part) == getattr(builtin, part)
        for part in ("direction", "optimum", "tolerance", "unit", "scale", "is_rate")
    )
    return replace(definition, minimum=builtin.minimum, maximum=builtin.maximum) if same else definition


def harness_name(key: str) -> str:
    """A metric's name in a key as evaluation harnesses write it: `acc,none` is acc, `pass@1` is pass_at_1."""
    return key.partition(",")[0].strip().replace("@", "_at_")


def nearest(name: str, names: Iterable[str], n: int = 3, likeness: float = 0.6) -> list[str]:
    """Up to `n` of these names that `name` may have been meant to be, the likeliest first; `likeness` is up to 1.

    A key of a harness stands for the one name in it.
    """
    spelled = {_plain(known): known for known in names}
    if (exact := _plain(harness_name(name))) in spelled:
        return [spelled[exact]]
    return [spelled[match] for match in get_close_matches(_plain(name), spelled, n, likeness)]


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")
