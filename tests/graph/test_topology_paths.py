"""Counts of derivations, against depth-first search and against lattices whose number of paths is known."""

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from descentd.graph.index.topology import Topology
from descentd.graph.model.errors import TooCostly
from descentd.graph.model.kinds import INFLUENCE, Kind, Role
from descentd.graph.model.reach import Derivations, Direction, DisclosureFact, Step, Tail
from tests.graph.topologies import chain_tail, topology_of
from tests.support.lineages import check_derivation, count_derivations, derivations, has_cycle, reached
from tests.support.strategies import Noted, logs


@st.composite
def questions(draw: st.DrawFn) -> tuple[list[Noted], int, int]:
    """A log, where to start, and the sequence to ask at."""
    log = draw(logs(16, least=6))
    return log, draw(st.integers(1, len(log))), draw(st.just(len(log)) | st.integers(1, len(log)))


def by_length(steps: list[Step]) -> tuple[int, list[tuple[int, int]]]:
    length = sum(step.role in INFLUENCE for step in steps)
    return length, [(step.sequence, -1 if step.role is None else list(Role).index(step.role)) for step in steps]


@given(questions(), st.integers(0, 12))
def test_derivations_are_those_that_a_search_finds(question: tuple[list[Noted], int, int], first: int) -> None:
    log, start, upto = question
    topology = topology_of(log)
    cyclic = has_cycle(log, upto)
    event("with a cycle" if cyclic else "without")
    for end in range(1, len(log) + 1):
        found = topology.paths(start, end, upto, first)
        expected = sorted(derivations(log, start, end, upto), key=by_length) if max(start, end) <= upto else []
        if len(expected) > 1:
            event("several")
        if not cyclic:
            assert found.count == len(expected)
            assert max(start, end) > upto or count_derivations(log, start, end, upto) == len(expected)
            assert list(map(list, found.paths)) == expected[:first]
        else:
            check_knotted(found, expected, first)


def check_knotted(found: Derivations, expected: list[list[Step]], first: int) -> None:
    """Some derivations may be missing, not the shortest, and there is none that is not one."""
    paths = list(map(list, found.paths))
    assert 0 < found.count <= len(expected) or found.count == len(expected) == 0
    assert paths[:1] == expected[: min(first, 1)]
    assert len(paths) == min(first, found.count)
    assert all(path in expected for path in paths)
    assert sorted(paths, key=by_length) == paths


@given(questions())
def test_there_is_a_derivation_to_whatever_is_reached(question: tuple[list[Noted], int, int]) -> None:
    log, start, upto = question
    if start > upto:
        return
    topology = topology_of(log)
    distances = reached(log, [start], Direction.DESCENDANTS, upto)
    for end in range(1, upto + 1):
        found = topology.paths(start, end, upto, 1)
        if end in distances:
            assert check_derivation(log, found.paths[0], upto) == distances[end]


def test_from_itself_to_itself_there_is_one() -> None:
    topology = topology_of([Noted(Kind.CODE)])
    assert topology.paths(1, 1, 1, 5) == Derivations(1, [[Step(1, None)]])
    assert topology.paths(1, 1, 1, 0) == Derivations(1, [])


def test_what_came_later_is_not_there() -> None:
    topology = topology_of([Noted(Kind.MODEL_VERSION), Noted(Kind.MODEL_VERSION, ((Role.DERIVED_FROM, 1, True),))])
    assert topology.paths(1, 2, 2, 5).count == 1
    assert topology.paths(1, 2, 1, 5).count == 0
    assert topology.paths(2, 1, 2, 5).count == 0
    assert topology.paths(9, 1, 2, 5).count == 0


def test_two_roles_between_two_records_are_two_derivations() -> None:
    edges = ((Role.DERIVED_FROM, 1, True), (Role.GENERATED_BY, 1, True))
    found = topology_of([Noted(Kind.MODEL_VERSION), Noted(Kind.PARTITION, edges, digest=1)]).paths(1, 2, 2, 5)
    assert found.count == 2
    assert [path[1].role for path in found.paths] == [Role.DERIVED_FROM, Role.GENERATED_BY]


def test_a_dataset_begins_at_itself_or_at_a_partition_and_is_left_once() -> None:
    log = [
        Noted(Kind.PARTITION, digest=1),
        Noted(Kind.DATASET, ((Role.INCLUDES, 1, True),)),
        Noted(Kind.MODEL_VERSION, ((Role.TRAINED_ON, 1, True), (Role.TRAINED_ON, 2, True))),
    ]
    found = topology_of(log).paths(2, 3, 3, 5)
    assert [[step.sequence for step in path] for path in found.paths] == [[1, 3], [2, 3]]


def lattice(diamonds: int) -> Tail:
    edges = []
    for diamond in range(diamonds):
        top = 1 + 3 * diamond
        edges += [(top + 1, Role.DERIVED_FROM, top), (top + 2, Role.DERIVED_FROM, top)]
        edges += [(top + 3, Role.DERIVED_FROM, top + 1), (top + 3, Role.DERIVED_FROM, top + 2)]
    return chain_tail(Kind.MODEL_VERSION, edges, 3 * diamonds + 1)


def test_a_lattice_of_60_diamonds() -> None:
    topology = Topology()
    topology.extend(lattice(60))
    found = topology.paths(1, 181, 181, 5)
    assert found.count == 2**60
    sides = [tuple(step.sequence for step in path if step.sequence % 3 == 0) for path in found.paths]
    assert len(set(sides)) == 5
    assert sides[0] == ()
    assert sides[1:3] == [(180,), (177,)]


def test_a_lattice_of_too_many_diamonds_is_refused() -> None:
    topology = Topology()
    topology.extend(lattice(25_000))
    with pytest.raises(TooCostly, match="nearer ancestor"):
        topology.paths(1, topology.size, topology.size, 1)


def test_a_chain_of_5_000_and_a_short_cut() -> None:
    edges = [(place, Role.DERIVED_FROM, place - 1) for place in range(2, 5_001)]
    topology = Topology()
    topology.extend(chain_tail(Kind.MODEL_VERSION, [*edges, (5_000, Role.DERIVED_FROM, 1)], 5_000))
    found = topology.paths(1, 5_000, 5_000, 10)
    assert found.count == 2
    assert [step.sequence for step in found.paths[0]] == [1, 5_000]
    assert [step.sequence for step in found.paths[1]] == [*range(1, 501), *range(4_501, 5_001)]


def test_a_derivation_passes_the_disclosure_that_states_it() -> None:
    """Also to a subject that is earlier in the log than what it was disclosed to come from."""
    log = [
        Noted(Kind.MODEL_VERSION),
        Noted(Kind.MODEL_VERSION, ((Role.DERIVED_FROM, 1, True),)),
        Noted(Kind.MODEL_VERSION),
        Noted(Kind.DISCLOSURE, ((Role.DERIVED_FROM, 3, True),), disclosure=DisclosureFact(4, (1,), False)),
        Noted(Kind.DISCLOSURE, ((Role.DERIVED_FROM, 3, True),), disclosure=DisclosureFact(5, (2,), False, None)),
    ]
    topology = topology_of(log)
    short = [Step(3, None), Step(5, Role.DERIVED_FROM), Step(2, Role.ABOUT, back=True)]
    long = [
        Step(3, None),
        Step(4, Role.DERIVED_FROM),
        Step(1, Role.ABOUT, back=True),
        Step(2, Role.DERIVED_FROM),
    ]
    assert topology.paths(3, 2, 5, 5) == Derivations(2, [short, long])
    assert topology.paths(3, 2, 4, 5) == Derivations(1, [long])
    assert topology.paths(3, 2, 3, 5) == Derivations(0, [])
