"""Derivations from Neo4j: the one that proves each item, and how many lead from one record to another.

Neo4j finds what leads to the ends, and an index chooses and counts within that alone: see `ancestry`.
"""

from collections.abc import Sequence
from dataclasses import replace

from typing_extensions import override

from descentd.graph.model.kinds import Role
from descentd.graph.model.reach import Derivations, Direction, Step, SupportsReach
from descentd.graph.store.neo4j.ancestry import Ancestry, Edges, read_ancestry
from descentd.graph.store.neo4j.connection import Connection, Run
from descentd.graph.store.neo4j.reach import Origins, find_origins
from descentd.graph.turns import in_thread


class Neo4jPaths(SupportsReach):
    """The questions of SupportsReach about derivations, for a store that has a `_connection`."""

    _connection: Connection

    @override
    async def via(
        self, origins: Sequence[int], items: Sequence[int], upto: int, *, evidence: bool = False
    ) -> Sequence[Sequence[Step]]:
        run = self._connection.run
        found = await find_origins(run, origins, Direction.DESCENDANTS, upto)
        asked = [int(item) for item in items]
        there = [item for item in asked if 1 <= item <= upto]
        if not found.leads or not there:
            return [[] for _ in asked]
        ancestry = await read_ancestry(run, there, upto, without=found.leads, evidence=evidence)
        return [steps for _, steps in await in_thread(ancestry.prove, found.leads, asked, evidence=evidence)]

    @override
    async def paths(self, start: int, end: int, upto: int, first: int) -> Derivations:
        return await _derivations(self._connection.run, start, end, upto, first)


async def _derivations(run: Run, start: int, end: int, upto: int, first: int) -> Derivations:
    """What `Neo4jPaths.paths` returns, and raises."""
    origins = await find_origins(run, [start], Direction.DESCENDANTS, upto)
    ends = await find_origins(run, [end], Direction.ANCESTORS, upto)
    if not origins.starts or not ends.starts:
        here = [[Step(end, None)]] if start == end and end in ends.leads else []
        return Derivations(len(here), here[:first])
    ancestry = await read_ancestry(run, [end], upto, without=origins.leads)
    parts = {edge for edge in _parts(origins, start) if edge[2] in ancestry.number}
    ancestry = replace(ancestry, edges=ancestry.edges | parts, named=ancestry.named | {start})
    return await in_thread(_count, ancestry, start if parts else None, start, end, first)


def _parts(origins: Origins, start: int) -> Edges:
    """What a dataset includes is where it begins, whether or not the dataset itself leads to the end."""
    begin = [record for record, lead in origins.leads.items() if len(lead) == 1 and record != start]
    return {(start, Role.INCLUDES, partition, 0) for partition in begin}


def _count(ancestry: Ancestry, dataset: int | None, start: int, end: int, first: int) -> Derivations:
    number, records = ancestry.number, ancestry.records
    found = ancestry.index(dataset).paths(number[start], number[end], len(records), first)
    paths = [[replace(step, sequence=records[step.sequence - 1]) for step in path] for path in found.paths]
    return Derivations(found.count, paths)
