"""What `verify` checks: all that the SQLite file stores, read as it is, because somebody may have changed it by SQL."""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

from descentd.graph.model.kinds import KINDS, ROLES, Edge, Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Record
from descentd.graph.store.base import Stored, Totals
from descentd.graph.store.sqlite.reads import any_text

_RECORDS: Final = (
    "SELECT seq, tx, kind, content, recorded_at, recorded_by, id, label, hash, words FROM record "
    "LEFT JOIN body USING (seq) LEFT JOIN word ON word.rowid = seq WHERE seq > ? ORDER BY seq LIMIT ?"
)
_EDGES: Final = "SELECT src, role, record.id, detail FROM edge LEFT JOIN record ON seq = dst WHERE src > ? AND src <= ?"
_KEYS: Final = "SELECT seq, value FROM key WHERE seq > ? AND seq <= ?"
_STRAYS: Final = """
SELECT 'body', seq FROM body WHERE seq NOT IN (SELECT seq FROM record)
UNION ALL SELECT 'edge', src FROM edge WHERE src NOT IN (SELECT seq FROM record)
UNION ALL SELECT 'key', seq FROM key WHERE seq NOT IN (SELECT seq FROM record)
UNION ALL SELECT 'word', rowid FROM word WHERE words = '' OR rowid NOT IN (SELECT seq FROM record)
UNION ALL SELECT 'head', one FROM head WHERE one <> 1
UNION ALL SELECT 'event', number FROM event WHERE chain NOT IN ('tokens', 'arrivals', 'deliveries')
UNION ALL SELECT 'chain', name FROM chain WHERE name NOT IN ('accesses', 'tokens', 'arrivals', 'deliveries')
LIMIT 1
"""


_SCHEMA: Final = (
    "SELECT type || ' ' || name, sql FROM sqlite_schema "
    "WHERE name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\' ORDER BY type = 'table' DESC, name"
)
_MISDIRECTED: Final = """
SELECT term FROM temp.word_audit WHERE doc <> (SELECT count(*) FROM word WHERE word MATCH '"' || term || '"') LIMIT 1
"""


def schema_fault(connection: sqlite3.Connection, script: str) -> str | None:
    """What of the file's tables and indexes is otherwise than `script` makes them, or damaged; None where nothing is.

    What ANALYZE wrote is no matter: it changes the order of work, and no answer.
    """
    with closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript(script)
        right = {name: _spaced(sql) for name, sql in fresh.execute(_SCHEMA)}
        settings = fresh.execute("SELECT k, v FROM word_config").fetchall()
    try:
        with any_text(connection):
            kept = {name: _spaced(sql) for name, sql in connection.execute(_SCHEMA)}
            for name in [*right, *kept]:
                if kept.get(name) != right.get(name):
                    return f"the {name} {_fault(name in kept, name in right)}"
            if connection.execute("SELECT k, v FROM word_config").fetchall() != settings:
                return "the search index has other settings than Descent gave it"
            connection.execute("SELECT rowid FROM word LIMIT 1")  # which SQLite's own check opens from 3.44 on only
            [[found], *_] = connection.execute("PRAGMA integrity_check(1)")
    except sqlite3.DatabaseError as error:
        found = str(error)
    return None if found == "ok" else f"SQLite finds it damaged ({found})"


def _fault(kept: bool, right: bool) -> str:
    if not kept:
        return "is missing"
    return "has another definition" if right else "was not made by Descent"


def _spaced(sql: str | None) -> str:
    """A definition without what is laid out otherwise by other versions."""
    return " ".join((sql or "").split())


def audit(connection: sqlite3.Connection, after: int, limit: int) -> list[Stored]:
    """What is kept of up to `limit` records after a sequence, in log order, as `Store.audit` returns it."""
    with any_text(connection):
        rows = connection.execute(_RECORDS, (after, limit)).fetchall()
        span = (after, rows[-1][0] if rows else after)
        edges: defaultdict[int, list[tuple[int, str | None, str]]] = defaultdict(list)
        for source, *edge in connection.execute(_EDGES, span):
            edges[source].append((edge[0], edge[1], edge[2]))
        keys: defaultdict[int, list[str]] = defaultdict(list)
        for sequence, key in connection.execute(_KEYS, span):
            keys[sequence].append(key)
    return [_stored(row, edges[row[0]], keys[row[0]]) for row in rows]


def totals(connection: sqlite3.Connection) -> Totals:
    """The counts of records, edges and keys, and the first thing that is astray, as `Store.totals` returns them.

    In a transaction that may write, because that is how FTS5 checks its index.
    """
    query = "SELECT (SELECT count(*) FROM record), (SELECT count(*) FROM edge), (SELECT count(*) FROM key)"
    records, edges, keys = connection.execute(query).fetchone()
    with any_text(connection):
        stray = connection.execute(_STRAYS).fetchone()
    if stray is not None:
        return Totals(records, edges, keys, f"row {stray[1]} of the table {stray[0]}")
    return Totals(records, edges, keys, _astray_in_search(connection))


def totals_of_copy(connection: sqlite3.Connection) -> Totals:
    """As `totals`, of a temporary copy: for a file that may only be read."""
    with closing(sqlite3.connect("")) as copy:
        connection.backup(copy)
        return totals(copy)


def _astray_in_search(connection: sqlite3.Connection) -> str | None:
    """What of the search index is otherwise than the words that are kept.

    FTS5 reads its pages one after the other to check them; questions look up in `word_idx` where to begin. So every
    word is looked up, too.
    """
    connection.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.word_audit USING fts5vocab(main, word, 'row')")
    try:
        connection.execute("INSERT INTO word (word) VALUES ('integrity-check')")
        missed = connection.execute(_MISDIRECTED).fetchone()
    except sqlite3.DatabaseError:
        return "an entry of the search index"
    return None if missed is None else f"an entry of the search index that does not lead to the word {missed[0]}"


def _stored(row: Sequence[Any], edges: list[tuple[int, str | None, str]], keys: list[str]) -> Stored:
    sequence, transaction, kind, content, recorded_at, recorded_by, id, label, hash, words = row
    faults = [] if 0 <= kind < len(KINDS) else [f"its kind is number {kind}, which does not exist"]
    faults += [
        f"an edge has role number {role}, which does not exist" for role, *_ in edges if not 0 <= role < len(ROLES)
    ]
    body = b"" if content is None else content.encode(errors="surrogateescape")
    return Stored(
        Entry(sequence, transaction, Record(Kind.NOTE if faults else KINDS[kind], body), recorded_at, recorded_by),
        id,
        label,
        hash,
        tuple(Edge(ROLES[role], target or "nothing", detail) for role, target, detail in edges) if not faults else (),
        tuple(sorted(keys)),
        words or "",
        faults[0] if faults else None,
    )
