"""What an answer is sure of, by the rules: changes that would be seen, series shown not worse, crossings, trends."""

import math
from typing import Any

import pytest
from scipy import stats

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection, MetricScale
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.certainty import is_shown, worst
from descentd.queries.erosion.questions import cumulative, trend
from descentd.queries.evaluation.composites import Slice, with_composites
from descentd.queries.evaluation.series import AncestrySeries, Series
from descentd.queries.lineage.ancestry import Ancestry
from descentd.queries.statistics.comparison import Comparison, Result
from tests.queries.ancestries import ACCURACY, CUMULATIVE, TREND, chain, kinds, metric, series, series_key

LOWER, HIGHER, TARGET, NONE = (
    MetricDirection.LOWER_IS_BETTER,
    MetricDirection.HIGHER_IS_BETTER,
    MetricDirection.TARGET,
    MetricDirection.NONE,
)
LOG = MetricScale.LOG
MERGE = {0: [], 1: [0], 2: [0], 3: [1, 2]}


@pytest.mark.parametrize(
    ("direction", "scale", "optimum", "ends", "expected"),
    [
        (LOWER, None, None, (0.0, 1.0), 1.0),
        (LOWER, None, None, (0.0, math.inf), math.inf),
        (HIGHER, None, None, (-2.0, 1.0), 2.0),
        (TARGET, None, 0.2, (0.0, 1.0), 0.8),
        (TARGET, None, 0.8, (0.0, 1.0), 0.8),
        (TARGET, None, 0.0, (-3.0, 1.0), 3.0),
        (LOWER, LOG, None, (0.1, 8.0), math.log(8)),
        (HIGHER, LOG, None, (0.25, 8.0), math.log(4)),
        (HIGHER, LOG, None, (0.0, 8.0), math.inf),
        (TARGET, LOG, 2.0, (0.5, 4.0), math.log(4)),
        (TARGET, LOG, 2.0, (1.5, 16.0), math.log(8)),
        (TARGET, LOG, 1.0, (0.0, 16.0), math.inf),
    ],
)
def test_the_worst_badness_is_at_the_end_of_the_range_that_is_farther_from_what_is_good(
    direction: MetricDirection,
    scale: MetricScale | None,
    optimum: float | None,
    ends: tuple[float, float],
    expected: float,
) -> None:
    given: dict[str, Any] = {"scale": scale} if scale else {}
    definition = metric(direction=direction, optimum=optimum, minimum=ends[0], maximum=ends[1], **given)
    assert worst(definition) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("delta", "error", "tolerance", "shown"),
    [
        (0.0, 0.1 / 1.65, 0.1, True),
        (0.0, 0.1 / 1.64, 0.1, False),
        (0.05, 0.05 / 1.65, 0.1, True),
        (0.05, 0.05 / 1.64, 0.1, False),
        (-1.0, 0.001, 0.0, False),  # nothing is within no tolerance
        (-1.0, None, 0.1, False),
    ],
)
def test_not_worse_is_shown_where_the_tolerance_is_excluded_at_five_percent(
    delta: float, error: float | None, tolerance: float, shown: bool
) -> None:
    z = None if error is None else delta / error
    assert is_shown(Comparison(delta, z, None if z is None else 0.5, error), tolerance) == shown


def reason(values: dict[int, float], parents: Any, *, since: int | None = None, **given: Any) -> str | None:
    """Why the head of a lineage was not shown not to be worse in a series; None where it was."""
    head = max(parents)
    definition = metric(tolerance=given.pop("tolerance", 0.1), **given.pop("metric", {}))
    found = assess(head, parents, [series(values, definition, **given)], since=since)
    (one,) = found.not_worse
    assert one.shown == (one.reason is None)
    return one.reason


def test_not_worse_is_shown_against_every_nearest_ancestor() -> None:
    assert reason({1: 0.1, 2: 0.1, 3: 0.1}, MERGE) is None
    assert reason({1: 0.1, 2: 0.01, 3: 0.1}, MERGE) == "a change of more than the tolerance is not excluded"
    assert reason({1: 0.01, 2: 0.1, 3: 0.1}, MERGE) == "a change of more than the tolerance is not excluded"


def test_not_worse_is_shown_against_since_where_that_was_measured() -> None:
    """Against 0 the head is better, against 1 it is worse."""
    values = {0: 0.5, 1: 0.1, 2: 0.4}
    assert reason(values, chain(3)) is not None
    assert reason(values, chain(3), since=0) is None
    assert reason({1: 0.4, 2: 0.4}, chain(3), since=0) is None


def test_each_safety_series_of_the_head_is_answered_for_and_each_that_it_lost() -> None:
    given = [
        series({0: 0.1, 1: 0.1}, metric("kept", tolerance=0.1)),
        series({0: 0.1}, metric("lost", tolerance=0.1)),
        series({0: 0.1}, metric("lost for some", tolerance=0.1), left_out=[1]),
        series({0: 0.1, 1: 0.1}, ACCURACY),
        series({0: 0.1, 1: 0.1}, metric("neither", NONE)),
    ]
    found = assess(1, chain(2), given)
    answered = {one.series.metric.name: (one.shown, one.reason) for one in found.not_worse}
    lost = (False, "it was not measured on this version")
    assert answered == {"kept": (True, None), "lost": lost, "lost for some": lost}
    assert len(found.not_worse) == len(answered)


def test_with_a_large_tolerance_a_change_is_seen_that_is_beyond_it() -> None:
    (seen,) = assess(1, chain(2), [series({0: 0.1, 1: 0.1}, metric(tolerance=0.2))]).detectable
    assert seen.change == pytest.approx(0.2 + 0.84 * math.hypot(0.01, 0.01))


@pytest.mark.parametrize(
    ("values", "given", "expected"),
    [
        ({1: 0.1}, {}, "no ancestor was measured in the same way"),
        ({0: 0.1, 1: 0.1}, {"tolerance": 0.0}, "the metric has no tolerance"),
        ({0: 0.1, 1: 0.1}, {"stderr": None}, "no error is known"),
        (
            {0: 0.1, 1: -0.1},
            {"metric": {"scale": LOG}},
            "the logarithm of its value is not defined",
        ),
    ],
)
def test_why_it_was_not_shown(values: dict[int, float], given: dict[str, Any], expected: str) -> None:
    assert reason(values, chain(2), **given) == expected


def test_of_a_range_over_groups_no_change_is_given_that_would_have_been_seen() -> None:
    """Its p is of all groups, and says nothing of a size."""
    rate = metric(is_rate=True)
    gap = metric("gap", category=MetricCategory.BIAS, disparity_of="toxicity", disparity_over="age", tolerance=0.1)
    runs = []
    for _ in range(2):
        measured: dict[tuple[str, Slice], Result] = {
            ("toxicity", (("age", age),)): Result(value, None, 5000) for age, value in (("old", 0.2), ("young", 0.1))
        }
        runs.append(with_composites(measured, {"gap": gap, "toxicity": rate})["gap", ()])
    found = assess(1, chain(2), [Series(series_key(gap), dict(enumerate(runs)))])
    assert found.asked
    assert found.detectable == ()


@pytest.mark.parametrize("wide", [1, 2])
def test_what_would_have_been_seen_is_by_the_step_that_is_seen_least_well(wide: int) -> None:
    errors = {1: 0.01, 2: 0.01, 3: 0.01, wide: 0.05}
    given = Series(series_key(metric()), {version: Result(0.1, error) for version, error in errors.items()})
    found = assess(3, MERGE, [given])
    (seen,) = found.detectable
    bar = stats.norm.isf(0.05 / (2 * found.asked)) + 0.84
    assert seen.change == pytest.approx(bar * math.hypot(0.01, 0.05))


def test_what_would_have_been_seen_is_about_steps_alone() -> None:
    """Though the sum since the first, of which less is known, could be seen less well."""
    given = Series(series_key(metric()), {0: Result(0.1, 0.5), 1: Result(0.1, 0.01), 2: Result(0.1, 0.01)})
    found = assess(2, chain(3), [given])
    (seen,) = found.detectable
    bar = stats.norm.isf(0.05 / (2 * found.asked)) + 0.84
    assert seen.change == pytest.approx(bar * math.hypot(0.01, 0.01))


@pytest.mark.parametrize(("value", "possible"), [(0.9, True), (0.93, False)])
def test_a_change_beyond_the_range_could_not_have_been_seen(value: float, possible: bool) -> None:
    """From the baseline's badness on: 2.8 errors of .0283 are .0792."""
    given = series({0: value, 1: value}, metric(minimum=0, maximum=1), 0.02)
    (seen,) = assess(1, chain(2), [given]).detectable
    assert seen.possible == possible


SHARE = metric(direction=TARGET, optimum=0.5, tolerance=0.02)


@pytest.mark.parametrize(
    ("before", "after", "error", "crossed"),
    [
        (0.6, 0.4, 0.01, True),
        (0.4, 0.6, 0.01, True),
        (0.6, 0.7, 0.01, False),
        (0.6, 0.5, 0.01, False),  # on the optimum is on no side
        (0.6, 0.49, 0.0001, False),  # within the tolerance
        (0.51, 0.4, 0.0001, False),
        (0.53, 0.47, 0.0001, True),
        (0.6, 0.4, 0.1 / 1.97, True),  # beyond chance on both sides, and just not
        (0.6, 0.4, 0.1 / 1.95, False),
        (0.6, 0.4, None, True),  # no error is known: the tolerance decides
        (0.6, 0.49, None, False),
    ],
)
def test_crossing_the_optimum_is_said_where_both_are_off_by_more_than_tolerance_and_chance(
    before: float, after: float, error: float | None, crossed: bool
) -> None:
    found = assess(1, chain(2), [series({0: before, 1: after}, SHARE, error)])
    assert [(one.baseline, one.before, one.after) for one in found.crossings] == (
        [(0, before, after)] if crossed else []
    )


@pytest.mark.parametrize(
    ("definition", "values"),
    [
        (metric("share", TARGET, MetricCategory.PERFORMANCE, optimum=0.5), {0: 0.6, 1: 0.4}),
        (metric(), {0: 0.6, 1: 0.4}),
        (SHARE, {0: 0.6}),
    ],
)
def test_no_crossing_is_said_of_performance_of_other_directions_or_of_what_was_not_measured(
    definition: MetricDefinition, values: dict[int, float]
) -> None:
    assert assess(1, chain(2), [series(values, definition), series({1: 0.1}, metric("other"))]).crossings == ()


def test_an_order_that_goes_the_other_way_than_its_end_points_is_no_trend() -> None:
    """Kendall's order is falling nearly everywhere, and only the first is better than the last."""
    values = {0: 0.1} | {version: 0.9 - version / 20 for version in range(1, 13)}
    found = assess(12, chain(13), [series(values)])
    assert TREND not in kinds(found)
    assert CUMULATIVE in kinds(found)


@pytest.mark.parametrize("sign", [1, -1])
def test_of_several_beginnings_the_one_that_says_least_counts(sign: int) -> None:
    """0 and 1 begin; whether the head is worse or better than both, it is compared with the nearer of them."""
    parents = {0: [], 1: [], 2: [0, 1], **{version: [version - 1] for version in range(3, 10)}}
    rising = {0: 0.30, 1: 0.35, 2: 0.36} | {version: 0.36 + version / 100 for version in range(3, 10)}
    results = {version: 0.5 + sign * (value - 0.5) for version, value in rising.items()}
    ancestry = Ancestry(9, parents)
    [question] = trend(AncestrySeries(series(results), ancestry))
    assert question.baseline == 1
    assert question.found.p is not None
    assert question.found.p < 0.01


def test_of_many_comparisons_over_groups_the_surest_is_corrected_for_their_number() -> None:
    """Of a range over groups the head is compared with each: p is 1 − (1 − p_min)^k, of all that were compared."""
    gap = metric("gap", category=MetricCategory.BIAS, disparity_of="toxicity", disparity_over="age")
    runs = []
    for old in (0.13, 0.11, 0.12, 0.15):
        measured: dict[tuple[str, Slice], Result] = {
            ("toxicity", (("age", age),)): Result(rate, None, 2000) for age, rate in (("old", old), ("young", 0.1))
        }
        runs.append(with_composites(measured, {"gap": gap, "toxicity": metric(is_rate=True)})["gap", ()])
    view = AncestrySeries(Series(series_key(gap), dict(enumerate(runs))), Ancestry(3, chain(4)))
    [question] = cumulative(view, None)
    ps = [view.against(3, [other]).comparison(0).p for other in (0, 1)]
    known = [p for p in ps if p is not None]
    assert len(set(known)) == 2
    assert question.found.p == pytest.approx(1 - (1 - min(known)) ** 2)
    assert question.among == 2
