"""The rules of docs/erosion.md against an independent implementation, on random lineages with an error everywhere."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricScale
from descentd.queries.erosion.assess import assess
from descentd.queries.evaluation.series import Series
from descentd.queries.statistics.comparison import Result
from descentd.queries.statistics.e_process import e_value, lasting
from tests.queries.ancestries import series_key
from tests.queries.erosion_oracle import HIGH, LOW, TARGET, Unknown
from tests.queries.expected_erosion import ALPHAS, asked_of, brute_evidence, brute_lasting, check
from tests.support.effort import some_of


@st.composite
def lineages(draw: st.DrawFn) -> tuple["nx.DiGraph[int]", list[Series]]:
    """Chains and graphs of up to nine versions, and up to three series with gaps and unequal errors."""
    size = draw(st.integers(2, 9))
    merges = draw(st.booleans())
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(size))
    for version in range(1, size):
        recent = st.integers(max(0, version - 3 if merges else version - 1), version - 1)
        for parent in draw(st.lists(recent, min_size=1, max_size=2 if merges else 1, unique=True)):
            graph.add_edge(parent, version)
    found = []
    dice = np.random.default_rng(draw(st.integers(0, 10_000)))
    for number in range(draw(st.integers(1, 3))):
        direction = draw(st.sampled_from([LOW, HIGH, TARGET]))
        log = draw(st.booleans())
        metric = MetricDefinition(
            f"m{number}", MetricCategory.BIAS, direction,
            optimum=0.5 if direction is TARGET else None,
            tolerance=draw(st.sampled_from([0.0, 0.02])),
            scale=MetricScale.LOG if log else MetricScale.LINEAR,
        )  # fmt: skip
        drift, middle = draw(st.sampled_from([-0.02, 0.0, 0.01, 0.03])), draw(st.sampled_from([0.45, 0.5, 0.6]))
        kept = [v for v in range(size) if v == size - 1 or dice.random() < 0.85]
        results = {
            v: Result(
                max(0.01, float(middle + drift * v + dice.normal(0, 0.02))), float(dice.choice([0.01, 0.02, 0.04]))
            )
            for v in kept
        }
        found.append(Series(series_key(metric), results))
    return graph, found


@settings(max_examples=some_of(200))
@given(lineages())
def test_the_family_and_the_verdict_are_those_of_the_rules(drawn: tuple["nx.DiGraph[int]", list[Series]]) -> None:
    graph, series = drawn
    parents = {version: sorted(graph.predecessors(version)) for version in graph}
    head = len(graph) - 1
    try:
        oracles = asked_of(parents, head, series)
    except Unknown:
        assume(False)
    for alpha in ALPHAS:
        check(assess(head, parents, series, alpha=alpha), parents, oracles, alpha)


@pytest.mark.parametrize("seed", range(60))
def test_lasting_evidence_is_that_of_the_formula(seed: int) -> None:
    dice = np.random.default_rng(seed)
    n = int(dice.integers(2, 60))
    errors = 0.01 * 2 ** dice.uniform(-1, 1, n) if seed % 2 else np.full(n, 0.01)
    badness = dice.normal(0, 1, n) * errors + np.arange(n) * (0.002 if seed % 5 == 0 else 0)
    badness[int(dice.integers(1, n)) :] += dice.uniform(0, 0.08)
    if seed % 3 == 0:
        badness[int(dice.integers(1, n)) :] -= dice.uniform(0, 0.1)
    series, tolerance = int(dice.integers(1, 20)), float(dice.choice([0.0, 0.02]))
    expected = brute_lasting(badness, errors, tolerance, series)
    found = lasting(badness, errors, tolerance, series)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert (found.start, found.found) == expected[:2]
        assert found.e == pytest.approx(expected[2])
        assert found.rise == pytest.approx(expected[3])
        assert found.begin == expected[4]
    assert e_value(badness, errors) == pytest.approx(brute_evidence(badness, errors)[0])
