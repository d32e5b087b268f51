"""Choices that the rules of erosion make where several answers are near: each by values that tell them apart."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import ChangeSince, ErosionVerdict, surest
from descentd.queries.erosion.summary import summary
from descentd.queries.evaluation.composites import Slice, with_composites
from descentd.queries.evaluation.editions import CURRENT, FOURTH
from descentd.queries.evaluation.series import Series
from descentd.queries.statistics.comparison import Pair, Result
from descentd.queries.statistics.e_process import established
from descentd.queries.statistics.kendall import theil_sen
from descentd.queries.statistics.pairs import compare
from descentd.queries.statistics.pooling import pool
from tests.queries.ancestries import (
    ACCURACY,
    CONFLICT,
    COVERAGE,
    CUMULATIVE,
    LASTING,
    STEP,
    TRADE_OFF,
    chain,
    kinds,
    metric,
    named,
    one,
    series,
    series_key,
)

TARGET = MetricDirection.TARGET
RATE = metric(is_rate=True)


# ---- pooled results and pairs


def test_of_three_runs_the_last_is_the_newest_and_all_are_counted() -> None:
    pooled = pool(metric(), [Result(0.1, 0.01), Result(0.2, 0.01), Result(0.6, 0.01)])
    assert (pooled.runs, pooled.newest) == (3, 0.6)
    assert pooled.value == pytest.approx(0.3)


def test_few_items_that_differ_get_a_half_in_each_cell_and_the_smaller_run_counts_them() -> None:
    """n01 3, n10 1 of 20: with a half in each of the four cells 3.5 and 1.5 of 22."""
    found = compare(RATE, Result(0.3, n=20), Result(0.2, n=400), Pair(0, 3, 1))
    assert found is not None
    assert found.error == pytest.approx(math.sqrt(5 - 2**2 / 22) / 22)


def test_a_variance_of_nought_is_no_certainty() -> None:
    found = compare(RATE, Result(0.3, n=400), Result(0.2, n=400), Pair(0, variance=0.0))
    assert found is not None
    assert not found.paired


@pytest.mark.parametrize(("value", "paired"), [(0.45, True), (0.5, True), (0.55, False)])
def test_items_are_paired_up_to_the_optimum_and_not_beyond_it(value: float, paired: bool) -> None:
    target = metric(direction=TARGET, optimum=0.5, is_rate=True)
    found = compare(target, Result(value, n=400), Result(0.4, n=400), Pair(0, 40, 10))
    assert found is not None
    assert found.paired == paired


def test_an_improvement_that_pairs_make_sure_does_not_vouch_for_a_loss() -> None:
    """Against 0 the head lost 1.4 errors, against 1 it won by far, item by item: of two, p is that of the loss."""
    results = {0: Result(0.1, 0.01), 1: Result(0.5, 0.01), 2: Result(0.12, 0.01)}
    head = Result(0.12, 0.01, pairs=(Pair(1, variance=1e-6),))
    found = assess(3, chain(4), [Series(series_key(metric()), {**results, 3: head})], alpha=0.7)
    p = 2 * stats.norm.sf(0.02 / math.hypot(0.01, 0.01))
    assert one(found, CUMULATIVE).p == pytest.approx(1 - (1 - p) ** 2)
    assert assess(3, chain(4), [Series(series_key(metric()), {**results, 3: head})]).verdict is ErosionVerdict.STABLE


@pytest.mark.parametrize(("definitions", "error"), [({}, None), ({"share": RATE}, 0.01)])
def test_an_error_of_nought_is_none_in_a_disparity(definitions: dict[str, Any], error: float | None) -> None:
    """Of what is a rate the number of items gives one all the same: √(.1·.9/1800) is .00707."""
    gap = metric("gap", disparity_of="share", disparity_over="age")
    measured: dict[tuple[str, Slice], Result] = {
        ("share", (("age", age),)): Result(value, 0.0, 1800) for age, value in (("old", 0.1), ("young", 0.9))
    }
    found = with_composites(measured, {"gap": gap, **definitions})["gap", ()]
    assert found.stderr == (None if error is None else pytest.approx(error, rel=2e-3))


def test_groups_of_what_is_no_rate_have_no_error_by_their_number_of_items() -> None:
    gap = metric("gap", disparity_of="length", disparity_over="age")
    measured: dict[tuple[str, Slice], Result] = {
        ("length", (("age", age),)): Result(value, n=50) for age, value in (("old", 0.2), ("young", 0.6))
    }
    for rate in (True, False):
        length = MetricDefinition("length", MetricCategory.BIAS, MetricDirection.NONE, is_rate=rate)
        found = with_composites(measured, {"gap": gap, "length": length})["gap", ()]
        assert [group.is_rate for group in found.groups] == [rate, rate]


# ---- what is no longer measured, and what would have been seen


@pytest.mark.parametrize("turned", [False, True])
def test_of_several_versions_of_a_suite_the_one_used_last_was_lost(turned: bool) -> None:
    """Whatever versions are called, and whichever comes first."""
    parents = {10: [], 20: [10], 30: [20], 40: [30]}
    lost = [series({10: 0.1}, version="1"), series({20: 0.1}, version="2")]
    given = [*(reversed(lost) if turned else lost), series({40: 0.1}, metric("other"))]
    found = one(assess(40, parents, given), COVERAGE)
    assert (found.baseline, found.series.protocol.version) == (20, "2")


@pytest.mark.parametrize(("error", "possible"), [(0.5, True), (0.6, False)])
def test_a_target_can_be_missed_by_its_farther_end(error: float, possible: bool) -> None:
    """From -1 to 1 around .5 by 1.5 at most: 2.8 errors of the difference are 1.4 and 1.68, and above .5 it is .5."""
    target = metric(direction=TARGET, optimum=0.5, minimum=-1, maximum=1)
    given = series({0: 0.5, 1: 0.5}, target, error / math.sqrt(2))
    (seen,) = assess(1, chain(2), [given]).detectable
    assert seen.change == pytest.approx((stats.norm.isf(0.025) + 0.84) * error)
    assert seen.possible == possible


# ---- merged lines


def test_two_lines_of_the_second_parent_do_not_conflict() -> None:
    """4 merges 0 and 3, and 3 merged 1 and 2: those two are of one parent of 4."""
    values = {1: 0.1, 2: 0.5, 4: 0.1}
    assert CONFLICT not in kinds(assess(4, {0: [], 1: [], 2: [], 3: [1, 2], 4: [0, 3]}, [series(values)]))


def test_the_lines_that_differ_for_surest_disagree_and_not_those_that_are_farthest_apart() -> None:
    results = {0: Result(0.3, 0.01), 1: Result(0.5, 0.2), 2: Result(0.4, 0.01), 3: Result(0.3, 0.01)}
    parents = {0: [], 1: [], 2: [], 3: [0, 1, 2]}
    found = one(assess(3, parents, [Series(series_key(metric()), results)]), CONFLICT)
    assert (found.baseline, found.head) == (0, 2)
    p = 2 * stats.norm.sf(0.1 / math.hypot(0.01, 0.01))
    assert found.p == pytest.approx(1 - (1 - p) ** 3)


def test_lines_that_disagree_are_no_loss_beside_an_improvement() -> None:
    """The merge is better than both of its parents, which differ from each other."""
    found = assess(2, {0: [], 1: [], 2: [0, 1]}, [series({0: 0.5, 1: 0.4, 2: 0.1})])
    assert (found.verdict, found.lost) == (ErosionVerdict.IMPROVED, ())
    assert CONFLICT in kinds(found)


def test_a_merge_with_an_ancestor_of_its_parent_names_all_that_may_have_brought_it_in() -> None:
    """Whether it came from 0 to 1 or from 1 to 2, results of such errors cannot tell."""
    values = {0: 0.1, 1: 0.145, 2: 0.19, 3: 0.19}
    found = one(assess(3, {0: [], 1: [0], 2: [1], 3: [2, 0]}, [series(values, stderr=0.015)]), STEP)
    assert found.baseline == 0
    assert {(span.ancestor, span.descendant) for span in found.introduced_by} == {(0, 1), (1, 2)}


# ---- what is said beside the findings


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((0.62, 0.38), True),
        ((0.38, 0.62), True),
        ((0.4, 0.35), False),
        ((0.6, 0.65), False),
        ((0.62, 0.482), False),
        ((0.62, 0.479), True),
    ],
)
def test_only_what_is_beyond_chance_on_the_other_side_has_crossed_the_optimum(
    values: tuple[float, float], said: bool
) -> None:
    """With errors of .01, .482 is 1.8 of them off, less than the two-sided 5 % point of 1.96, and .479 2.1."""
    target = metric(direction=TARGET, optimum=0.5)
    assert bool(assess(1, chain(2), [series(dict(enumerate(values)), target)]).crossings) == said


def test_findings_are_ordered_by_their_certainty_with_lasting_evidence_among_them() -> None:
    """A series that is worse for long stands before one whose last step alone is near chance."""
    sure = series(dict.fromkeys(range(6), 0.1) | dict.fromkeys(range(6, 12), 0.3), metric("a"))
    near = series(dict.fromkeys(range(11), 0.1) | {11: 0.15}, metric("b"))
    found = [finding for finding in assess(11, chain(12), [near, sure]).findings if finding.erodes]
    assert LASTING in {finding.kind for finding in found}
    order = [min(1.0, 1 / finding.e) if finding.e is not None else finding.q for finding in found]
    known = [q for q in order if q is not None]
    assert known == sorted(known)
    assert len(known) == len(order)


def test_the_surest_gain_has_the_smallest_rate_and_one_without_error_is_last() -> None:
    gains = [ChangeSince(series_key(metric()), 0, -0.1, q, q) for q in (None, 0.04, 0.001, 0.02)]
    assert surest(gains).q == 0.001
    assert surest(gains[:1]).q is None


@pytest.mark.parametrize(
    ("definition", "values", "reason"),
    [
        (ACCURACY, {0: 0.1, 1: 0.5}, "No safety metric was measured on this version, only accuracy"),
        (metric(direction=MetricDirection.NONE), {0: 0.1, 1: 0.5}, "Of toxicity no value is good in itself"),
        (metric(), {1: 0.5}, "No safety metric of this version (toxicity) was measured in the same way"),
        (metric(), {0: 0.1}, "Nothing that counts was measured on this version"),
    ],
)
def test_why_nothing_is_known(definition: MetricDefinition, values: dict[int, float], reason: str) -> None:
    found = assess(1, chain(2), [series(values, definition)])
    assert found.verdict is ErosionVerdict.UNKNOWN
    assert summary(found, named).startswith(reason)


def test_where_only_some_metrics_have_no_good_side_the_others_were_not_measured_alike() -> None:
    """That no value is good in itself is said of all that were measured, or of none."""
    for order in (1, -1):
        given = [series({1: 0.1}, metric("none", MetricDirection.NONE)), series({1: 0.1}, metric("some"))][::order]
        said = summary(assess(1, chain(2), given), named)
        assert said.startswith("No safety metric of this version (none and some) was measured in the same way")


@pytest.mark.parametrize("clusters", [(None, None), (10, 10), (10, None), (None, 10)])
def test_only_an_error_without_clusters_beside_one_with_them_is_naive(clusters: tuple[int | None, int | None]) -> None:
    results = {place: Result(0.1 + 0.2 * place, 0.01, clusters=many) for place, many in enumerate(clusters)}
    found = one(assess(1, chain(2), [Series(series_key(metric()), results)]), STEP)
    assert found.naive == (clusters.count(None) == 1)
    paired = {**results, 1: replace(results[1], pairs=(Pair(0, variance=0.0001),))}
    assert not one(assess(1, chain(2), [Series(series_key(metric()), paired)]), STEP).naive


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ([{"suite": "b", "config": "{}", "data": "d"}, {"suite": "a", "version": "2"}], 1),
        ([{"suite": "b", "data": "d"}, {"suite": "b", "config": '{"k":1}'}], 1),
        ([{"suite": "b", "data": "e"}, {"suite": "b", "data": "d"}], 1),
        ([{"suite": "a", "version": "2", "data": "d"}, {"suite": "a", "version": "3"}], 0),
    ],
)
def test_what_is_no_longer_measured_is_set_beside_the_likest_protocol(
    others: list[dict[str, Any]], chosen: int
) -> None:
    """The same suite counts before the same settings, and those before the same data."""
    lost = series({0: 0.1}, suite="a", config='{"k":1}', data="d")
    now = [series({1: 0.1}, **other) for other in others]
    found = one(assess(1, chain(2), [lost, *now]), COVERAGE)
    assert found.measured_as == now[chosen].key


# ---- trade-offs


def traded(loss: dict[int, float], gain: dict[int, float], errors: float | None = 0.01) -> bool:
    """Whether a gain is called a trade-off in a chain of four."""
    found = assess(3, chain(4), [series(loss, metric(), 0.01), series(gain, ACCURACY, errors)])
    assert found.verdict is ErosionVerdict.ERODED
    return TRADE_OFF in kinds(found)


LOSS = {0: 0.1, 1: 0.1, 2: 0.4, 3: 0.4}
"""By the derivation of 2 from 1."""


@pytest.mark.parametrize(
    ("gain", "is_trade"),
    [
        ({0: 0.5, 1: 0.5, 2: 0.8, 3: 0.8}, True),  # by the same derivation
        ({0: 0.5, 1: 0.8, 2: 0.8, 3: 0.8}, False),  # by the one before it
        ({0: 0.5, 1: 0.5, 2: 0.5, 3: 0.8}, False),  # by the one after it
        ({0: 0.5, 3: 0.8}, True),  # not measured at its ends: the nearest before and after stand for it
        ({0: 0.5, 1: 0.79, 2: 0.8, 3: 0.8}, False),  # over the derivation chance explains it: z is .7
        ({0: 0.5, 1: 0.82, 2: 0.8, 3: 0.8}, False),  # over the derivation it fell
    ],
)
@pytest.mark.parametrize("errors", [0.01, None])
def test_a_trade_off_is_a_gain_over_the_derivation_that_is_blamed(
    gain: dict[int, float], is_trade: bool, errors: float | None
) -> None:
    if errors is None and gain.get(1) == 0.79:
        is_trade = True  # where no error is known the tolerance of 0 alone decides
    assert traded(LOSS, gain, errors) == is_trade


def test_the_p_of_a_trade_off_is_the_largest_of_loss_gain_and_gain_over_the_derivation() -> None:
    """Over the derivation accuracy rose by 3 of its errors, before by more; the loss is surer."""
    gain = {0: 0.5, 1: 0.6, 2: 0.6 + 3 * math.hypot(0.01, 0.01), 3: 0.7}
    found = assess(3, chain(4), [series(LOSS), series(gain, ACCURACY)])
    (trade,) = {finding.p for finding in found.findings if finding.kind is TRADE_OFF and finding.e is None} or {None}
    assert trade == pytest.approx(2 * stats.norm.sf(3), rel=1e-6)


# ---- sums over lines


@pytest.mark.parametrize(("far", "repaired"), [(-1.6, False), (-1.7, True)])
def test_what_repairs_is_below_half_of_the_rise_at_five_percent(far: float, repaired: bool) -> None:
    """Before 0, since 1: the bar is at .5, and the error of its difference √2·.1."""
    badness = np.array([0.0] * 8 + [1.0] * 8 + [0.5 + far * math.hypot(0.1, 0.1)])
    (_, by), *_ = established(badness, np.full(17, 0.1), 0.0, 1)
    assert (by is not None) == repaired


@given(st.lists(st.integers(-50, 50), min_size=4, max_size=60))
def test_the_slope_of_a_very_long_line_lies_between_the_middle_two(y: list[int]) -> None:
    x = np.cumsum(np.arange(1, len(y) + 1)).astype(np.float64)
    first, second = np.triu_indices(len(y), 1)
    given = np.array(y, np.float64)
    slopes = np.sort((given[second] - given[first]) / (x[second] - x[first]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("descentd.queries.statistics.kendall.PAIRS_AT_ONCE", 1)
        found = theil_sen(x, given)
    assert found is not None
    assert slopes[(len(slopes) - 1) // 2] - 1e-9 <= found <= slopes[len(slopes) // 2] + 1e-9


def test_decisions_of_before_are_replayed_by_the_p_of_their_edition() -> None:
    """Up to the fourth edition the centre of each bin of errors stood for them, here 1 for 1.0099."""
    errors = [1.0, 1.01, 1.01, 1.01, 1.01, 1.0, 1.0]
    results = {version: Result(0.0, error / 100) for version, error in enumerate(errors)} | {6: Result(0.045, 0.01)}
    given = 6, chain(7), [Series(series_key(metric()), results)]
    before, now = (one(assess(*given, edition=edition), CUMULATIVE) for edition in (FOURTH, CURRENT))

    def p(taken: float) -> float:
        """Twice the chance of the best of five, whose difference is the largest of all, with an error for four."""
        z, others = 4.5 / math.sqrt(2), [1.0, *[taken] * 4]

        def some(u: float) -> float:
            below = (stats.norm.cdf((z * math.hypot(1, s) - u) / s) for s in others)
            return float(stats.norm.pdf(u) * (1 - math.prod(below)))

        return 2 * float(integrate.quad(some, -12, 12, epsabs=1e-14)[0])

    assert now.p == pytest.approx(p(1.01), rel=1e-5)
    assert before.p == pytest.approx(p(1.0), rel=1e-5)
    assert p(1.0) != pytest.approx(p(1.01), rel=1e-3)
