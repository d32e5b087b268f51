"""The rules of docs/erosion.md again, written straight down with scipy and brute force, on random lineages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection, MetricScale
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import Assessment, ErosionVerdict
from descentd.queries.erosion.questions import EROSION, ErosionKind
from descentd.queries.evaluation.series import Series
from descentd.queries.statistics.comparison import Result
from descentd.queries.statistics.e_process import e_value, lasting
from tests.queries.ancestries import series_key
from tests.support.effort import some_of

ALPHA = 0.05
OTHERS = (ErosionKind.LASTING_EROSION, ErosionKind.TRADE_OFF, ErosionKind.COVERAGE_LOSS)
LOW, HIGH, TARGET = MetricDirection.LOWER_IS_BETTER, MetricDirection.HIGHER_IS_BETTER, MetricDirection.TARGET


@dataclass
class Test:
    """A test of the family by the oracle."""

    __test__ = False

    kind: ErosionKind
    baseline: int
    delta: float
    z: float
    p: float
    q: float = math.nan


@dataclass
class Oracle:
    """One series, judged from its definition alone."""

    graph: "nx.DiGraph[int]"
    head: int
    series: Series
    tests: list[Test] = field(default_factory=list)

    def bad(self, version: int) -> float:
        metric, value = self.series.key.metric, self.series.results[version].value
        value = math.log(value) if metric.scale is MetricScale.LOG else value
        optimum = metric.optimum or 0.0
        optimum = math.log(optimum) if metric.scale is MetricScale.LOG and optimum else optimum
        signed = {LOW: value, HIGH: -value, TARGET: abs(value - optimum)}[metric.direction]
        return float(f"{signed:.12g}")

    def s(self, version: int) -> float:
        result = self.series.results[version]
        assert result.stderr is not None
        return result.stderr / (result.value if self.series.key.metric.scale is MetricScale.LOG else 1)

    def side(self, version: int) -> float:
        metric = self.series.key.metric
        apart = self.series.results[version].value - (metric.optimum or 0.0)
        return float(np.sign(round(apart, 12))) if metric.direction is TARGET else 0.0

    def d(self, one: int, other: int) -> float:
        if self.side(one) * self.side(other) < 0:
            return self.s(one) + self.s(other)
        return math.hypot(self.s(one), self.s(other))

    def z(self, one: int, other: int) -> float:
        return (self.bad(one) - self.bad(other)) / self.d(one, other)

    @property
    def measured(self) -> list[int]:
        within = nx.ancestors(self.graph, self.head) | {self.head}
        return [v for v in nx.topological_sort(self.graph) if v in within and v in self.series.results]

    def nearest(self, version: int) -> list[int]:
        """Measured ancestors that some way leads to without another one in between."""
        others = set(self.measured) - {version}
        found = []
        for other in others:
            rest = self.graph.subgraph(set(self.graph) - (others - {other}))
            if nx.has_path(rest, other, version):
                found.append(other)
        return found

    def conflict(self) -> None:
        """The pair of lines by different parents that differs most, corrected for all pairs of those that meet."""
        parents = list(self.graph.predecessors(self.head))
        lines = {(one, number) for number, parent in enumerate(parents)
                 for one in ([parent] if parent in self.series.results else self.nearest(parent))}  # fmt: skip
        apart = {frozenset((a, b)) for a, i in lines for b, j in lines if i != j and a != b}
        pairs = [tuple(pair) for pair in apart if not any(nx.has_path(self.graph, *way) for way in permutations(pair))]
        if not pairs:
            return
        better, worse = max(pairs, key=lambda pair: abs(self.z(*pair)))
        better, worse = (better, worse) if self.z(worse, better) > 0 else (worse, better)
        met = len({version for pair in pairs for version in pair})
        z = self.z(worse, better)
        p = 1 - (1 - 2 * stats.norm.sf(z)) ** math.comb(met, 2)
        delta = self.bad(worse) - self.bad(better)
        self.tests.append(Test(ErosionKind.PARENT_CONFLICT, better, delta, z, float(p)))

    def ask(self) -> None:
        self.conflict()
        near = self.nearest(self.head)
        for other in near:
            z = self.z(self.head, other)
            self.add(ErosionKind.STEP_REGRESSION, other, z, 2 * stats.norm.sf(abs(z)))
        far = [v for v in self.measured if v not in {self.head, *near}]
        if far:
            best = max(far, key=lambda other: self.z(self.head, other))
            self.add(ErosionKind.CUMULATIVE_EROSION, best, self.z(self.head, best), self.dunnett(far, best))
        self.trend()

    def add(self, kind: ErosionKind, baseline: int, z: float, p: float) -> None:
        self.tests.append(Test(kind, baseline, self.bad(self.head) - self.bad(baseline), z, p))

    def dunnett(self, far: Sequence[int], best: int) -> float:
        t, own = self.z(self.head, best), self.s(self.head)

        def some(u: float) -> float:
            inside = [stats.norm.cdf((t * self.d(self.head, i) - own * u) / self.s(i)) for i in far]
            return float(stats.norm.pdf(u) * (1 - math.prod(inside)))

        chance = integrate.quad(some, -8, 8, limit=200)[0]
        alone = float(2 * stats.norm.sf(abs(t)))
        return float(max(min(1.0, 2 * chance), alone if self.side(self.head) * self.side(best) < 0 else 0.0))

    def trend(self) -> None:
        order = nx.transitive_closure_dag(self.graph).subgraph(self.measured)
        longest = nx.dag_longest_path_length(order) + 1
        if longest < 5:
            return
        ends = {v: nx.dag_longest_path_length(order.subgraph(nx.descendants(order, v) | {v})) + 1 for v in order}
        starts = [v for v, length in ends.items() if length == longest and v != self.head]
        s = sum(int(np.sign(self.bad(low) - self.bad(high))) for high, low in order.edges)
        zs = [self.z(self.head, start) for start in starts]
        p_ends = max(2 * stats.norm.sf(z) if z > 0 else 1.0 for z in zs)
        if s > 0 and min(zs) > 0:
            p = max(self.kendall(order, s), p_ends)
            self.add(ErosionKind.MONOTONIC_TREND, starts[int(np.argmin(zs))], min(zs), p)
        elif s < 0 and max(zs) < 0:
            p = max(self.kendall(order, s), *(2 * stats.norm.sf(-z) for z in zs))
            self.add(ErosionKind.MONOTONIC_TREND, starts[int(np.argmax(zs))], max(zs), p)
        else:
            self.add(ErosionKind.MONOTONIC_TREND, starts[0], 0.0, 1.0)

    def kendall(self, order: "nx.DiGraph[int]", s: int) -> float:
        """By all arrangements; scipy's own on a chain without ties. Not where there are too many."""
        values = [self.bad(v) for v in order]
        chain = order.number_of_edges() == len(order) * (len(order) - 1) // 2
        if chain and len(set(values)) == len(values) and len(values) <= 10:
            ranked = [self.bad(v) for v in nx.topological_sort(order)]
            return float(stats.kendalltau(range(len(ranked)), ranked, method="exact").pvalue)
        if len(values) > 7:
            raise Unknown
        place = {v: number for number, v in enumerate(order)}
        arranged = np.array(list(permutations(values)))
        all_s = sum(np.sign(arranged[:, place[low]] - arranged[:, place[high]]) for high, low in order.edges)
        return float(np.mean(abs(all_s) >= abs(s)))


class Unknown(Exception):
    """The oracle has no independent answer here."""


def false_discovery_rates(p: Sequence[float]) -> list[float]:
    return [float(q) for q in stats.false_discovery_control(list(p))] if p else []


@st.composite
def lineages(draw: st.DrawFn) -> tuple["nx.DiGraph[int]", list[Series]]:
    """Chains and graphs of up to nine versions, and up to three series with gaps and unequal errors."""
    size = draw(st.integers(2, 9))
    merges = draw(st.booleans())
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(size))
    for version in range(1, size):
        recent = st.integers(max(0, version - 3 if merges else version - 1), version - 1)
        for parent in draw(st.lists(recent, min_size=1, max_size=2 if merges else 1, unique=True)):
            graph.add_edge(parent, version)
    found = []
    dice = np.random.default_rng(draw(st.integers(0, 10_000)))
    for number in range(draw(st.integers(1, 3))):
        direction = draw(st.sampled_from([LOW, HIGH, TARGET]))
        log = draw(st.booleans())
        metric = MetricDefinition(
            f"m{number}", MetricCategory.BIAS, direction,
            optimum=0.5 if direction is TARGET else None,
            tolerance=draw(st.sampled_from([0.0, 0.02])),
            scale=MetricScale.LOG if log else MetricScale.LINEAR,
        )  # fmt: skip
        drift, middle = draw(st.sampled_from([-0.02, 0.0, 0.01, 0.03])), draw(st.sampled_from([0.45, 0.5, 0.6]))
        kept = [v for v in range(size) if v == size - 1 or dice.random() < 0.85]
        results = {
            v: Result(
                max(0.01, float(middle + drift * v + dice.normal(0, 0.02))), float(dice.choice([0.01, 0.02, 0.04]))
            )
            for v in kept
        }
        found.append(Series(series_key(metric), results))
    return graph, found


@settings(max_examples=some_of(200))
@given(lineages())
def test_the_family_and_the_verdict_are_those_of_the_rules(drawn: tuple["nx.DiGraph[int]", list[Series]]) -> None:
    graph, series = drawn
    head = len(graph) - 1
    oracles = [Oracle(graph, head, one) for one in series if _ancestors(graph, head) & one.results.keys()]
    try:
        for oracle in oracles:
            oracle.ask()
    except Unknown:
        assume(False)
    tests = [(oracle, test) for oracle in oracles for test in oracle.tests]
    for worse in (True, False):
        entered = [test.p if (test.z > 0) == worse and test.z != 0 else 1.0 for _, test in tests]
        for (_, test), q in zip(tests, false_discovery_rates(entered), strict=True):
            if (test.z > 0) == worse:
                test.q = q
    found = assess(head, {v: sorted(graph.predecessors(v)) for v in graph}, series)
    assert found.asked == len(tests)
    expected = {
        (test.kind, oracle.series.key.metric.name, test.baseline)
        for oracle, test in tests
        if test.z > 0 and test.q <= ALPHA and test.delta > oracle.series.key.metric.tolerance + 1e-12
    }
    close = any(abs(test.q - ALPHA) < 2e-4 for _, test in tests)
    assume(not close)
    figures = {(one.kind, one.series.metric.name, one.baseline): (one.z, one.p, one.q) for one in found.findings
               if one.kind not in OTHERS}  # fmt: skip
    assert figures.keys() == expected
    for oracle, test in tests:
        if shown := figures.get((test.kind, oracle.series.key.metric.name, test.baseline)):
            assert shown == pytest.approx((test.z, test.p, test.q), rel=2e-3)
    _check_verdict(found, expected, tests)
    lasting = [1 / one.e for one in found.findings if one.kind is ErosionKind.LASTING_EROSION and one.e]
    rates = false_discovery_rates([*(test.p if test.z > 0 else 1.0 for _, test in tests), *lasting])
    eroding = [q for q, (_, test) in zip(rates, tests, strict=False) if test.kind in EROSION] + rates[len(tests) :]
    assert found.p == (pytest.approx(min(eroding), rel=2e-3) if tests else None)


def _check_verdict(found: Assessment, expected: set[Any], tests: list[tuple[Oracle, Test]]) -> None:
    lasting = any(one.kind is ErosionKind.LASTING_EROSION for one in found.findings)
    better = [
        test
        for oracle, test in tests
        if test.z < 0 and test.q <= ALPHA and -test.delta > oracle.series.key.metric.tolerance
    ]
    lost = [
        test
        for oracle, test in tests
        if test.kind in EROSION
        and test.z > 0
        and test.p <= ALPHA
        and test.delta > oracle.series.key.metric.tolerance + 1e-12
    ]
    if lasting or any(kind in EROSION for kind, *_ in expected):
        assert found.verdict is ErosionVerdict.ERODED
    elif better and not lost:
        assert found.verdict is ErosionVerdict.IMPROVED
    else:
        assert found.verdict in (ErosionVerdict.STABLE, ErosionVerdict.UNKNOWN)


def _ancestors(graph: Any, head: int) -> set[int]:
    return set(nx.ancestors(graph, head))


def brute_evidence(badness: Any, errors: Any) -> tuple[float, int, float, float, float]:
    """E at the end of a line, the likeliest first worse version, and what it rose by, straight from the formula."""
    n = len(badness)
    total, best = 1 / n, (-1.0, 0, 0.0, 0.0, 0.0)
    weights = errors**-2.0
    for k in range(2, n + 1):
        since, before = slice(k - 1, n), slice(0, k - 1)
        mean_since = np.average(badness[since], weights=weights[since])
        mean_before = np.average(badness[before], weights=weights[before])
        s_since = np.average(errors[since], weights=weights[since])
        s_before = np.average(errors[before], weights=weights[before])
        variance = s_since**2 + s_before**2
        z, v = (mean_since - mean_before) / math.sqrt(variance), (3 * errors[k - 1]) ** 2 / variance
        likelihood = 2 * (1 + v) ** -0.5 * math.exp(z * z * v / (2 * (1 + v)))
        term = likelihood * stats.norm.cdf(z * math.sqrt(v / (1 + v))) / (k * (k - 1))
        total += term
        best = max(best, (term, k - 1, mean_since - mean_before, mean_before, s_before))
    return total, best[1], best[2], best[3], best[4]


def brute_lasting(
    badness: Any, errors: Any, tolerance: float, series: int
) -> tuple[int, int, float, float, int] | None:
    begin = 0
    while True:
        found = None
        for n in range(2, len(badness) - begin + 1):
            part = slice(begin, begin + n)
            e, start, rise, before, error = brute_evidence(badness[part], errors[part])
            if e >= series / 0.05 and rise > tolerance + 1e-12:
                found = begin + start, begin + n - 1, e, rise, begin
                break
        if found is None:
            return None
        bar = before + max(rise / 2, tolerance)
        later = range(found[1] + 1, len(badness))
        repaired = [w for w in later if (badness[w] - bar) / math.hypot(errors[w], error) < -1.645]
        if not repaired:
            return found
        begin = repaired[0]


@pytest.mark.parametrize("seed", range(60))
def test_lasting_evidence_is_that_of_the_formula(seed: int) -> None:
    dice = np.random.default_rng(seed)
    n = int(dice.integers(2, 60))
    errors = 0.01 * 2 ** dice.uniform(-1, 1, n) if seed % 2 else np.full(n, 0.01)
    badness = dice.normal(0, 1, n) * errors + np.arange(n) * (0.002 if seed % 5 == 0 else 0)
    badness[int(dice.integers(1, n)) :] += dice.uniform(0, 0.08)
    if seed % 3 == 0:
        badness[int(dice.integers(1, n)) :] -= dice.uniform(0, 0.1)
    series, tolerance = int(dice.integers(1, 20)), float(dice.choice([0.0, 0.02]))
    expected = brute_lasting(badness, errors, tolerance, series)
    found = lasting(badness, errors, tolerance, series)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert (found.start, found.found) == expected[:2]
        assert found.e == pytest.approx(expected[2])
        assert found.rise == pytest.approx(expected[3])
        assert found.begin == expected[4]
    assert e_value(badness, errors) == pytest.approx(brute_evidence(badness, errors)[0])
