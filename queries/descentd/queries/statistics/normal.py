"""Tails and quantiles of the normal distribution, and tails of χ²."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def upper(z: float) -> float:
    """P(Z > z), exact in relative terms far out as well."""
    return math.erfc(z / math.sqrt(2)) / 2


def two_sided(z: float) -> float:
    """P(|Z| > |z|) = 2Φ(−|z|)."""
    return math.erfc(abs(z) / math.sqrt(2))


def quantile(p: float) -> float:
    """The z with P(Z ≤ z) = p, for 0 < p < 1."""
    return NormalDist().inv_cdf(p)


def from_two_sided(p: float) -> float:
    """The z ≥ 0 with P(|Z| > z) = p; 38 where p is too small for a float."""
    return -NormalDist().inv_cdf(p / 2) if p > 1e-300 else 38.0


def uppers(z: Floats) -> Floats:
    """`upper` of each, in the shape of `z`."""
    halves = (z / math.sqrt(2)).ravel().tolist()
    return np.fromiter(map(math.erfc, halves), np.float64, len(halves)).reshape(z.shape) / 2


def chi_square_tail(x: float, degrees: int) -> float:
    """P(χ² > x) for x ≥ 0 with this many degrees of freedom, by the finite sums for whole and half-whole shapes.

    Source: Abramowitz and Stegun 26.4.4 and 26.4.5.
    """
    half = x / 2
    if degrees % 2:
        tail, term, start = math.erfc(math.sqrt(half)), math.sqrt(half) * math.exp(-half) / math.gamma(1.5), 1.5
    else:
        tail, term, start = 0.0, math.exp(-half), 1.0
    for step in range(degrees // 2):
        tail += term
        term *= half / (start + step)
    return min(1.0, tail)
