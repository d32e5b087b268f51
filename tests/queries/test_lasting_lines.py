"""Where lasting evidence first suffices along long lines, of which most points need no look: by the formula alone."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from descentd.queries.statistics.e_process import Lasting, established

Floats = NDArray[np.float64]


def first(badness: Floats, errors: Floats, tolerance: float, series: int) -> tuple[Any, ...] | None:
    """The place of the change, where it is found, e and the rise, looking at every point and every place."""
    weights = np.stack([errors**-2.0, errors**-2.0 * (badness - badness[0]), 1 / errors])
    for last in range(1, len(badness)):
        k = np.arange(1, last + 1)
        before = np.cumsum(weights[:, :last], axis=1)
        since = np.cumsum(weights[:, last:0:-1], axis=1)[:, ::-1]
        apart, variance = since[1] / since[0] - before[1] / before[0], sum((w[2] / w[0]) ** 2 for w in (since, before))
        v, z = 9 * errors[k] ** 2 / variance, apart / np.sqrt(variance)
        likelihood = 2 / np.sqrt(1 + v) * np.exp(z**2 * v / (2 * (1 + v))) * stats.norm.cdf(z * np.sqrt(v / (1 + v)))
        terms = likelihood / (k * (k + 1))
        start, e = int(np.argmax(terms)), terms.sum() + 1 / (last + 1)
        if e >= series / 0.05 and apart[start] > tolerance + 1e-12:
            return start + 1, last, pytest.approx(e), pytest.approx(apart[start])
    return None


def figures(found: Lasting | None) -> tuple[Any, ...] | None:
    return None if found is None else (found.start, found.found, found.e, found.rise)


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
