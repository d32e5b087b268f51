"""COVERAGE_LOSS by its rule: what an ancestor was measured on and the head was not, unless it was left before."""

import pytest

from descentd.graph.metrics import MetricCategory, MetricDirection
from descentd.queries.erosion.assess import assess
from tests.queries.ancestries import COVERAGE, chain, kinds, metric, one, series

OTHER = metric("other")


def test_a_head_with_a_result_that_does_not_count_has_not_moved_on() -> None:
    """An ancestor was measured by the new version of the suite too, but the head by the old one all the same."""
    old, new = series({0: 0.1, 1: 0.1}, version="1"), series({1: 0.1, 2: 0.1}, version="2")
    assert COVERAGE not in kinds(assess(2, chain(3), [old, new]))
    contaminated = series({0: 0.1, 1: 0.1}, version="1", left_out=[2])
    assert one(assess(2, chain(3), [contaminated, new]), COVERAGE).series.protocol.version == "1"


@pytest.mark.parametrize("version", ["1", "2"])
def test_only_another_version_of_the_same_suite_is_a_bridge(version: str) -> None:
    """Between two suites nothing leads over: who was measured by both had not moved on."""
    old = series({0: 0.1, 1: 0.1}, suite="old")
    assert COVERAGE in kinds(assess(2, chain(3), [old, series({1: 0.1, 2: 0.1}, suite="new", version=version)]))


def test_another_suite_that_came_later_was_moved_on_to() -> None:
    old = series({0: 0.1}, suite="old")
    assert COVERAGE not in kinds(assess(2, chain(3), [old, series({1: 0.1, 2: 0.1}, suite="new")]))
    assert COVERAGE in kinds(assess(1, chain(2), [old, series({1: 0.1}, suite="new")]))


def test_who_was_measured_by_both_suites_had_not_moved_on_though_one_result_is_contaminated() -> None:
    new = series({1: 0.1, 2: 0.1}, suite="new")
    assert COVERAGE not in kinds(assess(2, chain(3), [series({0: 0.1}, suite="old"), new]))
    assert COVERAGE in kinds(assess(2, chain(3), [series({0: 0.1}, suite="old", left_out=[1]), new]))


def test_a_bridge_whose_old_result_is_contaminated_leads_over_none_the_less() -> None:
    """The comparison by the new version of the suite is made."""
    old = series({0: 0.1}, version="1", left_out=[1])
    assert COVERAGE not in kinds(assess(2, chain(3), [old, series({1: 0.1, 2: 0.1}, version="2")]))


def test_what_no_ancestor_has_a_result_of_that_counts_was_not_lost() -> None:
    given = [series({}, left_out=[0]), series({0: 0.1, 1: 0.1}, OTHER)]
    assert COVERAGE not in kinds(assess(1, chain(2), given))


@pytest.mark.parametrize(
    ("direction", "worst"),
    [
        (MetricDirection.LOWER_IS_BETTER, 0.6),
        (MetricDirection.HIGHER_IS_BETTER, 0.2),
        (MetricDirection.TARGET, 0.2),
        (MetricDirection.NONE, 0.6),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_of_results_that_are_equally_late_the_worst_is_shown(
    direction: MetricDirection, worst: float, turned: bool
) -> None:
    """However versions are numbered; where no value is better than another, the highest."""
    optimum = 0.5 if direction is MetricDirection.TARGET else None
    definition = metric("m", direction, MetricCategory.BIAS, optimum=optimum)
    values = (0.6, 0.2) if turned else (0.2, 0.6)
    given = [series({1: values[0], 2: values[1]}, definition), series({3: 0.1}, OTHER)]
    lost = one(assess(3, {0: [], 1: [0], 2: [0], 3: [1, 2]}, given), COVERAGE)
    assert lost.baseline_result.value == worst
