"""Rules of erosion at their edges: zeros, large numbers, errors that only some results have."""

import math
from typing import Any

import pytest

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection, MetricScale
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import Assessment, ErosionVerdict, Finding, Span
from descentd.queries.erosion.messages import message
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.erosion.summary import summary
from descentd.queries.evaluation.editions import THIRD
from descentd.queries.evaluation.labels import Labels
from descentd.queries.evaluation.series import Series
from descentd.queries.statistics.comparison import Pair, Result
from descentd.queries.statistics.pairs import compare
from descentd.queries.statistics.pooling import pool
from tests.queries.ancestries import series_key


def metric(direction: MetricDirection = MetricDirection.LOWER_IS_BETTER, **given: Any) -> MetricDefinition:
    return MetricDefinition("m", MetricCategory.BIAS, direction, **given)


RATE = metric(is_rate=True)
RATIO = metric(scale=MetricScale.LOG)
named = Labels("model:m@{}".format, "dataset:{}@1".format)


def chain(results: list[Result], definition: MetricDefinition) -> tuple[int, dict[int, list[int]], list[Series]]:
    parents = {version: [version - 1] if version else [] for version in range(len(results))}
    return len(results) - 1, parents, [Series(series_key(definition), dict(enumerate(results)))]


def test_nought_is_pooled_where_it_needs_no_logarithm() -> None:
    assert pool(metric(), [Result(0.0, 0.01), Result(0.2, 0.01)]).value == pytest.approx(0.1)
    assert pool(RATIO, [Result(0.0, 0.01), Result(0.2, 0.01)]).value == 0.2


def test_a_pooled_ratio_has_the_smallest_error_of_the_logarithms() -> None:
    pooled = pool(RATIO, [Result(0.5, 0.05), Result(2.0, 0.1)])
    weights = 0.1**-2, 0.05**-2
    expected = math.exp((weights[0] * math.log(0.5) + weights[1] * math.log(2)) / sum(weights))
    assert pooled.value == pytest.approx(expected)
    assert pooled.stderr == pytest.approx(0.05 * expected)


@pytest.mark.parametrize(("errors", "pooled"), [((0.0, None), None), ((0.0, 0.0), 0.0), ((None, None), None)])
def test_an_error_of_nought_counts_as_reported_where_every_run_has_it(
    errors: tuple[float | None, float | None], pooled: float | None
) -> None:
    assert pool(RATE, [Result(0.2, error, 1000) for error in errors]).stderr == pooled


@pytest.mark.parametrize("values", [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
def test_a_ratio_of_nought_is_compared_with_nothing(values: tuple[float, float]) -> None:
    head, base = (Result(value, 0.1) for value in values)
    assert compare(RATIO, head, base) is None


def test_more_items_that_differ_than_were_asked_give_no_error() -> None:
    impossible = compare(RATE, Result(0.5, n=20), Result(0.4, n=20), Pair(0, 15, 10))
    possible = compare(RATE, Result(0.5, n=25), Result(0.4, n=25), Pair(0, 15, 10))
    assert impossible is not None
    assert possible is not None
    assert impossible.error is None
    assert possible.error == pytest.approx(math.sqrt(25 - 25 / 25) / 25)


@pytest.mark.parametrize("level", [0.6, 600_000.0, 6e-9])
def test_a_difference_of_the_tolerance_is_none_whatever_the_unit(level: float) -> None:
    """620000.02 − 620000 is more than 0.02 in floats, and no more than it in the digits that badness has."""
    for step in (1e-3, 1e-5, 1e-7):
        tolerance = float(f"{level * step:.1g}")
        results = [Result(level, tolerance / 100), Result(float(f"{level + tolerance:.12g}"), tolerance / 100)]
        found = assess(*chain(results, metric(tolerance=tolerance)))
        assert [one for one in found.findings if one.kind is ErosionKind.STEP_REGRESSION] == []


def test_what_improved_is_said_with_what_the_metric_measures() -> None:
    found = assess(*chain([Result(0.3, 0.01), Result(0.1, 0.01)], metric(description="Toxic answers; a share.")))
    assert found.verdict is ErosionVerdict.IMPROVED
    assert "this improved: m (toxic answers) by 0.2 since model:m@0 (1 question was asked)" in summary(found, named)


def test_paired_items_are_tested_and_blamed_where_no_result_has_an_error() -> None:
    """The pair tells that the head is worse than the first; in which derivation, only the values can tell."""
    results = [Result(0.1), Result(0.1), Result(0.3), Result(0.3, pairs=(Pair(0, 40, 5),))]
    found = assess(*chain(results, metric()))
    (erosion,) = (one for one in found.findings if one.kind is ErosionKind.CUMULATIVE_EROSION and one.p is not None)
    assert (erosion.baseline, erosion.paired, erosion.introduced_by) == (0, True, (Span(1, 2),))


def line(values: list[float], stderr: float = 0.01) -> tuple[int, dict[int, list[int]], list[Series]]:
    return chain([Result(value, stderr) for value in values], metric())


def lasting(found: Assessment) -> Finding:
    (one,) = (finding for finding in found.findings if finding.kind is ErosionKind.LASTING_EROSION)
    return one


def test_a_lasting_erosion_that_came_gradually_accuses_no_derivation() -> None:
    drift = line([0.1 + 0.01 * version for version in range(12)])
    found = lasting(assess(*drift))
    assert (found.introduced_by, found.gradual) == ((Span(0, 11),), True)
    assert "it came gradually, or in more than one step, and no single derivation is named" in message(found, named)
    before = lasting(assess(*drift, edition=THIRD))
    assert len(before.introduced_by) == 1
    assert not before.gradual


def test_a_lasting_erosion_is_blamed_on_what_came_after_the_last_repair() -> None:
    found = lasting(assess(*line([0.1, 0.1, 0.3, 0.3, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2])))
    assert (found.baseline, found.introduced_by) == (6, (Span(6, 7),))
    unsure = lasting(assess(*line([0.1, 0.145, 0.19, 0.19], 0.015)))
    assert set(unsure.introduced_by) == {Span(0, 1), Span(1, 2)}
