"""Whatever is changed in a registry's file beside its rows is found: indexes, schema, pages, the search index."""

import sqlite3
from contextlib import closing
from functools import partial
from operator import methodcaller
from pathlib import Path

import pytest

from descentd.graph.model.errors import Unavailable
from descentd.graph.model.kinds import Kind
from descentd.graph.model.records import Record
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.graph.verify import verify
from tests.graph.samples import adding
from tests.graph.tampering import Lab, rows

pytestmark = pytest.mark.anyio


def out_of(connection: sqlite3.Connection, index: str, sql: str) -> None:
    """Run a statement while the schema does not know an index, which stays as it was."""
    [kept] = connection.execute("SELECT * FROM sqlite_schema WHERE name = ?", (index,)).fetchall()
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("DELETE FROM sqlite_schema WHERE name = ?", (index,))
    connection.execute("PRAGMA writable_schema = RESET")
    connection.execute(sql)
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", kept)
    connection.execute("PRAGMA writable_schema = RESET")


@pytest.mark.parametrize(
    ("index", "sql"),
    [
        ("key_of", "DELETE FROM key WHERE value = (SELECT min(value) FROM key)"),
        ("key_of", "DELETE FROM key"),
        ("key_of", "INSERT INTO key VALUES ('model:other', 1)"),
        ("key_of", "UPDATE key SET value = value || 'x' WHERE value = (SELECT min(value) FROM key)"),
        ("edge_out", "DELETE FROM edge WHERE role = 2"),
        ("edge_out", "UPDATE edge SET detail = 'MERGE' WHERE role = 0"),
        ("edge_out", "UPDATE edge SET detail = '' WHERE detail <> ''"),
        ("edge_out", "UPDATE edge SET dst = dst + 20 WHERE role = 2"),
        ("edge_out", "INSERT INTO edge VALUES (1, 0, 14, '')"),
    ],
)
async def test_what_questions_read_is_compared_with_what_is_audited(lab: Lab, index: str, sql: str) -> None:
    problem = (await lab.report(lambda connection: out_of(connection, index, sql))).problem
    assert problem is not None
    assert index in problem


async def test_each_tree_of_edges_and_keys_is_compared_row_by_row(original: Path, lab: Lab) -> None:
    for table, index in (("edge", "edge_out"), ("key", "key_of")):
        columns, key, found = rows(original, table)
        where = " AND ".join(f"{column} = ?" for column in key)
        for row in found:
            at = tuple(row[columns.index(column)] for column in key)
            literal = [f"'{value}'" if isinstance(value, str) else str(value) for value in at]
            sql = f"DELETE FROM {table} WHERE " + where.replace("?", "{}").format(*literal)
            problem = (await lab.report(partial(out_of, index=index, sql=sql))).problem
            assert index in str(problem), row


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM key; END", "trigger t was not made by Descent"),
        ("CREATE TRIGGER t AFTER INSERT ON access BEGIN SELECT 1; END", "trigger t was not made by Descent"),
        ("CREATE VIEW v AS SELECT * FROM record", "view v was not made by Descent"),
        ("CREATE TEMP TRIGGER t AFTER INSERT ON record BEGIN SELECT 1; END", None),
        ("CREATE TABLE extra (one)", "table extra was not made by Descent"),
        ("CREATE INDEX i ON record (kind)", "index i was not made by Descent"),
        ("CREATE UNIQUE INDEX i ON record (recorded_by, seq)", "index i was not made by Descent"),
        ("DROP INDEX key_of", "index key_of is missing"),
        ("DROP INDEX edge_out", "index edge_out is missing"),
        ("DROP TABLE word", "table word is missing"),
        ("DROP TABLE body", "table body is missing"),
        ("ALTER TABLE body ADD COLUMN more TEXT", "table body has another definition"),
        ("ALTER TABLE key RENAME COLUMN value TO name", "table key has another definition"),
        ("DROP INDEX key_of; CREATE INDEX key_of ON key (seq) WHERE seq < 3", "index key_of has another definition"),
        ("DROP INDEX key_of; CREATE INDEX key_of ON key (seq DESC)", "index key_of has another definition"),
        ("DROP INDEX edge_out; CREATE INDEX edge_out ON edge (src, role, dst)", "index edge_out has another"),
        ("ANALYZE", None),
    ],
)
async def test_the_schema_is_compared(lab: Lab, sql: str, named: str | None) -> None:
    problem = (await lab.report(lambda connection: connection.executescript(sql))).problem
    assert problem is None if named is None else named in str(problem)


async def test_every_table_and_index_is_missed(original: Path, lab: Lab) -> None:
    with closing(sqlite3.connect(original)) as connection:
        found = connection.execute("SELECT type, name FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    for type, name in found:
        if name.startswith("word_") and type == "table":
            continue
        problem = (await lab.report(methodcaller("execute", f"DROP {type} {name}"))).problem
        assert f"the {type} {name} is missing" in str(problem)


async def test_pages_that_were_overwritten_are_found(original: Path, lab: Lab, tmp_path: Path) -> None:
    content = original.read_bytes()
    size = int.from_bytes(content[16:18], "big")
    found = 0
    for number in range(1, len(content) // size):
        copy = tmp_path / f"page{number}.db"
        middle = number * size + 8
        copy.write_bytes(content[:middle] + bytes(64) + content[middle + 64 :])
        if content[middle : middle + 64] == bytes(64):
            continue
        store = SQLiteStore(copy)
        try:
            await store.open()
        except Unavailable:
            found += 1
            continue
        try:
            report = await verify(store)
            found += report.problem is not None
        except Unavailable:
            found += 1
        finally:
            await store.close()
    assert found > 10


async def test_every_row_of_the_search_index_is_missed(original: Path, lab: Lab) -> None:
    for id, _ in rows(original, "word_data")[2]:
        problem = await lab.problem("DELETE FROM word_data WHERE id = ?", id)
        assert "search index" in problem or "word" in problem, id


async def test_every_place_where_a_search_begins_is_compared(tmp_path: Path) -> None:
    path = tmp_path / "many.db"
    store = SQLiteStore(path)
    await store.open()
    texts = [f"{'abcdefghij'[n % 10]}{n * 7919 % 10007} common" for n in range(1500)]
    records = [Record.of(Kind.INCIDENT, {"title": text, "environment": "prod"}) for text in texts]
    await store.write([adding(*records)])
    await store.close()
    lab = Lab(path, tmp_path)
    entries = rows(path, "word_idx")[2]
    assert len(entries) > 2
    for segment, term, _ in entries:
        if term:  # without the entry of a segment's first page, searches begin there all the same
            at = (segment, term)
            problem = await lab.problem("DELETE FROM word_idx WHERE segid = ? AND term = ?", *at)
            assert "an entry of the search index" in problem
            await lab.problem("UPDATE word_idx SET pgno = pgno + 2 WHERE segid = ? AND term = ?", *at)
            await lab.problem("UPDATE word_idx SET term = x'7a' WHERE segid = ? AND term = ?", *at)
    assert "does not lead to the word" in await lab.problem("DELETE FROM word_idx")


async def test_a_search_index_that_was_cut_is_found(lab: Lab) -> None:
    with pytest.raises(AssertionError, match="None"):
        await lab.problem("UPDATE word_data SET block = block")
    problem = await lab.problem("UPDATE word_data SET block = substr(block, 1, length(block) - 8) WHERE id > 10")
    assert "an entry of the search index" in problem or "FTS5" in problem
