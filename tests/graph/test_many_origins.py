"""What each of many origins reaches on the way to some heads: one walk for all against networkx for each."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.reach import Direction
from tests.graph.topologies import questions, topology_of
from tests.support.effort import some_of
from tests.support.lineages import reached
from tests.support.strategies import Noted

slowly = settings(max_examples=some_of(150))


def versions_between(log: list[Noted], origin: int, heads: list[int], upto: int) -> set[int]:
    """The versions that one origin reaches among the heads and what they came from, by a walk for it alone."""
    known = {head for head in heads if head <= upto}
    known |= set(reached(log, heads, Direction.ANCESTORS, upto))
    below = reached(log, [origin], Direction.DESCENDANTS, upto)
    return {one for one in known & set(below) if log[one - 1].kind is Kind.MODEL_VERSION}


@slowly
@given(questions(), st.data())
def test_each_origin_reaches_what_a_walk_for_it_alone_does(
    question: tuple[list[Noted], list[int], list[int], int], data: st.DataObject
) -> None:
    log, cuts, heads, upto = question
    origins = data.draw(st.lists(st.integers(1, len(log)), unique=True))
    found = topology_of(log, cuts).members_of_each(origins, heads, upto, Kind.MODEL_VERSION)
    assert found == {origin: versions_between(log, origin, heads, upto) for origin in origins}


def test_an_origin_has_its_bit_however_many_there_are() -> None:
    """More than a machine word has, each with a version of its own and one that learned from all."""
    data = [Noted(Kind.PARTITION, digest=number) for number in range(100)]
    own = [Noted(Kind.MODEL_VERSION, ((Role.TRAINED_ON, number, True),)) for number in range(1, 101)]
    last = Noted(Kind.MODEL_VERSION, tuple((Role.DERIVED_FROM, 100 + number, True) for number in range(1, 101)))
    topology = topology_of([*data, *own, last])
    found = topology.members_of_each(range(1, 101), [201], 201, Kind.MODEL_VERSION)
    assert found == {number: {100 + number, 201} for number in range(1, 101)}


@pytest.mark.parametrize(("twin", "reaches"), [(1, {5}), (7, set[int]())])
def test_what_has_the_same_digest_is_the_same_data(twin: int, reaches: set[int]) -> None:
    """The version learned from data that was made from a later twin of the origin."""
    log = [
        Noted(Kind.PARTITION, digest=1),
        Noted(Kind.DATASET),
        Noted(Kind.PARTITION, digest=twin),
        Noted(Kind.PARTITION, ((Role.DERIVED_FROM, 3, True),), digest=2),
        Noted(Kind.MODEL_VERSION, ((Role.TRAINED_ON, 4, True),)),
        Noted(Kind.MODEL_VERSION, ((Role.TRAINED_ON, 1, True),)),
    ]
    found = topology_of(log).members_of_each([1, 2], [5], 6, Kind.MODEL_VERSION)
    assert found == {1: reaches, 2: set()}


def test_what_came_later_is_not_known_yet() -> None:
    """Neither heads nor origins of after the question are."""
    log = [Noted(Kind.PARTITION, digest=1), Noted(Kind.MODEL_VERSION, ((Role.TRAINED_ON, 1, True),))]
    topology = topology_of(log)
    assert topology.members_of_each([1], [2], 1, Kind.MODEL_VERSION) == {1: set()}
    assert topology.members_of_each([], [2], 2, Kind.MODEL_VERSION) == {}
    assert topology.members_of_each([1], [2], 2, Kind.MODEL_VERSION) == {1: {2}}
