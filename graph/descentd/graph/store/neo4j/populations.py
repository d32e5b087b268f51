"""What Neo4j keeps beside records and edges so that exposure to a population is a walk from one node.

    (:_Attribute {name, value, folded})<-[:_LISTS {share}]-(:Population)<-[:_STATED {since, first}]-(:Partition)
                              (:_Complete)<-[:_COMPLETES]-(:Population)              statements that are complete
                       (:_Undocumented)<-[:_LACKS {since}]-(:Partition|ModelVersion|Dataset)

Partitions are the earliest of their twins there, `first` is their sequence. `since` is when a relationship came to be
where that is later than both its ends; `shut` says when no knowledge passes along one: from the first of each pair of
sequences up to the second. So a superseded statement is shut, and a share of 0, what a version looked up and did not
learn, and what a partition was derived from, for as long as a statement about it or a twin of it is complete. All of it
follows from the records.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from descentd.graph.documentation import is_documented
from descentd.graph.model.derived import shares_of
from descentd.graph.model.kinds import Edge, Kind, Role
from descentd.graph.model.reach import Documented
from descentd.graph.populations import fold
from descentd.graph.store.base import Link
from descentd.graph.store.batch import Appended
from descentd.graph.store.neo4j.connection import Run
from descentd.graph.store.tail import speaking

NEVER: Final = (1 << 63) - 1
FOREVER: Final = [0, NEVER]

SCHEMA: Final = (
    "CREATE CONSTRAINT attribute_value IF NOT EXISTS FOR (a:_Attribute) REQUIRE (a.name, a.value) IS UNIQUE",
    "CREATE INDEX attribute_folded IF NOT EXISTS FOR (a:_Attribute) ON (a.folded)",
    "CREATE CONSTRAINT undocumented_one IF NOT EXISTS FOR (u:_Undocumented) REQUIRE u.one IS UNIQUE",
    "CREATE CONSTRAINT complete_one IF NOT EXISTS FOR (c:_Complete) REQUIRE c.one IS UNIQUE",
)

CLOSED: Final = f"""reduce(u = [], i IN COLLECT {{
    MATCH (first)-[e:_STATED]->(:Population)-[:_COMPLETES]->() WITH e ORDER BY e.since
    RETURN [e.since, CASE WHEN e.shut IS NULL THEN {NEVER} ELSE e.shut[0] END]
  }} | CASE WHEN size(u) = 0 OR i[0] > u[-1] THEN u + i WHEN i[1] > u[-1] THEN u[..-1] + [i[1]] ELSE u END)"""
"""When the partition `first` or a twin was documented completely: from, up to, from, up to, …"""

_UNEXPLAINED: Final = """
UNWIND $rows AS row
MATCH (v:Record {seq: row})
MERGE (u:_Undocumented {one: 1})
CREATE (v)-[:_LACKS {since: row}]->(u)
"""
_LEARNED: Final = """
UNWIND $rows AS row
MATCH (d:Record {seq: row[0]}) WHERE d:Dataset AND NOT EXISTS { (d)-[:INCLUDES]->() }
MERGE (u:_Undocumented {one: 1})
MERGE (d)-[lacks:_LACKS]->(u) ON CREATE SET lacks.since = row[1]
"""
_SUPERSEDING: Final = f"""
UNWIND $rows AS row
MATCH (:Record {{seq: row[0]}})<-[:DESCRIBES]-(:Population)<-[e:_STATED]-() WHERE e.shut IS NULL
SET e.shut = [row[1], {NEVER}]
"""
_STATEMENTS: Final = """
UNWIND $rows AS row
MATCH (s:Record {seq: row[0]}), (p:Record {seq: row[1]})
OPTIONAL MATCH (p)-[:SAME_DATA]->(first)
WITH row, s, coalesce(first, p) AS first
CREATE (first)-[e:_STATED {since: row[0], first: first.seq}]->(s)
SET e.shut = row[2]
FOREACH (_ IN row[3] | MERGE (c:_Complete {one: 1}) CREATE (s)-[:_COMPLETES]->(c))
WITH row, s
UNWIND row[4] AS listed
MERGE (a:_Attribute {name: listed[0], value: listed[1]}) ON CREATE SET a.folded = listed[4]
CREATE (s)-[e:_LISTS]->(a)
SET e.share = listed[2], e.shut = listed[3]
"""
_PARTITIONS: Final = f"""
UNWIND $rows AS row
MATCH (p:Record {{seq: row}})
OPTIONAL MATCH (p)-[:SAME_DATA]->(first)
WITH DISTINCT coalesce(first, p) AS first
WITH first, {CLOSED} AS closed
WITH first, CASE WHEN size(closed) > 0 THEN closed END AS closed
MERGE (u:_Undocumented {{one: 1}})
MERGE (first)-[lacks:_LACKS]->(u) ON CREATE SET lacks.since = first.seq
SET lacks.shut = closed
WITH first, closed
CALL (first) {{ RETURN first AS twin UNION ALL MATCH (first)<-[:SAME_DATA]-(twin) RETURN twin }}
MATCH (twin)-[e:DERIVED_FROM|_FLOWS]->() WHERE coalesce(e.role, type(e)) = 'DERIVED_FROM'
SET e.shut = closed
"""
_SHUT_DERIVATIONS: Final = f"""
UNWIND $rows AS row
MATCH (p:Record {{seq: row}}) WHERE p:Partition
OPTIONAL MATCH (p)-[:SAME_DATA]->(first)
WITH DISTINCT coalesce(first, p) AS first
WITH first, {CLOSED} AS closed
MATCH (first)-[e:_FLOWS {{role: 'DERIVED_FROM'}}]->()
SET e.shut = CASE WHEN size(closed) > 0 THEN closed END
"""
_MADE_WITH_OF: Final = """
UNWIND $versions AS s
MATCH (:Record {seq: s})-[:BUILT_FROM|CONFIGURED_BY]->(c)
WITH c, collect(s) AS versions
RETURN collect([versions, c.kind, c.body])
"""


# What is missing is compared as -1, for nothing is otherwise than null.
STRAYS: Final = {
    "a partition whose documentation disagrees with its statements": f"""
        MATCH (first:Partition) WHERE NOT first:_Twin
        WITH first, {CLOSED} AS closed
        WHERE COLLECT {{
            MATCH (first)-[e:_LACKS]->(:_Undocumented) RETURN [coalesce(e.since, -1)] + coalesce(e.shut, []) }}
            <> [[first.seq] + closed]
          OR EXISTS {{ MATCH (first)<-[:SAME_DATA]-*(twin)-[e:DERIVED_FROM]->() WHERE coalesce(e.shut, []) <> closed }}
        RETURN first.seq LIMIT 1""",
    "a dataset whose documentation disagrees with its edges": """
        MATCH (v:Dataset)
        WITH v, COLLECT {
            MATCH (v)<-[e:TRAINED_ON]-(x) WHERE e.learns AND NOT EXISTS { (v)-[:INCLUDES]->() }
            WITH min(x.seq) AS since WHERE since IS NOT NULL RETURN since } AS since
        WHERE since <> COLLECT {
            MATCH (v)-[e:_LACKS]->(:_Undocumented) WHERE e.shut IS NULL RETURN coalesce(e.since, -1) }
        RETURN v.seq LIMIT 1""",
    "a record marked as undocumented that cannot be": """
        MATCH (x)-[:_LACKS]->() WHERE NOT x:Partition AND NOT x:ModelVersion AND NOT x:Dataset OR x:_Twin
        RETURN x.seq LIMIT 1""",
    "a statement about a population that is not in force when it should be": f"""
        MATCH (p)<-[:DESCRIBES]-(s:Population)
        WITH p, s ORDER BY s.seq
        WITH p, collect(s) AS said
        OPTIONAL MATCH (p)-[:SAME_DATA]->(f)
        WITH said, coalesce(f, p).seq AS first
        UNWIND range(0, size(said) - 1) AS i
        WITH said[i] AS s, first, CASE WHEN i + 1 < size(said) THEN [said[i + 1].seq, {NEVER}] ELSE [] END AS shut
        WHERE COLLECT {{
            MATCH (x)-[e:_STATED]->(s)
            RETURN [x.seq, coalesce(e.first, -1), coalesce(e.since, -1)] + coalesce(e.shut, []) }}
          <> [[first, first, s.seq] + shut]
        RETURN s.seq LIMIT 1""",
}
"""What walks for exposure go by follows from the records; each finds one place where it does not."""


def folded(attribute: str, value: str) -> str:
    """What an attribute and a value have in common with all that nearly is the same."""
    return "\n".join(fold((attribute, value)))


def unexplained(items: Sequence[Appended]) -> tuple[list[int], list[int]]:
    """The versions among some records that must have learned from data and list none, and those that may have.

    The latter have where their code or config speaks of training.
    """
    found: list[int] = []
    unsure: list[int] = []
    for item in items:
        if item.entry.record.kind is Kind.MODEL_VERSION:
            stated = [(link.role, Edge(link.role, "", link.detail).learns) for link in item.links]
            if not is_documented(stated, (), trained=False):
                found.append(item.entry.sequence)
            elif not is_documented(stated, (), trained=True):
                unsure.append(item.entry.sequence)
    return found, unsure


async def taught(run: Run, unsure: Sequence[int]) -> NDArray[np.int32]:
    """Those of some versions in the graph, ascending, whose code or config speaks of training."""
    [[found]] = await run(_MADE_WITH_OF, versions=unsure) if unsure else [[[]]]
    return speaking((version, Kind(kind), body) for versions, kind, body in found for version in versions)


def derivations(items: Sequence[Appended]) -> list[tuple[str, Sequence[Any]]]:
    """Statements, with their rows, that shut what complete partitions were disclosed to be derived from."""
    about = {link.target for item in items for link in item.links if link.role is Role.ABOUT}
    return [(_SHUT_DERIVATIONS, sorted(about))]


def inserts(items: Sequence[Appended], unexplained: Sequence[int]) -> list[tuple[str, Sequence[Any]]]:
    """Statements, to run in order once some records and their edges are there, with the `$rows` that each takes."""
    described = [(item, partition) for item in items if (partition := described_by(item)) is not None]
    following: dict[int, int] = {}
    statements = []
    for item, partition in reversed(described):
        sequence = item.entry.sequence
        shut = [following[partition], NEVER] if partition in following else None
        following[partition] = sequence
        statements.append([sequence, partition, shut, *said(item.entry.record.content)])
    partitions = [item.entry.sequence for item in items if item.entry.record.kind is Kind.PARTITION]
    return [
        (_UNEXPLAINED, unexplained),
        (_LEARNED, [[link.target, link.source] for item in items for link in item.links if _teaches(link)]),
        (_SUPERSEDING, list(following.items())),
        (_STATEMENTS, statements[::-1]),
        (_PARTITIONS, sorted({*partitions, *following})),
    ]


def described_by(item: Appended) -> int | None:
    """The partition whose population a record describes."""
    if item.entry.record.kind is not Kind.POPULATION:
        return None
    return next((link.target for link in item.links if link.role is Role.DESCRIBES), None)


def said(content: dict[str, Any]) -> tuple[list[int], list[list[Any]]]:
    """Of a statement: one item where it is complete, and what it lists as [name, value, share, shut, folded]."""
    documented, shares = shares_of(content)
    amounts = [None if s.share is None else float(s.share) for s in shares]
    listed = [
        [share.attribute, share.value, amount, FOREVER if amount == 0 else None, folded(share.attribute, share.value)]
        for share, amount in zip(shares, amounts, strict=True)
    ]
    return [1] if documented is Documented.COMPLETE else [], listed


def shut(kind: Kind, edge: Edge, *, whole: bool) -> list[int] | None:
    """What `shut` of an edge is from the start; `whole` says that it leaves a dataset with partitions."""
    looked_up = edge.role is Role.TRAINED_ON and not edge.learns
    told_by_partitions = edge.role is Role.DERIVED_FROM and kind is Kind.DATASET and whole
    return FOREVER if looked_up or told_by_partitions else None


def _teaches(link: Link) -> bool:
    return link.role is Role.TRAINED_ON and Edge(link.role, "", link.detail).learns
