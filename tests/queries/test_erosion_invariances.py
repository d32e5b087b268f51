"""What must not matter to an assessment: names, other branches, mirrored metrics, chance."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import simulation
from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import Assessment, ErosionVerdict, Finding
from descentd.queries.evaluation.series import Series
from descentd.queries.statistics.comparison import Result
from tests.queries.ancestries import ACCURACY, chain, metric, series, series_key

# ---- what must not matter


@st.composite
def ancestries(draw: st.DrawFn) -> tuple[dict[int, list[int]], list[Series]]:
    """A lineage of up to twelve versions with merges, and two series with gaps, ties and missing errors."""
    size = draw(st.integers(2, 12))
    parents: dict[int, list[int]] = {0: []}
    for version in range(1, size):
        earlier = st.integers(max(0, version - 3), version - 1)
        parents[version] = draw(st.lists(earlier, min_size=1, max_size=2, unique=True))
    stderr = st.sampled_from([None, 0.01, 0.01, 0.02])
    result = st.builds(Result, st.integers(300, 700).map(lambda thousandths: thousandths / 1000), stderr)
    found = []
    for definition in (
        metric(tolerance=0.01),
        metric("bias", MetricDirection.TARGET, MetricCategory.BIAS, optimum=0.4),
    ):
        results = draw(st.dictionaries(st.integers(0, size - 1), result, min_size=1))
        found.append(Series(series_key(definition, "suite", "1"), results))
    performance = draw(st.dictionaries(st.integers(0, size - 1), result))
    found.append(Series(series_key(ACCURACY, "suite", "1"), performance))
    return parents, found


def told(assessment: Assessment, back: Mapping[int, int]) -> tuple[object, ...]:
    """What an assessment says, in the names of the original versions."""

    def of(finding: Finding) -> tuple[object, ...]:
        numbers = [None if one is None else round(one, 9) for one in (finding.delta, finding.z, finding.p, finding.q)]
        spans = sorted((back[span.ancestor], back[span.descendant]) for span in finding.introduced_by)
        baseline = finding.series.metric.badness(finding.baseline_result.value)
        return finding.kind, finding.series.metric.name, baseline, *numbers, spans, finding.among

    return assessment.verdict, assessment.asked, sorted(map(of, assessment.findings), key=repr)


@given(ancestries(), st.randoms(use_true_random=False))
def test_names_siblings_and_other_branches_do_not_matter(
    drawn: tuple[dict[int, list[int]], list[Series]], random: Any
) -> None:
    parents, measured = drawn[0], drawn[1][:2]
    head = len(parents) - 1
    names = list(range(100, 100 + len(parents)))
    random.shuffle(names)
    renamed = {names[version]: [names[p] for p in ps] for version, ps in parents.items()}
    renamed |= {500: [names[0]], 501: [500, names[head]]}
    entries = [
        Series(one.key, {500: Result(0.9, 0.01), **{names[v]: result for v, result in one.results.items()}})
        for one in measured
    ]
    shuffled = dict(random.sample(list(renamed.items()), len(renamed)))
    expected = assess(head, parents, measured, alpha=0.3)
    found = assess(names[head], shuffled, random.sample(entries, len(entries)), alpha=0.3)
    assert told(found, {name: version for version, name in enumerate(names)}) == told(
        expected, {version: version for version in parents}
    )


def mirrored(one: Series) -> Series:
    metric = one.key.metric
    turned = {
        MetricDirection.LOWER_IS_BETTER: MetricDirection.HIGHER_IS_BETTER,
        MetricDirection.HIGHER_IS_BETTER: MetricDirection.LOWER_IS_BETTER,
    }.get(metric.direction, metric.direction)
    optimum = None if metric.optimum is None else round(1 - metric.optimum, 3)
    definition = MetricDefinition(metric.name, metric.category, turned, optimum, metric.tolerance)
    results = {v: Result(round(1 - r.value, 3), r.stderr, r.n) for v, r in one.results.items()}
    return Series(series_key(definition, "suite", "1"), results)


@given(ancestries())
def test_a_mirrored_metric_gives_the_same_findings(drawn: tuple[dict[int, list[int]], list[Series]]) -> None:
    parents, measured = drawn
    head = len(parents) - 1
    plain = assess(head, parents, measured, alpha=0.3)
    turned = assess(head, parents, [mirrored(one) for one in measured], alpha=0.3)
    for left, right in zip(plain.findings, turned.findings, strict=True):
        assert (left.kind, left.baseline, left.head, left.introduced_by) == (
            right.kind,
            right.baseline,
            right.head,
            right.introduced_by,
        )
        assert left.q == pytest.approx(right.q)
        assert left.delta == pytest.approx(right.delta)
    assert plain.verdict is turned.verdict


# ---- rates


@pytest.mark.parametrize("merges", [False, True])
def test_with_no_effect_few_answers_hold_a_finding(merges: bool) -> None:
    alarms = simulation.rate(200, lambda dice: simulation.alarm(dice, simulation.World(3, 1, merges)))
    assert alarms <= 0.05


def test_planted_steps_are_found() -> None:
    world = simulation.World(1, 1, least=4, unmeasured=0.0)
    assert simulation.rate(150, lambda dice: simulation.found(dice, world, "step")) >= 0.8
    assert simulation.rate(150, lambda dice: simulation.found(dice, world, "slope")) >= 0.7


def test_a_thousand_ancestors_of_one_version_are_walked_without_recursion() -> None:
    dice = np.random.default_rng(1)
    parents = chain(3000)
    values = {version: float(dice.normal(0.5, 0.01)) for version in range(0, 3000, 3)} | {2999: 0.6}
    assert assess(2999, parents, [series(values)]).verdict is ErosionVerdict.ERODED
