"""Results with their errors, and the comparison of two or of one with many: delta, z and p in badness.

Rates of which only n is known have the standard error √(p(1 − p)/n) where both sides hold at least ten items of
either kind, and otherwise Agresti and Caffo's (2000): p̃ = (x + 1)/(n + 2), s̃² = p̃(1 − p̃)/(n + 2), with z from p̃
too. A standard error of 0 is not certainty: it counts as not reported. Ratios (`scale: LOG`) are compared by their
logarithms, with the standard error s/value.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from descentd.graph.metrics import MetricDefinition, MetricDirection, MetricScale
from descentd.queries.statistics.normal import Floats, two_sided

Places = NDArray[np.intp]

FEW = 10
"""Items of one kind below which a rate's plain standard error is not to be trusted."""


@dataclass(frozen=True, slots=True)
class Pair:
    """How the items of a result came out beside those of an earlier version, `subject` (its sequence).

    n01 items are 0 there and 1 here, n10 the reverse; or `variance` is that of the mean difference.
    """

    subject: int
    n01: int | None = None
    n10: int | None = None
    variance: float | None = None

    def reversed(self, subject: int) -> "Pair":
        """The same from the other version's side."""
        return Pair(subject, self.n10, self.n01, self.variance)


@dataclass(frozen=True, slots=True)
class Group:
    """One group of a disparity: its value, and its standard error and number of items where they are known."""

    name: str
    value: float
    stderr: float | None = None
    n: int | None = None
    is_rate: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """A measured value, its reported standard error and the number of items, each where known.

    parts: what it was made from, of a disparity the groups, and of a worst-of the metrics where some are `lacking`.
    clusters: over how many groups of items the standard error was clustered, None where it was not. pairs: how its
    items came out beside those of other versions. groups: the groups that a disparity was computed from. pooled: where
    n alone is known and several runs were pooled, the smallest of their errors. runs: how many were pooled; newest: the
    value of the newest result, where that is not this one.
    """

    value: float
    stderr: float | None = None
    n: int | None = None
    parts: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    clusters: int | None = None
    pairs: tuple[Pair, ...] = ()
    groups: tuple[Group, ...] = ()
    pooled: float | None = None
    runs: int = 1
    newest: float | None = None

    def __hash__(self) -> int:
        # By what tells results apart nearly always: answers are found again by the hash of thousands.
        return hash((self.value, self.stderr, self.n))

    def error(self, definition: MetricDefinition) -> float | None:
        """The standard error of this result alone, in the metric's unit; None where none is known."""
        [error] = standard_errors(definition, [self])
        return error

    @property
    def latest(self) -> float:
        """The value of the newest result, pooled with others or not."""
        return self.value if self.newest is None else self.newest

    def pair_with(self, version: int) -> Pair | None:
        """How its items came out beside those of this version, if that is known."""
        return next((pair for pair in self.pairs if pair.subject == version), None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A result against an earlier one: `delta` in badness, positive is worse; the rest None where no error is known.

    `error` is the standard error of the difference, and `p` two-sided. paired: by items that both answered.
    """

    delta: float
    z: float | None
    p: float | None
    error: float | None
    paired: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """What z is computed from, result by result: badness, standard error (NaN: unknown), and the optimum's side."""

    badness: Floats
    errors: Floats
    sides: Floats


@dataclass(frozen=True, slots=True)
class Comparisons:
    """One result against k others: raw deltas, z, and the errors that z rests on (NaN where one is not known)."""

    deltas: Floats
    z: Floats
    errors: Floats
    """Of the differences."""
    own: Floats
    """Of the one result, which Agresti and Caffo's rule makes depend on the other."""
    others: Floats
    decimals: int
    """To which deltas are exact: 0.62 - 0.6 is 0.02, and no more than a tolerance of that."""
    special: Mapping[int, Comparison] = field(default_factory=dict)
    """Those that were compared by their items or groups, by place; z holds theirs too, `errors` does not."""

    def comparison(self, place: int) -> Comparison:
        """One of them by itself."""
        if place in self.special:
            return self.special[place]
        z = float(self.z[place])
        delta = round(float(self.deltas[place]), self.decimals)
        if math.isnan(z):
            return Comparison(delta, None, None, None)
        return Comparison(delta, z, two_sided(z), float(self.errors[place]))

    def with_special(self, special: Mapping[int, Comparison]) -> "Comparisons":
        """The same with some of them compared in another way."""
        z = self.z.copy()
        for place, found in special.items():
            z[place] = math.nan if found.z is None else found.z
        return replace(self, z=z, special=special)


class Estimates:
    """The results of one metric in arrays; its direction is not NONE, and each value has a badness."""

    def __init__(self, definition: MetricDefinition, results: Sequence[Result]) -> None:
        self._definition = definition
        self._values = np.array([result.value for result in results], np.float64)
        stderr = np.array([result.stderr or math.nan for result in results], np.float64)
        n = np.array([result.n or math.nan for result in results], np.float64)
        reported = np.array([result.stderr is not None for result in results], np.bool_)
        self._pooled = np.array([result.pooled or math.nan for result in results], np.float64)
        self._counted = np.isnan(stderr) & ~np.isnan(n) & definition.is_rate
        self._n = n
        self._stderr = stderr
        least = np.round(np.minimum(self._values * n, (1 - self._values) * n), 6)
        self.few = self._counted & ((least < FEW) | reported)
        """Rates that Agresti and Caffo's rule is for, whatever they are compared with."""

    @cached_property
    def badness(self) -> Floats:
        """Of the values as they were measured."""
        return self._plain.badness

    def level(self, cautious: NDArray[np.bool_]) -> Level:
        """What to compute with: by Agresti and Caffo's rule where `cautious` and only n is known."""
        return self._picked(np.arange(len(cautious)), cautious)

    def against(self, one: int, others: Places) -> Comparisons:
        """Compare the result at `one` with each at `others`."""
        cautious = self.few[others] | self.few[one]
        own = self._picked(np.full(len(others), one, np.intp), cautious)
        other = self._picked(others, cautious)
        apart = own.sides * other.sides < 0
        errors = np.where(apart, own.errors + other.errors, np.hypot(own.errors, other.errors))
        deltas = np.array(self.badness[one] - self.badness[others], np.float64)
        return Comparisons(
            deltas, (own.badness - other.badness) / errors, errors, own.errors, other.errors, self._decimals
        )

    def _picked(self, places: Places, cautious: NDArray[np.bool_]) -> Level:
        plain, careful = self._plain, self._careful
        return Level(
            np.where(cautious, careful.badness[places], plain.badness[places]),
            np.where(cautious, careful.errors[places], plain.errors[places]),
            np.where(cautious, careful.sides[places], plain.sides[places]),
        )

    @cached_property
    def _decimals(self) -> int:
        """Of twelve significant digits, as badness has them."""
        largest = float(np.abs(self.badness).max(initial=0.0))
        return 11 - math.floor(math.log10(largest)) if largest else 12

    @cached_property
    def _plain(self) -> Level:
        wald = np.sqrt(np.maximum(self._values * (1 - self._values), 0) / self._n)
        counted = np.where(np.isnan(self._pooled), wald, self._pooled)
        return self._at(self._values, np.where(self._counted, counted, self._stderr))

    @cached_property
    def _careful(self) -> Level:
        if not self.few.any():
            return self._plain
        shrunk = (self._values * self._n + 1) / (self._n + 2)
        others = ((1 - self._values) * self._n + 1) / (self._n + 2)  # 1 - shrunk, which is never 0
        error = np.sqrt(shrunk * others / (self._n + 2), where=self._counted, out=self._stderr.copy())
        return self._at(np.where(self._counted, shrunk, self._values), error)

    def _at(self, values: Floats, errors: Floats) -> Level:
        definition = self._definition
        badness = np.array([definition.badness(value) for value in values.tolist()], np.float64)  # None becomes NaN
        if definition.scale is MetricScale.LOG:
            errors = errors / np.where(values > 0, values, math.nan)
        if definition.direction is MetricDirection.TARGET and definition.optimum is not None:
            sides = np.sign(np.round(values - definition.optimum, 12))
        else:
            sides = np.zeros(len(values))
        return Level(badness, errors, sides)


def standard_errors(definition: MetricDefinition, results: Sequence[Result]) -> list[float | None]:
    """The standard error of each result alone, in the metric's unit; None where none is known."""
    estimates = Estimates(replace(definition, scale=MetricScale.LINEAR), results)
    errors: list[float] = estimates.level(estimates.few).errors.tolist()
    return [None if math.isnan(error) else error for error in errors]


def side(definition: MetricDefinition, value: float) -> int:
    """On which side of a TARGET's optimum a value is, -1 below and 1 above; 0 on it, and for other directions."""
    if definition.direction is not MetricDirection.TARGET or definition.optimum is None:
        return 0
    apart = round(value - definition.optimum, 12)
    return (apart > 0) - (apart < 0)
