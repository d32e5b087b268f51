"""What an answer lists beside its findings, in which order, and what its verdict makes of it."""

import math

import pytest
from scipy import stats

from descentd.queries.erosion.assess import assess
from descentd.queries.erosion.findings import ErosionVerdict
from tests.queries.ancestries import CUMULATIVE, LASTING, STEP, chain, kinds, metric, one, series

ERROR = math.hypot(0.01, 0.01)


@pytest.mark.parametrize(("p", "verdict"), [(0.045, ErosionVerdict.ERODED), (0.055, ErosionVerdict.STABLE)])
def test_a_finding_is_one_at_five_percent_unless_another_share_is_given(p: float, verdict: ErosionVerdict) -> None:
    given = [series({0: 0.1, 1: 0.1 + stats.norm.isf(p / 2) * ERROR})]
    assert assess(1, chain(2), given).verdict is verdict
    assert assess(1, chain(2), given, alpha=0.06).verdict is ErosionVerdict.ERODED


def test_what_is_comparable_makes_a_version_stable_whatever_else_is_new() -> None:
    found = assess(1, chain(2), [series({1: 0.1}, metric("new")), series({0: 0.1, 1: 0.1}, metric("kept"))])
    assert found.verdict is ErosionVerdict.STABLE
    assert (found.undefined, found.left_out, found.alone) == ((), (), False)
    assert assess(0, {0: []}, [series({0: 0.1})]).alone


@pytest.mark.parametrize(("loss", "verdict"), [(1.9, ErosionVerdict.IMPROVED), (2.0, ErosionVerdict.STABLE)])
def test_only_a_loss_at_p_within_alpha_outweighs_an_improvement(loss: float, verdict: ErosionVerdict) -> None:
    better = [series({0: 0.3, 1: 0.2}, metric(f"better{number}")) for number in range(3)]
    found = assess(1, chain(2), [*better, series({0: 0.1, 1: 0.1 + loss * ERROR}, metric("worse"))])
    assert found.verdict is verdict
    assert [change.series.metric.name for change in found.lost] == ["worse"] * (verdict is ErosionVerdict.STABLE)


@pytest.mark.parametrize("turned", [1, -1])
def test_of_each_series_the_surest_change_is_listed_and_the_surest_series_first(turned: int) -> None:
    """Against the one before the last each moved by a little more or less than against those before it."""
    moved = {"better6": -6, "better8": -8, "lost2": 2.2, "lost3": 2.4} | {f"still{n}": 0 for n in range(16)}
    given = []
    for name, errors in moved.items():
        given.append(series({0: 0.5, 1: 0.5 + 0.1 * ERROR * errors, 2: 0.5 + ERROR * errors}, metric(name)))
    found = assess(2, chain(3), given[::turned], since=0)
    assert found.verdict is ErosionVerdict.STABLE
    assert [(each.series.metric.name, each.baseline) for each in found.improved] == [("better8", 0), ("better6", 0)]
    assert [(each.series.metric.name, each.baseline) for each in found.lost] == [("lost3", 0), ("lost2", 0)]
    assert [each.q for each in found.lost] == [None, None]
    assert found.improved[0].p == pytest.approx(2 * stats.norm.sf(8))


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_what_has_neither_a_rate_nor_lasting_evidence_comes_last(names: tuple[str, str]) -> None:
    known = series({0: 0.1, 1: 0.1, 2: 0.14}, metric(names[0]))
    unknown = series({0: 0.1, 1: 0.1, 2: 0.9}, metric(names[1]), None)
    for given in ([known, unknown], [unknown, known]):
        found = assess(2, chain(3), given)
        assert kinds(found) == [STEP, CUMULATIVE, STEP, CUMULATIVE]
        assert [finding.q is None for finding in found.findings] == [False, False, True, True]


def test_of_four_without_errors_the_worse_of_the_middle_two_is_the_baseline() -> None:
    values = {version: version / 10 for version in range(6)}
    found = one(assess(5, chain(6), [series(values, stderr=None)]), CUMULATIVE)
    assert (found.baseline, found.among, found.delta) == (2, 4, 0.3)
    assert LASTING not in kinds(assess(5, chain(6), [series(values, stderr=None)]))
