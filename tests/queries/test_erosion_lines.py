"""Composite metrics, and a series along first parents."""

import math
from typing import Any

import pytest

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection
from descentd.graph.model.errors import InvalidInput
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import ErosionVerdict
from descentd.queries.evaluation.composites import Slice, with_composites
from descentd.queries.evaluation.lines import lines
from descentd.queries.evaluation.series import Series
from descentd.queries.statistics.comparison import Group, Result
from tests.queries.ancestries import series_key

Measured = dict[tuple[str, Slice], Result]
HIGH, LOW = MetricDirection.HIGHER_IS_BETTER, MetricDirection.LOWER_IS_BETTER


def metric(name: str, direction: MetricDirection = HIGH, **given: Any) -> MetricDefinition:
    return MetricDefinition(name, MetricCategory.ROBUSTNESS, direction, **given)


def by_name(*definitions: MetricDefinition) -> dict[str, MetricDefinition]:
    return {definition.name: definition for definition in definitions}


def test_the_worst_of_several_is_by_its_own_direction_with_that_ones_error() -> None:
    attacks: Measured = {("fgsm", ()): Result(0.7, 0.02, 100), ("pgd", ()): Result(0.4, 0.03, 200)}
    worst = metric("worst_attack", worst_of=("fgsm", "pgd", "not_measured"))
    known = by_name(metric("fgsm"), metric("pgd"), worst)
    assert with_composites(attacks, known)["worst_attack", ()] == Result(
        0.4, 0.03, 200, ("fgsm", "pgd"), ("not_measured",)
    )
    turned = by_name(metric("fgsm"), metric("pgd"), metric("worst_attack", LOW, worst_of=("fgsm", "pgd")))
    assert with_composites(attacks, turned)["worst_attack", ()] == Result(0.7, 0.02, 100)


def test_a_composite_that_was_reported_wins_and_without_parts_there_is_none() -> None:
    worst = by_name(metric("pgd"), metric("worst", worst_of=("pgd",)))
    reported: Measured = {("pgd", ()): Result(0.4), ("worst", ()): Result(0.3)}
    assert with_composites(reported, worst) == reported
    other: Measured = {("other", ()): Result(0.4)}
    assert with_composites(other, worst) == other


def test_a_rate_lends_its_error_to_a_worst_that_is_no_rate() -> None:
    known = by_name(metric("pgd", is_rate=True), metric("worst", worst_of=("pgd",)))
    (found,) = [
        r for (name, _), r in with_composites({("pgd", ()): Result(0.4, n=600)}, known).items() if name == "worst"
    ]
    assert found.stderr == pytest.approx(math.sqrt(0.4 * 0.6 / 600))


def test_a_disparity_is_over_the_slices_of_its_attribute_and_keeps_the_others() -> None:
    rate = MetricDefinition("selection_rate", MetricCategory.BIAS, MetricDirection.NONE, is_rate=True)
    gap = MetricDefinition("gap", MetricCategory.BIAS, LOW, disparity_of="selection_rate", disparity_over="age")
    measured: Measured = {
        ("selection_rate", (("age", "65+"),)): Result(0.41, n=2600),
        ("selection_rate", (("age", "18-64"),)): Result(0.57, n=34000),
        ("selection_rate", (("age", "0-17"),)): Result(0.5, 0.01),
        ("selection_rate", (("age", "65+"), ("region", "EU"))): Result(0.2, 0.03),
        ("selection_rate", (("age", "18-64"), ("region", "EU"))): Result(0.5, 0.04),
        ("selection_rate", (("age", "65+"), ("region", "US"))): Result(0.2),
        ("selection_rate", ()): Result(0.5, 0.01),
    }
    found = with_composites(measured, by_name(rate, gap))
    gaps = {slice_: result for (name, slice_), result in found.items() if name == "gap"}
    assert gaps.keys() == {(), (("region", "EU"),)}
    assert gaps[()].value == 0.16
    assert gaps[()].stderr == pytest.approx(math.sqrt(0.41 * 0.59 / 2600 + 0.57 * 0.43 / 34000))
    groups = (Group("18-64", 0.5, 0.04, is_rate=True), Group("65+", 0.2, 0.03, is_rate=True))
    assert gaps[("region", "EU"),] == Result(0.3, 0.05, None, ("18-64", "65+"), groups=groups)


def test_composites_of_composites_come_out_whatever_their_order_and_circles_end() -> None:
    known = by_name(
        metric("worst_gap", LOW, worst_of=("gap",)),
        metric("gap", LOW, disparity_of="rate", disparity_over="age"),
        metric("rate"),
        metric("chicken", worst_of=("egg",)),
        metric("egg", worst_of=("chicken",)),
    )
    measured: Measured = {
        ("rate", (("age", "a"),)): Result(0.1),
        ("rate", (("age", "b"),)): Result(0.4),
        ("egg", ()): Result(1.0),
    }
    found = with_composites(measured, known)
    assert found["worst_gap", ()] == Result(0.3, parts=("a", "b"))
    assert found["chicken", ()] == Result(1.0)


def test_the_worst_attack_erodes_while_the_average_improves() -> None:
    worst = metric("worst", worst_of=("fgsm", "pgd"))
    known = by_name(metric("fgsm", is_rate=True), metric("pgd", is_rate=True), worst)
    before = with_composites({("fgsm", ()): Result(0.60, n=5000), ("pgd", ()): Result(0.55, n=5000)}, known)
    after = with_composites({("fgsm", ()): Result(0.80, n=5000), ("pgd", ()): Result(0.45, n=5000)}, known)
    series = [Series(series_key(worst, "attacks", "1"), {0: before["worst", ()], 1: after["worst", ()]})]
    found = assess(1, {0: [], 1: [0]}, series)
    assert found.verdict is ErosionVerdict.ERODED
    assert found.findings[0].delta == 0.1


PARENTS = {0: [], 1: [0], 2: [1], 3: [0], 4: [2, 3], 5: [4]}


def test_a_line_follows_first_parents_and_counts_derivations() -> None:
    results = {0: Result(0.9, 0.01), 1: Result(0.8, 0.01), 3: Result(0.1, 0.01), 5: Result(0.6, 0.01)}
    (line,) = lines(5, PARENTS, [Series(series_key(metric("m"), "suite", "1"), results)])
    assert [(point.version, point.distance, point.badness) for point in line.points] == [
        (0, 0, -0.9),
        (1, 1, -0.8),
        (5, 4, -0.6),
    ]
    assert line.slope == pytest.approx(0.075)
    assert line.p == pytest.approx(1 / 3)
    assert line.change is not None
    assert (line.change.delta, round(line.change.z or 0, 4)) == (0.3, 21.2132)


@pytest.mark.parametrize("results", [{}, {5: Result(0.5)}, {3: Result(0.5), 5: Result(0.6)}])
def test_a_line_of_fewer_than_two_points_has_no_trend(results: dict[int, Result]) -> None:
    (line,) = lines(5, PARENTS, [Series(series_key(metric("m"), "suite", "1"), results)])
    assert (line.slope, line.p, line.change) == (None, None, None)


def test_a_line_of_what_has_no_good_side_has_points_only() -> None:
    results = {0: Result(0.5, 0.1), 5: Result(0.6, 0.1)}
    (line,) = lines(5, PARENTS, [Series(series_key(metric("m", MetricDirection.NONE), "suite", "1"), results)])
    assert [point.badness for point in line.points] == [None, None]
    assert (line.slope, line.p, line.change) == (None, None, None)


def test_since_shortens_the_line_to_its_descendants() -> None:
    results = {version: Result(version / 10) for version in range(6)}
    series = [Series(series_key(metric("m"), "suite", "1"), results)]
    assert [point.version for point in lines(5, PARENTS, series, since=1)[0].points] == [1, 2, 4, 5]
    assert [point.version for point in lines(5, PARENTS, series, since=3)[0].points] == [4, 5]
    with pytest.raises(InvalidInput) as refused:
        lines(2, PARENTS, series, since=3)
    assert refused.value.field == "since"
