"""Where lasting evidence first suffices along long lines, of which most points need no look: by the formula alone."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, stats

from descentd.queries.statistics.e_process import Lasting, _least_z, _Line, established

Floats = NDArray[np.float64]


def evidence(badness: Floats, errors: Floats) -> Iterator[tuple[int, Floats, Floats, Floats]]:
    """At each point L_k/(k(k − 1)) for every k, the same with Φ ≤ 1 for z > 0 and ½ otherwise, and the rise."""
    weights = np.stack([errors**-2.0, errors**-2.0 * (badness - badness[0]), 1 / errors])
    for last in range(1, len(badness)):
        k = np.arange(1, last + 1)
        before = np.cumsum(weights[:, :last], axis=1)
        since = np.cumsum(weights[:, last:0:-1], axis=1)[:, ::-1]
        apart, variance = since[1] / since[0] - before[1] / before[0], sum((w[2] / w[0]) ** 2 for w in (since, before))
        v, z = 9 * errors[k] ** 2 / variance, apart / np.sqrt(variance)
        terms = 2 / np.sqrt(1 + v) * np.exp(z**2 * v / (2 * (1 + v))) / (k * (k + 1))
        yield last, terms * stats.norm.cdf(z * np.sqrt(v / (1 + v))), terms * np.where(z > 0, 1, 0.5), apart


def first(badness: Floats, errors: Floats, tolerance: float, series: int) -> tuple[Any, ...] | None:
    """The place of the change, where it is found, e, the rise and the mean before, looking at every point and place."""
    for last, terms, _, apart in evidence(badness, errors):
        start, e = int(np.argmax(terms)), terms.sum() + 1 / (last + 1)
        if e >= series / 0.05 and apart[start] > tolerance + 1e-12:
            before = np.average(badness[: start + 1], weights=errors[: start + 1] ** -2)
            return start + 1, last, pytest.approx(e), pytest.approx(apart[start]), pytest.approx(before)
    return None


def figures(found: Lasting | None) -> tuple[Any, ...] | None:
    return None if found is None else (found.start, found.found, found.e, found.rise, found.before)


@pytest.mark.parametrize("seed", range(24))
def test_evidence_is_found_where_the_formula_first_suffices(seed: int) -> None:
    """Changes near the bar, early and late, in drifts and after single peaks."""
    dice = np.random.default_rng(seed)
    n = int(dice.integers(30, 260))
    errors = np.full(n, 0.01) if seed % 3 else 0.01 * 2 ** dice.uniform(-2, 2, n)
    drift = np.maximum(0, np.arange(n) - dice.integers(0, n // 2) * (seed % 2)) * (0.0, 0.0006, 0.002)[seed % 3]
    badness = 5 + dice.normal(0, 0.6, n) * errors + drift
    badness[int(n * dice.beta(0.5, 0.5)) :] += dice.uniform(0.0, 0.05)
    badness[dice.integers(0, n, 2)] += dice.choice([0.02, -0.05, 0.05], 2) * (seed % 4 == 0)
    series, tolerance = int(dice.choice([1, 4, 40])), float(dice.choice([0.0, 0.01, 0.03]))
    found = next((one for one, _ in established(badness, errors, tolerance, series)), None)
    assert figures(found) == first(badness, errors, tolerance, series)


def test_a_result_that_is_much_surer_than_those_before_is_evidence() -> None:
    """Its z is large and the prior narrow beside it: they may not be cut before they are multiplied."""
    badness, errors = np.array([0.0, 0.1572]), np.array([0.00515, 0.0002])
    found = next(one for one, _ in established(badness, errors, 0.0, 1))
    assert figures(found) == first(badness, errors, 0.0, 1)


@pytest.mark.parametrize("seed", range(40))
def test_evidence_is_found_where_results_become_much_surer(seed: int) -> None:
    dice = np.random.default_rng(seed)
    n = int(dice.integers(2, 9))
    change = int(dice.integers(max(1, n - 2), n))
    errors = 0.01 * dice.uniform(0.8, 1.25, n)
    errors[change:] /= dice.uniform(10, 60)
    badness = dice.normal(0, 0.5, n) * errors
    badness[change:] += dice.uniform(0.05, 0.25)
    found = next((one for one, _ in established(badness, errors, 0.0, 1)), None)
    assert figures(found) == first(badness, errors, 0.0, 1)


@pytest.mark.parametrize(("tolerance", "exceeded"), [(0.081, True), (0.087, False)])
@pytest.mark.parametrize("narrow", [False, True])
def test_evidence_of_long_stretches_is_found_once_the_tolerance_is_exceeded(
    tolerance: float, exceeded: bool, narrow: bool
) -> None:
    """After 55 versions 0.09 worse, then by 0.0001 in each of 160: the mean since exceeds the tolerance much later.

    The last few are not far from the mean of all before them, nor all the others from the first few, which were no
    good either: only a long stretch after a long beginning tells.
    """
    badness = np.array([0.05] * 15 + [0.0] * 40 + [0.09 + place / 10_000 for place in range(160)])
    errors = np.full(len(badness), 0.01)
    if narrow:  # by the smallest error of all the bound is a weak one
        errors[20] = 0.004
    found = next((one for one, _ in established(badness, errors, tolerance, 1)), None)
    assert figures(found) == first(badness, errors, tolerance, 1)
    assert (found is not None) == exceeded
    if found is not None:
        assert (found.begin, found.start) == (0, 55)
        assert found.found > 55 + 64


@pytest.mark.parametrize("seed", range(16))
def test_no_point_at_which_the_evidence_suffices_is_passed_over(seed: int) -> None:
    """And none is looked at closely at which it could not suffice, whatever Φ is."""
    dice = np.random.default_rng(seed)
    n = int(dice.integers(2, 150))
    errors = 2 ** dice.uniform(-3, 3, n) if seed % 2 else np.full(n, 0.2)
    start = int(dice.integers(1, 9) if seed % 4 < 2 else dice.integers(0, n))
    badness = dice.normal(0, 0.7, n) * errors + np.maximum(0, np.arange(n) - start) * dice.choice([0, 0.02])
    badness[start:] += dice.uniform(-1, 6) * errors.mean()
    line = _Line(badness, errors)
    by_point = {last: (terms.sum(), bounds.sum()) for last, terms, bounds, _ in evidence(badness, errors)}
    for bar in (1.5, 3.0, 20.0, 100.0, 5000.0, 1e9):
        enough = {last for last, (e, _) in by_point.items() if e + 1 / (last + 1) >= bar}
        maybe = {last for last, (_, bound) in by_point.items() if 1.002 * bound + 1 / (last + 1) >= bar}
        likely = list(line.likely(bar))
        assert likely == sorted(set(likely))
        assert enough <= set(likely) <= maybe
        assert enough <= set(line.candidates(bar).tolist())
    for last, (e, _) in by_point.items():
        assert line.evidence(last)[0] == pytest.approx(e + 1 / (last + 1))


@pytest.mark.parametrize(("e", "suffices"), [(19.97, False), (20.03, True)])
def test_evidence_suffices_from_twenty_on(e: float, suffices: bool) -> None:
    """Also where it nearly does, and would if Φ were 1."""

    def short_of(rise: float) -> float:
        ((_, terms, _, _),) = evidence(np.array([0, rise]), np.ones(2))
        return float(terms.sum()) + 0.5 - e

    badness = np.array([0, optimize.brentq(short_of, 1, 10), 0])
    assert bool(list(established(badness, np.ones(3), 0.0, 1))) == suffices


@pytest.mark.parametrize("size", [1, 2, 40, 3000])
def test_where_nothing_changes_no_point_is_looked_at(size: int) -> None:
    """Neither where it falls and rises again by less than any evidence takes."""
    for error in (0.01, 100.0):
        quiet = _Line(np.where(np.arange(size) % 2, 1.0, 0.0) * error, np.full(size, error))
        assert quiet.candidates(20).tolist() == list(quiet.likely(20)) == []


@pytest.mark.parametrize("bar", [2.001, 2.5, 3.0, 20.0, 1e3, 1e6, 1e30])
def test_a_smaller_z_reaches_no_bar_at_any_width_of_the_prior(bar: float) -> None:
    z, v = float(_least_z(np.array(bar))), np.logspace(-3, 4, 200_001)
    highest = (2 / np.sqrt(1 + v) * np.exp(z * z * v / (2 * (1 + v)))).max()
    assert bar * 0.99 < highest <= bar * (1 + 1e-9)
    assert _least_z(np.array([bar, 2.0, 1.0])).tolist() == pytest.approx([z, 0, 0])


def test_the_very_next_version_may_repair() -> None:
    (one, repaired), *rest = established(np.array([0.0] * 8 + [1.0, 0.0, 0.0]), np.full(11, 0.1), 0.0, 1)
    assert (one.start, one.found, repaired, rest) == (8, 8, 9, [])


@pytest.mark.parametrize(("times", "counts"), [(1.05e5, False), (0.95e5, True)])
def test_a_result_whose_error_is_beyond_all_others_is_passed_over(times: float, counts: bool) -> None:
    """What has an error of more than 100,000 times the usual one tells nothing, and makes no line longer."""
    badness, errors = np.array([0.0] * 8 + [1.0] * 8), np.full(16, 0.1)
    (alone, _), *_ = established(badness, errors, 0.0, 1)
    (among, _), *_ = established(np.insert(badness, 4, 77.0), np.insert(errors, 4, 0.1 * times), 0.0, 1)
    assert (among.begin, among.start, among.found) == (0, alone.start + 1, alone.found + 1)
    assert (among.e == alone.e) != counts


@pytest.mark.parametrize(("times", "counts"), [(0.9e-5, False), (1.1e-5, True)])
def test_no_result_is_surer_than_a_hundred_thousandth_of_the_usual_error(times: float, counts: bool) -> None:
    found = []
    for error in (0.1 * times, 0.1e-5):
        errors = np.full(16, 0.1)
        errors[12] = error
        found += [one.e for one, _ in established(np.array([0.0] * 8 + [0.2] * 4 + [0.6] * 4), errors, 0.0, 1)]
    assert len(found) == 2
    assert (found[0] != found[1]) == counts
