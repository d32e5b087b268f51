"""The order of a registry's eroded versions against its rule, whatever is stored and whatever is newer."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from descentd.graph.index.arrays import Growing
from descentd.graph.index.columns import Columns
from descentd.graph.metrics import MetricCategory
from descentd.queries.erosion.findings import ErosionVerdict, Span
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.erosion.registry_ranking import Ranking
from descentd.queries.erosion.stored_assessments import StoredRanking
from descentd.queries.erosion.version_assessment import FindingSummary, VersionAssessment

WHERE = ((), (("age", "65+"), ("language", "Türkçe")))
spans = st.builds(Span, st.integers(1, 3), st.integers(4, 5))
findings = st.builds(
    FindingSummary,
    st.sampled_from(ErosionKind),
    st.sampled_from(["toxicity", "bias"]),
    st.sampled_from(MetricCategory),
    st.sampled_from(WHERE),
    *[st.none() | st.sampled_from([0.0, 0.01, 30.0])] * 3,
    st.sampled_from(["It got worse.", "It got “worse”."]),
    st.lists(spans, max_size=2, unique=True).map(tuple),
    st.booleans(),
)


@st.composite
def assessments(draw: st.DrawFn) -> VersionAssessment:
    version, p = draw(st.integers(1, 9)), draw(st.sampled_from([None, 0.0, 1e-6, 0.0011, 0.0013, 0.021, 0.037, 1.0]))
    if not draw(st.booleans()):
        return VersionAssessment(version, draw(st.sampled_from(ErosionVerdict)), p)
    return VersionAssessment(version, ErosionVerdict.ERODED, p, tuple(draw(st.lists(findings, max_size=2))))


def in_order(latest: dict[int, VersionAssessment]) -> list[tuple[VersionAssessment, float | None]]:
    """By the q over all versions; those whose first derivation is the same stand together, with the worst of them."""
    known = [one for one in latest.values() if one.p is not None]
    rates = stats.false_discovery_control([one.p for one in known]).tolist() if known else []
    q = dict.fromkeys(latest) | {one.version: rate for one, rate in zip(known, rates, strict=True)}
    groups: dict[Any, list[tuple[float, float, int]]] = {}
    for one in latest.values():
        if one.verdict is ErosionVerdict.ERODED:
            places = [math.inf if each is None else round(each, 12) for each in (q[one.version], one.p)]
            key = one.spans[0] if one.spans else one.version
            groups.setdefault(key, []).append((places[0], places[1], one.version))
    order = sorted(groups.values(), key=lambda group: (min(group)[0], min(group)[2]))
    return [(latest[version], q[version]) for group in order for *_, version in sorted(group)]


def restarted(ranking: Ranking) -> Ranking:
    """The ranking of a process that goes on from what this one kept."""
    found = Ranking()
    kept = {name: Growing(array.dtype.type, array) for name, array in ranking.settled().stored().items()}
    found.restore(StoredRanking.restored(Columns(kept), ranking.seen))
    assert (found.upto, found.assessed, found.progress) == (ranking.upto, ranking.assessed, ranking.progress)
    return found


def kept_on(ranking: Ranking, how: str) -> Ranking:
    if how == "settled":
        ranking.settle(ranking.settled())
    return restarted(ranking) if how == "restarted" else ranking


HOW = st.sampled_from(["", "settled", "restarted"])


@given(st.lists(st.tuples(st.lists(assessments(), min_size=1, max_size=6), HOW, HOW), max_size=4))
def test_eroded_versions_are_ranked_by_their_rate_with_those_of_one_derivation_together(
    batches: list[tuple[list[VersionAssessment], str, str]],
) -> None:
    ranking, latest = Ranking(), dict[int, VersionAssessment]()
    for upto, (batch, meanwhile, after) in enumerate(batches, 1):
        before, of = list(ranking.ranked), ranking.upto
        versions = sorted({one.version for one in batch})
        ranking.look_at(versions, upto)
        first = batch[0].version
        assert ranking.progress == f"0 of {len(versions)}"
        ranking.take([one for one in batch if one.version != first])
        ranking = kept_on(ranking, meanwhile)
        if len(versions) > 1:
            assert ranking.progress == f"{len(versions) - 1} of {len(versions)}"
        assert (list(ranking.ranked), ranking.upto) == (before, of), "not before all are assessed"
        assert ranking.pending.tolist() == [first]
        ranking.take([one for one in batch if one.version == first])
        latest |= {one.version: one for one in batch}
        ranking = kept_on(ranking, after)
        assert (ranking.upto, ranking.pending.tolist(), ranking.assessed) == (upto, [], len(latest))
        found = ranking.ranked
        expected = in_order(latest)
        assert [one.assessment for one in found] == [assessment for assessment, _ in expected]
        for one, (_, q) in zip(found, expected, strict=True):
            assert (one.q is None) == (q is None)
            assert q is None or one.q is None or math.isclose(one.q, q, rel_tol=1e-12, abs_tol=0)
        assert [one.rank for one in found] == sorted(one.rank for one in found)
