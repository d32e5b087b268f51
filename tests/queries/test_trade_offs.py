"""Trade-offs by their rule: what improved since the same baseline, by the derivations that the erosion is blamed on."""

import math
from collections.abc import Mapping

import pytest
from scipy import stats

from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import Assessment, Finding, Span
from descentd.queries.evaluation.series import Series
from descentd.queries.statistics.comparison import Pair, Result
from tests.queries.ancestries import (
    ACCURACY,
    CONFLICT,
    CUMULATIVE,
    STEP,
    TRADE_OFF,
    TREND,
    chain,
    kinds,
    metric,
    one,
    series,
    series_key,
)

LOSS = {0: 0.1, 1: 0.3}
ERROR = math.hypot(0.01, 0.01)


def performance(name: str, values: Mapping[int, float], stderr: float | None = 0.01, tolerance: float = 0.0) -> Series:
    definition = metric(name, ACCURACY.direction, ACCURACY.category, tolerance=tolerance)
    return series(values, definition, stderr)


def of(found: Assessment, *names: str) -> list[Finding]:
    return [one for one in found.findings if one.kind in names]


def gained(finding: Finding) -> list[str]:
    return [gain.series.metric.name for gain in finding.improved]


@pytest.mark.parametrize("number", [1, 4])
def test_what_fell_for_sure_does_not_vouch_for_what_rose(number: int) -> None:
    """A gain at p .034 among losses that are sure has q .034·m: losses are counted, with a p of 1."""
    rose = performance("rose", {0: 0.80, 1: 0.83})
    fell = [performance(f"fell{n}", {0: 0.8, 1: 0.4}) for n in range(number - 1)]
    found = assess(1, chain(2), [series(LOSS), rose, *fell])
    p = 2 * stats.norm.sf(0.03 / ERROR)
    assert p < 0.05 < 4 * p
    assert (TRADE_OFF in kinds(found)) == (number == 1)


def test_what_has_no_error_is_not_counted_among_the_gains() -> None:
    """The one with an error has the q of a family of one, whichever come first."""
    for unknown in (["a", "b"], ["y", "z"]):
        given = [performance(name, {0: 0.8, 1: 0.9}, None) for name in unknown]
        found = assess(1, chain(2), [series(LOSS), performance("m", {0: 0.80, 1: 0.83}), *given])
        trade = one(found, TRADE_OFF)
        rates = {gain.series.metric.name: gain.q for gain in trade.improved}
        assert rates["m"] == pytest.approx(2 * stats.norm.sf(0.03 / ERROR))
        assert [rates[name] for name in unknown] == [None, None]
        assert gained(trade)[0] == "m", "what is known for sure comes first"


def test_the_family_of_gains_is_about_the_baselines_of_losses_alone() -> None:
    """Of five earlier versions accuracy is compared with the two that safety is: the others raise no q."""
    values = {0: 0.1, 1: 0.1, 2: 0.1, 3: 0.1, 4: 0.1, 5: 0.3}
    rose = {0: 0.80, 1: 0.80, 2: 0.80, 3: 0.80, 4: 0.80, 5: 0.833}
    found = assess(5, chain(6), [series(values), performance("m", rose)])
    baselines = {finding.baseline for finding in of(found, STEP, CUMULATIVE)}
    assert len(baselines) == 2
    p = 2 * stats.norm.sf(0.033 / ERROR)
    rates = [gain.q for trade in of(found, TRADE_OFF) for gain in trade.improved]
    assert rates == [pytest.approx(p)] * 2


@pytest.mark.parametrize(("gain", "is_one"), [(0.05, False), (0.051, True)])
def test_what_improved_by_no_more_than_the_tolerance_is_no_gain(gain: float, is_one: bool) -> None:
    """Neither traded nor gained meanwhile, however sure it is: over the derivation that is blamed, or over all."""
    values = {0: 0.1, 1: 0.1, 2: 0.3}
    for rose in ({0: 0.8, 1: 0.8, 2: 0.8 + gain}, {0: 0.8, 1: 0.8 + gain, 2: 0.8 + gain}):
        found = assess(2, chain(3), [series(values), performance("m", rose, 0.001, tolerance=0.05)])
        losses = of(found, CUMULATIVE)
        traded = TRADE_OFF in kinds(found)
        meanwhile = any(gained(loss) for loss in losses)
        assert (traded, meanwhile) == ((False, False) if not is_one else (rose[1] == 0.8, rose[1] != 0.8))


def test_gains_are_named_by_how_sure_they_are() -> None:
    rises = {"low": 0.83, "high": 0.95, "middle": 0.88}
    given = [performance(name, {0: 0.8, 1: value}) for name, value in rises.items()]
    trade = one(assess(1, chain(2), [series(LOSS), *given]), TRADE_OFF)
    assert gained(trade) == ["high", "middle", "low"]
    rates = [gain.q for gain in trade.improved]
    assert rates == sorted(rate for rate in rates if rate is not None)


def test_q_of_a_gain_is_no_less_than_p_over_the_derivation_that_is_blamed() -> None:
    """Since the baseline it rose by far; over the derivation by 2.5 of its errors."""
    values = {0: 0.1, 1: 0.1, 2: 0.3}
    rose = {0: 0.5, 1: 0.8, 2: 0.8 + 2.5 * ERROR}
    found = assess(2, chain(3), [series(values), performance("m", rose)])
    trade = next(one for one in of(found, TRADE_OFF) if one.baseline == 0)
    (gain,) = trade.improved
    assert gain.p == pytest.approx(2 * stats.norm.sf(2.5), rel=1e-6)
    assert gain.q == pytest.approx(2 * stats.norm.sf(2.5), rel=1e-6)
    assert trade.q == pytest.approx(2 * stats.norm.sf(2.5), rel=1e-6)


def test_one_finding_of_a_baseline_names_what_was_gained_meanwhile() -> None:
    """Sum and trend have one series and one baseline: the first of them names it."""
    values = {0: 0.1, 1: 0.1, 2: 0.1, 3: 0.3, 4: 0.31, 5: 0.32}
    rose = {version: 0.9 if version else 0.5 for version in values}
    found = assess(5, chain(6), [series(values), performance("m", rose)])
    since = [finding for finding in found.findings if finding.baseline == 0 and finding.erodes]
    assert [finding.kind for finding in since] == [CUMULATIVE, TREND]
    assert sum(bool(finding.improved) for finding in since) == 1


def test_lines_that_disagree_are_no_loss_that_is_traded() -> None:
    """A conflict of parents is a warning: the head did not get worse."""
    parents = {0: [], 1: [0], 2: [0], 3: [1, 2]}
    values = {1: 0.1, 2: 0.3, 3: 0.1}
    rose = {1: 0.5, 2: 0.5, 3: 0.9}
    found = assess(3, parents, [series(values), performance("m", rose)])
    conflict = one(found, CONFLICT)
    assert (conflict.baseline, conflict.improved) == (1, ())
    assert TRADE_OFF not in kinds(found)


def test_a_gain_over_all_derivations_that_may_be_blamed_is_traded() -> None:
    """The results do not tell which of two steps it was: the gain counts from before the first to after the last."""
    values = {0: 0.1, 1: 0.1, 2: 0.2, 3: 0.3, 4: 0.3}
    for late in (0.5, 0.8):  # it came by the second of them, or by the first
        rose = {0: 0.5, 1: 0.5, 2: late, 3: 0.8, 4: 0.8}
        found = assess(4, chain(5), [series(values, stderr=0.04), performance("m", rose)])
        loss = next(one for one in of(found, CUMULATIVE))
        assert set(loss.introduced_by) == {Span(1, 2), Span(2, 3)}
        assert [one.baseline for one in of(found, TRADE_OFF)] == [loss.baseline]


def test_derivations_on_two_lines_are_each_compared_with_their_own_beginning() -> None:
    """5 merges 3, from 1, and 4, from 2; either line lost as much and gained as much, at another height."""
    parents = {0: [], 1: [0], 2: [0], 3: [1], 4: [2], 5: [3, 4]}
    values = {1: 0.1, 2: 0.1, 3: 0.4, 4: 0.4, 5: 0.4}
    rose = {1: 0.5, 3: 0.8, 2: 0.9, 4: 1.2, 5: 1.2}
    found = assess(5, parents, [series(values), performance("m", rose)])
    loss = next(one for one in of(found, CUMULATIVE))
    assert set(loss.introduced_by) == {Span(1, 3), Span(2, 4)}
    assert any(one.baseline == loss.baseline and one.lasting is None for one in of(found, TRADE_OFF))


def test_what_was_not_measured_before_the_derivation_was_not_traded_for_it() -> None:
    """The baseline is on another line than the derivation: accuracy rose since, which tells nothing about it."""
    parents = {0: [], 1: [0], 2: [0], 3: [1, 2], 4: [3]}
    values = {0: 0.101, 1: 0.1, 2: 0.4, 3: 0.4, 4: 0.4}
    found = assess(4, parents, [series(values), performance("m", {1: 0.5, 4: 0.9})])
    loss = next(one for one in of(found, CUMULATIVE))
    assert (loss.baseline, loss.introduced_by) == (1, (Span(0, 2),))
    assert gained(loss) == ["m"]
    assert TRADE_OFF not in kinds(found)


def test_a_gain_by_items_that_both_answered_is_traded() -> None:
    """Its error is that of the pairs: of 1,000 answers 60 became right and 20 wrong, which n alone does not show."""
    right = metric("m", ACCURACY.direction, ACCURACY.category, is_rate=True)
    head = Result(0.54, n=1000, pairs=(Pair(0, 60, 20),))
    found = assess(1, chain(2), [series(LOSS), Series(series_key(right), {0: Result(0.5, n=1000), 1: head})])
    trade = one(found, TRADE_OFF)
    assert trade.improved[0].p == pytest.approx(2 * stats.norm.sf(40 / math.sqrt(80)), rel=1e-6)
