"""Path counts: the exact number of derivations from one record to another, and the first of them.

Twins count as one: a derivation enters a class of them at one member and may leave it from another, by one SAME_DATA
step. Counts add up along the contracted graph, from the origins to the end, among the ancestors of the end.

A model may learn from a twin of what it generated; then the contracted graph has cycles. No derivation passes a class
twice, and of the steps within such a cycle only those count that come nearer to the end: whatever is reached keeps its
shortest derivations, and the count stays exact for everything outside.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from descentd.graph.index.arrays import ROLE, TWIN
from descentd.graph.index.backtrace import at, cut, sequence_of
from descentd.graph.index.edges import Edges
from descentd.graph.index.shortest_paths import ABOUT, SAME_DATA, Shortest
from descentd.graph.index.twins import Twins
from descentd.graph.model.errors import TooCostly
from descentd.graph.model.kinds import ROLES
from descentd.graph.model.reach import Derivations, Step

ROOM: Final = 75_000_000
"""Bytes that the counts of one question may occupy."""
SMALL: Final = 1 << 62


def derivations(
    edges: Edges, twins: Twins, leads: Mapping[int, Sequence[Step]], end: int, upto: int, first: int
) -> Derivations:
    """Count what leads from the origins to `end` and list the first by (distance, records and roles).

    An origin has one derivation: its lead. Others leave the origins once. Raises TooCostly when the counts do not fit
    into `ROOM`.
    """
    if end in leads:
        return Derivations(1, [leads[end]][:first])
    between = Between(edges, twins, leads, end, upto)
    count = between.count()
    if not count or not first:
        return Derivations(count, [])
    shortest = Shortest(between.onward, between.remaining, end)
    paths = [cut(_steps(shortest, rank)) for rank in range(min(first, count))]
    return Derivations(count, paths)


def _steps(shortest: Shortest, rank: int) -> Iterator[Step]:
    for record, role in shortest.path(rank):
        yield Step(sequence_of(record), None if role < 0 else ROLES[role], back=role == ABOUT)


class Between:
    """The part of the graph that leads to `end`, up to the origins."""

    def __init__(self, edges: Edges, twins: Twins, leads: Mapping[int, Sequence[Step]], end: int, upto: int) -> None:
        self._edges, self._twins, self._leads, self._end, self._upto = edges, twins, leads, end, upto
        self._ends = frozenset(twins.of(end, upto))
        self.remaining = self._distances()
        """How far each ancestor is from the end; an origin is not walked through."""
        self._classes = self._contract()
        self._knots: dict[int, int] = {}
        self._ways: dict[int, int] = {}

    def _distances(self) -> dict[int, int]:
        starts, others = self._edges.by_source.starts.data, self._edges.by_source.others.data
        twin_flags = self._twins.flags.data
        origins, upto, floor = self._leads.keys(), self._upto, self._floor()
        disclosed = self._edges.disclosed.by_source
        seen = dict.fromkeys(self._ends, 0)
        frontier, distance = list(self._ends), 0
        while frontier:
            distance += 1
            nearer: list[int] = []
            for node in frontier:
                targets = others[starts[node] : starts[node + 1]].tolist()
                if disclosed and node in disclosed:
                    targets += [arrow[0] for arrow in disclosed[node]]
                for target in targets:
                    if target in seen or target < floor:
                        continue
                    seen[target] = distance
                    if target in origins:
                        continue
                    nearer.append(target)
                    if twin_flags[target] & TWIN:
                        fresh = [member for member in self._twins.of(target, upto) if member not in seen]
                        seen.update(dict.fromkeys(fresh, distance))
                        nearer += fresh
            frontier = nearer
        return seen

    def _floor(self) -> int:
        """No record before this one can be between: all is in log order unless twins or a disclosure lie across."""
        lowest = min(self._leads)
        across = self._twins.lie_across(lowest, self._upto) or self._edges.disclosed.lie_across(lowest)
        return 0 if across else lowest

    def _contract(self) -> dict[int, int]:
        """The lowest twin of each record that has any, origins apart: they are counted one by one."""
        twins = self._twins
        if not len(twins.later):
            return {}
        flags = twins.flags.data
        return {
            record: twins.first(record)
            for record in self.remaining
            if flags[record] & TWIN and record not in self._leads
        }

    def count(self) -> int:
        """How many derivations there are."""
        if self._classes or not self._edges.disclosed.by_source.keys().isdisjoint(self.remaining):
            self._count_classes()
        else:
            self._count_records()
        return self._ways.get(self._classes.get(self._end, self._end), 0)

    def _count_records(self) -> None:
        starts, others = self._edges.by_source.starts.data, self._edges.by_source.others.data
        ways = self._ways = dict.fromkeys(self._leads, 1)
        held = 0
        for record in sorted(self.remaining):
            if record in ways:
                continue
            total = 0
            for place in range(starts[record], starts[record + 1]):
                total += ways.get(others[place], 0)
            if total:
                ways[record] = total
                if total > SMALL:
                    held = _weigh(held, total)

    def _count_classes(self) -> None:
        before: dict[int, list[int]] = defaultdict(list)
        classes = self._classes
        for record in self.remaining:
            if record in self._leads:
                continue
            before[classes.get(record, record)] += [
                classes.get(target, target)
                for target, _, _ in self._edges.arrows(record)
                if target in self.remaining and target not in self._ends
            ]
        order = _topological(before)
        if len(order) < len(before):
            self._untie(before, set(order))
            order = _topological(before)
        ways = self._ways = dict.fromkeys(self._leads, 1)
        held = 0
        for group in order:
            if total := sum(ways.get(target, 0) for target in before[group]):
                ways[group] = total
                if total > SMALL:
                    held = _weigh(held, total)

    def _untie(self, before: dict[int, list[int]], sorted_out: set[int]) -> None:
        """Leave out the steps within a cycle that do not come nearer to the end."""
        import networkx as nx  # here, since few registries hold a cycle and every server would wait for it at start

        graph: nx.DiGraph[int] = nx.DiGraph()
        for group in before.keys() - sorted_out:
            graph.add_edges_from((target, group) for target in before[group] if target not in sorted_out)
        for number, knot in enumerate(nx.strongly_connected_components(graph)):
            if len(knot) > 1 or graph.has_edge(*list(knot) * 2):
                self._knots.update(dict.fromkeys(knot, number))
        for group in self._knots:
            before[group] = [target for target in before[group] if self._passes(target, group)]

    def _passes(self, target: int, source: int) -> bool:
        """Whether a step between these classes counts."""
        knot = self._knots.get(target)
        return knot is None or knot != self._knots.get(source) or self.remaining[source] < self.remaining[target]

    def onward(self, record: int, tied: bool) -> Iterator[tuple[int, int]]:
        """The (record, role) steps from `record`, entered from a twin where `tied`; from 0, those that begin.

        A disclosure is passed by two steps: to the name that it has on the way to its subject, and on to that.
        """
        if not record:
            yield from ((origin, -1) for origin, lead in self._leads.items() if len(lead) == 1 and origin in self._ways)
            return
        if subject := record >> 32:
            yield subject, ABOUT
            return
        if not tied:
            yield from ((twin, SAME_DATA) for twin in self._twins.of(record, self._upto) if self._joins(record, twin))
        if record in self._ends:
            return
        group = self._classes.get(record, record)
        for source, tag in self._edges.sources(record):
            target = self._classes.get(source, source)
            leads_on = source in self.remaining and source not in self._leads and target in self._ways
            if leads_on and self._passes(group, target):
                yield source, tag & ROLE
        for source, tag, disclosure in self._edges.disclosed.by_target.get(record, ()):
            target = self._classes.get(source, source)
            leads_on = source in self.remaining and source not in self._leads and target in self._ways
            if leads_on and self._passes(group, target):
                passed = at(source, disclosure)
                self.remaining[passed] = self.remaining[source]
                yield passed, tag & ROLE

    def _joins(self, record: int, twin: int) -> bool:
        if twin == record:
            return False
        if record in self._leads:
            return self._leads[twin][0].sequence == record and len(self._leads[twin]) == 2
        return record not in self._ends or twin == self._end


def _topological(before: Mapping[int, Sequence[int]]) -> list[int]:
    """The groups in an order in which each follows what is before it; without those on and behind cycles."""
    missing = {group: len([target for target in targets if target in before]) for group, targets in before.items()}
    behind: dict[int, list[int]] = defaultdict(list)
    for group, targets in before.items():
        for target in targets:
            if target in before:
                behind[target].append(group)
    order = [group for group, number in missing.items() if not number]
    for group in order:
        for source in behind.get(group, ()):
            missing[source] -= 1
            if not missing[source]:
                order.append(source)
    return order


def _weigh(held: int, count: int) -> int:
    held += count.bit_length() // 8
    if held > ROOM:
        raise TooCostly("There are too many derivations to count them exactly. Ask from a nearer ancestor.")
    return held
