"""Results that say more than a value, by the words of their rules: runs that are pooled, items, and groups."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection, MetricScale
from descentd.queries.statistics.comparison import Group, Pair, Result
from descentd.queries.statistics.pairs import compare, many_of
from descentd.queries.statistics.pooling import pool
from tests.queries.ancestries import metric
from tests.support.effort import some_of

LOW, HIGH, TARGET = MetricDirection.LOWER_IS_BETTER, MetricDirection.HIGHER_IS_BETTER, MetricDirection.TARGET


# ---- runs


def error_of(definition: MetricDefinition, value: float, stderr: float | None, n: int | None) -> float | None:
    """The standard error of one result: its own; of a rate by Wald, or of few by Agresti and Caffo's rule."""
    if stderr:
        return stderr
    if not definition.is_rate or n is None:
        return None
    few = round(min(value * n, n - value * n), 6) < 10 or stderr is not None
    p, size = ((value * n + 1) / (n + 2), n + 2) if few else (value, n)
    return math.sqrt(p * (1 - p) / size)


@st.composite
def several_runs(draw: st.DrawFn) -> tuple[MetricDefinition, list[Result]]:
    scale = draw(st.sampled_from(MetricScale))
    category = draw(st.sampled_from([*[MetricCategory.BIAS] * 5, MetricCategory.LATENCY]))
    definition = metric(category=category, scale=scale, is_rate=draw(st.sampled_from([True, True, False])))
    runs = []
    sizes = st.sampled_from([None, 30, 400] if draw(st.booleans()) else [20, 400])
    for place in range(draw(st.sampled_from([1, 2, 3, 3, 4]))):
        value, stderr = draw(st.sampled_from([0.0, 0.1, 0.25, 0.6])), draw(st.sampled_from([None, None, 0.0, 0.02]))
        pairs = tuple(Pair(draw(st.integers(0, 2)), place, 9) for _ in range(draw(st.integers(0, 1))))
        runs.append(Result(value, stderr, draw(sizes), clusters=place or None, pairs=pairs))
    return definition, runs


@settings(max_examples=some_of(200))
@given(several_runs())
@example((metric(is_rate=True), [Result(0.25, None, 400), Result(0.1, 0.03, 400)]))  # of which one alone is counted
@example((metric(), [Result(0.25, 0.01), Result(0.9), Result(0.5)]))
@example((metric(is_rate=True), [Result(0.25, None, 400), Result(0.6, None, 900)]))
def test_runs_are_pooled_by_the_rule(drawn: tuple[MetricDefinition, list[Result]]) -> None:
    definition, runs = drawn
    log = definition.scale is MetricScale.LOG
    pooled = pool(definition, runs)
    assert pooled.latest == runs[-1].value
    errors = [error_of(definition, run.value, run.stderr, run.n) for run in runs]
    known = [(run, s) for run, s in zip(runs, errors, strict=True) if s is not None and (run.value > 0 or not log)]
    if definition.category is MetricCategory.LATENCY or not known:
        known = [(runs[-1], errors[-1] or math.nan)]
    chosen = [run for run, _ in known]
    if len(chosen) == 1:
        assert (pooled.value, pooled.stderr, pooled.n, pooled.runs) == (
            chosen[0].value,
            chosen[0].stderr,
            chosen[0].n,
            1,
        )
        return
    at = np.array([math.log(run.value) if log else run.value for run in chosen])
    s = np.array([s / (run.value if log else 1) for run, s in known])
    sizes = [run.n for run in chosen if run.n is not None]
    mean = float(np.average(at, weights=sizes if len(sizes) == len(chosen) else s**-2))
    value = math.exp(mean) if log else mean
    least = float(s.min()) * (value if log else 1)
    assert pooled.value == pytest.approx(value)
    assert (pooled.n, pooled.runs) == (max(sizes, default=None), len(chosen))
    if all(not run.stderr for run in chosen):  # all are counted: few of the largest run by Agresti and Caffo's rule
        assert pooled.n is not None
        reported = 0.0 if all(run.stderr is not None for run in chosen) else None
        items = value * pooled.n
        if round(min(items, pooled.n - items), 6) < 10 or reported is not None:
            least = error_of(definition, value, reported, pooled.n) or math.nan
    assert pooled.error(definition) == pytest.approx(least)
    assert pooled.clusters in {run.clusters for run, each in zip(chosen, s, strict=True) if each == s.min()}
    for subject in range(3):
        named = [pair for run in chosen for pair in run.pairs if pair.subject == subject]
        assert pooled.pair_with(subject) == (named[-1] if named else None)


# ---- items


@given(
    st.sampled_from([LOW, HIGH, TARGET]),
    st.tuples(*[st.sampled_from([0.4, 0.5, 0.6])] * 2),
    st.integers(0, 20),
    st.integers(0, 20),
    st.booleans(),
)
@example(LOW, (0.6, 0.6), 16, 8, False)  # 24 items are counted out, and 25 are not
@example(LOW, (0.6, 0.6), 16, 9, False)
def test_items_are_compared_by_mcnemar_on_one_side_of_the_optimum(
    direction: MetricDirection, values: tuple[float, float], n01: int, n10: int, log: bool
) -> None:
    scale = MetricScale.LOG if log else MetricScale.LINEAR
    definition = metric(direction=direction, optimum=0.5 if direction is TARGET else None, scale=scale)
    head, base = (Result(value, 0.03, 100) for value in values)
    found = compare(definition, head, base, Pair(0, n01, n10))
    assert found is not None
    across = direction is TARGET and set(values) == {0.4, 0.6}
    assert found.paired == (not log and not across)
    if not found.paired:
        return
    # An item that turns from 0 to 1 raises the value: good where more is, as it is below the optimum.
    worse, better = (n10, n01) if direction is HIGH or (direction is TARGET and 0.4 in values) else (n01, n10)
    z = (worse - better) / math.sqrt(worse + better) if worse + better else 0.0
    exact = stats.binomtest(worse, worse + better).pvalue if worse + better else 1.0
    assert found.z == pytest.approx(z)
    assert found.p == pytest.approx(exact if worse + better < 25 else 2 * stats.norm.sf(abs(z)))
    up, down, n = (worse, better, 100) if worse + better >= 25 else (worse + 0.5, better + 0.5, 102)
    changes = np.array([1, -1, 0])
    variance = np.cov(changes, fweights=None, aweights=[up, down, n - up - down], ddof=0)
    assert found.error == pytest.approx(math.sqrt(float(variance) / n))


@given(st.floats(0, 1), st.integers(1, 50))
@example(1.0, 1)
def test_the_smallest_of_many_is_corrected_for_their_number(p: float, many: int) -> None:
    assert many_of(p, many) == pytest.approx(1 - (1 - p) ** many, abs=1e-12)


# ---- groups

measured = st.dictionaries(
    st.sampled_from("abcdef"), st.tuples(st.sampled_from([0.1, 0.3, 0.35, 0.8]), st.sampled_from([0.02, 0.05, 0.2]))
)


@given(measured, measured, st.sets(st.sampled_from("abcdef"), max_size=1), st.sampled_from([0.2, 0.3, 0.4]))
def test_a_range_is_compared_by_the_groups_that_both_have(
    now: dict[str, tuple[float, float]], then: dict[str, tuple[float, float]], unsure: set[str], value: float
) -> None:
    """The range is what was reported, and which way it changed is up to it."""

    def result(value: float, given: dict[str, tuple[float, float]]) -> Result:
        groups = (Group(name, mean, None if name in unsure else s) for name, (mean, s) in given.items())
        return Result(value, 0.05, groups=tuple(groups))

    found = compare(metric(), result(value, now), result(0.3, then))
    assert found is not None
    assert found.delta == pytest.approx(value - 0.3)
    if not now or not then:  # one was reported without any groups
        assert found.z == pytest.approx((value - 0.3) / math.hypot(0.05, 0.05))
        return
    common = sorted(now.keys() & then.keys())
    if len(common) < 2 or unsure & set(common):
        assert (found.z, found.p, found.error) == (None, None, None)
        return
    change = np.array([now[name][0] - then[name][0] for name in common])
    d = np.array([math.hypot(now[name][1], then[name][1]) for name in common])
    apart = ((change - np.average(change, weights=d**-2)) / d) ** 2
    assert found.p == pytest.approx(stats.chi2.sf(apart.sum(), len(common) - 1), rel=1e-6)
    assert found.p is not None
    assert found.z == pytest.approx(np.sign(round(value - 0.3, 9)) * stats.norm.isf(found.p / 2), abs=1e-6)
