"""Every sentence about a finding is true of the numbers in it, whatever was and was not measured."""

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection, MetricScale
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import Assessment, Finding
from descentd.queries.erosion.messages import message
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.erosion.summary import summary
from descentd.queries.evaluation.labels import Labels, number, percent
from descentd.queries.evaluation.series import Series
from descentd.queries.statistics.comparison import Result
from tests.queries.ancestries import series_key
from tests.support.effort import some_of

LOW, HIGH, TARGET = MetricDirection.LOWER_IS_BETTER, MetricDirection.HIGHER_IS_BETTER, MetricDirection.TARGET
MOVED = {ErosionKind.STEP_REGRESSION, ErosionKind.CUMULATIVE_EROSION, ErosionKind.MONOTONIC_TREND}
named = Labels("v{}".format, "dataset:{}@1".format)
ACCURACY = MetricDefinition("accuracy", MetricCategory.PERFORMANCE, HIGH, is_rate=True)
TOXICITY = MetricDefinition("toxicity", MetricCategory.TOXICITY, LOW, is_rate=True)


def chain(size: int) -> dict[int, list[int]]:
    return {version: [version - 1] if version else [] for version in range(size)}


def trade_off(gain_n: int | None, *, head_measured: bool) -> Finding:
    """Toxicity rose for good at version 2, and accuracy with it; of the head toxicity may be unknown."""
    toxicity = {v: Result(0.05 if v < 2 else 0.2, None, 2_000) for v in range(6 if head_measured else 5)}
    accuracy = {v: Result(0.6 if v < 2 else 0.8, None, gain_n) for v in range(6)}
    series = [Series(series_key(TOXICITY), toxicity), Series(series_key(ACCURACY), accuracy)]
    found = assess(5, chain(6), series)
    return next(one for one in found.findings if one.kind is ErosionKind.TRADE_OFF and one.lasting is not None)


@pytest.mark.parametrize("head_measured", [False, True])
def test_what_was_traded_for_a_lasting_loss(head_measured: bool) -> None:
    found = trade_off(2_000, head_measured=head_measured)
    assert (found.head_result is None) != head_measured
    text = message(found, named)
    assert text.startswith("toxicity became worse and stayed so: when the evidence first sufficed, the results from v2")
    assert "on were worse by 0.15 on average than those of the 2 versions before it, while" in text
    assert "while accuracy improved by 0.2" in text
    assert f"the evidence (e {number(found.e or 0)}) holds" in text
    assert "chance alone would show the gain in less than 0.01 % of cases" in text
    assert "no error is known" not in text
    assert "nothing" not in text


def test_a_lasting_loss_that_is_dated_anew_says_what_each_of_the_dates_is() -> None:
    values = [*[0.05] * 4, *[0.12] * 3, *[0.4] * 3]
    results = {version: Result(value, None, 2_000) for version, value in enumerate(values)}
    found = assess(9, chain(10), [Series(series_key(TOXICITY), results)])
    [lasting] = [one for one in found.findings if one.kind is ErosionKind.LASTING_EROSION]
    first = message(lasting, named).partition(";")[0]
    assert first == (
        "toxicity became worse and stayed so: when the evidence first sufficed, the results from v4 on were worse by "
        "0.07 on average than those of the 4 versions before it, and over all results until now the change is clearest "
        "between v6 and v7"
    )


def test_several_gains_are_given_from_the_least_to_the_largest() -> None:
    """One metric, measured in three ways, of which the middle one gained least."""
    gains = {"a": 0.7, "b": 0.65, "c": 0.9}
    given = [Series(series_key(TOXICITY), {0: Result(0.05, None, 2_000), 1: Result(0.2, None, 2_000)})]
    given += [
        Series(series_key(ACCURACY, suite), {0: Result(0.6, None, 20_000), 1: Result(value, None, 20_000)})
        for suite, value in gains.items()
    ]
    found = next(one for one in assess(1, chain(2), given).findings if one.kind is ErosionKind.TRADE_OFF)
    assert "while accuracy improved by 0.05 to 0.3 in 3 series;" in message(found, named)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0.52, 0.62, "has moved away from 0.5 (worse), from 0.52 on v0 to 0.62 on v1"),
        (0.48, 0.62, "has moved to the other side of 0.5 and farther away from it (worse), from 0.48 on v0"),
        (0.5, 0.62, "has moved away from 0.5 (worse), from 0.5 on v0"),
    ],
)
def test_only_what_has_crossed_the_optimum_is_said_to_have(before: float, after: float, said: str) -> None:
    balance = MetricDefinition("balance", MetricCategory.BIAS, TARGET, optimum=0.5)
    results = {0: Result(before, 0.01), 1: Result(after, 0.01)}
    findings = assess(1, chain(2), [Series(series_key(balance), results)]).findings
    (step,) = (one for one in findings if one.kind is ErosionKind.STEP_REGRESSION)
    assert f"balance {said}" in message(step, named)


def test_the_series_in_which_it_was_not_shown_are_named() -> None:
    """A tolerance of .05 is excluded by an error of .01, and is not by one of .1."""
    names = {"sure": 0.01, "unsure": 0.1}
    metrics = [MetricDefinition(name, MetricCategory.TOXICITY, LOW, tolerance=0.05) for name in names]
    given = [Series(series_key(one), dict.fromkeys((0, 1), Result(0.2, names[one.name]))) for one in metrics]
    text = summary(assess(1, chain(2), given), named)
    assert "Shown not to be worse than the tolerance in 1 of 2 series, not in unsure." in text


def test_where_only_the_gain_has_no_error_that_is_said() -> None:
    text = message(trade_off(None, head_measured=False), named)
    assert "no error is known of the gain" in text
    assert "register the results with stderr or n" in text


def test_values_that_differ_little_are_written_so_that_they_differ() -> None:
    metric = MetricDefinition("toxicity", MetricCategory.TOXICITY, LOW, tolerance=0.0)
    results = {0: Result(0.123456, 1e-9), 1: Result(0.123457, 1e-9)}
    step = assess(1, chain(2), [Series(series_key(metric), results)]).findings[0]
    assert "from 0.123456 on v0 to 0.123457 on v1" in message(step, named)


# ---- whatever was measured

values = st.sampled_from([0.05, 0.1, 0.2, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9]) | st.floats(0.02, 0.98)
errors: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"n": 50}, {"n": 2_000}, {"stderr": 0.01}, {"stderr": 0.05}, {}]
)


@st.composite
def assessments(draw: st.DrawFn) -> Assessment:
    size = draw(st.integers(2, 8))
    parents: dict[int, list[int]] = {0: []}
    for version in range(1, size):
        earlier = st.integers(max(0, version - 2), version - 1)
        parents[version] = draw(st.lists(earlier, min_size=1, max_size=2, unique=True))
    series = []
    for place in range(draw(st.integers(1, 4))):
        direction = draw(st.sampled_from([LOW, HIGH, TARGET]))
        category = draw(st.sampled_from([MetricCategory.TOXICITY, MetricCategory.PERFORMANCE]))
        log = draw(st.sampled_from([False, False, True]))
        metric = MetricDefinition(
            f"m{place}", category, direction, optimum=0.5 if direction is TARGET else None,
            tolerance=draw(st.sampled_from([0.0, 0.02])), is_rate=not log,
            scale=MetricScale.LOG if log else MetricScale.LINEAR,
        )  # fmt: skip
        measured = draw(st.sets(st.integers(0, size - 1), min_size=1))
        steady: dict[str, Any] | None = draw(st.none() | errors)
        level = draw(st.none() | st.tuples(st.integers(0, size - 1), values, values))
        results = {}
        for version in sorted(measured):
            value = draw(values) if level is None else level[2] if version >= level[0] else level[1]
            error = draw(errors) if steady is None else steady
            results[version] = Result(value, error.get("stderr"), error.get("n"))
        series.append(Series(series_key(metric), results))
    return assess(size - 1, parents, series, alpha=0.2)


def bad(metric: MetricDefinition, value: float) -> float:
    value, optimum = (
        (math.log(value), math.log(metric.optimum or 1))
        if metric.scale is MetricScale.LOG
        else (value, metric.optimum or 0)
    )
    return {LOW: value, HIGH: -value, TARGET: abs(value - optimum)}[metric.direction]


@settings(max_examples=some_of(400))
@given(assessments())
def test_every_sentence_is_true_of_its_numbers(found: Assessment) -> None:
    for one in found.findings:
        text = message(one, named)
        assert "nothing" not in text
        assert "nan" not in text
        check_movement(one, text)
        check_evidence(one, text)
        for gain in one.improved:
            assert gain.delta < 0
            assert f"{gain.series.metric.name} improved by" in text


def check_movement(one: Finding, text: str) -> None:
    metric = one.series.metric
    moved = re.search(r"from (\S+) on v(\d+) to (\S+) on v(\d+)", text)
    assert (moved is not None) == (one.kind in MOVED or (one.kind is ErosionKind.TRADE_OFF and one.lasting is None))
    if moved is not None:
        before, after = float(moved[1]), float(moved[3])
        assert (int(moved[2]), int(moved[4])) == (one.baseline, one.head)
        assert one.head_result is not None
        assert math.isclose(before, one.baseline_result.value, rel_tol=1e-3)
        assert math.isclose(after, one.head_result.value, rel_tol=1e-3)
        assert bad(metric, after) > bad(metric, before)
        word = {LOW: "has risen", HIGH: "has fallen"}.get(metric.direction)
        assert word is None or (word in text and (after > before) == (word == "has risen"))
    if one.lasting is not None:
        assert one.delta is not None
        assert one.delta > 0
        amount = f"a factor of {number(math.exp(one.delta))}" if metric.scale is MetricScale.LOG else number(one.delta)
        assert f"first sufficed, the results from v{one.lasting.start} on were worse by {amount} on average" in text
        check_dates(one, text)


def check_dates(one: Finding, text: str) -> None:
    """Where all results date the loss elsewhere than the first evidence compared at, both are said."""
    assert one.lasting is not None
    first = text.partition(";")[0]
    dated = re.findall(r"over all results until now the change is clearest between v(\d+) and v(\d+)", first)
    named = re.findall(r"the derivation that brought it in is v(\d+) → v(\d+)", text)
    blamed = [(str(span.ancestor), str(span.descendant)) for span in one.introduced_by]
    sure = len(blamed) == 1 and not one.gradual
    elsewhere = sure and one.introduced_by[0].descendant != one.lasting.start
    assert dated == (blamed if elsewhere else [])
    assert not (dated and named)


def check_evidence(one: Finding, text: str) -> None:
    without = [end for end in (one.baseline_result, one.head_result) if end and end.error(one.series.metric) is None]
    if one.kind is ErosionKind.COVERAGE_LOSS:
        assert "no error is known" not in text
    elif one.lasting is not None:
        assert f"(e {number(one.e or 0)})" in text
        unsure = one.kind is ErosionKind.TRADE_OFF and all(gain.p is None for gain in one.improved)
        assert ("no error is known" in text) == unsure
    elif "no error is known of the gain" in text:
        assert one.kind is ErosionKind.TRADE_OFF
        assert all(gain.p is None for gain in one.improved)
        assert not without
    elif "no error is known" in text:
        assert without
        assert one.p is None
    else:
        assert one.p is not None
        assert f"{percent(one.p)} of cases" in text


def test_an_answer_lists_every_version_that_its_sentences_name() -> None:
    """They are looked up by that list, so that a version that is missing in it could not be named at all."""
    dice = np.random.default_rng(1)
    optimum = MetricDefinition("share", MetricCategory.BIAS, TARGET, optimum=0.5)
    ratio = MetricDefinition("ratio", MetricCategory.BIAS, LOW, scale=MetricScale.LOG)
    sentences = []
    for case in range(48):
        size, since = int(dice.integers(2, 9)), None if case % 4 else 0
        parents = {v: sorted({v - 1, int(dice.integers(max(0, v - 3), v))}) if v else [] for v in range(size)}
        given = []
        for definition in (TOXICITY, optimum, ratio, ACCURACY):
            after, versions = (
                int(dice.integers(1, size + 1)),
                [v for v in range(case % 8 == 0, size) if dice.random() < 0.9],
            )
            low, high = dice.permutation([0.0 if case % 3 else 0.3, 0.45, 0.55, 0.8])[:2].tolist()
            results = {v: Result(low if v < after else high, 0.01 if case % 5 else None) for v in versions}
            rest = [v for v in range(size) if v not in results]
            chosen = frozenset(rest[::2]), frozenset(rest[1::2])
            given.append(Series(series_key(definition), results, *chosen[:: dice.choice([1, -1])]))
        found = assess(size - 1, parents, given, since=since)
        of_all, of_one = set(found.versions()), [set(finding.versions()) for finding in found.findings]
        for finding, listed in zip(found.findings, of_one, strict=True):
            text = message(finding, named)
            assert versions_in(text) <= listed <= of_all, text
            sentences.append(text)
        assert versions_in(summary(found, named)) <= of_all, summary(found, named)
        sentences.append(summary(found, named))
    said = " ".join(sentences)
    for part in (
        "became worse and stayed so", "the derivation that brought it in", "left out", "because it was retracted",
        "on the other side of", "a ratio and judged", "no safety result that counts", "this improved", "got worse",
    ):  # fmt: skip
        assert part in said, part


def versions_in(text: str) -> set[int]:
    return {int(version) for version in re.findall(r"\bv(\d+)\b", text)}
