"""Each statistic against an independent implementation: scipy, brute force, or a closed form."""

import math
from itertools import combinations, permutations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import integrate, stats

from descentd.app.demo import pythia
from descentd.graph.metrics import catalogue
from descentd.queries.statistics.change_points import change_points
from descentd.queries.statistics.comparison import Estimates, Result
from descentd.queries.statistics.dunnett import best_of
from descentd.queries.statistics.kendall import inversions, kendall, theil_sen
from descentd.queries.statistics.multiplicity import false_discovery_rates
from descentd.queries.statistics.partial_order import Order
from tests.support.effort import some_of


@st.composite
def orders(draw: st.DrawFn, most: int = 7) -> Order:
    """Any partial order of a few versions, chains included."""
    size = draw(st.integers(2, most))
    pairs = [(low, high) for high in range(size) for low in range(high)]
    return order_of(size, draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else [])


def order_of(size: int, edges: list[tuple[int, int]]) -> Order:
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(size))
    graph.add_edges_from(edges)
    return Order.of([sum(1 << above for above in nx.ancestors(graph, place)) for place in range(size)])


def pairs_of(order: Order) -> list[tuple[int, int]]:
    return [
        (above, place) for place, mask in enumerate(order.masks()) for above in range(order.size) if mask >> above & 1
    ]


def s_of(order: Order, values: tuple[float, ...]) -> int:
    return sum((values[low] > values[high]) - (values[low] < values[high]) for high, low in pairs_of(order))


# ---- the best of many


@pytest.mark.parametrize(("k", "point"), [(1, 1.645), (5, 2.234), (9, 2.417)])
def test_dunnett_has_its_published_points(k: int, point: float) -> None:
    equal = np.ones(k)
    assert best_of(point, equal, equal, equal * math.sqrt(2)) == pytest.approx(0.05, abs=3e-5)


@settings(max_examples=20)
@given(
    st.floats(-2, 6),
    st.floats(0.2, 3),
    st.lists(st.floats(0.2, 5), min_size=1, max_size=12),
)
def test_dunnett_is_its_integral(z: float, own: float, others: list[float]) -> None:
    s = np.array(others)
    d = np.hypot(own, s)
    found = best_of(z, np.full(len(s), own), s, d)

    def integrand(u: float) -> float:
        return float(stats.norm.pdf(u) * -np.expm1(stats.norm.logcdf((z * d - own * u) / s).sum()))

    whole, _ = integrate.quad(integrand, -12, 12, limit=400, epsabs=1e-14)
    assert found == pytest.approx(whole, rel=1e-4, abs=1e-12)
    centred = best_of(z, np.full(len(s), own), s, d, at_centres=True)
    assert centred == pytest.approx(whole, rel=4e-3, abs=1e-12)


@pytest.mark.parametrize("z", [7.5, 9.0, 12.0, 30.0])
def test_dunnett_is_right_far_out(z: float) -> None:
    """There most of the integral lies beyond u = 8."""
    own, s = 1.0, np.array([0.3, 1.0, 4.0])
    d = np.hypot(own, s)
    u = np.linspace(-50, 50, 200_001)
    below = stats.norm.logcdf((z * d[:, None] - own * u) / s[:, None]).sum(axis=0)
    with np.errstate(divide="ignore"):
        some = np.exp(stats.norm.logpdf(u) + np.log(-np.expm1(below))) * (u[1] - u[0])
    assert best_of(z, np.full(3, own), s, d) == pytest.approx(some.sum(), rel=1e-4, abs=0)
    before = max(some[abs(u) <= 8].sum(), stats.norm.sf(z))
    assert best_of(z, np.full(3, own), s, d, at_centres=True) == pytest.approx(before, rel=4e-2, abs=0)


def test_dunnett_takes_results_beyond_the_optimum_with_those_on_this_side() -> None:
    """There the error of the difference is the sum of both: the two kinds are told apart whatever their size."""
    own, s = 1.0, np.array([0.1, 0.1, 3.0, 3.0])
    d = np.array([math.hypot(1, 0.1), 1.1, math.hypot(1, 3), 4.0])
    for z in (1.0, 2.0, 3.0):
        found = best_of(z, np.full(4, own), s, d)
        chance, _ = integrate.quad(
            lambda u, z=z: stats.norm.pdf(u) * (1 - stats.norm.cdf((z * d - own * u) / s).prod()), -12, 12, limit=400
        )
        assert found == pytest.approx(chance, rel=1e-4)
        assert best_of(z, np.full(4, own), s, d, at_centres=True) == pytest.approx(chance, rel=4e-3)


def test_dunnett_is_what_scipy_says() -> None:
    one = stats.multivariate_normal(cov=np.full((6, 6), 0.5) + np.eye(6) * 0.5, seed=1)
    equal = np.ones(6)
    assert best_of(2.3, equal, equal, equal * math.sqrt(2)) == pytest.approx(1 - one.cdf(np.full(6, 2.3)), abs=1e-4)


@given(st.floats(0, 30), st.floats(1e-9, 1e9), st.integers(2, 50))
def test_dunnett_lies_between_the_single_test_and_bonferroni(z: float, ratio: float, k: int) -> None:
    own, others = np.ones(k), np.full(k, ratio)
    single = stats.norm.sf(z)
    assert single * (1 - 1e-9) <= best_of(z, own, others, np.hypot(1, others)) <= min(1, k * single) * (1 + 1e-9)


def test_best_of_opposite_sides_of_a_target_adds_errors() -> None:
    equal = np.ones(2)
    sums = np.array([2.0, math.sqrt(2)])

    def integrand(u: float) -> float:
        return float(stats.norm.pdf(u) * (1 - stats.norm.cdf(2 * 2 - u) * stats.norm.cdf(2 * math.sqrt(2) - u)))

    assert best_of(2.0, equal, equal, sums) == pytest.approx(integrate.quad(integrand, -12, 12)[0], rel=1e-6)


# ---- Kendall


@settings(max_examples=some_of(400))
@given(orders(), st.data())
def test_p_on_a_partial_order_is_counted_out(order: Order, data: st.DataObject) -> None:
    values = tuple(data.draw(st.lists(st.integers(0, 4), min_size=order.size, max_size=order.size)))
    found = kendall(order, np.array(values, np.float64))
    everything = [s_of(order, arranged) for arranged in permutations(values)]
    assert found.s == s_of(order, values)
    assert found.pairs == len(pairs_of(order))
    assert found.p == pytest.approx(np.mean([abs(s) >= abs(found.s) for s in everything]))
    if found.s and order.size > 2:
        assert abs(found.z) == pytest.approx((abs(found.s) - 1) / np.std(everything))
        assert math.copysign(1, found.z) == math.copysign(1, found.s)


@pytest.mark.parametrize("n", range(2, 11))
def test_exact_p_on_a_chain_is_scipys(n: int) -> None:
    values = np.random.default_rng(n).permutation(n).astype(np.float64)
    assert kendall(Order.chain(n), values).p == pytest.approx(
        stats.kendalltau(np.arange(n), values, method="exact").pvalue
    )


def gaussian_coefficients(ties: list[int]) -> list[int]:
    """Π[i]_q / Π[t_j]_q!: how many arrangements of a multiset have so many inversions."""
    counts = np.array([1], dtype=object)
    for i in range(1, sum(ties) + 1):
        counts = np.convolve(counts, np.ones(i, dtype=object))
    for t in ties:
        for i in range(2, t + 1):
            quotient, rest = [], list(counts)
            while len(rest) >= i:
                quotient.append(rest[0])
                rest = [r - quotient[-1] if at < i else r for at, r in enumerate(rest)][1:]
            counts = np.array(quotient, dtype=object)
    return [int(count) for count in counts]


@pytest.mark.parametrize("ties", [[1] * 10, [2, 1, 3, 1], [4, 4], [1, 1, 2, 2, 1, 3]])
def test_exact_p_on_a_chain_follows_the_gaussian_coefficients(ties: list[int]) -> None:
    values = np.repeat(np.arange(len(ties)), ties).astype(np.float64)
    np.random.default_rng(5).shuffle(values)
    found = kendall(Order.chain(len(values)), values)
    counts = gaussian_coefficients(ties)
    untied = len(counts) - 1
    extreme = sum(count for inverted, count in enumerate(counts) if abs(untied - 2 * inverted) >= abs(found.s))
    assert found.p == pytest.approx(extreme / sum(counts))


@given(st.lists(st.integers(0, 9), min_size=11, max_size=40))
def test_beyond_ten_p_on_a_chain_is_mann_kendalls(values: list[int]) -> None:
    n = len(values)
    found = kendall(Order.chain(n), np.array(values, np.float64))
    ties = np.bincount(values)
    variance = (n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18
    s = sum((b > a) - (b < a) for a, b in combinations(values, 2))
    assert found.s == s
    z = math.copysign((abs(s) - 1) / math.sqrt(variance), s) if s else 0.0
    assert found.z == pytest.approx(z)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(z)))


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.booleans())
def test_variance_on_a_partial_order_is_that_of_shuffled_values(seed: int, tied: bool) -> None:
    dice = np.random.default_rng(seed)
    n = int(dice.integers(12, 16))
    order = order_of(n, [(low, high) for high in range(n) for low in range(high) if dice.random() < 0.2] + [(0, 1)])
    values = (dice.integers(0, 4, n) if tied else dice.permutation(n)).astype(np.float64)
    found = kendall(order, values)
    if found.s:
        pairs = np.array(pairs_of(order)).T
        shuffled = dice.permuted(np.tile(values, (10_000, 1)), axis=1)
        spread = np.sign(shuffled[:, pairs[1]] - shuffled[:, pairs[0]]).sum(axis=1).std()
        assert (abs(found.s) - 1) / spread == pytest.approx(abs(found.z), rel=0.05, abs=1e-9)


def test_equal_values_have_no_trend() -> None:
    found = kendall(Order.chain(12), np.zeros(12))
    assert (found.s, found.z, found.p) == (0, 0.0, 1.0)


@given(st.lists(st.integers(0, 20), max_size=60))
def test_inversions_are_counted(values: list[int]) -> None:
    assert inversions(np.array(values, np.int64)) == sum(a > b for a, b in combinations(values, 2))


@given(st.lists(st.floats(-5, 5).map(lambda y: round(y, 3)), min_size=2, max_size=40), st.booleans())
def test_theil_sen_is_scipys(y: list[float], uneven: bool) -> None:
    x = np.arange(len(y), dtype=np.float64) ** (2 if uneven else 1)
    assert theil_sen(x, np.array(y)) == pytest.approx(stats.theilslopes(y, x).slope, abs=1e-12)


def test_theil_sen_of_a_very_long_line_is_the_same_median(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = np.random.default_rng(3)
    x = np.arange(301, dtype=np.float64)
    y = 0.02 * x + dice.normal(size=301)
    whole = theil_sen(x, y)
    monkeypatch.setattr("descentd.queries.statistics.kendall.PAIRS_AT_ONCE", 100)
    assert theil_sen(x, y) == pytest.approx(whole, abs=1e-4)


def test_theil_sen_of_one_point_is_nothing() -> None:
    assert theil_sen(np.array([1.0]), np.array([2.0])) is None


# ---- many questions


@given(st.lists(st.floats(0, 1), max_size=30))
def test_benjamini_and_hochberg_are_scipys(p: list[float]) -> None:
    expected = stats.false_discovery_control(p).tolist() if p else []
    assert false_discovery_rates(p) == pytest.approx(expected)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_smallest_rate_is_the_p_of_simes(p: list[float]) -> None:
    assert min(false_discovery_rates(p)) == pytest.approx(
        min(len(p) * each / rank for rank, each in enumerate(sorted(p), 1))
    )


# ---- change points


@settings(max_examples=some_of(400))
@given(orders(8), st.data())
def test_change_points_are_those_of_the_definition(order: Order, data: st.DataObject) -> None:
    some = st.lists(st.floats(0.1, 4), min_size=order.size, max_size=order.size)
    badness, errors = np.array(data.draw(some)), np.array(data.draw(some))
    gains = {}
    pairs = pairs_of(order)
    for v in range(order.size):
        inside = np.array([u == v or (v, u) in pairs for u in range(order.size)])
        if inside.all():
            continue
        w = errors**-2
        rise = np.average(badness[inside], weights=w[inside]) - np.average(badness[~inside], weights=w[~inside])
        gains[v] = max(0.0, rise / math.sqrt(1 / w[inside].sum() + 1 / w[~inside].sum())) ** 2
    largest = max(gains.values(), default=0.0)
    certain = {v for v, gain in gains.items() if gain > 1e-9 and largest - gain < 3.84 - 1e-9}
    possible = {v for v, gain in gains.items() if largest - gain < 3.84 + 1e-9}
    depths = depths_of(order)
    found = change_points(order, depths, badness, errors)
    assert certain <= set(found.places) <= possible
    assert found.step == pytest.approx(largest, abs=1e-9)
    slope = line_explains(depths, badness, errors) if order.size >= 8 else 0.0
    assert found.slope == pytest.approx(slope, abs=1e-9)
    if abs(largest - slope - 3.84) > 1e-6 and largest > 1e-9:
        assert found.gradual == (slope > 0 and largest - slope <= 3.84)


def depths_of(order: Order) -> NDArray[np.float64]:
    """How many versions the longest line to each holds."""
    depths = [1.0] * order.size
    for above, place in sorted(pairs_of(order), key=lambda pair: pair[1]):
        depths[place] = max(depths[place], depths[above] + 1)
    return np.array(depths)


def line_explains(depths: NDArray[np.float64], badness: NDArray[np.float64], errors: NDArray[np.float64]) -> float:
    """How much less χ² a weighted straight line leaves than a constant does, where it rises: by least squares."""
    scaled = np.stack([np.ones(len(depths)), depths], axis=1) / errors[:, None]
    coefficients, *_ = np.linalg.lstsq(scaled, badness / errors, rcond=None)
    left = ((badness / errors - scaled @ coefficients) ** 2).sum()
    constant = np.average(badness, weights=errors**-2)
    whole = (((badness - constant) / errors) ** 2).sum()
    return float(whole - left) if coefficients[1] > 1e-12 and len(set(depths.tolist())) > 1 else 0.0


@pytest.mark.parametrize(
    ("name", "spans", "gradual"),
    [
        ("12b", [(33000, 43000), (63000, 73000)], (38, 42)),
        ("6.9b", None, (31, 37)),
        ("6.9b-deduped", [(3000, 13000)], None),
    ],
)
def test_blame_in_pythia(name: str, spans: list[tuple[int, int]] | None, gradual: tuple[int, int] | None) -> None:
    (run,) = (run for run in pythia.read_runs() if (run.model, run.variant) == (f"pythia-{name}", "zero-shot"))
    steps = [checkpoint.step for checkpoint in run.checkpoints if checkpoint.step >= 3000]
    values = [checkpoint.results["crows_pairs_english"] for checkpoint in run.checkpoints if checkpoint.step >= 3000]
    estimates = Estimates(catalogue()["pct_stereotype"], [Result(value, stderr) for _, value, stderr in values])
    level = estimates.level(estimates.few)
    depths = np.arange(1.0, len(steps) + 1)
    found = change_points(Order.chain(len(steps)), depths, level.badness, level.errors)
    if spans is not None:
        assert [(steps[place - 1], steps[place]) for place in found.places] == spans
    assert found.gradual == (gradual is not None)
    if gradual is not None:
        assert (round(found.step), round(found.slope)) == gradual
        assert found.slope == pytest.approx(line_explains(depths, level.badness, level.errors))


@pytest.mark.parametrize(
    ("name", "own", "shared"), [("12b", (37.83, 41.87), (38.84, 42.96)), ("6.9b", (30.52, 36.68), (31.00, 37.37))]
)
def test_what_a_slope_explains_in_pythia_by_each_error_and_by_their_mean(
    name: str, own: tuple[float, float], shared: tuple[float, float]
) -> None:
    """Each result weighs by its own error, which falls as the rate leaves .5; one error for all gives one more."""
    (run,) = (run for run in pythia.read_runs() if (run.model, run.variant) == (f"pythia-{name}", "zero-shot"))
    results = [one.results["crows_pairs_english"] for one in run.checkpoints if one.step >= 3000]
    badness = np.array([abs(value - 0.5) for _, value, _ in results])
    errors = np.array([stderr for _, _, stderr in results])
    depths = np.arange(1.0, len(results) + 1)
    for figures, known in ((own, errors), (shared, np.full(len(errors), errors.mean()))):
        found = change_points(Order.chain(len(results)), depths, badness, known)
        assert (found.step, found.slope) == pytest.approx(figures, abs=5e-3)
        assert found.gradual
