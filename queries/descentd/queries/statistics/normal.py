"""Tails of the normal distribution, from `math.erfc`."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def upper(z: float) -> float:
    """P(Z > z), exact in relative terms far out as well."""
    return math.erfc(z / math.sqrt(2)) / 2


def two_sided(z: float) -> float:
    """P(|Z| > |z|) = 2Φ(−|z|)."""
    return math.erfc(abs(z) / math.sqrt(2))


def uppers(z: Floats) -> Floats:
    """`upper` of each, in the shape of `z`."""
    halves = (z / math.sqrt(2)).ravel().tolist()
    return np.fromiter(map(math.erfc, halves), np.float64, len(halves)).reshape(z.shape) / 2
