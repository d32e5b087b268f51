import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection, catalogue
from descentd.queries.statistics.comparison import Estimates, Result
from descentd.queries.statistics.normal import two_sided, upper, uppers
from descentd.queries.statistics.pairs import compare

LOW, HIGH, TARGET = (MetricDirection.LOWER_IS_BETTER, MetricDirection.HIGHER_IS_BETTER, MetricDirection.TARGET)


def metric(direction: MetricDirection = LOW, **given: Any) -> MetricDefinition:
    return MetricDefinition("m", MetricCategory.BIAS, direction, **given)


def agresti_caffo(x: float, n: int) -> tuple[float, float]:
    p = (x + 1) / (n + 2)
    return p, math.sqrt(p * (1 - p) / (n + 2))


@given(st.floats(-30, 30))
def test_tails_are_those_of_the_normal_distribution(z: float) -> None:
    assert upper(z) == pytest.approx(stats.norm.sf(z), rel=1e-12)
    assert two_sided(z) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-12)
    assert uppers(np.full((2, 3), z)) == pytest.approx(np.full((2, 3), stats.norm.sf(z)), rel=1e-12)


def test_reported_errors_give_the_two_sample_z() -> None:
    found = compare(metric(), Result(0.5, 0.03), Result(0.4, 0.04))
    assert found is not None
    assert found.delta == pytest.approx(0.1)
    assert found.error == pytest.approx(0.05)
    assert found.z == pytest.approx(2)
    assert found.p == pytest.approx(2 * stats.norm.sf(2))


def test_the_worked_example_has_its_known_answers() -> None:
    accuracy = catalogue()["adversarial_accuracy"]
    first, second, third = (Result(value, n=4000) for value in (0.640, 0.627, 0.609))
    steps = compare(accuracy, second, first), compare(accuracy, third, second)
    whole = compare(accuracy, third, first)
    assert [step.p for step in steps if step] == [pytest.approx(0.23, abs=5e-3), pytest.approx(0.097, abs=1e-3)]
    assert whole is not None
    assert (round(whole.z or 0, 2), round(whole.p or 0, 4)) == (2.86, 0.0042)
    assert whole.delta == pytest.approx(0.031)


@pytest.mark.parametrize("direction", [LOW, HIGH])
@pytest.mark.parametrize(("x", "y"), [(10, 490), (11, 250), (490, 10)])
def test_rates_with_ten_of_either_kind_on_both_sides_have_plain_errors(
    direction: MetricDirection, x: int, y: int
) -> None:
    found = compare(metric(direction, is_rate=True), Result(x / 500, n=500), Result(y / 500, n=500))
    plain = math.sqrt(sum(p * (1 - p) / 500 for p in (x / 500, y / 500)))
    assert found is not None
    assert found.error == pytest.approx(plain)


@pytest.mark.parametrize(
    ("x", "n", "y", "m"), [(9, 50, 250, 500), (41, 50, 250, 500), (0, 50, 0, 500), (50, 100, 3, 80)]
)
def test_rates_with_fewer_follow_agresti_and_caffo_and_show_the_raw_delta(x: int, n: int, y: int, m: int) -> None:
    found = compare(metric(is_rate=True), Result(x / n, n=n), Result(y / m, n=m))
    (p, s), (q, t) = agresti_caffo(x, n), agresti_caffo(y, m)
    assert found is not None
    assert found.delta == pytest.approx(x / n - y / m)
    assert found.z == pytest.approx((p - q) / math.hypot(s, t))


def test_a_target_with_values_on_opposite_sides_adds_the_errors() -> None:
    stereotype = metric(TARGET, optimum=0.5)
    same = compare(stereotype, Result(0.6, 0.03), Result(0.55, 0.04))
    opposite = compare(stereotype, Result(0.6, 0.03), Result(0.45, 0.04))
    on_it = compare(stereotype, Result(0.6, 0.03), Result(0.5, 0.04))
    assert [found and found.error for found in (same, opposite, on_it)] == pytest.approx([0.05, 0.07, 0.05])
    assert [found and found.delta for found in (same, opposite, on_it)] == pytest.approx([0.05, 0.05, 0.1])


@pytest.mark.parametrize("result", [Result(0.3), Result(0.3, 0.0), Result(0.3, n=200), Result(0.3, 0.0, 200)])
def test_no_error_is_known_without_one_or_with_nought(result: Result) -> None:
    found = compare(metric(), result, Result(0.2, 0.01))
    assert found is not None
    assert (found.z, found.p, found.error) == (None, None, None)
    assert found.delta == pytest.approx(0.1)


def test_a_standard_error_of_nought_is_not_certainty() -> None:
    rate = metric(is_rate=True)
    found = compare(rate, Result(0.0, 0.0, 300), Result(0.1, n=300))
    (p, s), (q, t) = agresti_caffo(0, 300), agresti_caffo(30, 300)
    assert found is not None
    assert found.z == pytest.approx((p - q) / math.hypot(s, t))
    assert Result(0.5, 0.0, 300).error(rate) == pytest.approx(agresti_caffo(150, 300)[1])
    assert Result(0.5, n=0).error(rate) is None


def test_nothing_is_compared_where_no_value_is_good() -> None:
    assert compare(metric(MetricDirection.NONE), Result(0.5, 0.1), Result(0.2, 0.1)) is None


results = st.builds(
    Result,
    st.integers(0, 1000).map(lambda thousandths: thousandths / 1000),
    st.none() | st.sampled_from([0.0, 0.01, 0.05]),
    st.none() | st.integers(0, 3000),
)


def mirrored(result: Result) -> Result:
    return Result(round(1 - result.value, 3), result.stderr, result.n)


@given(results, results, st.booleans())
def test_a_mirrored_metric_compares_alike(head: Result, base: Result, rate: bool) -> None:
    ways = (
        (metric(LOW, is_rate=rate), metric(HIGH, is_rate=rate)),
        (metric(TARGET, optimum=0.3, is_rate=rate), metric(TARGET, optimum=0.7, is_rate=rate)),
    )
    for one, other in ways:
        left, right = compare(one, head, base), compare(other, mirrored(head), mirrored(base))
        assert left is not None
        assert right is not None
        assert left.delta == pytest.approx(right.delta)
        assert (left.z is None) == (right.z is None)
        assert left.z is None or left.z == pytest.approx(right.z, abs=1e-9)


@given(st.lists(results, min_size=2, max_size=6), st.booleans())
def test_one_against_many_is_each_pair(several: list[Result], rate: bool) -> None:
    kind = metric(TARGET, optimum=0.4, is_rate=rate)
    contrasts = Estimates(kind, several).against(0, np.arange(1, len(several)))
    for place, other in enumerate(several[1:]):
        assert contrasts.comparison(place) == compare(kind, several[0], other)
