"""Shortest derivations from Neo4j, searched from the item towards the cause, where there are fewer ways."""

from collections.abc import Sequence
from typing import Any, Final

from descentd.graph.index.trail import HALF, LISTED
from descentd.graph.model.kinds import Role
from descentd.graph.model.reach import Step
from descentd.graph.store.neo4j.connection import Run
from descentd.graph.store.neo4j.walk import DOWN, THEN, Origins

# An edge as (source, target, role); one of a twin says itself which records it joins.
ARROW: Final = "[coalesce(e.source, startNode(e).seq), coalesce(e.target, endNode(e).seq), coalesce(e.role, type(e))]"
_PATHS: Final = f"""
UNWIND $items AS i
MATCH (own:Record {{seq: i}})
OPTIONAL MATCH (own)-[:SAME_DATA]->(first)
UNWIND CASE WHEN first IS NULL THEN [own] ELSE [own, first] END AS x
UNWIND $starts AS s
MATCH (d:$LABEL {{seq: s}})
WITH i, x, d WHERE x <> d
MATCH p = shortestPath((x)-[:{DOWN}*1..]->(d))
WHERE {THEN}
WITH i, x.seq = i AS own, p ORDER BY length(p), own DESC
WITH i, collect(p)[0] AS p
WITH i, length(p) AS n, reverse([e IN relationships(p) WHERE type(e) <> 'PART']) AS arrows
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


async def derivations(
    run: Run, origins: Origins, items: Sequence[int], upto: int, *, evidence: bool
) -> list[list[Step]]:
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
    if not origins.leads or not rest:
        return found
    label, starts = ("Record", origins.starts) if origins.whole is None else ("Whole", [origins.whole])
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
    for position, (source, target, role) in enumerate(arrows):
        if steps[-1].sequence != target and (whole or position != len(head)):
            steps.append(Step(target, Role.SAME_DATA))
        steps.append(Step(source, Role(role)))
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
