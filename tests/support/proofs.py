"""Which of several shortest derivations proves an answer, chosen slowly: by distances that networkx finds in the log.

The rule: from the end back to the cause, each time to the record of the lowest sequence that is one step nearer, by the
role that comes first; what a record states itself goes before what was disclosed of it. Only where the record has no
such step, the lowest of its twins that has one comes before it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import networkx as nx

from descentd.graph.model.kinds import EVIDENCE, INFLUENCE, ROLE_NUMBER, Kind, Role
from descentd.graph.model.reach import Direction, Exposed, ExposureVerdict, Step, Term
from tests.support.learned import (
    came_from,
    in_force,
    is_complete,
    is_undocumented,
    matches,
    meets,
)
from tests.support.lineages import arrows_of, origins_of, twins_of
from tests.support.strategies import Noted

Node = tuple[int, bool]
"""A record, and whether it is met as evidence."""

Arrow = tuple[Node, int, int]
"""Where a step comes from, its role's number, and the disclosure that states it, 0 for none."""


class Proofs:
    """The derivations that lead from some records at distance 0 along some arrows."""

    def __init__(
        self, log: Sequence[Noted], origins: Collection[int], arrows: Iterable[tuple[Node, Arrow]], upto: int
    ) -> None:
        self._log, self._upto = log, upto
        self._arrows: dict[Node, list[Arrow]] = defaultdict(list)
        graph: nx.DiGraph[Node] = nx.DiGraph()
        graph.add_nodes_from((record, False) for record in range(1, upto + 1))
        for end, arrow in arrows:
            self._arrows[end].append(arrow)
            graph.add_edge(arrow[0], end, weight=1)
        for record in range(1, upto + 1):
            for twin in twins_of(log, record, upto) - {record}:
                graph.add_edge((record, False), (twin, False), weight=0)
        starts: set[Any] = {(record, False) for record in origins}
        self.far: Mapping[Node, float] = nx.multi_source_dijkstra_path_length(graph, starts) if starts else {}

    def to(self, record: int, leads: Mapping[int, Sequence[Step]]) -> list[Step]:
        """The one that proves `record`; `leads` say how it begins at each origin."""
        ends = [node for node in ((record, False), (record, True)) if node in self.far]
        if not ends:
            return []
        node = min(ends, key=lambda end: (self.far[end], end[1]))
        steps: list[Step] = []
        while self.far[node]:
            if not (nearest := self._nearest(node)):
                twins = sorted(twins_of(self._log, node[0], self._upto))
                steps.append(Step(node[0], Role.SAME_DATA))
                node = next((twin, False) for twin in twins if self._nearest((twin, False)))
                continue
            before, role, disclosure = min(nearest, key=lambda arrow: (arrow[0][0], *arrow[1:]))
            named = list(Role)[role]
            passed = [Step(node[0], Role.ABOUT, back=True), Step(disclosure, named)]
            steps += passed if disclosure else [Step(node[0], named)]
            node = before
        return [*leads[node[0]], *reversed(steps)]

    def _nearest(self, node: Node) -> list[Arrow]:
        return [arrow for arrow in self._arrows[node] if self.far.get(arrow[0]) == self.far[node] - 1]


def affected(log: Sequence[Noted], named: Sequence[int], upto: int, *, evidence: bool) -> Proofs:
    """What proves that records are affected by causes."""

    def arrows() -> Iterator[tuple[Node, Arrow]]:
        for source, role, target, _, disclosure in arrows_of(log, upto):
            if role in INFLUENCE:
                yield (source, False), ((target, False), ROLE_NUMBER[role], disclosure)
            elif evidence and role in EVIDENCE:
                yield (source, True), ((target, role is Role.CITES), ROLE_NUMBER[role], disclosure)

    return Proofs(log, origins_of(log, named, Direction.DESCENDANTS, upto), arrows(), upto)


def leads_of(log: Sequence[Noted], named: Sequence[int], upto: int) -> dict[int, list[Step]]:
    """How a derivation begins at each origin: at a cause or a partition of one, or there and on to a twin."""
    begin = {record for record in named if record <= upto}
    for record in tuple(begin):
        if log[record - 1].kind is Kind.DATASET:
            begin |= {target for role, target, _ in log[record - 1].edges if role is Role.INCLUDES}
    leads = {record: [Step(record, None)] for record in begin}
    for record in sorted(begin):
        for twin in twins_of(log, record, upto):
            leads.setdefault(twin, [Step(record, None), Step(twin, Role.SAME_DATA)])
    return leads


def check_proofs(
    log: Sequence[Noted],
    named: Sequence[int],
    found: Mapping[int, Sequence[Step]],
    upto: int,
    *,
    evidence: bool,
) -> None:
    """Assert that each item is proved by the derivation that the rule names, whoever walks."""
    proofs, leads = affected(log, named, upto, evidence=evidence), leads_of(log, named, upto)
    for item, steps in found.items():
        assert list(steps) == proofs.to(item, leads), item


def check_sources(log: Sequence[Noted], found: Mapping[int, Exposed], population: Sequence[Term], upto: int) -> None:
    """Assert that each answer about a population is proved by the derivation that the rule names."""
    flow = list(_flow(log, upto))
    everything = range(1, upto + 1)
    partitions = [record for record in everything if log[record - 1].kind is Kind.PARTITION]
    matching = {record for record in partitions if matches(log, record, population, upto)}
    others = set(everything) - set(partitions)
    bare = {record for record in others if is_undocumented(log, record, population, upto)}
    bare |= {record for record in partitions if not is_complete(log, record, upto)}
    silent = {record for record in partitions if is_undocumented(log, record, population, upto)} - matching
    trained, undocumented, unlisted = (Proofs(log, seeds, flow, upto) for seeds in (matching, bare, silent))
    alone = {record: [Step(record, None)] for record in everything}
    for version, answer in found.items():
        node = version, False
        if answer.verdict is ExposureVerdict.TRAINED:
            leads = {record: _lead(log, record, population, upto) for record in matching}
            assert list(answer.via) == trained.to(version, leads), version
        elif answer.verdict is ExposureVerdict.UNKNOWN:
            near = [proofs for proofs in (undocumented, unlisted) if node in proofs.far]
            nearest = min(near, key=lambda proofs: proofs.far[node])
            assert list(answer.via) == nearest.to(version, alone), version


def _flow(log: Sequence[Noted], upto: int) -> Iterator[tuple[Node, Arrow]]:
    for source, role, target, learns, disclosure in arrows_of(log, upto):
        passes = role is not Role.TRAINED_ON or learns
        if passes and (target, role) in came_from(log, source, upto):
            yield (source, False), ((target, False), ROLE_NUMBER[role], disclosure)


def _lead(log: Sequence[Noted], partition: int, population: Sequence[Term], upto: int) -> list[Step]:
    """From the twin that says most of what was asked for, the partition itself before others that say as much."""

    def met(twin: int) -> int:
        fact = in_force(log, twin, upto)
        return 0 if fact is None else sum(meets(fact, term) for term in population)

    source = max((partition, *sorted(twins_of(log, partition, upto))), key=met)
    return [Step(source, None)] if source == partition else [Step(source, None), Step(partition, Role.SAME_DATA)]
