"""Which way a change went, where what is known of it points two ways, and what is not asked for that reason."""

import pytest

from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import ErosionVerdict
from descentd.queries.erosion.questions import trend
from descentd.queries.evaluation.series import AncestrySeries, Series
from descentd.queries.lineage.ancestry import Ancestry
from descentd.queries.statistics.comparison import Group, Pair, Result
from tests.queries.ancestries import CONFLICT, CUMULATIVE, LASTING, TREND, chain, kinds, metric, one, series, series_key


@pytest.mark.parametrize(
    ("value", "pair", "p"),
    [
        (0.15, Pair(0, 0, 40), 1.0),  # the mean rose, and 40 items that were wrong are right
        (0.05, Pair(0, 40, 0), pytest.approx(2.5e-10, rel=0.02)),  # it fell, and 40 items went wrong
    ],
)
def test_items_that_went_the_other_way_than_the_mean_are_no_finding_either_way(
    value: float, pair: Pair, p: float
) -> None:
    """A value may be pooled from more runs than the one whose items are known; z > 0 and delta both have to agree."""
    results = {0: Result(0.1, n=200), 1: Result(value, n=200, pairs=(pair,))}
    found = assess(1, chain(2), [Series(series_key(metric(is_rate=True)), results)])
    assert (found.verdict, found.improved, found.lost) == (ErosionVerdict.STABLE, (), ())
    assert kinds(found) == []
    assert found.p == p


def test_an_improvement_of_the_tolerance_alone_is_none() -> None:
    """0.62 − 0.6 is 0.02, and no more than that."""
    for tolerance, verdict in ((0.02, ErosionVerdict.STABLE), (0.0199, ErosionVerdict.IMPROVED)):
        found = assess(1, chain(2), [series({0: 0.62, 1: 0.6}, metric(tolerance=tolerance), 0.0001)])
        assert found.verdict is verdict


@pytest.mark.parametrize(("size", "asked"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3)])
def test_of_a_line_its_steps_are_asked_from_two_on_their_sum_from_three_and_a_trend_from_five(
    size: int, asked: int
) -> None:
    """Of versions that were measured, whatever lies between them."""
    head = 2 * size
    values = dict.fromkeys(range(0, head, 2), 0.1) | {head: 0.1}
    del values[0]
    assert assess(head, chain(head + 1), [series(values)]).asked == asked


@pytest.mark.parametrize("order", [1, -1])
def test_a_head_between_two_beginnings_has_no_trend_either_way(order: int) -> None:
    """From 0 it rose and from 1 it fell, whether the versions in between rose or fell."""
    parents = {0: [], 1: [], 2: [0, 1], **{version: [version - 1] for version in range(3, 12)}}
    values = {0: 0.1, 1: 0.9} | {version: 0.5 + order * (version - 11) / 100 for version in range(2, 12)}
    [question] = trend(AncestrySeries(series(values), Ancestry(11, parents)))
    assert question.found.p == 1.0


def test_a_range_over_groups_is_asked_for_its_steps_and_their_sum_and_not_for_a_trend() -> None:
    results = {}
    for version in range(9):
        wide = 0.1 + version / 20
        groups = (Group("a", 0.3, 0.01), Group("b", 0.3 + wide, 0.01))
        results[version] = Result(wide, 0.014, groups=groups)
    found = assess(8, chain(9), [Series(series_key(metric()), results)])
    assert found.asked == 2
    assert CUMULATIVE in kinds(found)
    assert not {TREND, LASTING} & set(kinds(found))


def test_lines_that_disagree_for_sure_come_before_those_that_are_farther_apart_without_an_error() -> None:
    results = {0: Result(0.3, 0.01), 1: Result(0.9), 2: Result(0.4, 0.01), 3: Result(0.4, 0.01)}
    parents = {0: [], 1: [], 2: [], 3: [0, 1, 2]}
    found = one(assess(3, parents, [Series(series_key(metric()), results)]), CONFLICT)
    assert (found.baseline, found.head) == (0, 2)
    assert found.p is not None
