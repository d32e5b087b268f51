"""An e-process along a line of versions: evidence of a change for the worse that may be tested after every version.

A test at .05 that is asked again after each of 50 versions raises a false alarm in half of all lineages in which
nothing changed. An e-process does so in one of twenty, however often it is asked. Source: Shin, Ramdas and Rinaldo
2023, E-detectors (New England Journal of Statistics in Data Science), with a mixture over when the change came.

E_n = Σ_{k=2..n} L_k(n)/(k(k−1)) + 1/n, L_k = 2(1+v)^(−½)·exp(z_k²·v/(2(1+v)))·Φ(z_k·√(v/(1+v))),
z_k = (mean since k − mean before k)/√V, v = τ²/V, τ = 3·s_k, means weighted by 1/s².
V = s_A² + s_B² with s_A and s_B the means of s since and before, by the same weights, and not divided by how many were
averaged: a series asks the same items, whose errors do not average out.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from descentd.queries.statistics.comparison import Places
from descentd.queries.statistics.normal import Floats, uppers

LEVEL: Final = 0.05
"""In how many of the lines in which nothing changed the evidence may ever be found. It is not for choosing."""
REPAIRED: Final = -1.645
"""The one-sided 5 % point."""
FARTHEST: Final = 1e100
"""How many errors away values are followed, so that squares stay finite."""
WIDEST: Final = 1e5
"""How many times the usual error a result's own may be: wider ones tell nothing, and narrower ones count as that."""
ROWS: Final = 64
"""Points that are looked at together."""
SHORT: Final = 16
"""Points of a stretch up to which each stretch is looked at by itself; longer ones are made of such."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """A change for the worse that is established and not repaired, by places along the line.

    begin: where the line starts, anew after a repair; start: the first version that was worse; found: where the
    evidence first sufficed; e: the e-value there; rise: how much worse the mean was since than before, then; before:
    that mean before.
    """

    begin: int
    start: int
    found: int
    e: float
    rise: float
    before: float


def lasting(badness: Floats, errors: Floats, tolerance: float, series: int) -> Lasting | None:
    """What is established at the end of a line and was not repaired along it; see `established`."""
    found = [one for one, repaired in established(badness, errors, tolerance, series) if repaired is None]
    return found[0] if found else None


def established(badness: Floats, errors: Floats, tolerance: float, series: int) -> Iterator[tuple[Lasting, int | None]]:
    """Each change for the worse that was established along a line, and the place of the version that repaired it.

    badness, errors: (n,) along the line, n ≥ 1, root first, every error known and positive. series: how many are asked
    along it, so that all together raise a false alarm in 5 % of lines at most. It is repaired by the first version w
    with (b_w − b̄_before − max(rise/2, tolerance))/√(s_w² + s_before²) < −1.645, from which the line starts anew.
    """
    unit = float(np.median(errors))
    kept = np.flatnonzero(errors <= WIDEST * unit)
    level = float(np.median(badness))
    with np.errstate(over="ignore"):
        values = np.clip((badness[kept] - level) / unit, -FARTHEST, FARTHEST)
        spreads = np.maximum(errors[kept] / unit, 1 / WIDEST)
        least = min(tolerance / unit, FARTHEST)
    begin: int | None = 0
    while begin is not None and (found := _established(values[begin:], spreads[begin:], least, series / LEVEL)):
        one, error = found
        later = begin + one.found + 1
        bar = one.before + max(one.rise / 2, least)
        below = np.flatnonzero((values[later:] - bar) / np.hypot(spreads[later:], error) < REPAIRED)
        first, start, at = (int(kept[begin + place]) for place in (0, one.start, one.found))
        begin = later + int(below[0]) if below.size else None
        repaired = None if begin is None else int(kept[begin])
        yield Lasting(first, start, at, one.e, one.rise * unit, one.before * unit + level), repaired


def e_value(badness: Floats, errors: Floats) -> float:
    """E_n at the end of a line that starts with its first point."""
    return _Line(badness, errors).evidence(len(badness) - 1)[0]


def _established(badness: Floats, errors: Floats, tolerance: float, bar: float) -> tuple[Lasting, float] | None:
    """Where the evidence first suffices for a rise of more than the tolerance, and the mean error before it."""
    line = _Line(badness, errors)
    for last in line.likely(bar):
        e, start = line.evidence(last)
        if e < bar:
            continue
        before, since, error = line.means(start, last)
        rise = since - before
        if rise > tolerance * (1 + 1e-9):  # 0.62 - 0.6 is no more than 0.02, which floats alone deny
            return Lasting(0, start, last, e, rise, before), error
    return None


class _Line:
    """Sums over the points of a line, from which the mean of any stretch follows."""

    def __init__(self, badness: Floats, errors: Floats) -> None:
        self.size = len(badness)
        self._errors = errors
        weights = errors**-2.0
        self._level = float(np.average(badness, weights=weights))
        centred = badness - self._level  # sums of small numbers keep their digits
        self._weights = np.concatenate(([0.0], np.cumsum(weights)))
        self._sums = np.concatenate(([0.0], np.cumsum(weights * centred)))
        self._spreads = np.concatenate(([0.0], np.cumsum(1.0 / errors)))

    def evidence(self, last: int) -> tuple[float, int]:
        """E at a point, and the place of the version at which the change is likeliest to have come in."""
        apart, variance, start = self._contrasts(np.array([last]))
        mixed = (3 * self._errors[start]) ** 2 / variance[0]
        share = mixed / (1 + mixed)
        z = apart[0] / np.sqrt(variance[0])
        log_bound = np.minimum(math.log(2) - np.log1p(mixed) / 2 + z * z * share / 2, 700.0)
        terms = np.exp(log_bound) * uppers(-z * np.sqrt(share)) / (start * (start + 1.0))
        return float(terms.sum()) + 1 / (last + 1), int(np.argmax(terms)) + 1

    def likely(self, bar: float) -> Iterator[int]:
        """The points at which E may reach a bar, in order: where it would with Φ ≤ 1 for z > 0 and Φ ≤ ½ otherwise.

        In single precision, which is several times as fast, with a margin for it.
        """
        candidates = self.candidates(bar)
        least = self._least_means(bar)
        for begin in range(0, len(candidates), ROWS):
            lasts = self._far_enough(candidates[begin : begin + ROWS], least)
            if not lasts.size:
                continue
            apart, variance, start = self._contrasts(lasts)
            mixed = ((3 * self._errors[start]) ** 2 / variance).astype(np.float32)
            above = mixed + np.float32(1)
            squares = np.minimum(apart * apart / variance, 1e30).astype(np.float32)
            shares = (2.0 / (start * (start + 1.0))).astype(np.float32)
            # As far as single precision goes, which is far above any bar.
            exponents = np.minimum(squares * (mixed / above), np.float32(170)) / np.float32(2)
            bounds = np.exp(exponents) / np.sqrt(above) * shares
            bounds *= np.where(apart > 0, np.float32(1), np.float32(0.5))
            bounds[start[None, :] > lasts[:, None]] = 0
            yield from lasts[1.001 * bounds.sum(axis=1) + 1 / (lasts + 1) >= bar].tolist()

    def means(self, start: int, last: int) -> tuple[float, float, float]:
        """The mean before a place, the mean since, and the mean error before."""
        before = self._sums[start] / self._weights[start]
        since = (self._sums[last + 1] - self._sums[start]) / (self._weights[last + 1] - self._weights[start])
        error = self._spreads[start] / self._weights[start]
        return float(before) + self._level, float(since) + self._level, float(error)

    def _contrasts(self, lasts: Places) -> tuple[Floats, Floats, Places]:
        """For some points (r,) and every place (k,) at which a change may have come in, contrast since with before.

        Returns the mean since less the mean before (r, k), its variance V (r, k), and the places; what is beyond a
        point has no meaning.
        """
        start = np.arange(1, int(lasts.max()) + 1)
        weights, sums, spreads = self._weights[start], self._sums[start], self._spreads[start]
        ends = lasts[:, None] + 1
        rest = self._weights[ends] - weights
        rest[start[None, :] >= ends] = 1.0
        apart = (self._sums[ends] - sums) / rest - sums / weights
        variance = ((self._spreads[ends] - spreads) / rest) ** 2 + (spreads / weights) ** 2
        return apart, variance, start

    def candidates(self, bar: float) -> Places:
        """The points at which E may reach a bar, ascending: where some stretch is far enough above what came before.

        E is no larger than its largest L_k, so that some z_k has to be as large as `_least_z`; and √V is at least √2
        times the smallest error.
        """
        far = float(_least_z(np.array(bar))) * math.sqrt(2) * float(self._errors.min()) * (1 - 1e-9)
        near = np.zeros(self.size, np.bool_)
        before = self._sums[1:] / self._weights[1:]  # (size,): the mean of the points up to each
        for length in range(1, min(SHORT, self.size)):
            since = self._stretch(length)[1:]  # stretches of that length from the second point on
            near[length:] |= since - before[: self.size - length] >= far
            ends = np.arange(length, self.size)  # stretches from the point after `length` to each end
            whole = (self._sums[ends + 1] - self._sums[length]) / (self._weights[ends + 1] - self._weights[length])
            near[length:] |= whole - before[length - 1] >= far
        first = self._first_long(before, far)
        near[first:] = True
        return np.flatnonzero(near)

    def _least_means(self, bar: float) -> Floats:
        """For each k from the second point on, the mean since it without which k alone cannot take E to a bar.

        With H = Σ_{k=2..n} 1/k, some L_k has to reach bar·(k − 1)/H: else the sum stays below bar·Σ 1/(k·H) = bar. So
        z_k has to be as large as `_least_z` of that, and V is at least that of the smallest error since.
        """
        before = np.arange(1, self.size)
        harmonic = float((1.0 / (before + 1)).sum())
        needed = _least_z(np.asarray((bar - 0.5) * before / harmonic, np.float64))
        spread = np.hypot(self._spreads[before] / self._weights[before], float(self._errors.min()))
        return np.asarray(self._sums[before] / self._weights[before] + needed * spread * (1 - 1e-9))

    def _far_enough(self, lasts: Places, least: Floats) -> Places:
        """Those of some points at which some mean since is large enough: S_n − S_k ≥ c_k·(W_n − W_k), undivided."""
        start = np.arange(1, int(lasts[-1]) + 1)
        ends, least = lasts[:, None] + 1, least[: len(start)]
        known = self._sums[start] - least * self._weights[start]
        above = (self._sums[ends] - least * self._weights[ends] >= known) & (start < ends)
        return lasts[above.any(axis=1)]

    def _stretch(self, length: int) -> Floats:
        """The means of all stretches of a length, by where they start."""
        sums = self._sums[length:] - self._sums[:-length]
        return np.asarray(sums / (self._weights[length:] - self._weights[:-length]))

    def _first_long(self, before: Floats, far: float) -> int:
        """The first end of a long stretch that may be far above the mean of a long beginning; the size if none is.

        A long stretch consists of stretches of SHORT to 2·SHORT − 1 points, of which one has at least its mean.
        """
        if self.size < 2 * SHORT:
            return self.size
        lowest = np.minimum.accumulate(np.where(np.arange(self.size) >= SHORT - 1, before, math.inf))
        first = self.size
        for length in range(SHORT, min(2 * SHORT, self.size)):
            since = self._stretch(length)[1:]
            over = np.flatnonzero(since - lowest[: self.size - length] >= far)
            if over.size:
                first = min(first, int(over[0]) + length)
        return first


def _least_z(bars: Floats) -> Floats:
    """The z below which no L_k reaches a bar above 1, whatever v is: 2/z·exp((z² − 1)/2) = bar, at the best v = z² − 1.

    0 for bars up to 2, which some z between 0 and 1 reaches. Found from below, so that less than the last digit lacks.
    """
    z = np.ones_like(bars)
    for _ in range(12):
        z = np.sqrt(np.maximum(1.0, 1 + 2 * np.log(bars * z / 2)))
    return np.where(bars > 2, z, 0.0)
