"""Which derivations are blamed, and what LASTING_EROSION is asked of, by the rules."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import Span
from descentd.queries.evaluation.composites import Slice, with_composites
from descentd.queries.evaluation.series import Series
from descentd.queries.lineage.ancestry import Ancestry
from descentd.queries.statistics import partial_order
from descentd.queries.statistics.change_points import change_points
from descentd.queries.statistics.comparison import Result
from descentd.queries.statistics.e_process import established
from descentd.queries.statistics.partial_order import Order
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


@pytest.mark.parametrize("later", [40.0, -40.0])
def test_what_comes_much_later_does_not_delay_what_was_established(later: float) -> None:
    """A rise that suffices is found where it does, though all later results are far higher or lower."""
    badness = np.array([0.0] * 20 + [1.0] * 6 + [later] * 20)
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
    assert found.p == pytest.approx((found.asked + 1) / lasting.e, abs=0)  # the smallest of all, of as many


@pytest.mark.parametrize(("less", "places"), [(3.83, (1, 2)), (3.85, (2,))])
def test_what_explains_less_than_the_best_step_by_the_95_percent_point_is_not_blamed(
    less: float, places: tuple[int, ...]
) -> None:
    """0, 0, c with errors of 1: a step at 2 explains 2c²/3 and one at 1 c²/6, which is c²/2 less."""
    found = change_points(Order.chain(3), np.arange(3.0), np.array([0, 0, np.sqrt(2 * less)]), np.ones(3))
    assert found.places == places
    assert found.step == pytest.approx(4 * less / 3)


@pytest.mark.parametrize("size", [7, 8])
def test_from_eight_points_on_a_step_has_to_beat_a_slope(size: int) -> None:
    found = change_points(Order.chain(size), np.arange(float(size)), np.arange(float(size)), np.full(size, 0.1))
    assert found.gradual == (found.slope > 0) == (size == 8)
    without = change_points(Order.chain(size), np.arange(float(size)), np.arange(float(size)), None)
    assert (without.gradual, without.slope) == (False, 0.0)
    falling = change_points(Order.chain(size), np.arange(float(size)), np.arange(size) / -100, np.ones(size))
    assert (falling.places, falling.step, falling.slope, falling.gradual) == ((), 0.0, 0.0, False)


def test_where_no_step_was_for_the_worse_nothing_came_gradually() -> None:
    """What lies deeper is worse, but not than what it was derived from."""
    parents = {0: [], 1: [0], 2: [1], 3: [1], 4: [1], 5: [0], 6: [5], 7: [0, 1, 2, 3, 4, 5, 6]}
    points = Ancestry(7, parents).points(range(8))
    badness = dict(zip(range(8), [1.0, 0, 2, 2, 2, 2, 2, 0], strict=True))
    values = np.array([badness[version] for version in points.versions])
    depths = np.array([float(points.depths[version]) for version in points.versions])
    found = change_points(points.order, depths, values, np.ones(8))
    assert found.slope > 0
    assert (found.places, found.gradual) == ((), False)


@pytest.mark.parametrize("unit", [1e-7, 1.0, 1e7])
@pytest.mark.parametrize("known", [True, False])
def test_which_derivations_are_blamed_does_not_depend_on_the_unit(unit: float, known: bool) -> None:
    """Without errors the largest rise alone is named, also where the second is less by a two-hundredth."""
    badness = np.array([0.3, 0.1, 0.2, 0.2, 0.8, 0.9]) * unit
    errors = np.array([0.2, 0.6, 0.2, 0.4, 0.4, 0.2]) * unit if known else None
    found = change_points(Order.chain(6), np.arange(6.0), badness, errors)
    assert found.places == ((3, 4, 5) if known else (4,))
    near = change_points(Order.chain(3), np.arange(3.0), np.array([0, 1 - 1 / 400, 2]) * unit, None)
    assert near.places == (2,)


# ---- which of the versions descend from which, in bits: at the edges of bytes and of blocks


@given(st.integers(1, 40), st.floats(0, 1), st.integers(0, 10**6), st.integers(0, 60))
@example(9, 1.0, 0, 1)  # a chain
@example(36, 0.9, 1, 80)
def test_who_descends_from_whom_is_as_in_the_graph(size: int, share: float, seed: int, block: int) -> None:
    dice = np.random.default_rng(seed)
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(size))
    for low in range(1, size):
        graph.add_edges_from((high, low) for high in range(low) if high == low - 1 or dice.random() < 0.3)
        if dice.random() > share:
            graph.remove_edge(low - 1, low)
    masks = tuple(sum(1 << above for above in nx.ancestors(graph, place)) for place in range(size))
    expected = np.array([[mask >> above & 1 for above in range(size)] for mask in masks], np.bool_)
    order = Order.of(masks)
    assert order.is_chain == (nx.dag_longest_path_length(graph) == size - 1)
    assert order.masks() == masks
    assert order.ancestors.tolist() == expected.sum(axis=1).tolist()
    assert all((order.above(place) == expected[place]).all() for place in range(size))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partial_order, "BLOCK", block)
        assert Order.of(masks).descendants.tolist() == expected.sum(axis=0).tolist()
        if not order.is_chain:
            rows, flags = zip(*order.blocks(), strict=True)
            assert [place for some in rows for place in range(size)[some]] == list(range(size))
            assert (np.concatenate(flags) == expected).all()
            assert max(map(len, flags)) == min(size, max(1, block // size))
