"""What the stores take by themselves for the rows of a registry, beside which bulk registration is measured."""

import asyncio
import sqlite3
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from neo4j import GraphDatabase

from bench.contents import Members, records
from bench.registry import CACHE, made
from descentd.app.server.store_url import store_at
from descentd.graph.model.log import Head
from descentd.graph.store.batch import Batch
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.neo4j.connection import Connection
from descentd.graph.store.neo4j.property_names import PropertyNames
from descentd.graph.store.neo4j.schema import insertion
from descentd.graph.store.neo4j.times import time_of
from tests.support.neo4j_server import WIPE_NODES

BATCH: Final = 10_000

_NODES: Final = f"UNWIND $rows AS row CREATE (r:Record:LABEL) SET r = row[0], r.recordedAt = {time_of('row[1]')}"
_KEYS: Final = "UNWIND $rows AS row CREATE (:_Key {value: row[0], first: row[1]})"
_HOLDS: Final = """
UNWIND $rows AS row
MATCH (r:Record {seq: row[1]}) USING INDEX r:Record(seq)
MATCH (k:_Key {value: row[0]}) USING INDEX k:_Key(value)
CREATE (r)-[:_HOLDS]->(k)
"""
_EDGES: Final = """
UNWIND $rows AS row
MATCH (a:Record {seq: row[0]}) USING INDEX a:Record(seq)
MATCH (b:Record {seq: row[1]}) USING INDEX b:Record(seq)
CREATE (a)-[e:TYPE]->(b) SET e = row[2]
"""

_Rows = list[tuple[str, list[Any]]]
"""Statements, each with the rows that it takes."""


def of_sqlite(filled: Path) -> float:
    """Records a second when the rows of a registry go into the same tables of another file, nothing being checked."""
    source, copy = sqlite3.connect(filled), CACHE / "raw.db"
    copy.unlink(missing_ok=True)
    target = sqlite3.connect(copy, isolation_level=None)
    target.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
    for (statement,) in source.execute(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
        "AND (name = 'word' OR name NOT LIKE 'word%')"  # what lies behind the index of words is made with it
    ):
        target.execute(statement)
    size = source.execute("SELECT max(seq) FROM record").fetchone()[0]
    tables = {"record": ("*", "seq"), "body": ("*", "seq"), "edge": ("*", "src"), "key": ("*", "seq")}
    tables["word"] = "rowid, words", "rowid"
    taken = 0.0
    for begin in range(0, size, BATCH):
        span = (begin, begin + BATCH)
        rows = {
            table: source.execute(f"SELECT {columns} FROM {table} WHERE {by} > ? AND {by} <= ?", span).fetchall()
            for table, (columns, by) in tables.items()
        }
        start = time.perf_counter()
        target.execute("BEGIN IMMEDIATE")
        for table, values in rows.items():
            if values:
                into = "word (rowid, words)" if table == "word" else table
                target.executemany(f"INSERT INTO {into} VALUES ({', '.join('?' * len(values[0]))})", values)
        target.execute("COMMIT")
        taken += time.perf_counter() - start
    source.close()
    target.close()
    for suffix in ("", "-wal", "-shm"):
        copy.with_name(copy.name + suffix).unlink(missing_ok=True)
    return float(size / taken)


def of_neo4j(uri: str, size: int) -> float:
    """Records a second when those of a zoo become the same nodes and relationships as in a registry, unchecked.

    They have the same properties, under the same constraints and indexes, one statement a label or type; what walks go
    by besides is left out. They are put there twice, and the second time counts, when Java has compiled what it takes.
    The database is empty before and afterwards.
    """
    batches, number = asyncio.run(_batches(uri, size))
    with GraphDatabase.driver(uri) as driver, driver.session() as session:
        for _ in range(2):
            start = time.perf_counter()
            for batch in batches:
                with session.begin_transaction() as transaction:
                    for statement, rows in batch:
                        transaction.run("CYPHER 5 replan=skip " + statement, rows=rows).consume()
            taken = time.perf_counter() - start
            empty(uri)
    return number / taken


def empty(uri: str) -> None:
    """Remove everything from a Neo4j but its constraints and indexes."""
    with GraphDatabase.driver(uri) as driver, driver.session() as session:
        session.run(WIPE_NODES).consume()


async def _batches(uri: str, size: int) -> tuple[list[_Rows], int]:
    """Those of a zoo, and its number of records, for a database that has our constraints and indexes then."""
    store = store_at(uri)
    await store.open()
    await store.close()
    connection = Connection(uri, None, None)
    await connection.open()
    batch, names = Batch(MemoryStore(), Head()), PropertyNames()
    await batch.append(list(records(Members(made(size)))), "zoo")
    found, keys = [], dict[str, int]()
    for start in range(0, len(batch.appended), BATCH):
        items = batch.appended[start : start + BATCH]
        found.append(_rows((await insertion(connection.run, items, (), batch.head, names, None))["records"], keys))
    await connection.close()
    return found, len(batch.appended)


def _rows(given: Sequence[Sequence[Any]], known: dict[str, int]) -> _Rows:
    """The rows of records, by the statement that puts them there; `known` are the keys of the batches before."""
    nodes, keys, edges = defaultdict(list), [], defaultdict(list)
    for label, properties, at, held, leaving in given:
        nodes[label].append([properties, at])
        keys += [[value, properties["seq"]] for value, _ in held]
        for edge in leaving:
            edges[edge[2]].append([edge[0], edge[1], edge[3]])
    new = {value: sequence for value, sequence in reversed(keys) if value not in known}
    known |= new
    return [
        *((_NODES.replace("LABEL", label), rows) for label, rows in nodes.items()),
        (_KEYS, [list(pair) for pair in new.items()]),
        (_HOLDS, keys),
        *((_EDGES.replace("TYPE", type), rows) for type, rows in edges.items()),
    ]
