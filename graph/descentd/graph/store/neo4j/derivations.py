"""Derivations between two records: Neo4j finds what leads to the end, and the topology counts within that alone."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from descentd.graph.index.topology import Topology
from descentd.graph.model.kinds import KIND_NUMBER, ROLE_NUMBER, Kind, Role
from descentd.graph.model.reach import Derivations, Direction, Step, Tail
from descentd.graph.store.neo4j.connection import Run
from descentd.graph.store.neo4j.walk import THEN, UP, Origins, find_origins

# All edges of the end and its ancestors; an edge of a twin says itself which records it joins.
_EDGES: Final = f"""
MATCH p = (d:Record {{seq: $start}})-[:{UP}*0..]->(x) WHERE {THEN}
WITH x, min(length(p)) AS k
MATCH (x)-[e:{UP}]->(y) WHERE type(e) <> 'FLOWS' OR e.since <= $upto
RETURN coalesce(e.role, type(e)), collect(DISTINCT [coalesce(e.source, x.seq), coalesce(e.target, y.seq)])
"""
_TWINS: Final = """
UNWIND $seqs AS s
MATCH (r:Record {seq: s}) WHERE r:Twin OR r:Twinned
OPTIONAL MATCH (r)-[:SAME_DATA]->(first)
WITH DISTINCT coalesce(first, r) AS first
MATCH (first)<-[:SAME_DATA]-(twin) WHERE twin.seq <= $upto
RETURN collect([twin.seq, first.seq])
"""

Triples = set[tuple[int, Role, int]]


async def derivations(run: Run, start: int, end: int, upto: int, first: int) -> Derivations:
    """See SupportsReach.paths. Raises TooCostly where the number of derivations does not fit into memory."""
    origins = await find_origins(run, [start], Direction.DESCENDANTS, upto)
    ends = await find_origins(run, [end], Direction.ANCESTORS, upto)
    if not origins.leads or not ends.leads:
        return Derivations(0, ())
    edges = {
        (source, Role(role), target)
        for role, pairs in await run(_EDGES, start=ends.starts[0], upto=upto)
        for source, target in pairs
    }
    edges |= _parts(origins, start)
    records = sorted({record for source, _, target in edges for record in (source, target)} | {start, end})
    twins = (await run(_TWINS, seqs=records, upto=upto))[0][0]
    records = sorted({*records, *(record for pair in twins for record in pair)})
    return await asyncio.to_thread(_count, records, edges, twins, start, end, first)


def _parts(origins: Origins, start: int) -> Triples:
    """What a dataset includes is where it begins, whether or not the dataset itself leads to the end."""
    begin = [record for record, lead in origins.leads.items() if len(lead) == 1 and record != start]
    return {(start, Role.INCLUDES, partition) for partition in begin}


def _count(
    records: Sequence[int], edges: Triples, twins: Sequence[Sequence[int]], start: int, end: int, first: int
) -> Derivations:
    """The derivations within these records alone, which are renumbered for as long as it takes to count."""
    number = {record: place for place, record in enumerate(records, 1)}
    topology = Topology()
    topology.extend(_tail(number, sorted(edges), twins, start))
    found = topology.paths(number[start], number[end], len(records), first)
    paths = [[Step(records[step.sequence - 1], step.role) for step in path] for path in found.paths]
    return Derivations(found.count, paths)


def _tail(
    number: Mapping[int, int], edges: Sequence[tuple[int, Role, int]], twins: Sequence[Sequence[int]], start: int
) -> Tail:
    kinds = np.full(len(number), KIND_NUMBER[Kind.MODEL_VERSION], dtype=np.uint8)
    if any(source == start and role is Role.INCLUDES for source, role, _ in edges):
        kinds[number[start] - 1] = KIND_NUMBER[Kind.DATASET]
    numbered: Any = [(number[source], ROLE_NUMBER[role], number[target]) for source, role, target in edges]
    columns = np.array(numbered, dtype=np.int32).reshape(-1, 3)
    return Tail(
        after=0,
        kinds=kinds,
        sources=columns[:, 0],
        roles=columns[:, 1].astype(np.uint8),
        targets=columns[:, 2],
        learns=np.ones(len(columns), dtype=np.bool_),
        twins=np.array(sorted([number[twin], number[first]] for twin, first in twins), dtype=np.int32).reshape(-1, 2),
    )
