"""The tail of the log, read from Neo4j: what the influence index needs of the newest entries.

A short tail is read record by record, a long one as one list of packed integers for each type of relationship.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from descentd.graph.model.kinds import KIND_NUMBER, ROLE_NUMBER, ROLES, Kind, Role
from descentd.graph.model.reach import PopulationFact, Tail
from descentd.graph.store.base import Link
from descentd.graph.store.neo4j.connection import Run
from descentd.graph.store.neo4j.populations import taught
from descentd.graph.store.neo4j.schema import COMMON_FIRST, LABELS
from descentd.graph.store.tail import WALKED, TailBuilder, disclosure_fact, population_facts, suspects

_SHORT: Final = 1_000
_PACK: Final = 1 << 31

_RECENT: Final = f"""
MATCH (r:Record) WHERE $after < r.seq <= $upto
WITH r ORDER BY r.seq
RETURN r.seq, r.kind, CASE WHEN r:Population THEN r.body END,
  COLLECT {{ MATCH (r)-[e:{"|".join(sorted(WALKED | {Role.DESCRIBES}))}]->(to:Record)
    RETURN [type(e), to.seq, coalesce(e.detail, '')] }},
  COLLECT {{ MATCH (r)-[:SAME_DATA]->(first) RETURN first.seq }}
"""
_DISCLOSED: Final = """
UNWIND $disclosures AS s
MATCH (d:Record {seq: s})
RETURN d.seq, d.body, COLLECT { MATCH (d)-[e:ABOUT|SUPERSEDES]->(to) RETURN [type(e), to.seq] } ORDER BY d.seq
"""
_RETRACTED: Final = """
UNWIND $retractions AS s
MATCH (r:Record {seq: s})-[:ABOUT]->(to) WHERE to:Disclosure OR to:Retraction
RETURN r.seq, to.seq ORDER BY r.seq, to.seq
"""
# One statement for all kinds and one for all roles: to plan one for each took seconds after a start of Neo4j.
_KINDS: Final = f"""
MATCH (r:Record) WHERE $after < r.seq <= $upto
RETURN CASE {" ".join(f"WHEN r:{LABELS[kind]} THEN '{kind}'" for kind in COMMON_FIRST)} END, collect(r.seq)
"""
_EDGES: Final = f"""
MATCH (a:Record) WHERE $after < a.seq <= $upto
MATCH (a)-[e:{"|".join(role for role in ROLES if role in WALKED)}]->(b)
RETURN type(e), collect((a.seq * 2147483648 + b.seq) * CASE WHEN e.learns = false THEN -1 ELSE 1 END)
"""
_TWINS: Final = """
MATCH (a:Record) WHERE $after < a.seq <= $upto
MATCH (a)-[:SAME_DATA]->(b)
RETURN collect(a.seq * 2147483648 + b.seq)
"""
_POPULATIONS: Final = """
MATCH (s:Record) WHERE $after < s.seq <= $upto AND s:Population
MATCH (s)-[:DESCRIBES]->(p)
RETURN collect([s.seq, p.seq, s.body])
"""


async def read_tail(run: Run, after: int, upto: int) -> Tail:
    """The records after `after` up to `upto`, which must have been read in an earlier transaction."""
    tail = await (_short if upto - after < _SHORT else _long)(run, after, upto)
    if disclosures := _of_kind(tail, Kind.DISCLOSURE):
        facts = [
            disclosure_fact(disclosure, [(Role(role), target) for role, target in links], body)
            for disclosure, body, links in await run(_DISCLOSED, disclosures=disclosures)
        ]
        tail = replace(tail, disclosures=facts)
    if retractions := _of_kind(tail, Kind.RETRACTION):
        about = await run(_RETRACTED, retractions=retractions)
        tail = replace(tail, retractions=np.array(about, np.int32).reshape(-1, 2))
    return replace(tail, trained=await taught(run, suspects(tail)))


def _of_kind(tail: Tail, kind: Kind) -> list[int]:
    """The sequences of a tail's records of one kind."""
    return (np.flatnonzero(tail.kinds == KIND_NUMBER[kind]) + tail.after + 1).tolist()


async def _short(run: Run, after: int, upto: int) -> Tail:
    builder = TailBuilder(after)
    for sequence, kind, body, edges, first in await run(_RECENT, after=after, upto=upto):
        builder.record(Kind(kind))
        for role, target, detail in sorted(edges):
            builder.edge(Link(sequence, Role(role), target, detail))
            if body is not None and role == Role.DESCRIBES:
                builder.population(sequence, target, body.encode())
        for earliest in first:
            builder.twin(sequence, earliest)
    return builder.build()


async def _long(run: Run, after: int, upto: int) -> Tail:
    async def numbers(query: str) -> NDArray[np.int64]:
        return np.array((await run(query, after=after, upto=upto))[0][0], dtype=np.int64)

    kinds = np.zeros(upto - after, dtype=np.uint8)
    for kind, sequences in await run(_KINDS, after=after, upto=upto):
        kinds[np.array(sequences, dtype=np.int64) - after - 1] = KIND_NUMBER[Kind(kind)]
    packed = [
        (Role(role), np.array(found, dtype=np.int64)) for role, found in await run(_EDGES, after=after, upto=upto)
    ]
    edges = np.concatenate([np.array([], dtype=np.int64), *(found for _, found in packed)])
    numbered = np.array([ROLE_NUMBER[role] for role, _ in packed], dtype=np.uint8)
    roles = np.repeat(numbered, [len(found) for _, found in packed])
    learns, sources, targets = _unpacked(edges)
    order = np.lexsort((targets, roles, sources))
    _, twins, earliest = _unpacked(np.sort(await numbers(_TWINS)))
    return Tail(
        after=after,
        kinds=kinds,
        sources=sources[order],
        roles=roles[order],
        targets=targets[order],
        learns=learns[order],
        twins=np.stack((twins, earliest), axis=1),
        populations=await _populations(run, after, upto),
    )


def _unpacked(packed: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.int32], NDArray[np.int32]]:
    size = np.abs(packed)
    return packed > 0, (size // _PACK).astype(np.int32), (size % _PACK).astype(np.int32)


async def _populations(run: Run, after: int, upto: int) -> tuple[PopulationFact, ...]:
    found: list[Any] = (await run(_POPULATIONS, after=after, upto=upto))[0][0]
    return population_facts(sorted(found))
