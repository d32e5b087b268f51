"""Whose loss is marked on which derivation of a drawing."""

from descentd.app.explorer.lineage.losses import Blame, Losses, series_name
from descentd.graph.metrics import MetricCategory
from descentd.queries.erosion.findings import ErosionVerdict, Span
from descentd.queries.erosion.questions import ErosionKind
from descentd.queries.erosion.version_assessment import FindingSummary, VersionAssessment
from descentd.queries.evaluation.composites import Slice
from descentd.queries.governance.verdicts import VerdictStatus
from descentd.queries.overview.version_status import VersionStatus

SHOWN = ("toxicity", ())
OTHER = ("toxicity", (("age", "65+"),))
FIRST, SECOND, THIRD = (1, 2), (2, 3), (3, 4)


def finding(
    *spans: tuple[int, int],
    slice: Slice = (),
    kind: ErosionKind = ErosionKind.CUMULATIVE_EROSION,
    gradual: bool = False,
) -> FindingSummary:
    came_in = tuple(Span(*span) for span in spans)
    return FindingSummary(kind, "toxicity", MetricCategory.TOXICITY, slice, 0.01, 0.01, None, "", came_in, gradual)


def losses(middle: int, **findings: list[FindingSummary]) -> Losses:
    """The losses of versions v1, v2, … as they are drawn around one of them."""
    statuses = {1: VersionStatus(VerdictStatus.UNREVIEWED)}
    for name, found in findings.items():
        version = int(name.removeprefix("v"))
        worse = VersionAssessment(version, ErosionVerdict.ERODED, 0.01, tuple(found))
        statuses[version] = VersionStatus(VerdictStatus.UNREVIEWED, worse=worse)
    return Losses(statuses, middle)


def test_the_loss_of_the_record_in_the_middle_is_marked_where_it_has_one_and_those_of_others_are_named() -> None:
    drawn = losses(3, v3=[finding(FIRST, SECOND)], v4=[finding(SECOND), finding(THIRD, slice=OTHER[1])])
    assert drawn.blame([FIRST], SHOWN) == [Blame({SHOWN: (3,)}, sure=False, marked=True)]
    assert drawn.blame([SECOND], SHOWN) == [
        Blame({SHOWN: (3,)}, sure=False, marked=True),
        Blame({SHOWN: (4,)}, sure=True, marked=False),
    ]
    assert drawn.blame([THIRD], SHOWN) == []


def test_around_what_did_not_get_worse_the_losses_of_all_are_marked() -> None:
    drawn = losses(1, v3=[finding(FIRST, SECOND)], v4=[finding(SECOND), finding(THIRD, slice=OTHER[1])])
    assert drawn.blame([SECOND], SHOWN) == [
        Blame({SHOWN: (4,)}, sure=True, marked=True),
        Blame({SHOWN: (3,)}, sure=False, marked=True),
    ]
    assert drawn.blame([THIRD], OTHER) == [Blame({OTHER: (4,)}, sure=True, marked=True)]


def test_a_line_that_holds_all_derivations_of_a_loss_is_blamed_for_sure() -> None:
    drawn = losses(1, v3=[finding(FIRST, SECOND)], v4=[finding(SECOND, THIRD)])
    assert drawn.blame([FIRST, SECOND], SHOWN) == [
        Blame({SHOWN: (3,)}, sure=True, marked=True),
        Blame({SHOWN: (4,)}, sure=False, marked=True),
    ]
    assert drawn.blame([FIRST, SECOND, THIRD], SHOWN) == [Blame({SHOWN: (3, 4)}, sure=True, marked=True)]


def test_what_one_finding_is_sure_of_is_not_said_to_be_unsure_by_another() -> None:
    drawn = losses(3, v3=[finding(FIRST, SECOND), finding(SECOND, kind=ErosionKind.LASTING_EROSION)])
    assert drawn.blame([SECOND], SHOWN) == [Blame({SHOWN: (3,)}, sure=True, marked=True)]
    assert drawn.blame([FIRST], SHOWN) == [Blame({SHOWN: (3,)}, sure=False, marked=True)]


def test_where_no_metric_is_shown_those_in_all_are_marked() -> None:
    drawn = losses(3, v3=[finding(FIRST)], v4=[finding(FIRST, slice=OTHER[1])])
    assert drawn.blame([FIRST], None) == [Blame({SHOWN: (3,), OTHER: (4,)}, sure=True, marked=True)]


def test_what_came_gradually_or_is_no_erosion_is_marked_nowhere() -> None:
    drawn = losses(
        4, v3=[finding(FIRST)], v4=[finding(FIRST, gradual=True), finding(SECOND, kind=ErosionKind.TRADE_OFF)]
    )
    assert drawn.blame([FIRST], SHOWN) == [Blame({SHOWN: (3,)}, sure=True, marked=False)]
    assert drawn.blame([SECOND], SHOWN) == []


def test_a_series_is_called_as_in_findings() -> None:
    assert series_name(SHOWN) == "toxicity"
    assert series_name(("toxicity", (("age", "65+"), ("region", "EU")))) == "toxicity for age 65+, region EU"
