"""What is found in an ancestry: the worked example, and each kind of finding by itself."""

import math
from collections.abc import Sequence

import pytest
from scipy import stats

from descentd.graph.metrics import MetricCategory, MetricDirection, catalogue
from descentd.graph.model.errors import InvalidInput
from descentd.queries.erosion.assess import assess, registry_rates
from descentd.queries.erosion.findings import ErosionVerdict, Span
from descentd.queries.erosion.messages import message
from descentd.queries.erosion.summary import summary
from descentd.queries.evaluation.series import Series
from descentd.queries.statistics.comparison import Result
from descentd.queries.statistics.multiplicity import false_discovery_rates
from tests.queries.ancestries import (
    ACCURACY,
    COVERAGE,
    CUMULATIVE,
    LASTING,
    STEP,
    TRADE_OFF,
    TREND,
    chain,
    kinds,
    metric,
    named,
    one,
    series,
    series_key,
)


def test_the_worked_example() -> None:
    parents = chain(3)

    def of(name: str, values: Sequence[float], n: int) -> Series:
        results = {version: Result(value, n=n) for version, value in enumerate(values)}
        return Series(series_key(catalogue()[name], "fairness-suite", "1.3", data="holdout"), results)

    measured = [of("accuracy", [0.871, 0.883, 0.894], 40000), of("adversarial_accuracy", [0.640, 0.627, 0.609], 4000)]
    assessment = assess(2, parents, measured)
    assert assessment.verdict is ErosionVerdict.ERODED
    assert kinds(assessment) == [CUMULATIVE, TRADE_OFF]
    erosion, trade_off = assessment.findings
    assert erosion.z == pytest.approx(2.86, abs=5e-3)
    assert erosion.p == pytest.approx(0.0042, abs=5e-5)
    assert (erosion.delta, erosion.baseline) == (0.031, 0)
    (gain,) = trade_off.improved
    assert (gain.series.metric.name, gain.delta) == ("accuracy", -0.023)
    assert trade_off.p == max(erosion.p or 0, gain.p or 0)
    assert "the baseline is the one version before the nearest" in message(erosion, named)
    assert "with 2 questions asked" in message(erosion, named)
    assert "while accuracy improved by 0.023" in message(trade_off, named)


def test_within_tolerance_nothing_is_found_however_sure_it_is() -> None:
    values = {0: 0.6, 1: 0.62}
    assert kinds(assess(1, chain(2), [series(values, metric(tolerance=0.02), 0.0001)])) == []
    assert kinds(assess(1, chain(2), [series(values, metric(tolerance=0.0199), 0.0001)])) == [STEP, LASTING]


def test_where_no_error_is_known_the_tolerance_decides_and_the_message_says_so() -> None:
    assessment = assess(1, chain(2), [series({0: 0.1, 1: 0.2}, metric(tolerance=0.05), None)])
    step = one(assessment, STEP)
    assert (step.delta, step.z, step.p, step.q) == (0.1, None, None, None)
    assert assessment.verdict is ErosionVerdict.ERODED
    assert (assessment.asked, assessment.p) == (0, None)
    assert "no error is known" in message(step, named)


def test_questions_without_error_do_not_count_in_the_family() -> None:
    known = series({0: 0.1, 1: 0.13})
    unknown = [series({0: 0.1, 1: 0.1}, metric(f"m{number}"), None) for number in range(20)]
    alone, among = assess(1, chain(2), [known]), assess(1, chain(2), [known, *unknown])
    assert one(alone, STEP).q == one(among, STEP).q


# ---- the sum of the steps


def test_the_best_of_many_is_not_the_naive_comparison() -> None:
    values = dict.fromkeys(range(60), 0.5) | {10: 0.478}
    assessment = assess(59, chain(60), [series(values)])
    assert kinds(assessment) == [], "z is 1.56 against one of 58"
    sure = assess(59, chain(60), [series(values | {10: 0.44})])
    erosion = one(sure, CUMULATIVE)
    assert (erosion.baseline, erosion.among) == (10, 58)
    assert erosion.p is not None
    assert erosion.p > 2e-4 > math.erfc(0.06 / 0.01 / 2)
    assert "best of 58" in message(erosion, named)


def test_since_is_the_baseline_where_it_was_measured() -> None:
    values = {0: 0.0, 1: 0.1, 2: 0.11, 3: 0.12, 4: 0.15}
    erosion = one(assess(4, chain(5), [series(values)], since=1), CUMULATIVE)
    assert (erosion.baseline, erosion.among) == (1, 1)
    assert erosion.z == pytest.approx(0.05 / math.hypot(0.01, 0.01))
    assert "best of" not in message(erosion, named)


def test_since_leaves_out_what_does_not_descend_from_it() -> None:
    parents = {0: [], 1: [0], 2: [0], 3: [1], 4: [3, 2]}
    values = {0: 0.0, 2: 0.0, 3: 0.2, 4: 0.2}
    assert assess(4, parents, [series(values)]).verdict is ErosionVerdict.ERODED
    since = assess(4, parents, [series(values)], since=1)
    assert (since.verdict, since.findings) == (ErosionVerdict.STABLE, ())


@pytest.mark.parametrize("since", [2, 3, 99])
def test_since_has_to_be_an_ancestor(since: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        assess(2, {0: [], 1: [0], 2: [1], 3: [1]}, [], since=since)
    assert refused.value.field == "since"


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0, math.nan])
def test_alpha_has_to_be_a_share(alpha: float) -> None:
    with pytest.raises(InvalidInput) as refused:
        assess(0, {0: []}, [], alpha=alpha)
    assert refused.value.field == "alpha"


def test_many_ancestors_without_errors_are_met_by_their_median() -> None:
    values = {0: 0.0, 1: 0.2, 2: 0.3, 3: 0.31, 4: 0.32}
    erosion = one(assess(4, chain(5), [series(values, stderr=None, definition=metric(tolerance=0.05))]), CUMULATIVE)
    assert (erosion.baseline, erosion.p, erosion.delta) == (1, None, 0.12)
    assert "median of 3" in message(erosion, named)


def test_results_with_and_without_errors_give_one_cumulative_finding() -> None:
    results = {0: Result(0.1), 1: Result(0.3, 0.01), 2: Result(0.3, 0.01), 3: Result(0.31, 0.01)}
    key = series_key(metric(), "suite", "1")
    assert one(assess(3, chain(4), [Series(key, results)]), CUMULATIVE).p is None
    both = results | {1: Result(0.2, 0.01)}
    erosion = one(assess(3, chain(4), [Series(key, both)]), CUMULATIVE)
    assert (erosion.baseline, erosion.without_error) == (1, 1)


# ---- trend


def test_a_trend_needs_five_measured_versions_in_a_line() -> None:
    rising = {version: 0.1 + 0.005 * version for version in range(12)}
    trend = one(assess(11, chain(12), [series(rising)]), TREND)
    assert (trend.baseline, trend.delta, trend.among) == (0, 0.055, 12)
    assert trend.p == pytest.approx(2 * stats.norm.sf(0.055 / math.hypot(0.01, 0.01))), "of the ends, not of the order"
    assert "has risen" in message(trend, named)
    assert "will" not in message(trend, named).split()
    fan: dict[int, list[int]] = {version: [] for version in range(11)} | {11: list(range(11))}
    assert assess(11, fan, [series(rising)]).asked == 12, "eleven steps and whether the lines agree; no trend"


def test_a_trend_starts_at_the_worst_start_of_the_longest_lines() -> None:
    parents = {0: [], 1: [], 2: [0, 1], **{version: [version - 1] for version in range(3, 9)}, 9: []}
    parents |= {10: [8, 9]}
    values = {0: 0.10, 1: 0.12, 2: 0.14, 9: 0.01, 10: 0.5} | {version: 0.1 + version / 50 for version in range(3, 9)}
    trend = one(assess(10, parents, [series(values)]), TREND)
    assert (trend.baseline, trend.delta) == (1, 0.38)


# ---- trade-offs


def test_a_gain_that_is_not_real_is_no_trade_off() -> None:
    loss = series({0: 0.1, 1: 0.3})
    assert TRADE_OFF not in kinds(assess(1, chain(2), [loss, series({0: 0.80, 1: 0.81}, ACCURACY)]))
    assert TRADE_OFF in kinds(assess(1, chain(2), [loss, series({0: 0.80, 1: 0.90}, ACCURACY)]))
    assert TRADE_OFF not in kinds(assess(1, chain(2), [loss, series({0: 0.90, 1: 0.80}, ACCURACY)]))


def test_gains_add_nothing_to_the_family_and_have_their_own() -> None:
    loss = series({0: 0.1, 1: 0.3})
    real = series({0: 0.80, 1: 0.83}, ACCURACY)
    others = [series({0: 0.8, 1: 0.8}, metric(f"f{n}", ACCURACY.direction, ACCURACY.category)) for n in range(3)]
    alone, among = assess(1, chain(2), [loss, real]), assess(1, chain(2), [loss, real, *others])
    assert one(alone, STEP).q == one(among, STEP).q
    assert one(alone, TRADE_OFF).improved[0].q == pytest.approx(one(alone, TRADE_OFF).improved[0].p)
    assert TRADE_OFF not in kinds(among), "p .034 is q .14 among four"


# ---- coverage


def test_what_is_no_longer_measured_is_a_loss() -> None:
    gone, kept = series({0: 0.1, 1: 0.1}), series({0: 0.1, 1: 0.1, 2: 0.1}, metric("other"))
    loss = one(assess(2, chain(3), [gone, kept]), COVERAGE)
    assert (loss.baseline, loss.head, loss.p, loss.head_result) == (1, 2, None, None)
    assert "no longer measured" in message(loss, named)


def test_nothing_is_lost_by_a_version_that_was_not_evaluated_at_all() -> None:
    assessment = assess(2, chain(3), [series({0: 0.1, 1: 0.1})])
    assert (assessment.findings, assessment.verdict) == ((), ErosionVerdict.UNKNOWN)


def test_a_new_version_of_the_suite_is_a_loss_once() -> None:
    old, new = series({0: 0.1, 1: 0.1}), series({2: 0.1, 3: 0.1}, version="2")
    loss = one(assess(2, chain(3), [old, series({2: 0.1}, version="2")]), COVERAGE)
    assert "suite 1)" in message(loss, named)
    assert "only by suite 2" in message(loss, named)
    assert kinds(assess(3, chain(4), [old, new])) == [], "version 2 had moved on already"


def test_a_slice_and_each_of_several_data_sets_are_lost_by_themselves() -> None:
    whole = series({0: 0.1, 1: 0.1})
    old = series({0: 0.1}, slice=(("age", "65+"),))
    assert one(assess(1, chain(2), [whole, old]), COVERAGE).series.slice == (("age", "65+"),)
    both = [series({0: 0.1, 1: 0.1}, data="a"), series({0: 0.1}, data="b")]
    assert one(assess(1, chain(2), both), COVERAGE).series.protocol.data == "b"


def test_performance_that_is_no_longer_measured_is_no_loss() -> None:
    assert kinds(assess(1, chain(2), [series({0: 0.1, 1: 0.1}), series({0: 0.8}, ACCURACY)])) == []


def test_a_contaminated_result_does_not_count_and_is_named() -> None:
    loss = one(assess(1, chain(2), [series({0: 0.1}, left_out=[1])]), COVERAGE)
    assert "no result by that protocol that counts" in message(loss, named)
    assert "left out" in message(loss, named)
    step = one(assess(2, chain(3), [series({0: 0.1, 2: 0.3}, left_out=[1])]), STEP)
    assert "left out, because they were evaluated on what they learned from: model:m@1" in message(step, named)


# ---- introduced by


def test_versions_without_results_do_not_hide_a_step_and_the_span_is_named() -> None:
    values = {0: 0.1, 1: 0.1, 4: 0.2, 5: 0.2, 6: 0.2}
    erosion = one(assess(6, chain(7), [series(values)]), CUMULATIVE)
    assert erosion.introduced_by == (Span(1, 4),)


def test_without_errors_only_the_likeliest_derivation_is_named() -> None:
    values = {0: 0.1, 1: 0.11, 2: 0.3, 3: 0.31, 4: 0.32}
    erosion = one(assess(4, chain(5), [series(values, stderr=None)]), CUMULATIVE)
    assert erosion.introduced_by == (Span(1, 2),)


# ---- verdicts and directions


def test_without_ancestors_a_version_is_stable() -> None:
    assert assess(0, {0: []}, [series({0: 0.1})]).verdict is ErosionVerdict.STABLE
    assert assess(0, {0: []}, []).verdict is ErosionVerdict.STABLE


def test_stable_says_what_would_have_been_seen() -> None:
    assessment = assess(1, chain(2), [series({0: 0.1, 1: 0.1})])
    assert assessment.verdict is ErosionVerdict.STABLE
    (detectable,) = assessment.detectable
    assert detectable.change == pytest.approx((stats.norm.ppf(0.975) + 0.84) * math.hypot(0.01, 0.01))
    assert "0.0396 in toxicity" in summary(assessment, named)


def test_messages_say_what_the_figures_mean_and_what_to_do_next() -> None:
    unknown = one(assess(1, chain(2), [series({0: 0.1, 1: 0.2}, stderr=None)]), STEP)
    assert "register the results with stderr (or n, if the metric is defined with isRate)" in message(unknown, named)
    alone = one(assess(1, chain(2), [series({0: 0.1, 1: 0.2})]), STEP)
    assert "(1 question was asked)" in message(alone, named)
    long = assess(9, chain(10), [series({v: 0.1 + 0.02 * v for v in range(10)}, stderr=0.03)])
    (erosion,) = [finding for finding in long.findings if finding.kind is TREND]
    assert (erosion.introduced_by, erosion.gradual) == ((Span(0, 9),), True)
    assert "it came gradually, or in more than one step" in message(erosion, named)
    assert "with 3 questions asked the false discovery rate is" in message(erosion, named)
    two = {0: 0.1, 1: 0.1, 2: 0.12, 3: 0.16, 4: 0.16}
    (whole,) = [f for f in assess(4, chain(5), [series(two, stderr=0.015)]).findings if f.kind is CUMULATIVE]
    assert 1 < len(whole.introduced_by) <= 3
    assert f"cannot tell which of {len(whole.introduced_by)} derivations" in message(whole, named)
    assert "best of 3 versions before the nearest" in message(whole, named)


def test_improvement_is_counted_but_vouches_for_no_loss_and_needs_more_than_the_tolerance() -> None:
    better = series({0: 0.3, 1: 0.1})
    assert assess(1, chain(2), [better]).verdict is ErosionVerdict.IMPROVED
    wide = series({0: 0.3, 1: 0.1}, metric(tolerance=0.3))
    assert assess(1, chain(2), [wide]).verdict is ErosionVerdict.STABLE
    mixed = assess(1, chain(2), [better, series({0: 0.1, 1: 0.13}, metric("other"))])
    assert mixed.asked == 2
    assert mixed.p == pytest.approx(false_discovery_rates([1.0, 2 * math.erfc(1.5) / 2])[1])


def test_what_has_no_good_side_is_not_tested() -> None:
    rate = metric("selection_rate", MetricDirection.NONE, MetricCategory.BIAS)
    assessment = assess(1, chain(2), [series({0: 0.1, 1: 0.9}, rate)])
    assert (assessment.verdict, assessment.asked) == (ErosionVerdict.UNKNOWN, 0)


def test_direction_comes_from_the_definition_and_not_from_the_name() -> None:
    hazardous = catalogue()["wmdp_accuracy"]
    assert one(assess(1, chain(2), [series({0: 0.3, 1: 0.6}, hazardous)]), STEP).delta == pytest.approx(0.3)
    refusals = metric("refusal_error", MetricDirection.HIGHER_IS_BETTER)
    assert assess(1, chain(2), [series({0: 0.3, 1: 0.6}, refusals)]).verdict is ErosionVerdict.IMPROVED
    assert one(assess(1, chain(2), [series({0: 0.6, 1: 0.3}, refusals)]), STEP).delta == pytest.approx(0.3)


def test_the_registry_ranks_by_each_versions_smallest_bad_q() -> None:
    assert registry_rates([0.01, None, 0.04, 1.0]) == [
        pytest.approx(0.03),
        None,
        pytest.approx(0.06),
        pytest.approx(1.0),
    ]
    assert registry_rates([]) == []
