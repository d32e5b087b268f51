"""Exposure to populations, against the backward closure of each version."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from descentd.graph.index.topology import Topology
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.reach import (
    DisclosureFact,
    Documented,
    Exposed,
    ExposureQuery,
    ExposureVerdict,
    NearValue,
    PopulationFact,
    Share,
    Step,
    Term,
)
from tests.graph.topologies import topology_of
from tests.support import snapshots
from tests.support.learned import check_answers, listed, vocabulary
from tests.support.proofs import check_sources
from tests.support.strategies import ATTRIBUTES, VALUES, Noted, logs, populations, tail


@pytest.fixture(scope="module", autouse=True, params=["as it grew", "restarted"])
def topologies(request: pytest.FixtureRequest) -> Iterator[None]:
    """An index that is restored from a snapshot before each tail answers as any other."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "restarted":
            patch.setattr(snapshots, "between", snapshots.restored)
        yield


ALL = frozenset(ExposureVerdict)
Question = tuple[list[Noted], list[int], tuple[Term, ...], int]


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """A log, where to cut it into tails, a population, and the sequence to ask at."""
    log = draw(logs(20, least=4))
    for place, noted in tuple(enumerate(log, 1)):
        if noted.kind is Kind.PARTITION and draw(st.integers(0, 3)):
            log.append(Noted(Kind.POPULATION, fact=draw(populations(len(log) + 1, place))))
    cuts = draw(st.lists(st.integers(1, len(log)), max_size=3))
    terms = st.builds(Term, st.sampled_from((*ATTRIBUTES, "other")), st.frozensets(st.sampled_from(VALUES), min_size=1))
    population = draw(st.lists(terms, min_size=1, max_size=2))
    return log, cuts, tuple(population), draw(st.sampled_from((len(log), draw(st.integers(1, len(log))))))


def answers(topology: Topology, population: Sequence[Term], upto: int) -> dict[int, Exposed]:
    page = topology.exposure(ExposureQuery(population, upto, verdicts=ALL, first=1_000))
    assert not page.more
    assert sum(page.counts.values()) == page.total == len(page.items)
    return {item.sequence: item for item in page.items}


def versions(log: Sequence[Noted], upto: int) -> set[int]:
    return {place for place, noted in enumerate(log[:upto], 1) if noted.kind is Kind.MODEL_VERSION}


@given(questions())
def test_the_answer_is_what_the_closure_of_each_version_says(question: Question) -> None:
    log, cuts, population, upto = question
    found = answers(topology_of(log, cuts), population, upto)
    assert found.keys() == versions(log, upto)
    check_answers(log, found, population, upto)
    check_sources(log, found, population, upto)
    assert listed(topology_of(log, cuts).vocabulary(upto)) == listed(vocabulary(log, upto))
    for answer in found.values():
        event(answer.verdict)


@st.composite
def with_undocumented_data(draw: st.DrawFn) -> tuple[Question, list[Noted], int]:
    """A question, the log with a version that learned from undocumented data too, and that version (0 where none).

    It says so itself, or a disclosure does, which may call itself complete.
    """
    log, cuts, population, _ = draw(questions())
    found = sorted(versions(log, len(log)))
    if not found:
        return (log, cuts, population, len(log)), log, 0
    version = draw(st.sampled_from(found))
    said = {noted.fact.partition for noted in log if noted.fact is not None}
    digests = [noted.digest for noted in log]
    silent = [
        place
        for place, noted in enumerate(log[: version - 1], 1)
        if noted.kind is Kind.PARTITION and place not in said and digests.count(noted.digest) == 1
    ]
    itself = draw(st.booleans())
    if silent and itself:
        noted = log[version - 1]
        edges = dict.fromkeys([*noted.edges, (Role.TRAINED_ON, draw(st.sampled_from(silent)), True)])
        more = [*log[: version - 1], replace(noted, edges=tuple(edges)), *log[version:]]
    else:
        place = len(log) + 2
        fact = DisclosureFact(place, (version,), draw(st.booleans()), None)
        stated = ((Role.TRAINED_ON, len(log) + 1, True),)
        more = [*log, Noted(Kind.PARTITION, digest=10_000), Noted(Kind.DISCLOSURE, stated, disclosure=fact)]
    return (log, cuts, population, len(log)), more, version


@given(with_undocumented_data())
def test_undocumented_data_clears_nobody(drawn: tuple[Question, list[Noted], int]) -> None:
    (log, cuts, population, upto), more, version = drawn
    before = answers(topology_of(log, cuts), population, upto)
    after = answers(topology_of(more, cuts), population, len(more))
    for each, answer in before.items():
        assert after[each].verdict is not ExposureVerdict.NOT_TRAINED or answer.verdict is after[each].verdict
    if version:
        assert after[version].verdict is not ExposureVerdict.NOT_TRAINED
        event(f"{before[version].verdict} → {after[version].verdict}")


@given(
    questions(),
    st.integers(1, 4),
    st.frozensets(st.sampled_from(ExposureVerdict)),
    st.none() | st.sets(st.integers(1, 24)),
)
def test_pages_make_up_the_whole(
    question: Question, first: int, verdicts: frozenset[ExposureVerdict], within: set[int] | None
) -> None:
    log, cuts, population, upto = question
    topology = topology_of(log, cuts)
    chosen = None if within is None else np.array(sorted(within), np.int64)
    whole = [
        answer for answer in answers(topology, population, upto).values() if within is None or answer.sequence in within
    ]
    positions = list(ExposureVerdict)

    def cursor(answer: Exposed) -> tuple[int, int, int]:
        return positions.index(answer.verdict), 0 if answer.direct else 1, answer.sequence

    expected = sorted((answer for answer in whole if answer.verdict in verdicts), key=cursor)
    found: list[Exposed] = []
    more, after = True, None
    while more:
        page = topology.exposure(
            ExposureQuery(population, upto, verdicts=verdicts, within=chosen, after=after, first=first)
        )
        assert page.counts == {
            verdict: sum(answer.verdict is verdict for answer in whole) for verdict in ExposureVerdict
        }
        assert page.total == len(expected)
        assert len(page.items) == first or not page.more
        found += page.items
        more = page.more
        after = cursor(found[-1]) if found else None
    assert found == expected


@given(questions())
def test_what_was_asked_before_changes_no_answer(question: Question) -> None:
    log, cuts, population, _ = question
    topology = Topology()
    for after, upto in pairwise(sorted({0, *cuts, len(log)})):
        topology.extend(tail(log, after, upto))
        assert answers(topology, population, upto) == answers(topology_of(log[:upto]), population, upto)


def stated(*shares: Share, documented: Documented = Documented.COMPLETE) -> list[Noted]:
    """A partition, what is said about it, and a version trained on it."""
    return [
        Noted(Kind.PARTITION, digest=1),
        Noted(Kind.POPULATION, fact=PopulationFact(2, 1, documented, shares)),
        Noted(Kind.MODEL_VERSION, ((Role.TRAINED_ON, 1, True),)),
    ]


def verdict_of(log: Sequence[Noted], *population: Term, version: int = 3) -> Exposed:
    return answers(topology_of(log), population, len(log))[version]


def term(attribute: str, *values: str) -> Term:
    return Term(attribute, frozenset(values))


@pytest.mark.parametrize(
    ("share", "documented", "verdict"),
    [
        (0.4, Documented.COMPLETE, ExposureVerdict.TRAINED),
        (None, Documented.PARTIAL, ExposureVerdict.TRAINED),
        (0.0, Documented.COMPLETE, ExposureVerdict.NOT_TRAINED),
        (0.0, Documented.PARTIAL, ExposureVerdict.UNKNOWN),
        (0.4, Documented.NONE, ExposureVerdict.TRAINED),
    ],
)
def test_a_share_of_none_is_presence_and_of_0_absence(
    share: float | None, documented: Documented, verdict: ExposureVerdict
) -> None:
    assert verdict_of(stated(Share("age", "65+", share), documented=documented), term("age", "65+")).verdict is verdict


def test_complete_speaks_for_what_it_lists() -> None:
    log = stated(Share("age", "65+", 0.4), Share("age", "under 18", 0.6))
    assert verdict_of(log, term("age", "18-64")).verdict is ExposureVerdict.NOT_TRAINED
    unknown = verdict_of(log, term("region", "EU"))
    assert unknown == Exposed(3, ExposureVerdict.UNKNOWN, None, 1, None, [Step(1, None), Step(3, Role.TRAINED_ON)])


@pytest.mark.parametrize(
    ("shares", "values", "proven"),
    [
        ((0.6, 0.4, 0.6), ("65+",), True),
        ((0.6, 0.4, 0.4), ("65+",), False),
        ((0.6, 0.4, 0.4), ("65+", "18-64"), True),
        ((0.3, 0.3, 0.6), ("65+", "18-64"), True),
        ((0.3, 0.3, 0.4), ("65+", "18-64"), False),
        ((0.9, 0.3, 0.2), ("65+", "18-64"), True),
        ((0.7, 0.7, 0.2), ("65+", "18-64"), False),
        ((None, 0.3, 0.9), ("65+",), False),
        ((None, 0.3, 1.0), ("65+",), True),
        ((None, 0.3, 1.0), ("65+", "18-64"), True),
    ],
)
def test_joint_is_proven_by_shares_that_leave_no_other_way(
    shares: tuple[float | None, float, float], values: tuple[str, ...], proven: bool
) -> None:
    old, middle, eu = shares
    log = stated(Share("age", "65+", old), Share("age", "18-64", middle), Share("region", "EU", eu))
    assert verdict_of(log, term("age", *values), term("region", "EU")).proven is proven
    assert verdict_of(log, term("age", *values)).proven is True


def test_the_source_is_the_twin_whose_statement_matches() -> None:
    log = [*stated(Share("age", "65+", 0.4)), Noted(Kind.PARTITION, digest=1)]
    log.append(Noted(Kind.MODEL_VERSION, ((Role.TRAINED_ON, 4, True),)))
    answer = verdict_of(log, term("age", "65+"), version=5)
    assert (answer.direct, answer.source) == (True, 1)
    assert answer.via == [Step(1, None), Step(4, Role.SAME_DATA), Step(5, Role.TRAINED_ON)]


def test_an_unknown_attribute_is_no_error() -> None:
    assert verdict_of(stated(Share("age", "65+", 0.4)), term("shoe size", "46")).verdict is ExposureVerdict.UNKNOWN


@pytest.mark.parametrize(
    ("shares", "values", "verdict"),
    [
        ((0.5, 0.495), ("fr",), ExposureVerdict.NOT_TRAINED),
        ((0.5, 0.494), ("fr",), ExposureVerdict.UNKNOWN),
        ((0.5, None), ("fr",), ExposureVerdict.NOT_TRAINED),
        ((0.5, 0.0), ("de",), ExposureVerdict.NOT_TRAINED),
        ((0.5, 0.0), ("de", "fr"), ExposureVerdict.UNKNOWN),
        ((0.7, 0.7), ("fr",), ExposureVerdict.NOT_TRAINED),
    ],
)
def test_shares_that_leave_room_clear_only_what_is_listed(
    shares: tuple[float | None, ...], values: tuple[str, ...], verdict: ExposureVerdict
) -> None:
    log = stated(*(Share("lang", value, share) for value, share in zip(("en", "de"), shares, strict=True)))
    assert verdict_of(log, term("lang", *values)).verdict is verdict


@pytest.mark.parametrize(
    ("listed", "asked"),
    [
        (("lang", "FR"), ("lang", "fr")),
        (("lang", "straße"), ("lang", "STRASSE")),
        (("lang", "\uff46\uff52"), ("lang", "fr")),
        (("Lang", "fr"), ("lang", "fr")),
        (("age group", "0\u201317"), ("age_group", "0-17")),
        (("age-group", "0 - 17"), ("age_group", "0\u201317")),
        (("gender", "Non-binary"), ("gender", "non binary")),
        (("age", "65+"), ("age", "65 +")),
        (("degrees", "\u22125"), ("degrees", "-5")),
    ],
)
def test_a_near_value_clears_nothing_and_is_named(listed: tuple[str, str], asked: tuple[str, str]) -> None:
    log = stated(Share(*listed, 0.5), Share("lang", "en", 0.5))
    topology = topology_of(log)
    page = topology.exposure(ExposureQuery([term(*asked)], len(log)))
    assert [(item.verdict, item.source) for item in page.items] == [(ExposureVerdict.UNKNOWN, 1)]
    assert list(page.near) == [NearValue(*listed, 1)]
    assert list(page.unlisted) == [asked]
    exactly = topology.exposure(ExposureQuery([term(*listed)], len(log)))
    assert (list(exactly.near), list(exactly.unlisted)) == ([], [])
    before = topology.exposure(ExposureQuery([term(*asked)], 1))
    assert (list(before.near), list(before.unlisted)) == ([], [asked])


def test_a_near_value_that_is_documented_absent_clears() -> None:
    log = stated(Share("lang", "FR", 0.0), Share("lang", "en", 1.0))
    page = topology_of(log).exposure(ExposureQuery([term("lang", "fr")], len(log)))
    assert page.items[0].verdict is ExposureVerdict.NOT_TRAINED
    assert list(page.near) == [NearValue("lang", "FR", 1)]


def test_what_is_documented_nowhere_is_said() -> None:
    log = stated(Share("lang", "en", 1.0), Share("lang", "fr", 0.0))
    page = topology_of(log).exposure(ExposureQuery([term("lang", "fr", "sw"), term("lang", "en")], len(log)))
    assert list(page.unlisted) == [("lang", "sw")]


@pytest.mark.parametrize("trained", [False, True])
def test_a_merge_that_was_also_trained_is_undocumented(trained: bool) -> None:
    log = stated(Share("lang", "en", 1.0))
    merged = ((Role.DERIVED_FROM, 3, False),)
    log.append(Noted(Kind.MODEL_VERSION, merged, trained=trained))
    log.append(Noted(Kind.MODEL_VERSION, (*merged, (Role.TRAINED_ON, 1, True)), trained=trained))
    asked = term("lang", "fr")
    assembled, listing = verdict_of(log, asked, version=4), verdict_of(log, asked, version=5)
    assert listing.verdict is ExposureVerdict.NOT_TRAINED
    assert assembled.verdict is (ExposureVerdict.UNKNOWN if trained else ExposureVerdict.NOT_TRAINED)
    assert assembled.source == (4 if trained else None)


def disclosed(*edges: tuple[Role, int, bool], subject: int, complete: bool, at: int) -> Noted:
    return Noted(Kind.DISCLOSURE, edges, disclosure=DisclosureFact(at, (subject,), complete))


def test_only_a_complete_disclosure_documents_a_version() -> None:
    log = [*stated(Share("lang", "en", 1.0)), Noted(Kind.MODEL_VERSION)]
    edge = (Role.TRAINED_ON, 1, True)
    for complete, verdict in ((False, ExposureVerdict.UNKNOWN), (True, ExposureVerdict.NOT_TRAINED)):
        more = [*log, disclosed(edge, subject=4, complete=complete, at=5)]
        assert verdict_of(more, term("lang", "fr"), version=4).verdict is verdict
        found = verdict_of(more, term("lang", "en"), version=4)
        assert (found.verdict, found.direct, found.source) == (ExposureVerdict.TRAINED, True, 1)
        assert found.via == [Step(1, None), Step(5, Role.TRAINED_ON), Step(4, Role.ABOUT, back=True)]
        earlier = topology_of(more).exposure(ExposureQuery([term("lang", "en")], 4))
        assert earlier.counts[ExposureVerdict.TRAINED] == 1
        retracted = [*more, Noted(Kind.RETRACTION, retracts=(5,))]
        assert verdict_of(retracted, term("lang", "en"), version=4).verdict is ExposureVerdict.UNKNOWN
        again = [*retracted, Noted(Kind.RETRACTION, retracts=(6,))]
        assert verdict_of(again, term("lang", "en"), version=4).verdict is ExposureVerdict.TRAINED


def test_what_was_trained_after_all_is_no_mere_merge_any_more() -> None:
    log = stated(Share("lang", "en", 1.0))
    log.append(Noted(Kind.MODEL_VERSION, ((Role.DERIVED_FROM, 3, False),)))
    log.append(disclosed((Role.TRAINED_ON, 1, True), subject=4, complete=False, at=5))
    assert verdict_of(log, term("lang", "fr"), version=4).verdict is ExposureVerdict.UNKNOWN
    assert verdict_of(log[:4], term("lang", "fr"), version=4).verdict is ExposureVerdict.NOT_TRAINED
