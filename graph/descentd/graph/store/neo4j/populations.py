"""What Neo4j keeps beside records and edges so that exposure to a population is a walk from one node.

    (:Attribute {name, value})<-[:LISTS {share}]-(:Population)<-[:STATED {since, first}]-(:Partition)
                              (:Complete)<-[:COMPLETES]-(:Population)              statements that are complete
                       (:Undocumented)<-[:LACKS {since}]-(:Partition|ModelVersion|Dataset)

Partitions are the earliest of their twins there, `first` is their sequence. `since` is when a relationship came to be
where that is later than both its ends; `shut` says when no knowledge passes along one: from the first of each pair of
sequences up to the second. So a superseded statement is shut, and a share of 0, what a version looked up and did not
learn, and what a partition was derived from, for as long as a statement about it or a twin of it is complete. All of it
follows from the records.
"""

from collections.abc import Sequence
from typing import Any, Final

from descentd.graph.model.derived import shares_of
from descentd.graph.model.kinds import Edge, Kind, Role
from descentd.graph.model.reach import Documented
from descentd.graph.store.base import Link
from descentd.graph.store.batch import Appended

NEVER: Final = (1 << 63) - 1
FOREVER: Final = [0, NEVER]

NODES: Final = ("Attribute", "Complete", "Undocumented")
RELATIONSHIPS: Final = ("LISTS", "STATED", "COMPLETES", "LACKS")

SCHEMA: Final = (
    "CREATE CONSTRAINT attribute_value IF NOT EXISTS FOR (a:Attribute) REQUIRE (a.name, a.value) IS UNIQUE",
    "CREATE CONSTRAINT undocumented_one IF NOT EXISTS FOR (u:Undocumented) REQUIRE u.one IS UNIQUE",
    "CREATE CONSTRAINT complete_one IF NOT EXISTS FOR (c:Complete) REQUIRE c.one IS UNIQUE",
)

CLOSED: Final = f"""reduce(u = [], i IN COLLECT {{
    MATCH (first)-[e:STATED]->(:Population)-[:COMPLETES]->() WITH e ORDER BY e.since
    RETURN [e.since, CASE WHEN e.shut IS NULL THEN {NEVER} ELSE e.shut[0] END]
  }} | CASE WHEN size(u) = 0 OR i[0] > u[-1] THEN u + i WHEN i[1] > u[-1] THEN u[..-1] + [i[1]] ELSE u END)"""
"""When the partition `first` or a twin was documented completely: from, up to, from, up to, …"""

_UNEXPLAINED: Final = """
UNWIND $rows AS row
MATCH (v:Record {seq: row})
MERGE (u:Undocumented {one: 1})
CREATE (v)-[:LACKS {since: row}]->(u)
"""
_LEARNED: Final = """
UNWIND $rows AS row
MATCH (d:Record {seq: row[0]}) WHERE d:Dataset AND NOT EXISTS { (d)-[:INCLUDES]->() }
MERGE (u:Undocumented {one: 1})
MERGE (d)-[lacks:LACKS]->(u) ON CREATE SET lacks.since = row[1]
"""
_SUPERSEDING: Final = f"""
UNWIND $rows AS row
MATCH (:Record {{seq: row[0]}})<-[:DESCRIBES]-(:Population)<-[e:STATED]-() WHERE e.shut IS NULL
SET e.shut = [row[1], {NEVER}]
"""
_STATEMENTS: Final = """
UNWIND $rows AS row
MATCH (s:Record {seq: row[0]}), (p:Record {seq: row[1]})
OPTIONAL MATCH (p)-[:SAME_DATA]->(first)
WITH row, s, coalesce(first, p) AS first
CREATE (first)-[e:STATED {since: row[0], first: first.seq}]->(s)
SET e.shut = row[2]
FOREACH (_ IN row[3] | MERGE (c:Complete {one: 1}) CREATE (s)-[:COMPLETES]->(c))
WITH row, s
UNWIND row[4] AS listed
MERGE (a:Attribute {name: listed[0], value: listed[1]})
CREATE (s)-[e:LISTS]->(a)
SET e.share = listed[2], e.shut = listed[3]
"""
_PARTITIONS: Final = f"""
UNWIND $rows AS row
MATCH (p:Record {{seq: row}})
OPTIONAL MATCH (p)-[:SAME_DATA]->(first)
WITH DISTINCT coalesce(first, p) AS first
WITH first, {CLOSED} AS closed
WITH first, CASE WHEN size(closed) > 0 THEN closed END AS closed
MERGE (u:Undocumented {{one: 1}})
MERGE (first)-[lacks:LACKS]->(u) ON CREATE SET lacks.since = first.seq
SET lacks.shut = closed
WITH first, closed
CALL (first) {{ RETURN first AS twin UNION ALL MATCH (first)<-[:SAME_DATA]-(twin) RETURN twin }}
MATCH (twin)-[e:DERIVED_FROM|FLOWS]->() WHERE coalesce(e.role, type(e)) = 'DERIVED_FROM'
SET e.shut = closed
"""


STRAYS: Final = {
    "a partition that is documented otherwise than its statements say": f"""
        MATCH (first:Partition) WHERE NOT first:Twin
        WITH first, {CLOSED} AS closed
        WHERE COLLECT {{ MATCH (first)-[e:LACKS]->(:Undocumented) RETURN [e.since] + coalesce(e.shut, []) }}
            <> [[first.seq] + closed]
          OR EXISTS {{ MATCH (first)<-[:SAME_DATA]-*(twin)-[e:DERIVED_FROM]->() WHERE coalesce(e.shut, []) <> closed }}
        RETURN first.seq LIMIT 1""",
    "a version or dataset that is documented otherwise than its edges say": """
        MATCH (v:ModelVersion|Dataset)
        WITH v, CASE
          WHEN v:Dataset THEN COLLECT {
            MATCH (v)<-[e:TRAINED_ON]-(x) WHERE e.learns AND NOT EXISTS { (v)-[:INCLUDES]->() }
            WITH min(x.seq) AS since WHERE since IS NOT NULL RETURN since }
          WHEN NOT EXISTS { MATCH (v)-[e:TRAINED_ON]->() WHERE e.learns }
            AND (NOT EXISTS { (v)-[:DERIVED_FROM]->() } OR EXISTS { MATCH (v)-[e:DERIVED_FROM]->() WHERE e.learns })
          THEN [v.seq] ELSE [] END AS since
        WHERE since <> COLLECT { MATCH (v)-[e:LACKS]->(:Undocumented) WHERE e.shut IS NULL RETURN e.since }
        RETURN v.seq LIMIT 1""",
    "something undocumented that cannot be": """
        MATCH (x)-[:LACKS]->() WHERE NOT x:Partition AND NOT x:ModelVersion AND NOT x:Dataset OR x:Twin
        RETURN x.seq LIMIT 1""",
    "a statement about a population that is not in force when it should be": f"""
        MATCH (p)<-[:DESCRIBES]-(s:Population)
        WITH p, s ORDER BY s.seq
        WITH p, collect(s) AS said
        OPTIONAL MATCH (p)-[:SAME_DATA]->(f)
        WITH said, coalesce(f, p).seq AS first
        UNWIND range(0, size(said) - 1) AS i
        WITH said[i] AS s, first, CASE WHEN i + 1 < size(said) THEN [said[i + 1].seq, {NEVER}] ELSE [] END AS shut
        WHERE COLLECT {{ MATCH (x)-[e:STATED]->(s) RETURN [x.seq, e.first, e.since] + coalesce(e.shut, []) }}
          <> [[first, first, s.seq] + shut]
        RETURN s.seq LIMIT 1""",
}
"""What walks for exposure go by follows from the records; each finds one place where it does not."""


def inserts(items: Sequence[Appended]) -> list[tuple[str, Sequence[Any]]]:
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
        (_UNEXPLAINED, [item.entry.sequence for item in items if _is_unexplained(item)]),
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
    """Of a statement: one item where it is complete, and what it lists as [name, value, share, shut]."""
    documented, shares = shares_of(content)
    amounts = [None if s.share is None else float(s.share) for s in shares]
    listed = [[s.attribute, s.value, n, FOREVER if n == 0 else None] for s, n in zip(shares, amounts, strict=True)]
    return [1] if documented is Documented.COMPLETE else [], listed


def shut(kind: Kind, edge: Edge, *, whole: bool) -> list[int] | None:
    """What `shut` of an edge is from the start; `whole` says that it leaves a dataset with partitions."""
    looked_up = edge.role is Role.TRAINED_ON and not edge.learns
    told_by_partitions = edge.role is Role.DERIVED_FROM and kind is Kind.DATASET and whole
    return FOREVER if looked_up or told_by_partitions else None


def _teaches(link: Link) -> bool:
    return link.role is Role.TRAINED_ON and Edge(link.role, "", link.detail).learns


def _is_unexplained(item: Appended) -> bool:
    """Whether a record is a version that must have learned from data and lists none."""
    if item.entry.record.kind is not Kind.MODEL_VERSION or any(map(_teaches, item.links)):
        return False
    parents = [Edge(link.role, "", link.detail).learns for link in item.links if link.role is Role.DERIVED_FROM]
    return not parents or any(parents)
