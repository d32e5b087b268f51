"""How records lie in Neo4j, and the statements that put them there.

    (:Record:ModelVersion {seq, tx, kind, id, label, recordedAt, recordedBy, hash, body, words, name, version …})
        -[:DERIVED_FROM|TRAINED_ON|… {detail, learns}]-> (:Record)        every edge, with a type a role
        -[:_HOLDS]-> (:_Key {value, first})                              what it is found by
    (:_Log {one: 1, format, seq, recordedAt, frontier})                  the end of the log, and the lock of all writers

Times are datetimes: see `times`. What a record has for people to filter by is in `properties`. That is what is audited.
Beside it stands what walking needs and what follows from the above:

    (:_Twin)-[:SAME_DATA]->(:Record)                    a partition and the earliest one with its digest
    ()-[:_FLOWS|_RESTS {source, target, role, learns, since}]->()   an edge of a twin, once more between the earliest
    (:_Whole)<-[:_PART]-()                              a dataset and its partitions, where a walk from it begins

so that a walk over the earliest partitions alone reaches what any of their twins would, at the same distance. What
exposure needs besides is in `populations`, what was disclosed and retracted in `disclosures`. Labels and types that
begin with an underscore are bookkeeping, and say nothing of models and data that the others do not.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from descentd.graph.model.kinds import INFLUENCE, KINDS, ROLES, Edge, Kind, Role
from descentd.graph.model.log import Head
from descentd.graph.store.base import Link
from descentd.graph.store.batch import Appended
from descentd.graph.store.neo4j import disclosures, populations
from descentd.graph.store.neo4j.connection import Run
from descentd.graph.store.neo4j.properties import readable
from descentd.graph.store.neo4j.property_names import PropertyNames
from descentd.graph.store.neo4j.times import counted, time_of, zoned
from descentd.graph.store.tail import RETRACTABLE

FORMAT: Final = 9
IMPORTING: Final = -1000 - FORMAT
"""The format while a log is being imported, so that nothing opens what is not whole."""

LABELS: Final = {kind: "".join(part.title() for part in kind.split("_")) for kind in KINDS}
COMMON_FIRST: Final = sorted(KINDS, key=lambda kind: kind not in {Kind.MODEL_VERSION, Kind.PARTITION, Kind.DATASET})
"""The kinds, first those that lineages are mostly made of: in the order in which labels are best looked for."""
TYPES: Final = "|".join(role for role in ROLES if role is not Role.SAME_DATA)

_BATCH: Final = 10_000
_JUDGED: Final = frozenset({Role.TRAINED_ON, Role.DERIVED_FROM})
"""Roles for which `learns` depends on the detail."""

_MIRRORED: Final = dict.fromkeys(INFLUENCE, "_FLOWS") | {Role.EVALUATES: "_RESTS", Role.EVALUATED_ON: "_RESTS"}

MIRRORED: Final = "|".join(sorted(_MIRRORED))
"""The types of relationships of which walks see a copy where an end is a twin."""

# What is committed need not wait for the index of words, which doubled the time of a commit: whoever searches does.
SCHEMA: Final = (
    "CREATE CONSTRAINT log_one IF NOT EXISTS FOR (l:_Log) REQUIRE l.one IS UNIQUE",
    "CREATE CONSTRAINT record_seq IF NOT EXISTS FOR (r:Record) REQUIRE r.seq IS UNIQUE",
    "CREATE CONSTRAINT record_id IF NOT EXISTS FOR (r:Record) REQUIRE r.id IS UNIQUE",
    "CREATE CONSTRAINT record_label IF NOT EXISTS FOR (r:Record) REQUIRE r.label IS UNIQUE",
    "CREATE CONSTRAINT key_value IF NOT EXISTS FOR (k:_Key) REQUIRE k.value IS UNIQUE",
    "CREATE CONSTRAINT whole_seq IF NOT EXISTS FOR (w:_Whole) REQUIRE w.seq IS UNIQUE",
    """CREATE FULLTEXT INDEX record_words IF NOT EXISTS FOR (r:Record) ON EACH [r.words]
    OPTIONS {indexConfig: {`fulltext.analyzer`: 'whitespace', `fulltext.eventually_consistent`: true}}""",
    *populations.SCHEMA,
)
FIRST: Final = """
MERGE (l:_Log {one: 1})
ON CREATE SET l.seq = 0, l.recordedAt = datetime({epochMillis: 0}), l.frontier = '', l.format = $format
RETURN l.format
"""
# What is returned must not be read before the lock is there: `SET l.seq = l.seq` reads it first, and returns that.
LOCK: Final = "MATCH (l:_Log) SET l.locked = true WITH l RETURN l.seq, l.recordedAt, l.frontier"
HEAD: Final = "MATCH (l:_Log) RETURN l.seq, l.recordedAt, l.frontier"

# One statement for what nearly every batch holds, since each costs a round trip while all other writers wait. What few
# hold has statements of its own: to plan all in one took the better part of a second, again whenever statistics change.
# It is planned once: its plan needs no statistics, as the hints say which indexes it goes by, and a database that was
# being filled planned it anew for nearly every batch, for more than half of the batch's time.
# Keys and edges come with their record, which so is not looked for again: that took a quarter of the batch's time.
# It adds nothing, and returns no row, where the log does not end as the batch takes for granted; `locked` as in LOCK.
INSERT: Final = """replan=skip
MATCH (l:_Log) SET l.locked = true
WITH l WHERE $after IS NULL OR (l.seq = $after AND l.frontier = $known)
SET l.seq = $seq, l.recordedAt = $recorded_at, l.frontier = $frontier
WITH l
CALL () {
  UNWIND $records AS row
  CREATE (r:Record:$(row[0])) SET r = row[1], r.recordedAt = TIME
  RETURN collect([r, row[3], row[4]]) AS added
}
CALL (added) {
  UNWIND added AS one
  WITH one[0] AS r, one[1] AS keys
  UNWIND keys AS row
  MERGE (k:_Key {value: row[0]}) ON CREATE SET k.first = r.seq
  CREATE (r)-[:_HOLDS]->(k)
  WITH row, r, k WHERE row[1] AND k.first < r.seq
  MATCH (first:Record {seq: k.first}) USING INDEX first:Record(seq)
  SET r:_Twin, first:_Twinned
  CREATE (r)-[:SAME_DATA]->(first)
}
CALL (added) {
  UNWIND added AS one
  WITH one[0] AS a, one[2] AS edges
  UNWIND edges AS row
  MATCH (b:Record {seq: row[1]}) USING INDEX b:Record(seq)
  CREATE (a)-[e:$(row[2])]->(b) SET e = row[3]
  WITH a, b, row WHERE row[4] IS NOT NULL AND (a:_Twin OR b:_Twin)
  OPTIONAL MATCH (a)-[:SAME_DATA]->(x)
  OPTIONAL MATCH (b)-[:SAME_DATA]->(y)
  WITH row, coalesce(x, a) AS x, coalesce(y, b) AS y
  CREATE (x)-[f:$(row[4])]->(y)
  SET f = row[3], f.source = row[0], f.target = row[1], f.role = row[2], f.since = row[0]
}
CALL () {
  UNWIND $unexplained AS row
  MATCH (v:Record {seq: row}) USING INDEX v:Record(seq)
  MERGE (u:_Undocumented {one: 1})
  CREATE (v)-[:_LACKS {since: row}]->(u)
}
RETURN l.seq
""".replace("TIME", time_of("row[2]"))
_MIRRORS: Final = """
UNWIND $rows AS row
MATCH (a:Record {seq: row[0]}), (b:Record {seq: row[1]}) WHERE a:_Twin OR b:_Twin
OPTIONAL MATCH (a)-[:SAME_DATA]->(x)
OPTIONAL MATCH (b)-[:SAME_DATA]->(y)
WITH row, coalesce(x, a) AS x, coalesce(y, b) AS y
CREATE (x)-[f:$(row[4])]->(y)
SET f = row[3], f.source = row[0], f.target = row[1], f.role = row[2], f.since = row[0]
"""
_SHOW: Final = f"""
UNWIND $rows AS row
MATCH (r:Record {{seq: row[1].seq}})
SET r += row[1], r.recordedAt = {time_of("row[2]")}
"""
_WHOLES: Final = """
UNWIND $rows AS row
MATCH (d:Record {seq: row})
CREATE (w:_Whole {seq: row})<-[:_PART]-(d)
WITH d, w
MATCH (d)-[:INCLUDES]->(p)
OPTIONAL MATCH (p)-[:SAME_DATA]->(first)
WITH DISTINCT w, coalesce(first, p) AS p
CREATE (p)-[:_PART]->(w)
"""


async def insert(
    run: Run, items: Sequence[Appended], head: Head, names: PropertyNames, end: Head | None = None
) -> bool:
    """Put `items` into the graph and move the end of the log to `head`.

    False, and nothing is done, where it should be at `end` and is not; without one the lock has to be there already.
    """
    for start in range(0, len(items), _BATCH):
        batch = items[start : start + _BATCH]
        unexplained, unsure = populations.unexplained(batch)
        if not await run(INSERT, **await insertion(run, batch, unexplained, head, names, None if start else end)):
            return False
        await _derive(run, batch, (await populations.taught(run, unsure)).tolist())
    return True


def is_plain(items: Sequence[Appended]) -> bool:
    """Whether one INSERT puts these items into the graph with all that walks go by."""
    return (
        len(items) <= _BATCH
        and not populations.unexplained(items)[1]
        and not any(rows for _, rows in _derivations(items, ()))
        and all(item.entry.record.kind not in RETRACTABLE for item in items)
    )


async def insertion(
    run: Run,
    batch: Sequence[Appended],
    unexplained: Sequence[int],
    head: Head,
    names: PropertyNames,
    end: Head | None,
) -> dict[str, Any]:
    """What INSERT takes to put some items into the graph and move the end of the log from `end` to `head`."""
    return {
        "records": [
            [*row, [[key, key.startswith("digest:")] for key in item.entry.record.keys], list(_edges(item))]
            for item, row in zip(batch, await _records(run, batch, names), strict=True)
        ],
        "unexplained": unexplained,
        "after": None if end is None else end.sequence,
        "known": None if end is None else end.frontier.dump(),
        "seq": head.sequence,
        "recorded_at": zoned(head.recorded_at),
        "frontier": head.frontier.dump(),
    }


async def derive(run: Run, batch: Sequence[Appended]) -> None:
    """Bring what walks go by level with some records that are in the graph with their edges."""
    unexplained, unsure = populations.unexplained(batch)
    await _derive(run, batch, sorted({*unexplained, *(await populations.taught(run, unsure)).tolist()}))


async def _derive(run: Run, batch: Sequence[Appended], unexplained: Sequence[int]) -> None:
    for statement, rows in _derivations(batch, unexplained):
        if rows:
            await run(statement, rows=rows)
    of_kind = {kind: [i.entry.sequence for i in batch if i.entry.record.kind is kind] for kind in RETRACTABLE}
    if any(of_kind.values()):
        await disclosures.insert(run, of_kind[Kind.DISCLOSURE], of_kind[Kind.RETRACTION])
        for statement, rows in populations.derivations(batch):
            await run(statement, rows=rows)


def _derivations(batch: Sequence[Appended], unexplained: Sequence[int]) -> list[tuple[str, Sequence[Any]]]:
    wholes = [item.entry.sequence for item in batch if _is_whole(item)]
    return [(_WHOLES, wholes), *populations.inserts(batch, unexplained)]


async def mirror(run: Run, batch: Sequence[Appended]) -> None:
    """Copy the edges of twins among the earliest of them, as `insert` does for records that are new."""
    await run(_MIRRORS, rows=[row for item in batch for row in _edges(item) if row[4] is not None])


async def show(run: Run, batch: Sequence[Appended], names: PropertyNames) -> None:
    """Set the properties of records that are in the graph, as `insert` does for those that are new."""
    await run(_SHOW, rows=await _records(run, batch, names))


async def _records(run: Run, batch: Sequence[Appended], names: PropertyNames) -> list[list[Any]]:
    """The label of each record, its properties without `recordedAt`, and that as `counted` has it."""
    rows = [_record(item) for item in batch]
    await names.bound(run, [row[1] for row in rows])
    return rows


def _record(item: Appended) -> list[Any]:
    entry = item.entry
    record = entry.record
    kept = {
        "seq": entry.sequence,
        "tx": entry.transaction,
        "kind": record.kind.value,
        "id": record.id,
        "label": record.label,
        "recordedBy": entry.recorded_by,
        "hash": entry.hash.hex(),
        "body": record.body.decode(),
        "words": record.words or None,
    }
    return [LABELS[record.kind], readable(record) | kept, counted(entry.recorded_at)]


def _is_whole(item: Appended) -> bool:
    return any(link.role is Role.INCLUDES for link in item.links)


def _edges(item: Appended) -> Iterator[list[Any]]:
    kind, whole = item.entry.record.kind, _is_whole(item)
    for link in item.links:
        # What a disclosure states is mirrored at its subjects: see `disclosures`.
        yield [*_edge(kind, link, whole=whole), None if kind is Kind.DISCLOSURE else _MIRRORED.get(link.role)]


def _edge(kind: Kind, link: Link, *, whole: bool) -> list[Any]:
    edge = Edge(link.role, "", link.detail)
    properties: dict[str, Any] = {"detail": link.detail} if link.detail else {}
    if link.role in _JUDGED:
        properties["learns"] = edge.learns
    if shut := populations.shut(kind, edge, whole=whole):
        properties["shut"] = shut
    return [link.source, link.target, link.role.value, properties]


def learns(role: Role, detail: str) -> bool | None:
    """What the property `learns` of an edge must be: None where it has none."""
    return Edge(role, "", detail).learns if role in _JUDGED else None
