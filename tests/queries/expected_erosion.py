"""What an assessment has to hold by the rules of docs/erosion.md: of tests by the oracle the family and the verdict."""

import math
from collections.abc import Mapping, Sequence

import networkx as nx
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from descentd.queries.erosion.findings import Assessment, ErosionVerdict, Finding
from descentd.queries.erosion.questions import EROSION, ErosionKind
from descentd.queries.evaluation.series import Series
from tests.queries.erosion_oracle import Oracle, Test, Unknown

ALPHAS = (0.05, 0.9)
"""The usual one, and one at which nearly all that got worse at all is listed with its figures."""
FAMILY = (
    ErosionKind.STEP_REGRESSION,
    ErosionKind.CUMULATIVE_EROSION,
    ErosionKind.MONOTONIC_TREND,
    ErosionKind.PARENT_CONFLICT,
)
Vector = NDArray[np.float64]
Asked = tuple[Oracle, Test]


# ---- evidence along the first parents


def brute_evidence(badness: Vector, errors: Vector) -> tuple[float, int, float, float, float]:
    """E at the end of a line, the likeliest first worse version, and what it rose by, straight from the formula."""
    n = len(badness)
    total, best = 1 / n, (-1.0, 0, 0.0, 0.0, 0.0)
    weights = errors**-2.0
    for k in range(2, n + 1):
        since, before = slice(k - 1, n), slice(0, k - 1)
        mean_since = np.average(badness[since], weights=weights[since])
        mean_before = np.average(badness[before], weights=weights[before])
        s_since = np.average(errors[since], weights=weights[since])
        s_before = np.average(errors[before], weights=weights[before])
        variance = s_since**2 + s_before**2
        z, v = (mean_since - mean_before) / math.sqrt(variance), (3 * errors[k - 1]) ** 2 / variance
        likelihood = 2 * (1 + v) ** -0.5 * math.exp(z * z * v / (2 * (1 + v)))
        term = likelihood * stats.norm.cdf(z * math.sqrt(v / (1 + v))) / (k * (k - 1))
        total += term
        best = max(best, (term, k - 1, mean_since - mean_before, mean_before, s_before))
    return total, best[1], best[2], best[3], best[4]


def brute_lasting(
    badness: Vector, errors: Vector, tolerance: float, series: int
) -> tuple[int, int, float, float, int] | None:
    """Start, place, e and rise of what was established last and not repaired, and where that line begins."""
    begin = 0
    while True:
        found = None
        for n in range(2, len(badness) - begin + 1):
            part = slice(begin, begin + n)
            e, start, rise, before, error = brute_evidence(badness[part], errors[part])
            if e >= series / 0.05 and rise > tolerance + 1e-12:
                found = begin + start, begin + n - 1, e, rise, begin
                break
        if found is None:
            return None
        bar = before + max(rise / 2, tolerance)
        later = range(found[1] + 1, len(badness))
        repaired = [w for w in later if (badness[w] - bar) / math.hypot(errors[w], error) < -1.645]
        if not repaired:
            return found
        begin = repaired[0]


def lasting_evidence(oracles: Sequence[Oracle], line: Sequence[int]) -> dict[int, float]:
    """By the place of the series, e where it lasts: of the measured with errors on the line, each seen by itself."""
    asked: dict[int, tuple[Vector, Vector]] = {}
    for number, oracle in enumerate(oracles):
        seen = [oracle.seen(v, oracle.has_few(v)) for v in line if v in oracle.measured] if oracle.is_safety else []
        known = [(oracle.bad_at(value), s) for value, s in seen if s is not None]
        if len(known) > 1:
            badness, errors = np.array(known).T
            asked[number] = badness, errors
    lasts = {n: brute_lasting(*line, oracles[n].series.key.metric.tolerance, len(asked)) for n, line in asked.items()}
    return {number: one[2] for number, one in lasts.items() if one is not None}


# ---- the family


def with_rates(tests: Sequence[Test]) -> list[Test]:
    """Those of which p is known, each with its q: improvements enter the family of losses with 1, and vice versa."""
    known = [test for test in tests if test.p is not None]
    for worse in (True, False):
        ways = [test.got_worse if worse else (test.z or 0.0) < 0 for test in known]
        rates = false_discovery_rates([test.p or 0.0 if way else 1.0 for test, way in zip(known, ways, strict=True)])
        for test, way, q in zip(known, ways, rates, strict=True):
            test.q = q if way else test.q
    return known


def false_discovery_rates(p: Sequence[float]) -> list[float]:
    return [float(q) for q in stats.false_discovery_control(list(p))] if p else []


# ---- the answer


def asked_of(
    parents: Mapping[int, Sequence[int]], head: int, series: Sequence[Series], since: int | None = None
) -> list[Oracle]:
    """Each series with its tests; raises Unknown where one is unknown, or so near to an alpha that rounding decides."""
    graph: nx.DiGraph[int] = nx.DiGraph()
    for version in parents:
        graph.add_node(version)
    graph.add_edges_from((parent, version) for version, named in parents.items() for parent in named)
    oracles = [Oracle(graph, head, one, since).ask() for one in series]
    known = with_rates([test for oracle in oracles for test in oracle.tests])
    figures = [figure for test in known for figure in (test.p, test.q) if figure is not None]
    if any(abs(figure - alpha) < 2e-4 for figure in figures for alpha in ALPHAS):
        raise Unknown
    return oracles


def check(found: Assessment, parents: Mapping[int, Sequence[int]], oracles: Sequence[Oracle], alpha: float) -> None:
    """Whether an assessment is what the oracles expect: its findings with their figures, its p and its verdict."""
    asked = [(oracle, test) for oracle in oracles for test in oracle.tests]
    known = [test for _, test in asked if test.p is not None]
    assert found.asked == len(known)
    expected = [one for one in asked if _is_finding(*one, alpha)]
    sure = {oracle.series.key for oracle, test in expected
            if test.kind is ErosionKind.CUMULATIVE_EROSION and test.z is not None}  # fmt: skip
    # One sentence about one loss: what is known with an error is not said again without.
    expected = [
        (oracle, test) for oracle, test in expected
        if test.kind is not ErosionKind.CUMULATIVE_EROSION or test.z is not None or oracle.series.key not in sure
    ]  # fmt: skip
    findings = [one for one in found.findings if one.kind in FAMILY]
    for oracle, test in expected:
        [shown] = [one for one in findings if _is_about(one, oracle, test)]
        figures = shown.delta, shown.z, shown.p, shown.q
        for figure, one in zip(figures, (test.delta, test.z, test.p, test.q), strict=True):
            assert figure == (None if one is None else pytest.approx(one, rel=2e-3, abs=1e-12))
    assert len(findings) == len(expected)
    line = first_parents(parents, found.head)
    lasting = {oracles[place].series.key: e for place, e in lasting_evidence(oracles, line).items()}
    lasts = {one.series: one.e for one in found.findings if one.kind is ErosionKind.LASTING_EROSION}
    assert lasts == {key: pytest.approx(e, rel=1e-6) for key, e in lasting.items()}
    rates = false_discovery_rates(
        [*((test.p or 0.0) if test.got_worse else 1.0 for test in known), *(1 / e for e in lasting.values())]
    )
    eroding = [q for q, test in zip(rates, known, strict=False) if test.kind in EROSION] + rates[len(known) :]
    assert found.p == (pytest.approx(min(eroding, default=1.0), rel=2e-3) if rates else None)
    eroded = bool(lasting) or any(test.kind in EROSION for _, test in expected)
    assert found.verdict is _verdict(eroded, asked, oracles, alpha, not parents[found.head])


def _is_finding(oracle: Oracle, test: Test, alpha: float) -> bool:
    beyond = test.delta > oracle.series.key.metric.tolerance + 1e-12
    return test.got_worse and beyond and (test.q is None or test.q <= alpha)


def _is_about(finding: Finding, oracle: Oracle, test: Test) -> bool:
    known = (finding.z is None) == (test.z is None)
    return (
        finding.kind is test.kind
        and known
        and finding.series == oracle.series.key
        and finding.baseline in test.baselines
    )


def _verdict(
    eroded: bool, asked: Sequence[Asked], oracles: Sequence[Oracle], alpha: float, begins: bool
) -> ErosionVerdict:
    if eroded:
        return ErosionVerdict.ERODED
    changes = [(test, oracle.series.key.metric.tolerance + 1e-12) for oracle, test in asked if test.p is not None]
    better = any((t.z or 0) < 0 and (t.q or 0) <= alpha and -t.delta > least for t, least in changes)
    lost = any(t.kind in EROSION and t.got_worse and (t.p or 0) <= alpha and t.delta > least for t, least in changes)
    if better and not lost:
        return ErosionVerdict.IMPROVED
    return ErosionVerdict.STABLE if begins or any(one.comparable for one in oracles) else ErosionVerdict.UNKNOWN


def first_parents(parents: Mapping[int, Sequence[int]], head: int) -> list[int]:
    """The line of first parents, the root first."""
    return [head] if not parents[head] else [*first_parents(parents, parents[head][0]), head]
