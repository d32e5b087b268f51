"""The best of many: how likely the largest of k differences from one result is, when nothing changed.

Against the best of many ancestors a version looks worse by luck alone: at 5 % for each, in 22 % of cases with eight
ancestors and in 49 % with sixty. Source: Dunnett 1955, JASA 50, with known variances.
"""

import math
from typing import Final

import numpy as np

from descentd.queries.statistics.normal import Floats, upper, uppers

EDGE: Final = 8.0
FARTHEST: Final = 38.0
"""Beyond it, the chance is too small for a number."""
WIDEST: Final = 0.25
BIN: Final = 0.02
LEAST_RATIO: Final = 0.01
"""Below it, an ancestor's error no longer matters beside the head's."""


def best_of(z: float, own: Floats, others: Floats, errors: Floats, *, at_centres: bool = False) -> float:
    """P(max z_i ≥ z) with no change at all, one-sided.

    own: the standard error of the one result, as compared with each of the k others (k);
    others: theirs (k); errors: those of the k differences. All of them known and positive. at_centres: as up to the
    fourth edition of the statistics, where the centre of a bin stood for the ratios in it (error up to .2 %), and the
    integral ended at 8 (a chance below 1e-13 was too small by up to nine tenths).

    P = ∫ φ(u) [1 − Π Φ((z·d_i − s_h·u)/s_i)] du by the trapezoid rule on [−8, 8 + z], which is exact to rounding
    for functions this smooth, with the ratios s_i/s_h in bins of 2 %, each at their geometric mean (error under .01 %).
    """
    single = upper(z)
    ratios, spreads, counts = _bins(others / own, errors / own, at_centres=at_centres)
    step = min(WIDEST, 0.6 * float(ratios.min()))
    edge = EDGE if at_centres else EDGE + min(max(z, 0.0), FARTHEST)
    u = np.linspace(-EDGE, edge, math.ceil(EDGE / step) + math.ceil(edge / step) + 1)
    tails = uppers((z * spreads[:, None] - u[None, :]) / ratios[:, None])
    with np.errstate(divide="ignore"):
        some = -np.expm1(counts @ np.log1p(-tails))
    density = np.exp(-u * u / 2) / math.sqrt(2 * math.pi)
    chance = float((some * density).sum() * (u[1] - u[0]))
    return min(1.0, len(others) * single, max(single, chance))


def _bins(ratios: Floats, spreads: Floats, *, at_centres: bool) -> tuple[Floats, Floats, Floats]:
    """The distinct pairs of s_i/s_h and d_i/s_h, nearly, and how many each stands for."""
    apart = spreads > (np.hypot(1.0, ratios) + (1.0 + ratios)) / 2
    logs = np.log(np.maximum(ratios, LEAST_RATIO))
    rounded = np.round(logs / BIN).astype(np.int64)
    kinds, places, counts = np.unique(2 * rounded + apart, return_inverse=True, return_counts=True)
    binned = np.exp((kinds >> 1) * BIN if at_centres else np.bincount(places, weights=logs) / counts)
    return binned, np.where(kinds & 1, 1.0 + binned, np.hypot(1.0, binned)), counts.astype(np.float64)
