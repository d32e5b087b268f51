"""What is found in an ancestry: known answers, each kind of finding by itself, and what must not matter."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bench import simulation
from descentd.app.demo import pythia
from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection, catalogue
from descentd.graph.model.errors import InvalidInput
from descentd.queries.erosion.assess import assess, registry_rates
from descentd.queries.erosion.findings import Assessment, ErosionVerdict, Finding, Span
from descentd.queries.erosion.messages import message
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.erosion.summary import summary
from descentd.queries.evaluation.labels import Labels
from descentd.queries.evaluation.series import Series
from descentd.queries.statistics.comparison import Result
from descentd.queries.statistics.multiplicity import false_discovery_rates
from descentd.queries.statistics.pairs import compare
from tests.support.series import series_key

STEP, CUMULATIVE, TREND, LASTING, TRADE_OFF, COVERAGE, CONFLICT = (
    ErosionKind.STEP_REGRESSION,
    ErosionKind.CUMULATIVE_EROSION,
    ErosionKind.MONOTONIC_TREND,
    ErosionKind.LASTING_EROSION,
    ErosionKind.TRADE_OFF,
    ErosionKind.COVERAGE_LOSS,
    ErosionKind.PARENT_CONFLICT,
)
Parents = Mapping[int, Sequence[int]]


def metric(
    name: str = "toxicity",
    direction: MetricDirection = MetricDirection.LOWER_IS_BETTER,
    category: MetricCategory = MetricCategory.TOXICITY,
    **given: Any,
) -> MetricDefinition:
    return MetricDefinition(name, category, direction, **given)


ACCURACY = metric("accuracy", MetricDirection.HIGHER_IS_BETTER, MetricCategory.PERFORMANCE)


def series(
    values: Mapping[int, float], definition: MetricDefinition | None = None, stderr: float | None = 0.01, **given: Any
) -> Series:
    left_out = frozenset(given.pop("left_out", ()))
    key = series_key(definition or metric(), **given)
    return Series(key, {version: Result(value, stderr) for version, value in values.items()}, left_out)


def chain(size: int) -> dict[int, list[int]]:
    return {version: [version - 1] if version else [] for version in range(size)}


def kinds(assessment: Assessment) -> list[ErosionKind]:
    return [finding.kind for finding in assessment.findings]


def one(assessment: Assessment, kind: ErosionKind) -> Finding:
    (found,) = (finding for finding in assessment.findings if finding.kind is kind)
    return found


named = Labels("model:m@{}".format, "dataset:{}@1".format)


# ---- known answers


def pythia_chain(run: pythia.Run, tasks: Sequence[str]) -> tuple[dict[int, list[int]], list[Series]]:
    steps = [checkpoint.step for checkpoint in run.checkpoints]
    parents = {step: steps[place - 1 : place] if place else [] for place, step in enumerate(steps)}
    found = []
    for task in tasks:
        results = {c.step: Result(*c.results[task][1:]) for c in run.checkpoints if task in c.results}
        name = next(c.results[task][0] for c in run.checkpoints if task in c.results)
        found.append(Series(series_key(catalogue()[name], "lm-evaluation-harness", "0.3", task), results))
    return parents, found


def pythia_runs() -> list[pythia.Run]:
    return [run for run in pythia.read_runs() if run.variant == "zero-shot"]


def eroded(tasks: Sequence[str] | None, since: int | None) -> set[str]:
    found = set()
    for run in pythia_runs():
        chosen = tasks or [task for task in run.checkpoints[-1].results if task.startswith("crows")]
        parents, measured = pythia_chain(run, chosen)
        if assess(143000, parents, measured, since=since).verdict is ErosionVerdict.ERODED:
            found.add(run.model.removeprefix("pythia-"))
    return found


EVERY = {run.model.removeprefix("pythia-") for run in pythia_runs()}


def test_eleven_of_sixteen_pythia_chains_eroded_since_step_3000() -> None:
    spared = {"160m", "160m-deduped", "410m-deduped", "70m", "70m-deduped"}
    assert eroded(["crows_pairs_english"], 3000) == EVERY - spared


def test_twelve_pythia_chains_eroded_from_the_start() -> None:
    assert eroded(["crows_pairs_english"], None) == EVERY - {"160m", "160m-deduped", "70m", "70m-deduped"}


def test_more_questions_cost_power_in_pythia() -> None:
    with_slices = eroded(None, 3000)
    assert with_slices == eroded(["crows_pairs_english"], 3000) - {"1.4b", "1b-bf16", "410m"}


def test_pythia_12b_traded_stereotypes_for_accuracy() -> None:
    (run,) = (run for run in pythia_runs() if run.model == "pythia-12b")
    parents, measured = pythia_chain(run, ["crows_pairs_english", "lambada_openai", "piqa"])
    assessment = assess(143000, parents, measured, since=3000)
    erosion, trade_off = one(assessment, CUMULATIVE), one(assessment, TRADE_OFF)
    assert erosion.z == pytest.approx(4.54, abs=5e-3)
    assert (erosion.baseline, erosion.asked) == (3000, 3)
    assert (erosion.introduced_by, erosion.gradual) == ((Span(3000, 143000),), True)
    assert {gain.series.protocol.config for gain in trade_off.improved} == {"lambada_openai", "piqa"}
    assert all(gain.delta < 0 for gain in trade_off.improved)


def test_the_worked_example() -> None:
    parents = chain(3)

    def of(name: str, values: Sequence[float], n: int) -> Series:
        results = {version: Result(value, n=n) for version, value in enumerate(values)}
        return Series(series_key(catalogue()[name], "fairness-suite", "1.3", data="holdout"), results)

    measured = [of("accuracy", [0.871, 0.883, 0.894], 40000), of("adversarial_accuracy", [0.640, 0.627, 0.609], 4000)]
    assessment = assess(2, parents, measured)
    assert assessment.verdict is ErosionVerdict.ERODED
    assert kinds(assessment) == [CUMULATIVE, TRADE_OFF]
    erosion, trade_off = assessment.findings
    assert erosion.z == pytest.approx(2.86, abs=5e-3)
    assert erosion.p == pytest.approx(0.0042, abs=5e-5)
    assert (erosion.delta, erosion.baseline) == (0.031, 0)
    (gain,) = trade_off.improved
    assert (gain.series.metric.name, gain.delta) == ("accuracy", -0.023)
    assert trade_off.p == max(erosion.p or 0, gain.p or 0)
    assert "the baseline is the one version before the nearest" in message(erosion, named)
    assert "with 2 questions asked" in message(erosion, named)
    assert "while accuracy improved by 0.023" in message(trade_off, named)


# ---- steps


def test_a_step_is_against_the_nearest_measured_ancestor_of_every_branch() -> None:
    parents = {0: [], 1: [0], 2: [0], 3: [1], 4: [3, 2]}
    assessment = assess(4, parents, [series({1: 0.1, 2: 0.11, 4: 0.3})])
    steps = [finding for finding in assessment.findings if finding.kind is STEP]
    assert {finding.baseline for finding in steps} == {1, 2}
    assert {finding.introduced_by for finding in steps} == {(Span(1, 4),), (Span(2, 4),)}
    assert steps[0].z == pytest.approx(0.2 / math.hypot(0.01, 0.01))
    assert assessment.asked == 3, "two steps, and whether the merged lines agree"


def test_within_tolerance_nothing_is_found_however_sure_it_is() -> None:
    values = {0: 0.6, 1: 0.62}
    assert kinds(assess(1, chain(2), [series(values, metric(tolerance=0.02), 0.0001)])) == []
    assert kinds(assess(1, chain(2), [series(values, metric(tolerance=0.0199), 0.0001)])) == [STEP, LASTING]


def test_where_no_error_is_known_the_tolerance_decides_and_the_message_says_so() -> None:
    assessment = assess(1, chain(2), [series({0: 0.1, 1: 0.2}, metric(tolerance=0.05), None)])
    step = one(assessment, STEP)
    assert (step.delta, step.z, step.p, step.q) == (0.1, None, None, None)
    assert assessment.verdict is ErosionVerdict.ERODED
    assert (assessment.asked, assessment.p) == (0, None)
    assert "no error is known" in message(step, named)


def test_questions_without_error_do_not_count_in_the_family() -> None:
    known = series({0: 0.1, 1: 0.13})
    unknown = [series({0: 0.1, 1: 0.1}, metric(f"m{number}"), None) for number in range(20)]
    alone, among = assess(1, chain(2), [known]), assess(1, chain(2), [known, *unknown])
    assert one(alone, STEP).q == one(among, STEP).q


# ---- the sum of the steps


def test_the_best_of_many_is_not_the_naive_comparison() -> None:
    values = dict.fromkeys(range(60), 0.5) | {10: 0.478}
    assessment = assess(59, chain(60), [series(values)])
    assert kinds(assessment) == [], "z is 1.56 against one of 58"
    sure = assess(59, chain(60), [series(values | {10: 0.44})])
    erosion = one(sure, CUMULATIVE)
    assert (erosion.baseline, erosion.among) == (10, 58)
    assert erosion.p is not None
    assert erosion.p > 2e-4 > math.erfc(0.06 / 0.01 / 2)
    assert "best of 58" in message(erosion, named)


def test_since_is_the_baseline_where_it_was_measured() -> None:
    values = {0: 0.0, 1: 0.1, 2: 0.11, 3: 0.12, 4: 0.15}
    erosion = one(assess(4, chain(5), [series(values)], since=1), CUMULATIVE)
    assert (erosion.baseline, erosion.among) == (1, 1)
    assert erosion.z == pytest.approx(0.05 / math.hypot(0.01, 0.01))
    assert "best of" not in message(erosion, named)


def test_since_leaves_out_what_does_not_descend_from_it() -> None:
    parents = {0: [], 1: [0], 2: [0], 3: [1], 4: [3, 2]}
    values = {0: 0.0, 2: 0.0, 3: 0.2, 4: 0.2}
    assert assess(4, parents, [series(values)]).verdict is ErosionVerdict.ERODED
    since = assess(4, parents, [series(values)], since=1)
    assert (since.verdict, since.findings) == (ErosionVerdict.STABLE, ())


@pytest.mark.parametrize("since", [2, 3, 99])
def test_since_has_to_be_an_ancestor(since: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        assess(2, {0: [], 1: [0], 2: [1], 3: [1]}, [], since=since)
    assert refused.value.field == "since"


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0, math.nan])
def test_alpha_has_to_be_a_share(alpha: float) -> None:
    with pytest.raises(InvalidInput) as refused:
        assess(0, {0: []}, [], alpha=alpha)
    assert refused.value.field == "alpha"


def test_many_ancestors_without_errors_are_met_by_their_median() -> None:
    values = {0: 0.0, 1: 0.2, 2: 0.3, 3: 0.31, 4: 0.32}
    erosion = one(assess(4, chain(5), [series(values, stderr=None, definition=metric(tolerance=0.05))]), CUMULATIVE)
    assert (erosion.baseline, erosion.p, erosion.delta) == (1, None, 0.12)
    assert "median of 3" in message(erosion, named)


def test_results_with_and_without_errors_give_one_cumulative_finding() -> None:
    results = {0: Result(0.1), 1: Result(0.3, 0.01), 2: Result(0.3, 0.01), 3: Result(0.31, 0.01)}
    key = series_key(metric(), "suite", "1")
    assert one(assess(3, chain(4), [Series(key, results)]), CUMULATIVE).p is None
    both = results | {1: Result(0.2, 0.01)}
    erosion = one(assess(3, chain(4), [Series(key, both)]), CUMULATIVE)
    assert (erosion.baseline, erosion.without_error) == (1, 1)


# ---- trend


def test_a_trend_needs_five_measured_versions_in_a_line() -> None:
    rising = {version: 0.1 + 0.005 * version for version in range(12)}
    trend = one(assess(11, chain(12), [series(rising)]), TREND)
    assert (trend.baseline, trend.delta, trend.among) == (0, 0.055, 12)
    assert trend.p == pytest.approx(2 * stats.norm.sf(0.055 / math.hypot(0.01, 0.01))), "of the ends, not of the order"
    assert "has risen" in message(trend, named)
    assert "will" not in message(trend, named).split()
    fan: dict[int, list[int]] = {version: [] for version in range(11)} | {11: list(range(11))}
    assert assess(11, fan, [series(rising)]).asked == 12, "eleven steps and whether the lines agree; no trend"


def test_a_trend_starts_at_the_worst_start_of_the_longest_lines() -> None:
    parents = {0: [], 1: [], 2: [0, 1], **{version: [version - 1] for version in range(3, 9)}, 9: []}
    parents |= {10: [8, 9]}
    values = {0: 0.10, 1: 0.12, 2: 0.14, 9: 0.01, 10: 0.5} | {version: 0.1 + version / 50 for version in range(3, 9)}
    trend = one(assess(10, parents, [series(values)]), TREND)
    assert (trend.baseline, trend.delta) == (1, 0.38)


# ---- merges


def test_merged_lines_that_disagree_are_a_warning() -> None:
    parents = {0: [], 1: [], 2: [0, 1]}
    assessment = assess(2, parents, [series({0: 0.1, 1: 0.2, 2: 0.1})])
    conflict = one(assessment, CONFLICT)
    assert (conflict.baseline, conflict.head, conflict.delta) == (0, 1, 0.1)
    assert conflict.z == pytest.approx(0.1 / math.hypot(0.01, 0.01))
    assert assessment.verdict is not ErosionVerdict.ERODED
    assert conflict.introduced_by == ()


def test_of_three_lines_the_farthest_pair_is_corrected_for_the_choice() -> None:
    parents = {0: [], 1: [], 2: [], 3: [0, 1, 2]}
    values = {0: 0.10, 1: 0.12, 2: 0.15, 3: 0.1}
    conflict = one(assess(3, parents, [series(values)]), CONFLICT)
    pair = compare(metric(), Result(0.15, 0.01), Result(0.10, 0.01))
    assert pair is not None
    assert pair.p is not None
    assert (conflict.baseline, conflict.head) == (0, 2)
    assert conflict.p == pytest.approx(1 - (1 - pair.p) ** 3)


def test_lines_of_one_parent_or_above_one_another_do_not_conflict() -> None:
    above = {0: [], 1: [0], 2: [1, 0]}
    assert CONFLICT not in kinds(assess(2, above, [series({0: 0.1, 1: 0.5, 2: 0.1})]))
    one_parent = {0: [], 1: [], 2: [0, 1], 3: [2]}
    assert CONFLICT not in kinds(assess(3, one_parent, [series({0: 0.1, 1: 0.5, 3: 0.1})]))


# ---- trade-offs


def test_a_gain_that_is_not_real_is_no_trade_off() -> None:
    loss = series({0: 0.1, 1: 0.3})
    assert TRADE_OFF not in kinds(assess(1, chain(2), [loss, series({0: 0.80, 1: 0.81}, ACCURACY)]))
    assert TRADE_OFF in kinds(assess(1, chain(2), [loss, series({0: 0.80, 1: 0.90}, ACCURACY)]))
    assert TRADE_OFF not in kinds(assess(1, chain(2), [loss, series({0: 0.90, 1: 0.80}, ACCURACY)]))


def test_gains_add_nothing_to_the_family_and_have_their_own() -> None:
    loss = series({0: 0.1, 1: 0.3})
    real = series({0: 0.80, 1: 0.83}, ACCURACY)
    others = [series({0: 0.8, 1: 0.8}, metric(f"f{n}", ACCURACY.direction, ACCURACY.category)) for n in range(3)]
    alone, among = assess(1, chain(2), [loss, real]), assess(1, chain(2), [loss, real, *others])
    assert one(alone, STEP).q == one(among, STEP).q
    assert one(alone, TRADE_OFF).improved[0].q == pytest.approx(one(alone, TRADE_OFF).improved[0].p)
    assert TRADE_OFF not in kinds(among), "p .034 is q .14 among four"


# ---- coverage


def test_what_is_no_longer_measured_is_a_loss() -> None:
    gone, kept = series({0: 0.1, 1: 0.1}), series({0: 0.1, 1: 0.1, 2: 0.1}, metric("other"))
    loss = one(assess(2, chain(3), [gone, kept]), COVERAGE)
    assert (loss.baseline, loss.head, loss.p, loss.head_result) == (1, 2, None, None)
    assert "no longer measured" in message(loss, named)


def test_nothing_is_lost_by_a_version_that_was_not_evaluated_at_all() -> None:
    assessment = assess(2, chain(3), [series({0: 0.1, 1: 0.1})])
    assert (assessment.findings, assessment.verdict) == ((), ErosionVerdict.UNKNOWN)


def test_a_new_version_of_the_suite_is_a_loss_once() -> None:
    old, new = series({0: 0.1, 1: 0.1}), series({2: 0.1, 3: 0.1}, version="2")
    loss = one(assess(2, chain(3), [old, series({2: 0.1}, version="2")]), COVERAGE)
    assert "suite 1)" in message(loss, named)
    assert "only by suite 2" in message(loss, named)
    assert kinds(assess(3, chain(4), [old, new])) == [], "version 2 had moved on already"


def test_a_slice_and_each_of_several_data_sets_are_lost_by_themselves() -> None:
    whole = series({0: 0.1, 1: 0.1})
    old = series({0: 0.1}, slice=(("age", "65+"),))
    assert one(assess(1, chain(2), [whole, old]), COVERAGE).series.slice == (("age", "65+"),)
    both = [series({0: 0.1, 1: 0.1}, data="a"), series({0: 0.1}, data="b")]
    assert one(assess(1, chain(2), both), COVERAGE).series.protocol.data == "b"


def test_performance_that_is_no_longer_measured_is_no_loss() -> None:
    assert kinds(assess(1, chain(2), [series({0: 0.1, 1: 0.1}), series({0: 0.8}, ACCURACY)])) == []


def test_a_contaminated_result_does_not_count_and_is_named() -> None:
    loss = one(assess(1, chain(2), [series({0: 0.1}, left_out=[1])]), COVERAGE)
    assert "no result by that protocol that counts" in message(loss, named)
    assert "left out" in message(loss, named)
    step = one(assess(2, chain(3), [series({0: 0.1, 2: 0.3}, left_out=[1])]), STEP)
    assert "left out, because they were evaluated on what they learned from: model:m@1" in message(step, named)


# ---- introduced by


def test_versions_without_results_do_not_hide_a_step_and_the_span_is_named() -> None:
    values = {0: 0.1, 1: 0.1, 4: 0.2, 5: 0.2, 6: 0.2}
    erosion = one(assess(6, chain(7), [series(values)]), CUMULATIVE)
    assert erosion.introduced_by == (Span(1, 4),)


def test_the_line_that_brought_it_into_a_merge_is_named() -> None:
    parents = {0: [], 1: [0], 2: [0], 3: [1], 4: [2], 5: [3, 4], 6: [5]}
    values = {0: 0.1, 1: 0.1, 2: 0.3, 3: 0.1, 4: 0.3, 5: 0.3, 6: 0.3}
    assert one(assess(6, parents, [series(values)]), CUMULATIVE).introduced_by == (Span(0, 2),)
    roots = {0: [], 1: [], 2: [0, 1], 3: [2]}
    assert one(assess(3, roots, [series({0: 0.1, 1: 0.3, 2: 0.3, 3: 0.3})]), CUMULATIVE).introduced_by == (Span(1, 2),)


def test_without_errors_only_the_likeliest_derivation_is_named() -> None:
    values = {0: 0.1, 1: 0.11, 2: 0.3, 3: 0.31, 4: 0.32}
    erosion = one(assess(4, chain(5), [series(values, stderr=None)]), CUMULATIVE)
    assert erosion.introduced_by == (Span(1, 2),)


# ---- verdicts and directions


def test_without_ancestors_a_version_is_stable() -> None:
    assert assess(0, {0: []}, [series({0: 0.1})]).verdict is ErosionVerdict.STABLE
    assert assess(0, {0: []}, []).verdict is ErosionVerdict.STABLE


def test_stable_says_what_would_have_been_seen() -> None:
    assessment = assess(1, chain(2), [series({0: 0.1, 1: 0.1})])
    assert assessment.verdict is ErosionVerdict.STABLE
    (detectable,) = assessment.detectable
    assert detectable.change == pytest.approx((stats.norm.ppf(0.975) + 0.84) * math.hypot(0.01, 0.01))
    assert "0.0396 in toxicity" in summary(assessment, named)


def test_messages_say_what_the_figures_mean_and_what_to_do_next() -> None:
    unknown = one(assess(1, chain(2), [series({0: 0.1, 1: 0.2}, stderr=None)]), STEP)
    assert "register the results with stderr (or n, if the metric is defined with isRate)" in message(unknown, named)
    alone = one(assess(1, chain(2), [series({0: 0.1, 1: 0.2})]), STEP)
    assert "(1 question was asked)" in message(alone, named)
    long = assess(9, chain(10), [series({v: 0.1 + 0.02 * v for v in range(10)}, stderr=0.03)])
    (erosion,) = [finding for finding in long.findings if finding.kind is TREND]
    assert (erosion.introduced_by, erosion.gradual) == ((Span(0, 9),), True)
    assert "it came gradually, or in more than one step" in message(erosion, named)
    assert "with 3 questions asked the false discovery rate is" in message(erosion, named)
    two = {0: 0.1, 1: 0.1, 2: 0.12, 3: 0.16, 4: 0.16}
    (whole,) = [f for f in assess(4, chain(5), [series(two, stderr=0.015)]).findings if f.kind is CUMULATIVE]
    assert 1 < len(whole.introduced_by) <= 3
    assert f"cannot tell which of {len(whole.introduced_by)} derivations" in message(whole, named)
    assert "best of 3 versions before the nearest" in message(whole, named)


def test_improvement_is_counted_but_vouches_for_no_loss_and_needs_more_than_the_tolerance() -> None:
    better = series({0: 0.3, 1: 0.1})
    assert assess(1, chain(2), [better]).verdict is ErosionVerdict.IMPROVED
    wide = series({0: 0.3, 1: 0.1}, metric(tolerance=0.3))
    assert assess(1, chain(2), [wide]).verdict is ErosionVerdict.STABLE
    mixed = assess(1, chain(2), [better, series({0: 0.1, 1: 0.13}, metric("other"))])
    assert mixed.asked == 2
    assert mixed.p == pytest.approx(false_discovery_rates([1.0, 2 * math.erfc(1.5) / 2])[1])


def test_what_has_no_good_side_is_not_tested() -> None:
    rate = metric("selection_rate", MetricDirection.NONE, MetricCategory.BIAS)
    assessment = assess(1, chain(2), [series({0: 0.1, 1: 0.9}, rate)])
    assert (assessment.verdict, assessment.asked) == (ErosionVerdict.UNKNOWN, 0)


def test_direction_comes_from_the_definition_and_not_from_the_name() -> None:
    hazardous = catalogue()["wmdp_accuracy"]
    assert one(assess(1, chain(2), [series({0: 0.3, 1: 0.6}, hazardous)]), STEP).delta == pytest.approx(0.3)
    refusals = metric("refusal_error", MetricDirection.HIGHER_IS_BETTER)
    assert assess(1, chain(2), [series({0: 0.3, 1: 0.6}, refusals)]).verdict is ErosionVerdict.IMPROVED
    assert one(assess(1, chain(2), [series({0: 0.6, 1: 0.3}, refusals)]), STEP).delta == pytest.approx(0.3)


def test_the_registry_ranks_by_each_versions_smallest_bad_q() -> None:
    assert registry_rates([0.01, None, 0.04, 1.0]) == [
        pytest.approx(0.03),
        None,
        pytest.approx(0.06),
        pytest.approx(1.0),
    ]
    assert registry_rates([]) == []


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


@settings(deadline=None, max_examples=100)
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


@settings(deadline=None, max_examples=100)
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
