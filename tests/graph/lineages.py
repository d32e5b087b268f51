"""What a lineage answers, worked out slowly: networkx and brute force over the log itself."""

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Any

import networkx as nx

from descentd.graph.reach import Direction, Documented, PopulationFact, Step, Term
from descentd.graph.relations import EVIDENCE, INFLUENCE, Kind, Role
from descentd.graph.testing.strategies import Noted


def twins_of(log: Sequence[Noted], record: int, upto: int) -> set[int]:
    digest = log[record - 1].digest
    if digest is None:
        return {record}
    return {place for place, noted in enumerate(log[:upto], 1) if noted.digest == digest}


def edges_of(log: Sequence[Noted], upto: int, roles: Collection[Role]) -> Iterator[tuple[int, Role, int]]:
    """(source, role, target) of all edges up to a sequence."""
    for source, noted in enumerate(log[:upto], 1):
        for role, target, _ in noted.edges:
            if role in roles:
                yield source, role, target


def origins_of(log: Sequence[Noted], named: Sequence[int], direction: Direction, upto: int) -> set[int]:
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
    length = 0
    for before, step in pairwise(steps):
        assert step.role is not None
        assert max(before.sequence, step.sequence) <= upto
        if step.role is Role.SAME_DATA:
            assert before.sequence != step.sequence
            assert step.sequence in twins_of(log, before.sequence, upto)
            assert before.role is not Role.SAME_DATA
        else:
            assert step.role in INFLUENCE or (evidence and step.role in EVIDENCE)
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
    onward: dict[int, list[tuple[int, Role]]] = {record: [] for record in range(1, upto + 1)}
    for source, role, target in edges_of(log, upto, INFLUENCE):
        onward[target].append((source, role))
    found: list[list[Step]] = []

    def search(steps: list[Step], passed: frozenset[int]) -> None:
        here = steps[-1].sequence
        if here == end:
            found.append(steps)
            return
        if steps[-1].role is not Role.SAME_DATA and len(steps) > 1:
            for twin in twins_of(log, here, upto) - {here}:
                search([*steps, Step(twin, Role.SAME_DATA)], passed)
        for source, role in onward[here]:
            if not {source} & (passed | origins) and end not in twins_of(log, here, upto):
                search([*steps, Step(source, role)], passed | twins_of(log, source, upto))

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


def in_force(log: Sequence[Noted], partition: int, upto: int) -> PopulationFact | None:
    said = [noted.fact for noted in log[:upto] if noted.fact is not None and noted.fact.partition == partition]
    return said[-1] if said else None


def statements(log: Sequence[Noted], partition: int, upto: int) -> list[PopulationFact]:
    facts = (in_force(log, twin, upto) for twin in twins_of(log, partition, upto))
    return [fact for fact in facts if fact is not None]


def is_complete(log: Sequence[Noted], partition: int, upto: int) -> bool:
    return any(fact.documented is Documented.COMPLETE for fact in statements(log, partition, upto))


def meets(fact: PopulationFact, term: Term) -> bool:
    return any(
        share.attribute == term.attribute and share.value in term.values and (share.share is None or share.share > 0)
        for share in fact.shares
    )


def matches(log: Sequence[Noted], partition: int, population: Sequence[Term], upto: int) -> bool:
    said = statements(log, partition, upto)
    return all(any(meets(fact, term) for fact in said) for term in population)


def came_from(log: Sequence[Noted], record: int, upto: int) -> list[tuple[int, Role]]:
    """Where the knowledge in a record came from in one step, twins left out."""
    noted = log[record - 1]
    found: list[tuple[int, Role]] = []
    for role, target, learns in noted.edges:
        if (
            (role is Role.DERIVED_FROM and noted.kind is Kind.MODEL_VERSION)
            or (role is Role.TRAINED_ON and learns)
            or role is Role.GENERATED_BY
            or role is Role.INCLUDES
            or (role is Role.DERIVED_FROM and noted.kind is Kind.PARTITION and not is_complete(log, record, upto))
            or (role is Role.DERIVED_FROM and noted.kind is Kind.DATASET and not has_partitions(log, record))
        ):
            found.append((target, role))
    return found


def has_partitions(log: Sequence[Noted], dataset: int) -> bool:
    return any(role is Role.INCLUDES for role, _, _ in log[dataset - 1].edges)


def sources_of(log: Sequence[Noted], version: int, upto: int) -> dict[int, int]:
    """The backward closure of a version with distances, itself at 0; a twin is as far as its twin."""
    distances: dict[int, int] = {}
    level, distance = {version}, 0
    while level:
        level = {twin for record in level for twin in twins_of(log, record, upto)} - distances.keys()
        distances |= dict.fromkeys(level, distance)
        level = {target for record in level for target, _ in came_from(log, record, upto)} - distances.keys()
        distance += 1
    return distances


def is_undocumented(log: Sequence[Noted], record: int, attributes: set[str], upto: int) -> bool:
    noted = log[record - 1]
    if noted.kind is Kind.PARTITION:
        complete = [fact for fact in statements(log, record, upto) if fact.documented is Documented.COMPLETE]
        return not complete or bool(attributes - {share.attribute for fact in complete for share in fact.shares})
    if noted.kind is Kind.DATASET:
        learned = any(
            target == record and learns and role is Role.TRAINED_ON
            for other in log[:upto]
            for role, target, learns in other.edges
        )
        return learned and not has_partitions(log, record)
    if noted.kind is Kind.MODEL_VERSION:
        parents = [learns for role, _, learns in noted.edges if role is Role.DERIVED_FROM]
        trained = any(role is Role.TRAINED_ON and learns for role, _, learns in noted.edges)
        return not trained and (not parents or any(parents))
    return False


def is_direct(log: Sequence[Noted], version: int, population: Sequence[Term], upto: int) -> bool:
    learned = {target for role, target, learns in log[version - 1].edges if role is Role.TRAINED_ON and learns}
    for dataset in tuple(learned):
        learned |= {target for role, target, _ in log[dataset - 1].edges if role is Role.INCLUDES}
    return any(log[record - 1].kind is Kind.PARTITION and matches(log, record, population, upto) for record in learned)
