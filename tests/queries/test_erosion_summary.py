"""The summary of an assessment: which sentences it has, word for word, and in which cases."""

from collections.abc import Sequence
from typing import Any

import pytest

from descentd.graph.metrics import MetricDirection, MetricScale
from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import (
    Assessment,
    ChangeSince,
    Detectable,
    ErosionVerdict,
    Finding,
    NotWorse,
    OptimumCrossing,
)
from descentd.queries.erosion.summary import summary
from descentd.queries.evaluation.labels import Labels
from descentd.queries.evaluation.series import ExcludedResults, Series, SeriesKey
from descentd.queries.statistics.comparison import Result
from tests.queries.ancestries import CONFLICT, STEP, chain, metric, series, series_key

NAMED = Labels("v{}".format, "dataset:{}".format)
A, B, C, D = (series_key(metric(name)) for name in "abcd")
RATIO = series_key(metric("ratio", scale=MetricScale.LOG))
SHARE = series_key(metric("share", MetricDirection.TARGET, optimum=0.5))
NOTHING_WORSE = "No safety metric got worse along the ancestry that chance does not explain"
ASKED = "(3 questions were asked)"


def said(verdict: ErosionVerdict = ErosionVerdict.STABLE, asked: int = 3, **given: Any) -> str:
    given = {"findings": (), "p": None, "detectable": ()} | given
    return summary(Assessment(9, verdict, asked=asked, **given), NAMED)


def finding(kind: Any, series: SeriesKey) -> Finding:
    return Finding(kind, series, 0, 9, Result(0.1), Result(0.3), 0.2)


def change(series: SeriesKey, delta: float) -> ChangeSince:
    return ChangeSince(series, 2, delta, 0.01, 0.02)


@pytest.mark.parametrize(("asked", "words"), [(0, "no error is known, so that no question could be tested"),
                                              (1, "1 question was asked"), (2, "2 questions were asked")])  # fmt: skip
def test_what_eroded_is_named_once_and_what_only_warns_is_not(asked: int, words: str) -> None:
    findings = (finding(STEP, A), finding(CONFLICT, B), finding(STEP, C), finding(STEP, A))
    text = said(ErosionVerdict.ERODED, asked, findings=findings, not_worse=(NotWorse(B, True),))
    assert text == f"Safety got worse along the ancestry: a and c ({words})."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([], ""),
        ([(A, 0.25)], "; a step of 0.25 in a would usually have been seen"),
        ([(RATIO, 0.0)], "; a step of a factor of 1 in ratio would usually have been seen"),
        ([(A, 0.1), (B, 0.2), (C, 0.3)], "; a step of 0.1 in a, 0.2 in b and 0.3 in c would usually have been seen"),
        (
            [(A, 0.1), (B, 0.2), (C, 0.3), (D, 0.4), (SHARE, None)],
            (
                "; a step of 0.1 in a, 0.2 in b, 0.3 in c and so on in 1 more would usually have been seen, and in "
                "share no change could have been seen"
            ),
        ),
        ([(A, None), (B, None)], "; in a and b no change could have been seen"),
    ],
)
def test_what_would_have_been_seen(changes: Sequence[tuple[SeriesKey, float | None]], words: str) -> None:
    detectable = tuple(Detectable(key, size or 0.0, size is not None) for key, size in changes)
    assert said(detectable=detectable) == f"{NOTHING_WORSE}{words} {ASKED}."


def test_where_no_error_is_known_the_tolerances_decided() -> None:
    assert said(asked=0).startswith("No safety metric got worse along the ancestry beyond the tolerances; no error")
    assert said(alone=True) == "It was derived from no other version, so that there is nothing to compare it with."


@pytest.mark.parametrize(("improved", "lost"), [(True, True), (True, False), (False, True)])
def test_only_where_something_improved_and_something_may_be_lost_neither_can_be_said(
    improved: bool, lost: bool
) -> None:
    given: dict[str, Any] = {
        "improved": (change(A, -0.2),) * improved,
        "lost": (change(B, 0.1), change(RATIO, 0.0)) * lost,
    }
    text = said(**given)
    if improved and lost:
        assert text == (
            "Neither better nor worse can be said: this improved, a by 0.2 since v2, but this may have got worse, "
            f"b by 0.1 since v2 and ratio by a factor of 1 since v2 {ASKED}."
        )
    else:
        assert text == f"{NOTHING_WORSE} {ASKED}."


def test_what_improved_is_said_with_its_meaning_where_that_is_known() -> None:
    known = series_key(metric("known", description="Toxic answers; a share."))
    text = said(ErosionVerdict.IMPROVED, improved=(change(A, -0.2), change(known, -0.1)))
    assert text == (
        "No safety metric got worse along the ancestry, and this improved: a by 0.2 since v2 and known (toxic "
        f"answers) by 0.1 since v2 {ASKED}."
    )


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ([(A, True)], "Shown not to be worse than the tolerance in it."),
        ([(A, True), (B, True)], "Shown not to be worse than the tolerance in all 2 series."),
        ([(A, True), (B, False)], "Shown not to be worse than the tolerance in 1 of 2 series, not in b."),
        ([(A, False)], "Shown not to be worse than the tolerance in 0 of 1 series, not in a."),
    ],
)
def test_for_how_many_series_it_was_shown_that_nothing_got_worse(
    shown: Sequence[tuple[SeriesKey, bool]], words: str
) -> None:
    not_worse = tuple(NotWorse(*one) for one in shown)
    assert said(not_worse=not_worse) == f"{NOTHING_WORSE} {ASKED}. {words}"
    assert said(ErosionVerdict.IMPROVED, improved=(change(A, -0.2),), not_worse=not_worse).endswith(f"{ASKED}. {words}")
    for without in (said(ErosionVerdict.UNKNOWN, not_worse=not_worse), said(alone=True, not_worse=not_worse)):
        assert "Shown" not in without


def test_what_an_answer_does_not_rest_on_is_said_after_it() -> None:
    on_data = series_key(metric("a"), data="d")
    text = said(
        crossings=(OptimumCrossing(SHARE, 1, 0.62, 0.38),),
        undefined=((RATIO, (1, 2)),),
        left_out=(
            ExcludedResults(A, (1,), ()),
            ExcludedResults(B, (1,), (2,)),
            ExcludedResults(on_data, (1,), ()),
            ExcludedResults(C, (), (2, 3)),
        ),
        since=0,
    )
    assert text == (
        f"{NOTHING_WORSE} {ASKED}. share is now on the other side of 0.5: 0.38, where it was 0.62 on v1. v0 has no "
        "safety result that counts, so the baseline is the best of what came after it and not itself. ratio is a ratio "
        "and judged on its logarithm, which a value of 0 or less does not have: v1 and v2 cannot be compared. Left "
        "out, because it was measured on what the version, or an ancestor, learned from: a and b of v1; a of v1 on "
        "dataset:d. Left out, because it was retracted: b of v2; c of v2 and v3."
    )
    assert said(since=0, since_measured=True) == said(since_measured=False) == f"{NOTHING_WORSE} {ASKED}."


def test_only_safety_results_make_the_start_of_a_search_measured() -> None:
    """Whether `since` was measured is about safety, whatever else was measured on it."""
    accuracy = series({0: 0.5, 1: 0.5, 2: 0.5}, metric("accuracy", counts_as_safety=False))
    for values, measured in (({1: 0.1, 2: 0.1}, False), ({0: 0.1, 2: 0.1}, True)):
        late = series({1: 0.1, 2: 0.1}, metric("late"))
        found = assess(2, chain(3), [accuracy, late, series(values)], since=0)
        assert found.since_measured == measured
    empty = assess(1, chain(2), [Series(A, {1: Result(0.1)}, frozenset([0]))])
    assert [(one.series, one.contaminated, one.retracted) for one in empty.left_out] == [(A, (0,), ())]


def test_every_version_is_named_that_an_answer_is_about() -> None:
    """What lasts since 5 was last measured on 8; a start that was not measured is named in the summary."""
    values = dict.fromkeys(range(5), 0.1) | dict.fromkeys(range(5, 9), 0.4)
    found = assess(9, chain(10), [series(values)])
    assert [set(one.versions()) for one in found.findings] == [{4, 5, 8, 9}]
    assert set(found.versions()) == {4, 5, 8, 9}
    assert set(assess(2, chain(3), [series({1: 0.1, 2: 0.1})], since=0).versions()) == {0}
    assert set(assess(2, chain(3), [series({1: 0.1, 2: 0.1})]).versions()) == set()
    drift = assess(11, chain(12), [series({version: 0.1 + version / 100 for version in range(12)})])
    (lasting,) = (one for one in drift.findings if one.lasting is not None)
    assert lasting.gradual
    assert lasting.lasting is not None
    assert lasting.lasting.start in set(lasting.versions()) - {0, 11}
