"""The rules of docs/erosion.md again, written straight down with scipy, networkx and brute force.

Nothing of this is the product's code: what is not defined by the rules, as which of two equally good ancestors is
named, is left open.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import permutations

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy import integrate, special

from descentd.graph.metrics import MetricCategory, MetricDirection, MetricScale
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.evaluation.series import Series

LOW, HIGH, TARGET = MetricDirection.LOWER_IS_BETTER, MetricDirection.HIGHER_IS_BETTER, MetricDirection.TARGET
Graph = nx.DiGraph


class Unknown(Exception):
    """The oracle has no independent answer here."""


@dataclass
class Test:
    """A test of a series; z and p None where an error is not known. Any of the baselines may be named."""

    __test__ = False

    kind: ErosionKind
    baselines: frozenset[int]
    delta: float
    z: float | None
    p: float | None
    q: float | None = None

    @property
    def got_worse(self) -> bool:
        return (self.delta if self.z is None else self.z) > 0


@dataclass
class Oracle:
    """One series, judged from its definition alone; with `since` from that version on."""

    graph: "Graph[int]"
    head: int
    series: Series
    since: int | None = None
    tests: list[Test] = field(default_factory=list)

    def __post_init__(self) -> None:
        within = nx.ancestors(self.graph, self.head) | {self.head}
        if self.since is not None:
            within &= nx.descendants(self.graph, self.since) | {self.since}
        self.graph = self.graph.subgraph(within)
        self.measured = [v for v in nx.topological_sort(self.graph) if v in self.series.results]

    @property
    def is_safety(self) -> bool:
        metric = self.series.key.metric
        speed = metric.category in (MetricCategory.PERFORMANCE, MetricCategory.LATENCY)
        counts = not speed if metric.counts_as_safety is None else metric.counts_as_safety
        return counts and metric.direction is not MetricDirection.NONE

    @property
    def comparable(self) -> bool:
        return self.is_safety and self.head in self.measured and len(self.measured) > 1

    # ---- two results

    def log(self, value: float) -> float:
        return math.log(value) if self.series.key.metric.scale is MetricScale.LOG else value

    def bad_at(self, value: float) -> float:
        metric, at = self.series.key.metric, self.log(value)
        optimum = self.log(metric.optimum) if metric.optimum is not None else 0.0
        signed = {LOW: at, HIGH: -at, TARGET: abs(at - optimum)}[metric.direction]
        return float(f"{signed:.12g}")

    def bad(self, version: int) -> float:
        return self.bad_at(self.series.results[version].value)

    def has_few(self, version: int) -> bool:
        """Whether only n is known of a rate, with fewer than ten of either kind; an error of 0 is no certainty."""
        one = self.series.results[version]
        if one.stderr or not one.n or not self.series.key.metric.is_rate:
            return False
        x = round(one.value * one.n)
        return one.stderr is not None or min(x, one.n - x) < 10

    def seen(self, version: int, few: bool) -> tuple[float, float | None]:
        """The value that z is computed from, and its standard error."""
        one, metric = self.series.results[version], self.series.key.metric
        value, s = one.value, one.stderr or None
        if s is None and metric.is_rate and one.n:
            if few:
                value, size = (one.value * one.n + 1) / (one.n + 2), one.n + 2
            else:
                size = one.n
            s = math.sqrt(value * (1 - value) / size)
        return value, s / value if s is not None and metric.scale is MetricScale.LOG else s

    def side(self, value: float) -> float:
        metric = self.series.key.metric
        return float(np.sign(round(value - (metric.optimum or 0.0), 12))) if metric.direction is TARGET else 0.0

    def errors(self, one: int, other: int) -> tuple[float, float, float] | None:
        """The error of each, and of the difference; None where one is not known."""
        few = self.has_few(one) or self.has_few(other)
        (value, s), (from_value, t) = self.seen(one, few), self.seen(other, few)
        if s is None or t is None:
            return None
        return s, t, s + t if self.side(value) * self.side(from_value) < 0 else math.hypot(s, t)

    def z(self, one: int, other: int) -> float | None:
        few, errors = self.has_few(one) or self.has_few(other), self.errors(one, other)
        if errors is None:
            return None
        return (self.bad_at(self.seen(one, few)[0]) - self.bad_at(self.seen(other, few)[0])) / errors[2]

    def delta(self, one: int, other: int) -> float:
        return self.bad(one) - self.bad(other)

    # ---- the tests

    def nearest(self, version: int) -> list[int]:
        """Measured ancestors that some way leads to without another one in between."""
        others = set(self.measured) - {version}
        return [one for one in others
                if nx.has_path(self.graph.subgraph(set(self.graph) - (others - {one})), one, version)]  # fmt: skip

    def ask(self) -> "Oracle":
        if self.is_safety:
            self.conflict()
        if self.comparable:
            for other in self.nearest(self.head):
                self.add(ErosionKind.STEP_REGRESSION, {other}, alone(self.z(self.head, other)))
            self.cumulative()
            self.trend()
        return self

    def add(self, kind: ErosionKind, baselines: Iterable[int], p: float | None) -> None:
        """Of baselines that are equally good, so that any stands for the figures."""
        named = frozenset(baselines)
        z = self.z(self.head, min(named))
        self.tests.append(Test(kind, named, self.delta(self.head, min(named)), z, p))

    def cumulative(self) -> None:
        kind = ErosionKind.CUMULATIVE_EROSION
        if self.since in self.measured:
            self.add(kind, {self.since}, alone(self.z(self.head, self.since)))
            return
        far = [v for v in self.measured if v not in {self.head, *self.nearest(self.head)}]
        zs = {v: z for v in far if (z := self.z(self.head, v)) is not None}
        if zs:
            best = max(zs.values())
            self.add(kind, [v for v, z in zs.items() if math.isclose(z, best, abs_tol=1e-9)], self.dunnett(zs, best))
        if unknown := sorted((v for v in far if v not in zs), key=self.bad):
            middle = self.bad(unknown[len(unknown) // 2])  # of two the worse
            self.add(kind, [v for v in unknown if self.bad(v) == middle], None)

    def dunnett(self, others: Iterable[int], t: float) -> float:
        own, s, d = np.array([e for v in others if (e := self.errors(self.head, v)) is not None]).T

        def some(u: float) -> float:
            none = special.log_ndtr((t * d - own * u) / s).sum()
            return float(-math.exp(-u * u / 2) / math.sqrt(2 * math.pi) * math.expm1(none))

        # To a share of the chance, however small that is: 1e-9 is not known by an error of 1e-8.
        chance = integrate.quad(some, -8, 8, limit=200, epsabs=1e-15, epsrel=1e-7)[0]
        return float(min(1.0, max(2 * chance, 2 * special.ndtr(-t))))

    def conflict(self) -> None:
        """The pair of lines by different parents that differs most, corrected for all pairs of those that meet."""
        lines = {(one, number) for number, parent in enumerate(self.graph.predecessors(self.head))
                 for one in ([parent] if parent in self.measured else self.nearest(parent))}  # fmt: skip
        apart = {frozenset((a, b)) for a, i in lines for b, j in lines if i != j and a != b}
        pairs = [tuple(pair) for pair in apart if not any(nx.has_path(self.graph, *way) for way in permutations(pair))]
        if not pairs:
            return
        known = {pair: abs(z) for pair in pairs if (z := self.z(*pair)) is not None}
        differ = known or {pair: abs(self.delta(*pair)) for pair in pairs}
        most = [pair for pair, size in differ.items() if math.isclose(size, max(differ.values()), abs_tol=1e-9)]
        better = {min(pair, key=self.bad) for pair in most} | {b for a, b in most if self.bad(a) == self.bad(b)}
        met = len({version for pair in pairs for version in pair})
        p = 1 - (1 - 2 * special.ndtr(-max(known.values()))) ** math.comb(met, 2) if known else None
        z = max(known.values()) if known else None
        delta = abs(self.delta(*most[0]))
        self.tests.append(Test(ErosionKind.PARENT_CONFLICT, frozenset(better), delta, z, p))

    def trend(self) -> None:
        order = nx.transitive_closure_dag(self.graph).subgraph(self.measured)
        longest = nx.dag_longest_path_length(order) + 1
        if longest < 5:
            return
        ends = {v: nx.dag_longest_path_length(order.subgraph(nx.descendants(order, v) | {v})) + 1 for v in order}
        zs = {v: self.z(self.head, v) for v, length in ends.items() if length == longest and v != self.head}
        known = [z for z in zs.values() if z is not None]
        if len(known) < len(zs):
            return
        s = sum(int(np.sign(self.bad(low) - self.bad(high))) for high, low in order.edges)
        least = max(known) if max(known) < 0 else min(known)
        p = 1.0
        if (s > 0 and least > 0) or (s < 0 and least < 0):
            p = max(self.kendall(order, s), 2 * special.ndtr(-abs(least)))
        same = [v for v, z in zs.items() if z is not None and math.isclose(z, least, abs_tol=1e-9)]
        self.add(ErosionKind.MONOTONIC_TREND, same, p)

    def kendall(self, order: "Graph[int]", s: int) -> float:
        """By all arrangements; on a chain of the inversions of a multiset, or beyond ten versions by its variance."""
        values, n = [self.bad(v) for v in order], len(order)
        ties = [values.count(value) for value in set(values)]
        if order.number_of_edges() == math.comb(n, 2):
            if n > 10:
                variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
                return float(2 * special.ndtr((1 - abs(s)) / math.sqrt(variance)))
            counts, pairs = inversions(ties), math.comb(n, 2) - sum(math.comb(t, 2) for t in ties)
            return sum(c for i, c in enumerate(counts) if abs(pairs - 2 * i) >= abs(s)) / sum(counts)
        if n > 8:
            raise Unknown
        place = {v: number for number, v in enumerate(order)}
        arranged = np.array(values)[_arrangements(n)]
        all_s = sum(np.sign(arranged[:, place[low]] - arranged[:, place[high]]) for high, low in order.edges)
        return float(np.mean(abs(all_s) >= abs(s)))


def alone(z: float | None) -> float | None:
    """The p of a comparison that was not chosen."""
    return None if z is None else float(2 * special.ndtr(-abs(z)))


@cache
def _arrangements(n: int) -> NDArray[np.intp]:
    return np.array(list(permutations(range(n))), np.intp)


def inversions(ties: Sequence[int]) -> list[int]:
    """How many arrangements of values with these ties have each number of inversions, one value at a time.

    Equal values that join m others stand among them in as many ways, by inversions, as there are partitions.
    """
    counts, placed = [1], 0
    for tied in ties:
        counts = [int(c) for c in np.convolve(counts, _gaps(placed, tied))]
        placed += tied
    return counts


@cache
def _gaps(many: int, tied: int) -> tuple[int, ...]:
    """In how many ways `tied` equal values stand behind so many of `many` others, in sum: Pascal's rule with powers."""
    if not many or not tied:
        return (1,)
    found = np.zeros(many * tied + 1, int)
    without, with_last = _gaps(many, tied - 1), _gaps(many - 1, tied)
    found[: len(without)] += without
    found[tied : tied + len(with_last)] += with_last
    return tuple(found.tolist())
