"""Stored assessments: arrays in which each version has its last assessment, whatever is added or taken away."""

from hypothesis import given
from hypothesis import strategies as st

from descentd.graph.metrics import MetricCategory
from descentd.queries.erosion.findings import ErosionVerdict, Span
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.erosion.stored_assessments import VERDICTS, StoredAssessments
from descentd.queries.erosion.version_assessment import FindingSummary, VersionAssessment

VERSIONS = st.integers(1, 12)


@st.composite
def assessments(draw: st.DrawFn) -> VersionAssessment:
    """Those that did not erode have no details, as the registry keeps them."""
    version, verdict = draw(VERSIONS), draw(st.sampled_from(VERDICTS))
    p = draw(st.none() | st.floats(0, 1))
    if verdict is not ErosionVerdict.ERODED:
        return VersionAssessment(version, verdict, p)
    text = draw(st.text(max_size=9))
    spans = tuple(Span(start, start + 1) for start in draw(st.lists(VERSIONS, max_size=3)))
    finding = FindingSummary(
        ErosionKind.STEP_REGRESSION,
        text,
        MetricCategory.BIAS,
        (("age", text),),
        p,
        None,
        None,
        text,
        spans,
        draw(st.booleans()),
    )
    return VersionAssessment(version, verdict, p, (finding,) * draw(st.integers(1, 2)))


@given(st.lists(st.tuples(st.lists(assessments(), max_size=6), st.sets(VERSIONS, max_size=4)), max_size=4))
def test_each_version_has_its_last_assessment(steps: list[tuple[list[VersionAssessment], set[int]]]) -> None:
    stored, expected = StoredAssessments.of(()), dict[int, VersionAssessment]()
    for added, gone in steps:
        stored = stored.joined(StoredAssessments.of(added))
        expected |= {one.version: one for one in added}
        stored = stored.without(sorted(gone))
        expected = {version: one for version, one in expected.items() if version not in gone}
        assert stored.versions.tolist() == sorted(expected)
        assert [VERDICTS[place] for place in stored.verdicts] == [expected[v].verdict for v in sorted(expected)]
        eroded = [expected[v] for v in sorted(expected) if expected[v].verdict is ErosionVerdict.ERODED]
        assert list(stored.eroded()) == eroded
