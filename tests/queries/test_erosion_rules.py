"""The rules for evidence that is stronger, pooled, paired, grouped or judged on a logarithm, each against an oracle."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bench import reach
from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection, MetricScale
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import Assessment, ErosionVerdict, Finding, Span
from descentd.queries.erosion.messages import message
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.erosion.summary import summary
from descentd.queries.evaluation.labels import Labels
from descentd.queries.evaluation.series import EvaluationProtocol, Series, SeriesKey
from descentd.queries.statistics.comparison import Group, Pair, Result
from descentd.queries.statistics.normal import chi_square_tail, from_two_sided
from descentd.queries.statistics.pairs import compare
from descentd.queries.statistics.pooling import pool
from tests.queries.ancestries import series_key

LOW, HIGH, TARGET = MetricDirection.LOWER_IS_BETTER, MetricDirection.HIGHER_IS_BETTER, MetricDirection.TARGET
STEP, CUMULATIVE, LASTING, TRADE_OFF, COVERAGE = (
    ErosionKind.STEP_REGRESSION, ErosionKind.CUMULATIVE_EROSION, ErosionKind.LASTING_EROSION, ErosionKind.TRADE_OFF,
    ErosionKind.COVERAGE_LOSS,
)  # fmt: skip
named = Labels("model:m@{}".format, "dataset:{}@1".format)


def metric(
    name: str = "toxicity",
    direction: MetricDirection = LOW,
    category: MetricCategory = MetricCategory.BIAS,
    **given: Any,
) -> MetricDefinition:
    return MetricDefinition(name, category, direction, **given)


RATE = metric(is_rate=True)


def chain(size: int) -> dict[int, list[int]]:
    return {version: [version - 1] if version else [] for version in range(size)}


def series(values: dict[int, float], definition: MetricDefinition | None = None, stderr: float | None = 0.01) -> Series:
    return Series(series_key(definition or metric()), {v: Result(value, stderr) for v, value in values.items()})


def of_kind(found: Assessment, kind: ErosionKind) -> list[Finding]:
    return [one for one in found.findings if one.kind is kind]


# ---- several results of one version


def test_results_are_pooled_by_n_or_by_their_errors() -> None:
    assert pool(RATE, [Result(0.15, n=5000), Result(0.10, n=10)]).value == pytest.approx((750 + 1) / 5010)
    by_error = pool(metric(), [Result(0.2, 0.01), Result(0.3, 0.02)])
    assert by_error.value == pytest.approx(np.average([0.2, 0.3], weights=[1e4, 2500]))
    assert by_error.stderr == 0.01, "repeated runs ask the same items, so more runs are no more evidence"
    ratio = metric(scale=MetricScale.LOG)
    assert pool(ratio, [Result(0.5, 0.05), Result(2.0, 0.2)]).value == pytest.approx(1.0)


def test_results_without_an_error_are_not_pooled_with_others_and_monitoring_takes_the_newest() -> None:
    assert pool(metric(), [Result(0.2, 0.01), Result(0.9)]) == Result(0.2, 0.01, newest=0.9)
    assert pool(metric(), [Result(0.2), Result(0.9)]) == Result(0.9)
    drift = metric(category=MetricCategory.DRIFT)
    assert pool(drift, [Result(0.2, 0.01), Result(0.9, 0.01)]) == Result(0.9, 0.01)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 3)), min_size=1, max_size=5), st.randoms())
def test_the_order_of_runs_does_not_matter(drawn: list[tuple[int, int]], random: Any) -> None:
    runs = [Result(count / 400, n=400 * many) for count, many in drawn]
    pooled = pool(RATE, runs)
    assert min(run.value for run in runs) - 1e-12 <= pooled.value <= max(run.value for run in runs) + 1e-12
    assert pooled.n == max(run.n or 0 for run in runs)
    other = pool(RATE, random.sample(runs, len(runs)))
    assert other.value == pytest.approx(pooled.value)
    assert other.error(RATE) == pytest.approx(pooled.error(RATE))


def test_neither_a_tiny_sample_nor_a_tiny_second_run_clears_what_was_found() -> None:
    assert reach.not_cleared(np.random.default_rng(0))


# ---- the same items


@given(st.integers(0, 60), st.integers(0, 60))
def test_paired_items_are_compared_by_mcnemar(n01: int, n10: int) -> None:
    head, base = Result(0.3 + (n01 - n10) / 500, n=500), Result(0.3, n=500)
    found = compare(RATE, head, base, Pair(0, n01, n10))
    assert found is not None
    assert found.paired
    if n01 + n10 < 25:
        expected = stats.binomtest(n01, n01 + n10).pvalue if n01 + n10 else 1.0
    else:
        expected = stats.chi2.sf((n01 - n10) ** 2 / (n01 + n10), 1)
    assert found.p == pytest.approx(expected)
    if n01 + n10 >= 25:
        assert found.z == pytest.approx((n01 - n10) / math.sqrt(n01 + n10))
        items = np.array([1] * n01 + [-1] * n10 + [0] * (500 - n01 - n10))
        assert found.error == pytest.approx(math.sqrt(((items - items.mean()) ** 2).sum()) / 500)


def test_the_sign_of_a_pair_is_turned_where_more_is_better_and_across_the_optimum_it_is_not_used() -> None:
    pair = Pair(0, n01=60, n10=20)
    higher = compare(metric(direction=HIGH, is_rate=True), Result(0.38, n=500), Result(0.30, n=500), pair)
    below = compare(metric(direction=TARGET, optimum=0.5, is_rate=True), Result(0.38, n=500), Result(0.3, n=500), pair)
    across = compare(
        metric(direction=TARGET, optimum=0.34, is_rate=True), Result(0.38, n=500), Result(0.3, n=500), pair
    )
    assert higher is not None
    assert below is not None
    assert across is not None
    assert higher.z == pytest.approx(-4.472, abs=1e-3)
    assert below.z == pytest.approx(-4.472, abs=1e-3)
    assert not across.paired
    varied = compare(metric(), Result(0.35, 0.02), Result(0.30, 0.02), Pair(0, variance=1e-4))
    assert varied is not None
    assert varied.z == pytest.approx(5)


def test_a_paired_ancestor_takes_the_place_of_dunnett() -> None:
    results = {0: Result(0.2, n=500), 1: Result(0.24, n=500), 2: Result(0.25, n=500, pairs=(Pair(0, 40, 15),))}
    (found,) = of_kind(assess(2, chain(3), [Series(series_key(RATE), results)]), CUMULATIVE)
    assert found.paired
    assert found.p == pytest.approx(stats.chi2.sf(25**2 / 55, 1))
    assert "compared by the items that both answered" in message(found, named)


def test_an_error_over_clusters_beside_one_that_is_not_is_called_naive() -> None:
    results = {0: Result(0.2, 0.01, 500, clusters=100), 1: Result(0.3, 0.01, 500)}
    (found,) = of_kind(assess(1, chain(2), [Series(series_key(metric()), results)]), STEP)
    assert "one of the errors is naive" in message(found, named)


# ---- ranges over groups


@given(st.floats(0.01, 80), st.integers(1, 25))
def test_the_tail_of_chi_square_is_scipys(x: float, degrees: int) -> None:
    assert chi_square_tail(x, degrees) == pytest.approx(stats.chi2.sf(x, degrees), rel=1e-9, abs=1e-300)
    assert chi_square_tail(0.0, degrees) == 1.0


@given(st.floats(0, 299))
def test_the_z_of_a_p_is_scipys(power: float) -> None:
    assert from_two_sided(10**-power) == pytest.approx(stats.norm.isf(10**-power / 2), abs=1e-9)
    assert from_two_sided(0.0) == 38.0


def gap(values: list[float], stderr: float) -> Result:
    groups = tuple(Group(f"g{i}", value, stderr) for i, value in enumerate(values))
    return Result(max(values) - min(values), math.hypot(stderr, stderr), groups=groups)


@given(st.lists(st.tuples(st.floats(0.1, 0.9), st.floats(0.1, 0.9)), min_size=2, max_size=8))
def test_a_disparity_is_tested_by_whether_its_groups_moved_apart(drawn: list[tuple[float, float]]) -> None:
    before, after = ([pair[side] for pair in drawn] for side in (0, 1))
    found = compare(metric("gap"), gap(after, 0.05), gap(before, 0.05))
    assert found is not None
    change = np.array(after) - np.array(before)
    statistic = ((change - change.mean()) ** 2).sum() / (2 * 0.05**2)
    assert found.p == pytest.approx(stats.chi2.sf(statistic, len(drawn) - 1), abs=1e-9)
    assert found.z is not None
    if abs(found.delta) > 1e-9:
        assert np.sign(found.z) in (0, np.sign(found.delta))


def test_smaller_groups_do_not_erode_by_themselves() -> None:
    dice = np.random.default_rng(3)
    alarms = 0
    for _ in range(200):
        results = {}
        for version, n in enumerate((1000, 100)):
            rates = [int(dice.binomial(n, 0.4)) / n for _ in range(20)]
            groups = tuple(Group(f"g{i}", rate, n=n, is_rate=True) for i, rate in enumerate(rates))
            results[version] = Result(max(rates) - min(rates), 0.02, groups=groups)
        alarms += assess(1, chain(2), [Series(series_key(metric("gap")), results)]).verdict is ErosionVerdict.ERODED
    assert alarms <= 20


# ---- ratios and optima


def test_a_ratio_is_judged_on_its_logarithm_and_told_as_a_factor() -> None:
    impact = metric("disparate_impact", TARGET, optimum=1.0, scale=MetricScale.LOG)
    assert assess(1, chain(2), [series({0: 0.5, 1: 1.6}, impact, 0.005)]).verdict is ErosionVerdict.IMPROVED
    (found,) = of_kind(assess(1, chain(2), [series({0: 0.8, 1: 0.5}, impact, 0.005)]), STEP)
    assert found.z == pytest.approx(math.log(1.6) / math.hypot(0.005 / 0.8, 0.005 / 0.5))
    assert "by a factor of 1.6" in message(found, named)
    half, twice = (assess(1, chain(2), [series({0: 1.0, 1: value}, impact, value / 100)]) for value in (0.5, 2.0))
    assert half.findings[0].delta == pytest.approx(twice.findings[0].delta)
    none = assess(1, chain(2), [series({0: 0.5, 1: 0.0}, impact)])
    assert none.verdict is ErosionVerdict.UNKNOWN
    assert "which a value of 0 or less does not have: model:m@1" in summary(none, named)


def test_the_crossing_of_an_optimum_is_said() -> None:
    stereotype = metric("stereotype_rate", TARGET, optimum=0.5, tolerance=0.02)
    found = assess(1, chain(2), [series({0: 0.62, 1: 0.38}, stereotype)])
    assert found.verdict is ErosionVerdict.STABLE
    assert "is now on the other side of 0.5: 0.38, where it was 0.62 on model:m@0" in summary(found, named)
    near = assess(1, chain(2), [series({0: 0.51, 1: 0.49}, stereotype)])
    assert near.crossings == ()
    (worse,) = of_kind(assess(1, chain(2), [series({0: 0.55, 1: 0.30}, stereotype)]), STEP)
    assert "moved to the other side of 0.5 and farther away from it" in message(worse, named)


# ---- what was shown, and what could have been seen


@pytest.mark.parametrize(("head", "shown"), [(0.10, True), (0.11, False), (0.13, False), (0.05, True)])
def test_not_worse_is_shown_within_the_tolerance_or_not_at_all(head: float, shown: bool) -> None:
    definition = metric(tolerance=0.03)
    (one,) = assess(1, chain(2), [series({0: 0.10, 1: head}, definition)]).not_worse
    assert one.shown == shown == ((head - 0.10 - 0.03) / math.hypot(0.01, 0.01) < -1.645)


def test_not_worse_is_not_shown_without_tolerance_error_or_ancestor_nor_for_what_is_no_longer_measured() -> None:
    wide = metric(tolerance=0.03)

    def reason(found: Assessment) -> str | None:
        (one,) = found.not_worse
        assert not one.shown
        return one.reason

    assert reason(assess(1, chain(2), [series({0: 0.1, 1: 0.1})])) == "the metric has no tolerance"
    assert reason(assess(1, chain(2), [series({0: 0.1, 1: 0.1}, wide, None)])) == "no error is known"
    assert reason(assess(1, chain(2), [series({1: 0.1}, wide)])) == "no ancestor was measured in the same way"
    performance = series({1: 0.1}, metric("accuracy", HIGH, MetricCategory.PERFORMANCE))
    lost = assess(1, chain(2), [series({0: 0.1}, wide), performance])
    assert reason(lost) == "it was not measured on this version"


def test_the_more_is_asked_the_larger_a_step_has_to_be() -> None:
    one = assess(1, chain(2), [series({0: 0.1, 1: 0.1})]).detectable[0]
    thirty = assess(1, chain(2), [series({0: 0.1, 1: 0.1}, metric(f"m{n}")) for n in range(30)]).detectable[0]
    d = math.hypot(0.01, 0.01)
    assert one.change == pytest.approx((stats.norm.ppf(0.975) + 0.84) * d)
    assert thirty.change == pytest.approx((stats.norm.ppf(1 - 0.05 / 60) + 0.84) * d)
    tolerant = assess(1, chain(2), [series({0: 0.1, 1: 0.1}, metric(tolerance=0.2))]).detectable[0]
    assert tolerant.change == pytest.approx(0.2 + 0.84 * d)


def test_a_step_beyond_the_range_of_the_metric_could_not_have_been_seen() -> None:
    found = assess(1, chain(2), [series({0: 0.5, 1: 0.5}, RATE, 0.2)])
    assert not found.detectable[0].possible
    assert "no change could have been seen" in summary(found, named)


def test_an_improvement_does_not_outweigh_a_loss() -> None:
    better = [series({0: 0.3, 1: 0.2}, metric(f"better{n}")) for n in range(5)]
    found = assess(1, chain(2), [*better, series({0: 0.1, 1: 0.1 + 2.5 * math.hypot(0.01, 0.01)}, metric("worse"))])
    assert found.verdict is ErosionVerdict.STABLE
    assert "this improved, better0" in summary(found, named)
    assert "but this may have got worse, worse by 0.0353" in summary(found, named)


# ---- blame


def test_a_merge_with_its_own_grandparent_blames_the_parent_that_got_worse() -> None:
    parents = {0: [], 1: [0], 2: [1, 0]}
    steps = of_kind(assess(2, parents, [series({0: 0.1, 1: 0.3, 2: 0.3})]), STEP)
    assert [(one.baseline, one.introduced_by) for one in steps] == [(0, (Span(0, 1),))]


def test_a_gain_elsewhere_is_no_trade_but_meanwhile() -> None:
    accuracy = metric("accuracy", HIGH, MetricCategory.PERFORMANCE)
    loss = {v: 0.1 if v < 8 else 0.2 for v in range(12)}
    by_it = assess(11, chain(12), [series(loss), series({v: 0.7 if v < 8 else 0.8 for v in loss}, accuracy)])
    elsewhere = assess(11, chain(12), [series(loss), series({v: 0.7 if v < 3 else 0.8 for v in loss}, accuracy)])
    assert of_kind(by_it, TRADE_OFF)
    assert not of_kind(elsewhere, TRADE_OFF)
    (erosion,) = of_kind(elsewhere, CUMULATIVE)
    assert erosion.introduced_by == (Span(7, 8),)
    assert "meanwhile accuracy improved by 0.1, but not by the derivation that is named here" in message(erosion, named)


def test_a_version_of_the_suite_that_measured_the_last_one_too_is_a_bridge() -> None:
    old = Series(series_key(metric(), version="1"), {0: Result(0.1, 0.01), 1: Result(0.1, 0.01)})
    new = Series(series_key(metric(), version="2"), {1: Result(0.12, 0.01), 2: Result(0.12, 0.01)})
    assert not of_kind(assess(2, chain(3), [old, new]), COVERAGE)
    late = Series(series_key(metric(), version="2"), {2: Result(0.12, 0.01)})
    assert of_kind(assess(2, chain(3), [old, late]), COVERAGE)


def test_a_seed_is_named_as_the_only_difference() -> None:
    old = Series(series_key(metric(), config='{"eps":8,"seed":1}'), {0: Result(0.1, 0.01)})
    new = Series(series_key(metric(), config='{"eps":8,"seed":2}'), {1: Result(0.1, 0.01)})
    (lost,) = of_kind(assess(1, chain(2), [old, new]), COVERAGE)
    assert "(the seed is the only difference)" in message(lost, named)


def test_series_are_the_same_whatever_their_case() -> None:
    one = SeriesKey(metric(), EvaluationProtocol("PGD", "V1"), (("Age", "65+"),))
    other = SeriesKey(metric("Toxicity"), EvaluationProtocol("pgd", "v1"), (("age", "65+"),))
    assert one == other
    assert hash(one) == hash(other)
    assert one != SeriesKey(metric(direction=HIGH), one.protocol, one.slice)


# ---- evidence that lasts


def test_what_was_established_stands_until_it_is_repaired() -> None:
    values = {0: 0.05, 1: 0.05, 2: 0.2, 3: 0.2, 4: 0.19}
    found = assess(4, chain(5), [series(values)])
    (lasting,) = of_kind(found, LASTING)
    assert (lasting.p, lasting.q, lasting.baseline, lasting.introduced_by) == (None, None, 1, (Span(1, 2),))
    assert lasting.e is not None
    assert lasting.e >= 20
    assert "the results from model:m@2 on were worse" in message(lasting, named)
    assert "of model:m@4, does not" in message(lasting, named)
    repaired = assess(5, chain(6), [series(values | {5: 0.05})])
    assert not of_kind(repaired, LASTING)
    unmeasured = assess(6, chain(7), [series(values)])
    assert unmeasured.verdict is ErosionVerdict.ERODED
    assert of_kind(unmeasured, LASTING)[0].head_result is None


# ---- what the procedure has to reach


@pytest.mark.parametrize("case", list(reach.cases()), ids=lambda case: case.what)
def test_what_the_procedure_has_to_reach(case: reach.Case) -> None:
    slow = "30 series" in case.what or "10 series: found" in case.what
    share = reach.rate(case, 20 if slow else 40, seed=7)
    assert share <= case.target + 0.05 if case.better == "less" else share >= case.target - 0.1
