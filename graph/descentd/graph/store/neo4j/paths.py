"""Derivations from Neo4j: a shortest one to each item, and how many lead from one record to another.

Shortest ones are searched from the item towards the cause, where there are fewer ways. To count, Neo4j finds what leads
to the end, and the topology counts within that alone.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from descentd.graph.index.backtrace import HALF, LISTED
from descentd.graph.index.topology import Topology
from descentd.graph.model.kinds import KIND_NUMBER, ROLE_NUMBER, Kind, Role
from descentd.graph.model.reach import Derivations, Direction, DisclosureFact, Step, Tail
from descentd.graph.store.neo4j.connection import Connection, Run
from descentd.graph.store.neo4j.disclosures import IN_FORCE
from descentd.graph.store.neo4j.reach import DOWN, THEN, UP, Origins, find_origins

# An edge as (source, target, role, disclosure); one of a twin says itself which records it joins.
ARROW: Final = (
    "[coalesce(e.source, startNode(e).seq), coalesce(e.target, endNode(e).seq), coalesce(e.role, type(e)), e.by]"
)
_PATHS: Final = f"""
UNWIND $items AS i
MATCH (own:Record {{seq: i}}) WHERE NOT own:Disclosure
OPTIONAL MATCH (own)-[:SAME_DATA]->(first)
UNWIND CASE WHEN first IS NULL THEN [own] ELSE [own, first] END AS x
UNWIND $starts AS s
MATCH (d:$LABEL {{seq: s}})
WITH i, x, d WHERE x <> d
MATCH p = shortestPath((x)-[:{DOWN}*1..]->(d))
WHERE {THEN}
WITH i, x.seq = i AS own, p ORDER BY length(p), own DESC
WITH i, collect(p)[0] AS p
WITH i, length(p) AS n, reverse([e IN relationships(p) WHERE type(e) <> '_PART']) AS arrows
RETURN i, n, [e IN arrows[..{HALF + 1}] | {ARROW}], [e IN arrows[{HALF + 1}..][-{HALF + 1}..] | {ARROW}]
"""
_CITED: Final = """
UNWIND $items AS i
MATCH p = (:Record {seq: i})-[:CITES*0..]->(e)
WITH i, e, min(length(p)) AS n
MATCH (e)-[rests:EVALUATES|EVALUATED_ON]->(x:Record)
RETURN i, n, e.seq, type(rests), x.seq
"""
_CITATIONS: Final = """
UNWIND $pairs AS pair
MATCH (i:Record {seq: pair[0]}), (e:Record {seq: pair[1]})
MATCH p = shortestPath((i)-[:CITES*1..]->(e))
RETURN pair[0], [n IN reverse(nodes(p)) | n.seq]
"""

Found = tuple[int, list[Step]]
"""A derivation and its length, steps between twins not counted."""


class Neo4jPaths:
    """The questions of SupportsReach about derivations, for a store that has a `_connection`."""

    _connection: Connection

    async def via(
        self, origins: Sequence[int], items: Sequence[int], upto: int, *, evidence: bool = False
    ) -> Sequence[Sequence[Step]]:
        """See SupportsReach; empty where there is none."""
        run = self._connection.run
        found = await find_origins(run, origins, Direction.DESCENDANTS, upto)
        return await _shortest(run, found, items, upto, evidence=evidence)

    async def paths(self, start: int, end: int, upto: int, first: int) -> Derivations:
        """See SupportsReach. Raises TooCostly where the number of derivations does not fit into memory."""
        return await _derivations(self._connection.run, start, end, upto, first)


async def _shortest(run: Run, origins: Origins, items: Sequence[int], upto: int, *, evidence: bool) -> list[list[Step]]:
    """One shortest derivation to each item, by influence where evidence is no nearer; empty where there is none."""
    asked = [int(item) for item in dict.fromkeys(items) if 1 <= item <= upto]
    found = await _influenced(run, origins, asked, upto)
    if evidence:
        for item, cited in (await _evidence(run, origins, asked, upto)).items():
            if item not in found or cited[0] < found[item][0]:
                found[item] = cited
    return [found[item][1] if item in found else [] for item in items]


async def _influenced(run: Run, origins: Origins, items: Sequence[int], upto: int) -> dict[int, Found]:
    found: dict[int, Found] = {item: (0, origins.leads[item]) for item in items if item in origins.leads}
    rest = [item for item in items if item not in found]
    if not origins.starts or not rest:
        return found
    label, starts = ("Record", origins.starts) if origins.whole is None else ("_Whole", [origins.whole])
    rows = await run(_PATHS.replace("$LABEL", label), items=rest, starts=starts, upto=upto)
    for item, edges, head, tail in rows:
        length = edges - origins.offset
        whole = length == len(head) + len(tail)
        found[item] = length, steps_along(origins.leads[head[0][1]], item, head, tail, whole=whole)
    return found


def steps_along(lead: Sequence[Step], item: int, head: list[Any], tail: list[Any], *, whole: bool) -> list[Step]:
    """The derivation along arrows, cut in the middle past `LISTED` steps; `whole` says that head and tail meet."""
    arrows = head + tail
    steps = list(lead)
    for position, (source, target, role, disclosure) in enumerate(arrows):
        if steps[-1].sequence != target and (whole or position != len(head)):
            steps.append(Step(target, Role.SAME_DATA))
        if disclosure is not None:
            steps.append(Step(disclosure, Role(role)))
        steps.append(Step(source, Role(role)) if disclosure is None else Step(source, Role.ABOUT, back=True))
    if steps[-1].sequence != item:
        steps.append(Step(item, Role.SAME_DATA))
    return steps if len(steps) <= LISTED else steps[:HALF] + steps[-HALF:]


async def _evidence(run: Run, origins: Origins, items: Sequence[int], upto: int) -> dict[int, Found]:
    rows = await run(_CITED, items=items)
    grounds = await _influenced(run, origins, sorted({row[4] for row in rows if row[4] <= upto}), upto)
    best: dict[int, tuple[int, int, int, str]] = {}
    for item, citations, rests, role, ground in rows:
        if ground in grounds:
            way = grounds[ground][0] + 1 + citations, ground, rests, role
            best[item] = min(best.get(item, way), way)
    pairs = [[item, rests] for item, (_, _, rests, _) in best.items() if rests != item]
    chains = {row[0]: row[1] for row in (await run(_CITATIONS, pairs=pairs) if pairs else [])}
    found: dict[int, Found] = {}
    for item, (length, ground, rests, role) in best.items():
        cited = [Step(citing, Role.CITES) for citing in chains.get(item, [])[1:]]
        steps = [*grounds[ground][1], Step(rests, Role(role)), *cited]
        found[item] = length, steps if len(steps) <= LISTED else steps[:HALF] + steps[-HALF:]
    return found


# All edges of the end and its ancestors; an edge of a twin says itself which records it joins.
_EDGES: Final = f"""
MATCH p = (d:Record {{seq: $start}})-[:{UP}*0..]->(x) WHERE {THEN}
WITH x, min(length(p)) AS k
MATCH (x)-[e:{UP}]->(y) WHERE type(e) <> '_FLOWS' OR (e.since <= $upto AND {IN_FORCE})
RETURN coalesce(e.role, type(e)),
  collect(DISTINCT [coalesce(e.source, x.seq), coalesce(e.target, y.seq), coalesce(e.by, 0)])
"""
_TWINS: Final = """
UNWIND $seqs AS s
MATCH (r:Record {seq: s}) WHERE r:_Twin OR r:_Twinned
OPTIONAL MATCH (r)-[:SAME_DATA]->(first)
WITH DISTINCT coalesce(first, r) AS first
MATCH (first)<-[:SAME_DATA]-(twin) WHERE twin.seq <= $upto
RETURN collect([twin.seq, first.seq])
"""

Edges = set[tuple[int, Role, int, int]]
"""Each as (source, role, target, disclosure), with 0 for what its source states itself."""


async def _derivations(run: Run, start: int, end: int, upto: int, first: int) -> Derivations:
    """See SupportsReach.paths. Raises TooCostly where the number of derivations does not fit into memory."""
    origins = await find_origins(run, [start], Direction.DESCENDANTS, upto)
    ends = await find_origins(run, [end], Direction.ANCESTORS, upto)
    if not origins.starts or not ends.starts:
        here = [[Step(end, None)]] if start == end and end in ends.leads else []
        return Derivations(len(here), here[:first])
    edges = {
        (source, Role(role), target, disclosure)
        for role, pairs in await run(_EDGES, start=ends.starts[0], upto=upto)
        for source, target, disclosure in pairs
    }
    edges |= _parts(origins, start)
    records = sorted({record for source, _, *others in edges for record in (source, *others)} - {0} | {start, end})
    twins = (await run(_TWINS, seqs=records, upto=upto))[0][0]
    records = sorted({*records, *(record for pair in twins for record in pair)})
    return await asyncio.to_thread(_count, records, edges, twins, start, end, first)


def _parts(origins: Origins, start: int) -> Edges:
    """What a dataset includes is where it begins, whether or not the dataset itself leads to the end."""
    begin = [record for record, lead in origins.leads.items() if len(lead) == 1 and record != start]
    return {(start, Role.INCLUDES, partition, 0) for partition in begin}


def _count(
    records: Sequence[int], edges: Edges, twins: Sequence[Sequence[int]], start: int, end: int, first: int
) -> Derivations:
    """The derivations within these records alone, which are renumbered for as long as it takes to count."""
    number = {record: place for place, record in enumerate(records, 1)}
    topology = Topology()
    topology.extend(_tail(number, sorted(edges), twins, start))
    found = topology.paths(number[start], number[end], len(records), first)
    paths = [[replace(step, sequence=records[step.sequence - 1]) for step in path] for path in found.paths]
    return Derivations(found.count, paths)


def _tail(
    number: Mapping[int, int], edges: Sequence[tuple[int, Role, int, int]], twins: Sequence[Sequence[int]], start: int
) -> Tail:
    kinds = np.full(len(number), KIND_NUMBER[Kind.MODEL_VERSION], dtype=np.uint8)
    if any(source == start and role is Role.INCLUDES for source, role, *_ in edges):
        kinds[number[start] - 1] = KIND_NUMBER[Kind.DATASET]
    about: dict[int, set[int]] = {}
    for source, _, _, disclosure in edges:
        if disclosure:
            about.setdefault(number[disclosure], set()).add(number[source])
    kinds[np.array(sorted(about), dtype=np.intp) - 1] = KIND_NUMBER[Kind.DISCLOSURE]
    numbered: Any = sorted({(number[by or source], ROLE_NUMBER[role], number[to]) for source, role, to, by in edges})
    columns = np.array(numbered, dtype=np.int32).reshape(-1, 3)
    return Tail(
        after=0,
        kinds=kinds,
        sources=columns[:, 0],
        roles=columns[:, 1].astype(np.uint8),
        targets=columns[:, 2],
        learns=np.ones(len(columns), dtype=np.bool_),
        twins=np.array(sorted([number[twin], number[first]] for twin, first in twins), dtype=np.int32).reshape(-1, 2),
        disclosures=[DisclosureFact(by, tuple(sorted(subjects)), True) for by, subjects in sorted(about.items())],
    )
