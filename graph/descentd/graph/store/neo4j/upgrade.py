"""From an earlier layout of a registry in Neo4j to the one that `schema` describes.

Records and their edges stay as they are; what follows from them is removed and worked out again. Each step may be
repeated, so that an upgrade that was broken off is taken up by the next; nothing else opens the registry meanwhile.
"""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from descentd.graph.model.errors import Unavailable
from descentd.graph.model.kinds import KINDS, ROLES, Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Record
from descentd.graph.store.base import Link
from descentd.graph.store.batch import Appended
from descentd.graph.store.neo4j.connection import Connection, Run
from descentd.graph.store.neo4j.journal import adopt
from descentd.graph.store.neo4j.property_names import PropertyNames
from descentd.graph.store.neo4j.schema import FORMAT, TYPES, derive, mirror, show
from descentd.graph.store.neo4j.times import SECOND, moment_of, zoned
from descentd.graph.store.operational import Accounts

OLDER: Final = tuple(sign * format for sign in (1, -1) for format in range(2, FORMAT))
"""Formats that can be upgraded; a negative one is what an upgrade that was broken off left of it."""

_BATCH: Final = 10_000
_RENAMED: Final = (
    *("Key", "Token", "Access", "AccessLog", "Destination", "Delivery", "Arrival"),
    *("Twin", "Twinned", "Log"),  # the log last: it says where the upgrade is
)
_REMOVED: Final = ("Whole", "Attribute", "Complete", "Undocumented")
_UNDERSCORED: Final = ("_Whole", "_Attribute", "_Complete", "_Undocumented")
_FORMAT: Final = "MATCH (l:Log|_Log) RETURN l.format"
_SET_FORMAT: Final = "MATCH (l:Log|_Log) SET l.format = $format"
_RELABEL: Final = "MATCH (n:{0}) WITH n LIMIT {1} SET n:_{0} REMOVE n:{0} RETURN count(n)"
_DELETE: Final = "MATCH (n:{0}) WITH n LIMIT {1} DETACH DELETE n RETURN count(n)"
_DELETE_EDGES: Final = "MATCH ()-[e:{0}]->() WITH e LIMIT {1} DELETE e RETURN count(e)"
_HOLDS: Final = "MATCH (r)-[h:HOLDS]->(k) WITH r, h, k LIMIT {1} CREATE (r)-[:_HOLDS]->(k) DELETE h RETURN count(h)"
_OLD_SCHEMA: Final = """
SHOW CONSTRAINTS YIELD name, labelsOrTypes WHERE any(label IN labelsOrTypes WHERE label IN $labels) RETURN name
"""
_OLD_INDEXES: Final = """
SHOW INDEXES YIELD name, labelsOrTypes, owningConstraint
WHERE owningConstraint IS NULL AND any(label IN labelsOrTypes WHERE label IN $labels) RETURN name
"""
_RECORDS: Final = f"""
MATCH (r:Record) WHERE $after < r.seq <= $after + {_BATCH // 10}
WITH r ORDER BY r.seq
RETURN r.seq, r.tx, r.kind, r.body, r.recordedAt, r.recordedBy,
  COLLECT {{ MATCH (r)-[e:{TYPES}]->(to) RETURN [type(e), to.seq, coalesce(e.detail, '')] }}
"""
_COUNTED: Final = (
    *(("_Token", name, 1) for name in ("createdAt", "expiresAt", "revokedAt")),
    *(("_Delivery", name, 1) for name in ("at", "nextAt")),
    ("_Destination", "until", 1),
    ("_Arrival", "sent", SECOND),
    ("_Event", "at", 1),
    ("_Log", "recordedAt", 1),
)
"""The moments beside records, which formats before 6 counted since 1970 UTC, and in how many microseconds.

That of the end of the log was counted until 7.
"""
_NUMBERS: Final = """
MATCH (n:{0}) WHERE valueType(n.{1}) = 'INTEGER NOT NULL' WITH n LIMIT {2} RETURN elementId(n), n.{1}
"""
_TIMES: Final = "UNWIND $rows AS row MATCH (n) WHERE elementId(n) = row[0] SET n.{0} = row[1]"
_BACKED_UP: Final = "MATCH (n) WHERE NOT n:Record RETURN labels(n), properties(n)"


async def found_format(run: Run) -> int | None:
    """The format of the registry that a database holds; None where it holds none."""
    rows = await run(_FORMAT)
    return rows[0][0] if rows else None


async def prepare(connection: Connection, backup: Path) -> bool:
    """Write what a registry of an older format holds to `backup`, and rename it; False where there is nothing to do.

    Raises Unavailable where there is no registry, or one of a format that is not known.
    """
    format = await found_format(connection.run)
    if format == FORMAT:
        return False
    if format not in OLDER:
        held = "no registry" if format is None else f"a registry of format {format}, which this version does not know"
        raise Unavailable(f"The database holds {held}: there is nothing to upgrade.")
    if format > 0:
        await _back_up(connection, backup)
        await connection.write(lambda run: run(_SET_FORMAT, format=-format))
    await _rename(connection)
    return True


async def work_out(
    connection: Connection,
    accounts: Accounts,
    rehash: Callable[[bytes], bytes],
    progress: Callable[[int], None] | None = None,
) -> None:
    """Bring all else to the present layout, once the schema is there, and let the registry be opened again.

    What people and walks go by follows from the records; what is kept beside the log is chained where it is not yet.
    Accesses move into the log of `accounts`; `rehash` is as in SupportsUpgrade.
    """
    for label in _UNDERSCORED:
        await _repeat(connection, _DELETE, label)
    for types in ("_FLOWS", "_RESTS", "_STATED"):
        await _repeat(connection, _DELETE_EDGES, types)
    after, names = 0, PropertyNames()
    while rows := await connection.run(_RECORDS, after=after):
        items = [_item(row) for row in rows]

        async def work(run: Run, items: list[Appended] = items) -> None:
            await show(run, items, names)
            await mirror(run, items)
            await derive(run, items)

        await connection.write(work)
        after = items[-1].entry.sequence
        if progress is not None:
            progress(after)
    await _tell_time(connection)
    await adopt(connection, accounts, rehash)
    await connection.write(lambda run: run(_SET_FORMAT, format=FORMAT))


async def _tell_time(connection: Connection) -> None:
    """Turn the moments of what is beside the log into times."""
    for label, name, unit in _COUNTED:
        while rows := await connection.run(_NUMBERS.format(label, name, _BATCH)):
            # An arrival without a time was counted as 0.
            times = [[id, zoned(count * unit) if count or unit == 1 else None] for id, count in rows]
            await connection.write(lambda run, name=name, times=times: run(_TIMES.format(name), rows=times))  # type: ignore[misc]


async def _rename(connection: Connection) -> None:
    labels = [*_RENAMED, *_REMOVED]
    for query, what in ((_OLD_SCHEMA, "CONSTRAINT"), (_OLD_INDEXES, "INDEX")):
        for (name,) in await connection.run(query, labels=labels):
            await connection.write(lambda run, name=name, what=what: run(f"DROP {what} `{name}` IF EXISTS"))  # type: ignore[misc]
    for label in _REMOVED:
        await _repeat(connection, _DELETE, label)
    for type in ("FLOWS", "RESTS", "STATED"):
        await _repeat(connection, _DELETE_EDGES, type)
    await _repeat(connection, _HOLDS, "")
    for label in _RENAMED:
        await _repeat(connection, _RELABEL, label)


async def _repeat(connection: Connection, query: str, name: str) -> None:
    """Run a statement that works on some at a time until none is left."""
    statement = query.format(name, _BATCH)
    while (await connection.write(lambda run: run(statement)))[0][0]:
        pass


async def _back_up(connection: Connection, backup: Path) -> None:
    """Write all records with their edges, and all nodes beside them, as lines of JSON."""
    # Of an older format it holds hashes of tokens without a key, and the access log: nobody else is to read it.
    beside = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(beside, "wb") as raw, gzip.open(raw, "wt", encoding="utf-8") as file:
        for labels, properties in await connection.run(_BACKED_UP):
            file.write(json.dumps({"labels": labels, "properties": properties}, default=str) + "\n")
        after = 0
        while rows := await connection.run(_RECORDS, after=after):
            file.writelines(json.dumps({"record": row}, default=str) + "\n" for row in rows)
            after = rows[-1][0]


def _item(row: list[Any]) -> Appended:
    sequence, transaction, kind, body, recorded_at, recorded_by, edges = row
    if kind not in KINDS or any(role not in ROLES for role, *_ in edges):
        raise Unavailable(f"Record {sequence} is of no known kind: restore the database from a backup.")
    # Formats before 4 kept microseconds; where an upgrade was broken off, some records have their time already.
    moment = recorded_at if isinstance(recorded_at, int) else moment_of(recorded_at)
    if moment is None:
        raise Unavailable(f"Record {sequence} has no time: restore the database from a backup.")
    entry = Entry(sequence, transaction, Record(Kind(kind), body.encode()), moment, recorded_by)
    links = tuple(Link(sequence, Role(role), target, detail) for role, target, detail in sorted(edges))
    return Appended(entry, links)
