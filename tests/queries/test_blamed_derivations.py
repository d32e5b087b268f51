"""Which derivations are blamed, and what LASTING_EROSION is asked of, by the rules."""

from dataclasses import replace

import numpy as np
import pytest

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import Span
from descentd.queries.evaluation.composites import Slice, with_composites
from descentd.queries.evaluation.series import Series
from descentd.queries.statistics.comparison import Result
from descentd.queries.statistics.e_process import established
from tests.queries.ancestries import ACCURACY, CUMULATIVE, LASTING, chain, kinds, metric, one, series, series_key

RISE = {0: 0.1, 1: 0.1, 2: 0.5, 3: 0.5}


def test_a_derivation_from_a_parent_that_was_no_better_is_not_accused() -> None:
    """3 merges 1, which is as bad, and 2, which is not: so little is known that 1 or 3 may have brought it in."""
    parents = {0: [], 1: [0], 2: [0], 3: [1, 2], 4: [3], 5: [4]}
    values = {0: 0.1, 1: 0.4, 2: 0.1, 3: 0.4, 4: 0.4, 5: 0.4}
    found = assess(5, parents, [series(values, stderr=0.15)], alpha=0.9)
    assert set(one(found, CUMULATIVE).introduced_by) == {Span(0, 1), Span(2, 3)}


@pytest.mark.parametrize(
    ("definition", "asked"),
    [
        (metric(), True),
        (metric(category=MetricCategory.PERFORMANCE), False),
        (metric(category=MetricCategory.LATENCY), False),
        (metric(direction=MetricDirection.NONE), False),
    ],
)
def test_lasting_erosion_is_about_safety_where_some_values_are_better(
    definition: MetricDefinition, asked: bool
) -> None:
    found = assess(3, chain(4), [series(RISE, definition), series({3: 0.1}, metric("other"))])
    assert (LASTING in kinds(found)) == asked


def test_a_range_over_groups_is_not_asked_whether_it_lasts() -> None:
    gap = metric("gap", category=MetricCategory.BIAS, disparity_of="toxicity", disparity_over="age")
    runs = []
    for value in RISE.values():
        measured: dict[tuple[str, Slice], Result] = {
            ("toxicity", (("age", age),)): Result(rate, None, 5000) for age, rate in (("old", value), ("young", 0.1))
        }
        runs.append(with_composites(measured, {"gap": gap, "toxicity": metric(is_rate=True)})["gap", ()])
    found = assess(3, chain(4), [Series(series_key(gap), dict(enumerate(runs)))])
    assert CUMULATIVE in kinds(found)
    assert LASTING not in kinds(found)


def test_a_series_of_which_no_result_counts_does_not_keep_others_from_lasting() -> None:
    given = [series(RISE), series({}, metric("other"), left_out=[0, 3]), series(RISE, ACCURACY)]
    assert one(assess(3, chain(4), given), LASTING).series.metric.name == "toxicity"


def test_what_comes_much_later_does_not_delay_what_was_established() -> None:
    """A rise that suffices is found where it does, though all later results are far higher."""
    badness = np.array([0.0] * 20 + [1.0] * 6 + [40.0] * 20)
    errors = np.full(len(badness), 0.1)
    first, _ = next(established(badness, errors, 0.0, 1))
    alone, _ = next(established(badness[:26], errors[:26], 0.0, 1))
    assert (first.start, first.found) == (alone.start, alone.found)
    assert first.e == pytest.approx(alone.e)
    assert first.start == 20


def test_lasting_evidence_enters_how_sure_it_is_that_something_got_worse() -> None:
    """The last result is so imprecise that no question about it finds anything: what lasts alone makes it sure."""
    known = series(dict.fromkeys(range(5), 0.1) | dict.fromkeys(range(5, 12), 0.5))
    results = dict(known.results) | {12: Result(0.5, 5.0)}
    found = assess(12, chain(13), [replace(known, results=results)])
    assert kinds(found) == [LASTING]
    lasting = one(found, LASTING)
    assert lasting.e is not None
    assert lasting.e > 1e6
    assert found.p is not None
    assert 1 / lasting.e <= found.p <= 10 / lasting.e  # of at most ten that were asked, the smallest
