"""Comparing two results by what they share: the same items (McNemar), or the same groups (a disparity).

Two versions that answer the same items differ by fewer of them than two samples would, so that smaller differences can
be found. A disparity is the range of noisy group values, which grows by itself where groups get smaller, so it is
tested by whether the groups moved apart from each other. Sources: McNemar 1947, Psychometrika 12; Agresti and Min
2005, Statistics in Medicine 24.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from descentd.graph.metrics import MetricCategory, MetricDefinition, MetricDirection, MetricScale
from descentd.queries.statistics.comparison import Comparison, Estimates, Group, Pair, Result, side
from descentd.queries.statistics.normal import chi_square_tail, from_two_sided, two_sided

EXACT: Final = 25
"""Items that came out differently below which McNemar's test is counted out."""


def compare(definition: MetricDefinition, head: Result, base: Result, pair: Pair | None = None) -> Comparison | None:
    """Compare a result with an earlier one of the same series; None where one of them has no badness.

    With standard errors s, the error of the difference is d = √(s_h² + s_a²), and for a TARGET with the two values on
    opposite sides of the optimum s_h + s_a: there, folding makes the plain test too liberal. z = (b_h − b_a)/d. Where
    it is known how the same items came out, or which groups a disparity is between, that is used instead.
    """
    if definition.badness(head.value) is None or definition.badness(base.value) is None:
        return None
    found = Estimates(definition, [head, base]).against(0, np.array([1], np.intp)).comparison(0)
    return special(definition, head, base, pair, found) or found


def special(
    definition: MetricDefinition, head: Result, base: Result, pair: Pair | None, found: Comparison
) -> Comparison | None:
    """The comparison by groups or by items where there are any to compare by, given the plain one; otherwise None."""
    if head.groups and base.groups:
        return by_groups(head, base, found)
    if pair is not None:
        return by_items(definition, head, base, pair, found)
    return None


def by_items(
    definition: MetricDefinition, head: Result, base: Result, pair: Pair, found: Comparison
) -> Comparison | None:
    """McNemar's test, or z from the variance of the mean difference; None where that does not apply.

    It does not for ratios, nor for a TARGET with the two values on opposite sides of the optimum, nor without any
    variance.
    """
    sides = side(definition, head.value), side(definition, base.value)
    if definition.scale is MetricScale.LOG or sides[0] * sides[1] < 0:
        return None
    if pair.variance is not None:
        if pair.variance <= 0:
            return None
        error = math.sqrt(pair.variance)
        z = found.delta / error
        return Comparison(found.delta, z, two_sided(z), error, paired=True)
    assert pair.n01 is not None
    assert pair.n10 is not None
    upside_down = definition.direction is MetricDirection.HIGHER_IS_BETTER or min(sides) < 0
    worse, better = (pair.n10, pair.n01) if upside_down else (pair.n01, pair.n10)
    differ = worse + better
    z = (worse - better) / math.sqrt(differ) if differ else 0.0
    p = _binomial(max(worse, better), differ) if differ < EXACT else two_sided(z)
    return Comparison(found.delta, z, p, _paired_error(worse, better, head, base), paired=True)


def _binomial(most: int, differ: int) -> float:
    """P that of so many items at least `most` differ in one and the same direction, when either is as likely."""
    tail = sum(math.comb(differ, count) for count in range(most, differ + 1))
    return float(min(1.0, 2 * tail / 2**differ))


def _paired_error(worse: int, better: int, head: Result, base: Result) -> float | None:
    """√(Σ(y_h − y_a − δ)²)/n of right and wrong items; with few that differ, after adding a half to each of four cells.

    None where it is not known how many items there were.
    """
    n = min((one.n for one in (head, base) if one.n), default=None)
    if n is None or n < worse + better:
        return None
    up, down, size = (worse, better, n) if worse + better >= EXACT else (worse + 0.5, better + 0.5, n + 2)
    return math.sqrt(up + down - (up - down) ** 2 / size) / size


def by_groups(head: Result, base: Result, found: Comparison) -> Comparison:
    """Whether the groups that both have moved apart: χ²(k−1) of Σ((Δ_g − Δ̄)/d_g)², Δ̄ weighted by 1/d_g².

    `z` has the sign of the change of the range, and the size that belongs to p. No error is known where a group has
    none, or where fewer than two groups are common.
    """
    earlier = {group.name: group for group in base.groups}
    common = [(group, earlier[group.name]) for group in head.groups if group.name in earlier]
    moves = [_move(now, before) for now, before in common]
    if len(moves) < 2 or any(move.z is None for move in moves):
        return Comparison(found.delta, None, None, None)
    z = np.array([move.z for move in moves], np.float64)
    d = np.array([move.error for move in moves], np.float64)
    change = z * d
    mean = float(np.average(change, weights=d**-2))
    p = chi_square_tail(float((((change - mean) / d) ** 2).sum()), len(moves) - 1)
    direction = (found.delta > 0) - (found.delta < 0)
    return Comparison(found.delta, direction * from_two_sided(p), p, found.error)


def _move(now: Group, before: Group) -> Comparison:
    """The change of one group's value, whichever way is good."""
    plain = MetricDefinition(now.name, MetricCategory.BIAS, MetricDirection.LOWER_IS_BETTER, is_rate=now.is_rate)
    results = [Result(one.value, one.stderr, one.n) for one in (now, before)]
    return Estimates(plain, results).against(0, np.array([1], np.intp)).comparison(0)


def many_of(p: float, many: int) -> float:
    """The p of the smallest of so many: 1 − (1 − p)^k, whatever their dependence is not worse than that."""
    return -math.expm1(many * math.log1p(-min(p, 1 - 1e-16)))


def with_pairs_of_others(results: Mapping[int, Result]) -> Mapping[int, Result]:
    """The results of one series by version, each also with the pairs that others name with it, from its own side.

    What a result says itself comes first.
    """
    named = [(version, pair) for version, one in results.items() for pair in one.pairs]
    found = dict(results)
    for version, pair in named:
        other = results.get(pair.subject)
        if other is not None:
            known = found[pair.subject].pairs
            found[pair.subject] = replace(other, pairs=(*known, pair.reversed(version)))
    return found
