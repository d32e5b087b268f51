"""What a lineage reaches, worked out slowly: networkx and brute force over the log itself."""

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from functools import wraps
from itertools import pairwise
from typing import Any, TypeVar

import networkx as nx

from descentd.graph.model.kinds import EVIDENCE, INFLUENCE, Kind, Role
from descentd.graph.model.reach import Direction, Step
from tests.support.strategies import Noted

Result = TypeVar("Result")


def remembered(work_out: Callable[..., Result]) -> Callable[..., Result]:
    """A function of a log and of numbers that keeps what it worked out about the last log, which nobody may change."""
    last: list[Sequence[Noted]] = [()]
    results: dict[tuple[Hashable, ...], Result] = {}

    @wraps(work_out)
    def recall(log: Sequence[Noted], *numbers: Hashable) -> Result:
        if last[0] is not log:
            last[0] = log
            results.clear()
        if numbers not in results:
            results[numbers] = work_out(log, *numbers)
        return results[numbers]

    return recall


@remembered
def twins_of(log: Sequence[Noted], record: int, upto: int) -> frozenset[int]:
    """The partitions with the digest of a record, itself among them; else it alone."""
    digest = log[record - 1].digest
    if digest is None:
        return frozenset({record})
    return frozenset(place for place, noted in enumerate(log[:upto], 1) if noted.digest == digest)


@remembered
def is_retracted(log: Sequence[Noted], record: int, upto: int) -> bool:
    """Whether a retraction of a record stands, that is, is not retracted itself."""
    by = [place for place in range(record + 1, upto + 1) if record in log[place - 1].retracts]
    return any(not is_retracted(log, retraction, upto) for retraction in by)


@remembered
def is_in_force(log: Sequence[Noted], disclosure: int, upto: int) -> bool:
    """Whether a disclosure is there, not retracted, and not superseded by one that is not retracted."""
    newer = [place for place, n in enumerate(log[:upto], 1) if n.disclosure and n.disclosure.supersedes == disclosure]
    superseded = any(not is_retracted(log, place, upto) for place in newer)
    return disclosure <= upto and not superseded and not is_retracted(log, disclosure, upto)


@remembered
def arrows_of(log: Sequence[Noted], upto: int) -> Sequence[tuple[int, Role, int, bool, int]]:
    """(source, role, target, learns, disclosure) of all edges up to a sequence; disclosure is 0 for a record's own.

    What a disclosure in force states is stated of its subjects; it has no edges itself.
    """
    found: list[tuple[int, Role, int, bool, int]] = []
    for source, noted in enumerate(log[:upto], 1):
        if noted.disclosure is None:
            found += [(source, role, target, learns, 0) for role, target, learns in noted.edges]
        elif is_in_force(log, source, upto):
            for subject in noted.disclosure.subjects:
                found += [(subject, role, target, learns, source) for role, target, learns in noted.edges]
    return found


def edges_of(log: Sequence[Noted], upto: int, roles: Collection[Role]) -> Iterator[tuple[int, Role, int]]:
    """(source, role, target) of all edges up to a sequence."""
    return ((source, role, target) for source, role, target, *_ in arrows_of(log, upto) if role in roles)


def origins_of(log: Sequence[Noted], named: Sequence[int], direction: Direction, upto: int) -> set[int]:
    """What is at distance 0 of a question."""
    origins = {record for record in named if record <= upto}
    if direction is Direction.DESCENDANTS:
        for record in tuple(origins):
            if log[record - 1].kind is Kind.DATASET:
                origins |= {target for role, target, _ in log[record - 1].edges if role is Role.INCLUDES}
    return {twin for record in origins for twin in twins_of(log, record, upto)}


def reached(
    log: Sequence[Noted], named: Sequence[int], direction: Direction, upto: int, *, evidence: bool = False
) -> dict[int, int]:
    """The distance of all that is reached, by Dijkstra over (record, is it evidence)."""
    graph: nx.DiGraph[Any] = nx.DiGraph()
    graph.add_nodes_from((record, False) for record in range(1, upto + 1))
    for source, _, target in edges_of(log, upto, INFLUENCE):
        graph.add_edge((target, False), (source, False), weight=1)
    for record in range(1, upto + 1):
        for twin in twins_of(log, record, upto) - {record}:
            graph.add_edge((record, False), (twin, False), weight=0)
    if evidence:
        for source, role, target in edges_of(log, upto, EVIDENCE):
            graph.add_edge((target, role is Role.CITES), (source, True), weight=1)
    if direction is Direction.ANCESTORS:
        graph = graph.reverse()
    origins = origins_of(log, named, direction, upto)
    if not origins:
        return {}
    distances = nx.multi_source_dijkstra_path_length(graph, {(record, False) for record in origins})
    found: dict[int, int] = {}
    for (record, _), distance in distances.items():
        if record not in origins:
            found[record] = min(int(distance), found.get(record, int(distance)))
    return found


def check_derivation(log: Sequence[Noted], steps: Sequence[Step], upto: int, *, evidence: bool = False) -> int:
    """Assert that each step is there in the log; returns its length, steps between twins not counted."""
    assert steps[0].role is None
    assert log[steps[-1].sequence - 1].disclosure is None
    length = 0
    for before, step in pairwise(steps):
        assert step.role is not None
        assert max(before.sequence, step.sequence) <= upto
        if step.role is Role.SAME_DATA:
            assert before.sequence != step.sequence
            assert step.sequence in twins_of(log, before.sequence, upto)
            assert before.role is not Role.SAME_DATA
        elif step.role is Role.ABOUT:
            disclosure = log[before.sequence - 1].disclosure
            assert disclosure is not None
            assert is_in_force(log, before.sequence, upto)
            assert step.sequence in disclosure.subjects
            assert step.back
        else:
            assert step.role in INFLUENCE or (evidence and step.role in EVIDENCE)
            assert log[before.sequence - 1].disclosure is None
            assert (step.role, before.sequence) in {(role, target) for role, target, _ in log[step.sequence - 1].edges}
            length += 1
    return length


def derivations(  # noqa: C901 - one depth-first search, as plain as it can be
    log: Sequence[Noted], start: int, end: int, upto: int
) -> list[list[Step]]:
    """All derivations by depth-first search: none passes a class of twins or comes back to an origin."""
    origins = origins_of(log, [start], Direction.DESCENDANTS, upto)
    named = {start} | {target for role, target, _ in log[start - 1].edges if role is Role.INCLUDES}
    if log[start - 1].kind is not Kind.DATASET:
        named = {start}
    onward: dict[int, list[tuple[int, list[Step]]]] = {record: [] for record in range(1, upto + 1)}
    for source, role, target, _, by in arrows_of(log, upto):
        passed_by = [Step(by, role), Step(source, Role.ABOUT, back=True)] if by else [Step(source, role)]
        if role in INFLUENCE:
            onward[target].append((source, passed_by))
    found: list[list[Step]] = []

    def search(steps: list[Step], passed: frozenset[int]) -> None:
        here = steps[-1].sequence
        if here == end:
            found.append(steps)
            return
        if steps[-1].role is not Role.SAME_DATA and len(steps) > 1:
            for twin in twins_of(log, here, upto) - {here}:
                search([*steps, Step(twin, Role.SAME_DATA)], passed)
        for source, passing in onward[here]:
            if not {source} & (passed | origins) and end not in twins_of(log, here, upto):
                search([*steps, *passing], passed | twins_of(log, source, upto))

    for origin in origins:
        if origin in named:
            search([Step(origin, None)], frozenset(origins))
        else:
            lead = min(record for record in named if origin in twins_of(log, record, upto))
            search([Step(lead, None), Step(origin, Role.SAME_DATA)], frozenset(origins))
    return found


def has_cycle(log: Sequence[Noted], upto: int) -> bool:
    """Whether the graph is cyclic once twins are one."""
    graph: nx.DiGraph[Any] = nx.DiGraph()
    for source, _, target in edges_of(log, upto, INFLUENCE):
        graph.add_edge(min(twins_of(log, target, upto)), min(twins_of(log, source, upto)))
    return not nx.is_directed_acyclic_graph(graph)


def count_derivations(log: Sequence[Noted], start: int, end: int, upto: int) -> int:
    """How many `derivations` there are, counted from the end without listing any; for lineages without a cycle."""
    origins = origins_of(log, [start], Direction.DESCENDANTS, upto)
    ends = twins_of(log, end, upto)
    onward: dict[int, list[int]] = {record: [] for record in range(1, upto + 1)}
    graph: nx.DiGraph[Any] = nx.DiGraph()
    for source, _, target in edges_of(log, upto, INFLUENCE):
        onward[target].append(source)
        graph.add_edge(min(twins_of(log, target, upto)), min(twins_of(log, source, upto)))
    if end in origins:
        return 1
    ways: dict[int, int] = {}  # from each class of twins, once a derivation is in it

    def leaving(records: Collection[int]) -> int:
        further = [source for record in records for source in onward[record] if source not in origins]
        return sum(ways.get(min(twins_of(log, source, upto)), 0) for source in further)

    for record in reversed(list(nx.topological_sort(graph))):
        ways[record] = 1 if record in ends else leaving(twins_of(log, record, upto))
    return leaving(origins)


def reached_around(
    log: Sequence[Noted], named: Sequence[int], avoiding: Collection[int], direction: Direction, upto: int
) -> set[int]:
    """What is reached by derivations that pass none of `avoiding` nor a twin of one, by a flood."""
    avoided = {twin for record in avoiding if record <= upto for twin in twins_of(log, record, upto)}
    edges = [(target, source) for source, _, target in edges_of(log, upto, INFLUENCE)]
    if direction is Direction.ANCESTORS:
        edges = [(after, before) for before, after in edges]
    begun = origins_of(log, named, direction, upto) - avoided
    seen, level = set(begun), set(begun)
    while level:
        further = {after for before, after in edges if before in level} - avoided
        level = {twin for record in further for twin in twins_of(log, record, upto)} - seen
        seen |= level
    return seen - begun
