"""Whatever is changed in a store behind its back is found and named."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from itertools import pairwise
from operator import methodcaller
from pathlib import Path
from shutil import copyfile
from typing import Any

import anyio
import pytest

from descentd.graph.model.chain import Chain
from descentd.graph.model.derived import LOOK_ALIKE
from descentd.graph.model.errors import Unavailable
from descentd.graph.model.identity import content_id
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Head
from descentd.graph.model.records import Record
from descentd.graph.pruning import prune
from descentd.graph.store.base import Stored, Totals
from descentd.graph.store.memory import MemoryStore
from descentd.graph.store.sqlite.schema import TABLES as SCHEMA
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.graph.verify import Report, verify
from tests.graph.beside import fill
from tests.graph.samples import adding, note, registry, send
from tests.support.effort import PROFILE

pytestmark = pytest.mark.anyio

RECORDS = ("record", "body", "edge", "key", "head", "word_content", "word_docsize", "word_config")
NOT_COVERED = {
    ("destination", "holder"): "who delivers now: a claim that ends by itself, and says nothing of what was delivered",
    ("destination", "until"): "when that claim ends: to change it makes a delivery late, or makes it twice",
    (
        "word_data",
        None,
    ): "pages of the search index follow from the words, and are compared by what they answer: below",
    ("word_idx", None): "where a search begins in them: below",
}
"""What a change of is not found by looking at this value alone, and why."""


def tables() -> list[str]:
    """Every table that a registry's file has, from the schema itself."""
    with closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript(SCHEMA)
        found = [row[0] for row in fresh.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    return [name for name in found if name != "word" and (name, None) not in NOT_COVERED]


TABLES = tables()


def note_of(chain: Chain, number: int, hash: bytes) -> str:
    """In the place of a signed note that closes what was forgotten."""
    return f"closed {chain} {number} {hash.hex()}"


def closed(chain: Chain, number: int, hash: bytes, closing: str) -> str | None:
    return None if closing == note_of(chain, number, hash) else "nobody signed that"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry in a file of its own, closed."""
    path = tmp_path_factory.mktemp("original") / "registry.db"

    async def made() -> None:
        store = SQLiteStore(path)
        await store.open()
        await send(store, registry())
        await send(
            store, {"notes": [{"subject": "model:credit-risk@4.0", "author": "ann", "text": "Second thoughts."}]}
        )
        await fill(store)
        assert await prune(store, Chain.ACCESSES, 1_000_001, note_of) == 1
        await store.close()

    anyio.run(made)
    return path


Tampering = Callable[[sqlite3.Connection], object]


class Lab:
    """Tampers with copies of one registry."""

    def __init__(self, original: Path, folder: Path) -> None:
        self._original = original
        self._folder = folder
        self._copies = 0

    async def report(self, tampering: Tampering) -> Report:
        self._copies += 1
        copy = self._folder / f"{self._copies}.db"
        copyfile(self._original, copy)
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            tampering(connection)
        store = SQLiteStore(copy)
        await store.open()
        try:
            return await verify(store, closed=closed)
        finally:
            await store.close()

    async def problem(self, sql: str, *arguments: object) -> str:
        """What is found once one statement was run, which must have changed something."""

        def tamper(connection: sqlite3.Connection) -> None:
            assert connection.execute(sql, arguments).rowcount > 0, sql

        problem = (await self.report(tamper)).problem
        assert problem is not None, (sql, arguments)
        return problem


@pytest.fixture
def lab(original: Path, tmp_path: Path) -> Lab:
    return Lab(original, tmp_path)


def rows(original: Path, table: str) -> tuple[list[str], list[str], list[tuple[Any, ...]]]:
    """The columns of a table, those of its primary key, and its rows."""
    with closing(sqlite3.connect(original)) as connection:
        described = connection.execute(f"PRAGMA table_info({table})").fetchall()
        found = connection.execute(f"SELECT * FROM {table}").fetchall()
    return [column[1] for column in described], [column[1] for column in described if column[5]], found


def changed(value: object) -> list[object]:
    """Other values of the same type."""
    match value:
        case int():
            return [value + 1, value - 1, value + 100, -value - 20]
        case str():
            return [value + "x", value[:-1], value.upper(), value.replace("a", "á"), value + "\ufffd", ""]
        case bytes():
            return [value + b"x", value[:-1], bytes([value[0] ^ 1]) + value[1:] if value else b"y"]
        case _:
            return ["model:other@1"]


async def test_what_was_not_touched_is_right(lab: Lab) -> None:
    assert (await lab.report(lambda connection: None)).problem is None
    assert (await lab.report(lambda connection: connection.execute("VACUUM"))).problem is None


@pytest.mark.parametrize("table", TABLES)
async def test_every_value_of_every_row_is_covered(original: Path, lab: Lab, table: str) -> None:
    columns, key, found = rows(original, table)
    assert found
    where = " AND ".join(f"{column} IS ?" for column in key)
    for row in found:
        at = [row[columns.index(column)] for column in key]
        for column, value in zip(columns, row, strict=True):
            others = [] if (table, column) in NOT_COVERED else changed(value)
            for other in others[: None if table in RECORDS or PROFILE == "thorough" else 2]:
                if other == value:
                    continue
                with suppress(sqlite3.IntegrityError):  # there is such a row already
                    await lab.problem(f"UPDATE {table} SET {column} = ? WHERE {where}", other, *at)


@pytest.mark.parametrize("table", TABLES)
async def test_every_row_is_missed(original: Path, lab: Lab, table: str) -> None:
    columns, key, found = rows(original, table)
    where = " AND ".join(f"{column} IS ?" for column in key)
    # Records of before a rule was made lack its keys, which serve warnings alone.
    for row in found if table != "key" else [one for one in found if not str(one[0]).startswith(LOOK_ALIKE)]:
        await lab.problem(f"DELETE FROM {table} WHERE {where}", *(row[columns.index(column)] for column in key))


@pytest.mark.parametrize("table", TABLES)
async def test_every_row_that_is_made_of_another_is_found(original: Path, lab: Lab, table: str) -> None:
    """One more row, with the next key that is free."""
    columns, key, found = rows(original, table)
    for row in found[:1] + found[-1:]:
        wanted = dict(zip(columns, row, strict=True))
        taken = {tuple(one[columns.index(column)] for column in key) for one in found}
        while tuple(wanted[column] for column in key) in taken:
            value = wanted[key[-1]]
            wanted[key[-1]] = value + 1 if isinstance(value, int) else value + "x"
        others = {column for column, value in wanted.items() if isinstance(value, bytes | str)} - {*key}
        if table in {"record", "token"}:  # whose other columns are unique, too
            wanted |= {column: changed(wanted[column])[0] for column in others}
        places = ", ".join("?" * len(columns))
        await lab.problem(f"INSERT INTO {table} VALUES ({places})", *wanted.values())


@pytest.mark.parametrize("table", TABLES)
async def test_rows_that_changed_places_are_found(original: Path, lab: Lab, table: str) -> None:
    """What neighbours hold beside their keys is swapped."""
    columns, key, found = rows(original, table)
    held = [column for column in columns if column not in key and (table, column) not in NOT_COVERED]
    where = " AND ".join(f"{column} IS ?" for column in key)
    for one, other in pairwise(found):
        given = [dict(zip(columns, row, strict=True)) for row in (one, other)]
        if [given[0][column] for column in held] == [given[1][column] for column in held]:
            continue

        def swap(connection: sqlite3.Connection, given: list[dict[str, Any]] = given) -> None:
            for column in held:
                if table in {"record", "token"}:  # with values that are unique
                    placed = f"UPDATE {table} SET {column} = CAST(? AS BLOB) WHERE {where}"
                    with suppress(sqlite3.IntegrityError):
                        connection.execute(placed.replace("CAST(? AS BLOB)", "?"), ("?", *(given[0][c] for c in key)))
            for to, of in ((given[1], given[0]), (given[0], given[1])):
                values = [of[column] for column in held]
                sets = ", ".join(f"{column} = ?" for column in held)
                connection.execute(f"UPDATE {table} SET {sets} WHERE {where}", (*values, *(to[c] for c in key)))

        with suppress(sqlite3.IntegrityError):
            assert (await lab.report(swap)).problem is not None, (one, other)


@pytest.mark.parametrize("table", TABLES)
async def test_a_trigger_an_index_and_a_column_of_every_table_are_found(original: Path, lab: Lab, table: str) -> None:
    if table.startswith("word_"):  # on which SQLite lets nobody make one
        return
    columns, *_ = rows(original, table)
    for sql, named in (
        (f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN SELECT 1; END", "trigger t is none of Descent's"),
        (f"CREATE INDEX i ON {table} ({columns[-1]})", "index i is none of Descent's"),
        (f"ALTER TABLE {table} ADD COLUMN more TEXT", f"table {table} has another definition"),
    ):
        assert named in str((await lab.report(methodcaller("executescript", sql))).problem)


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("record", "99, 11, 'sha256:0', NULL, 99, 0, 'eve', x'00'"),
        ("record", "0, 11, 'sha256:0', NULL, 1, 0, 'eve', x'00'"),
        ("record", "-1, 11, 'sha256:0', NULL, 1, 0, 'eve', x'00'"),
        ("body", "99, '{}'"),
        ("edge", "1, 0, 2, ''"),
        ("edge", "1, 0, 99, ''"),
        ("edge", "99, 0, 1, ''"),
        ("edge", "1, 17, 2, ''"),
        ("key", "'model:loans', 1"),
        ("key", "'model:loans', 99"),
        ("head", "2, 0, 0, ''"),
        ("word (rowid, words)", "99, 'word'"),
        ("word (rowid, words)", "(SELECT seq FROM record WHERE kind = 2), ''"),
    ],
)
async def test_what_was_added_is_found(lab: Lab, table: str, row: str) -> None:
    await lab.problem(f"INSERT INTO {table} " + (f"VALUES ({row})"))


async def test_records_that_changed_places_are_found(original: Path, lab: Lab) -> None:
    """Neighbours are swapped in every table, so that only the order of the log is wrong."""
    last = len(rows(original, "record")[2])
    for sequence in range(1, last):

        def swap(connection: sqlite3.Connection, at: int = sequence) -> None:
            columns = (("record", "seq"), ("body", "seq"), ("key", "seq"), ("edge", "src"), ("edge", "dst"))
            for table, column in columns:
                for old, new in ((at, -1), (at + 1, at), (-1, at + 1)):
                    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (new, old))

        problem = (await lab.report(swap)).problem
        assert problem is not None, sequence


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
        ("CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM key; END", "trigger t is none of Descent's"),
        ("CREATE TRIGGER t AFTER INSERT ON access BEGIN SELECT 1; END", "trigger t is none of Descent's"),
        ("CREATE VIEW v AS SELECT * FROM record", "view v is none of Descent's"),
        ("CREATE TEMP TRIGGER t AFTER INSERT ON record BEGIN SELECT 1; END", None),
        ("CREATE TABLE extra (one)", "table extra is none of Descent's"),
        ("CREATE INDEX i ON record (kind)", "index i is none of Descent's"),
        ("CREATE UNIQUE INDEX i ON record (recorded_by, seq)", "index i is none of Descent's"),
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


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b"null", b"{}", b"\xff", b'{"a":NaN}', b'{"a": 1}', b"[" * 9999]
)
async def test_content_that_is_none_is_found_even_where_its_id_fits(lab: Lab, body: bytes) -> None:
    def tamper(connection: sqlite3.Connection) -> None:
        for number, kind in enumerate(Kind):
            seq = connection.execute("SELECT min(seq) FROM record WHERE kind = ?", (number,)).fetchone()[0]
            if seq is not None:
                id = content_id(kind, body)
                connection.execute("UPDATE body SET content = CAST(? AS TEXT) WHERE seq = ?", (body, seq))
                connection.execute("UPDATE record SET id = ? WHERE seq = ?", (id, seq))

    report = await lab.report(tamper)
    assert report.problem is not None
    assert report.problem.startswith(f"Record {report.records + 1} (")
    assert report.problem.endswith(".")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("DELETE FROM record WHERE seq = 3", "Record 3 is missing: the next one is 4."),
        ("UPDATE record SET kind = 77 WHERE seq = 1", "its kind is number 77, which is none"),
        ("UPDATE record SET kind = kind - 20 WHERE seq = 1", "which is none"),
        ("UPDATE edge SET role = 40 WHERE role = 2", "an edge has role number 40, which is none"),
        (
            "UPDATE record SET label = 'model:x@1' WHERE label = 'model:credit-risk@4.0'",
            "should have model:credit-risk@4.0.",
        ),
        ("UPDATE record SET recorded_by = 'eve' WHERE seq = 2", "the entry hash "),
        ("UPDATE body SET content = replace(content, '0.05', '0.5') WHERE seq = 1", "the id sha256:"),
        ("UPDATE word SET words = 'other' WHERE rowid = 1", "the words other, but should have psi income."),
        (
            "UPDATE key SET value = 'digest:1' WHERE value GLOB 'digest:*1'",
            "the keys digest:1, but should have digest:sha",
        ),
        ("DELETE FROM edge WHERE role = 2", "the edges nothing else, but should have INCLUDES sha256:"),
        ("UPDATE head SET seq = 14", "cannot be read"),
        ("UPDATE head SET recorded_at = 7", "The head's recordedAt is 7, the last record's "),
        ("UPDATE head SET frontier = 'xyz'", "cannot be read"),
        ("DELETE FROM head", "cannot be read"),
        ("INSERT INTO body VALUES (99, '')", "The store holds row 99 of the table body, which belongs to no record."),
    ],
)
async def test_the_problem_is_named(lab: Lab, sql: str, expected: str) -> None:
    assert expected in await lab.problem(sql)


async def test_an_entry_rewritten_with_its_hash_does_not_fit_the_root(lab: Lab) -> None:
    async def hash_of() -> str:
        problem = await lab.problem("UPDATE record SET recorded_by = 'eve' WHERE seq = 2")
        return problem.rpartition("should have ")[2].removesuffix(".")

    right = bytes.fromhex(await hash_of())
    problem = await lab.problem("UPDATE record SET recorded_by = 'eve', hash = ? WHERE seq = 2", right)
    assert problem.startswith("The head has the root ")


class Forged(MemoryStore):
    """A store whose owner rewrote everything, root included, and kept to no rule of the log."""

    async def forge(self, changes: Mapping[int, Callable[[Stored], Stored]]) -> None:
        kept = await MemoryStore.audit(self, 0, 1000)
        self.kept = [changes[n](stored) if n in changes else stored for n, stored in enumerate(kept, 1)]
        frontier = Head().frontier.append(stored.entry.hash for stored in self.kept)
        self.kept_head = Head(len(kept), self.kept[-1].entry.recorded_at, frontier)

    async def head(self) -> Head:
        return self.kept_head

    async def audit(self, after: int, limit: int) -> list[Stored]:
        return [stored for stored in self.kept if stored.entry.sequence > after][:limit]


def entry(**changes: Any) -> Callable[[Stored], Stored]:
    def change(stored: Stored) -> Stored:
        other = replace(stored.entry, **changes)
        return replace(stored, entry=other, hash=other.hash)

    return change


@pytest.fixture
async def forged() -> Forged:
    store = Forged()
    for number in range(3):
        await store.write([adding(note(f"{number}a"), note(f"{number}b"))])
    return store


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({4: entry(transaction=1)}, "the transaction 1, but should have 3 or 4"),
        ({4: entry(transaction=2)}, "the transaction 2, but should have 3 or 4"),
        ({4: entry(transaction=5)}, "the transaction 5"),
        ({1: entry(transaction=0)}, "the transaction 0, but should have 1"),
        ({3: entry(recorded_at=5)}, "the recordedAt 5, but should have at least"),
        ({6: entry(recorded_at=2**60)}, "as in all of its transaction"),
        ({3: entry(sequence=4)}, "Record 3 is missing: the next one is 4."),
        ({3: lambda stored: replace(stored, fault="it is made of cheese")}, "(sha256:"),
    ],
)
async def test_the_rules_of_the_log_hold_whatever_the_hashes_say(
    forged: Forged, changes: dict[int, Callable[[Stored], Stored]], expected: str | None
) -> None:
    await forged.forge(changes)
    problem = (await verify(forged)).problem
    assert (problem is None) if expected is None else (expected in str(problem))


async def test_an_id_leads_to_its_record() -> None:
    class Misleading(MemoryStore):
        async def resolve(self, names: Any) -> Any:
            found = await super().resolve(names)
            return {name: replace(brief, sequence=1) for name, brief in found.items()}

    store = Misleading()
    await store.write([adding(note("one"), note("two"))])
    assert "leads to record 1, and not to this record" in str((await verify(store)).problem)


async def test_what_is_written_meanwhile_is_verified_too() -> None:
    class Busy(MemoryStore):
        async def totals(self) -> Totals:
            if self._head.sequence < 5:
                await self.write([adding(note(f"n{self._head.sequence}"))])
            return await super().totals()

    store = Busy()
    await store.write([adding(note("first"))])
    seen: list[tuple[int, int]] = []
    report = await verify(store, lambda done, of: seen.append((done, of)))
    assert report == Report(5, (await store.head()).frontier.root().hex(), None)
    assert seen == [(number, number) for number in range(1, 6)]


async def test_an_empty_registry_is_right() -> None:
    report = await verify(MemoryStore())
    assert report == Report(0, Head().frontier.root().hex(), None)


async def test_long_logs_are_verified_chunk_by_chunk() -> None:
    store = MemoryStore()
    await store.write([adding(*(note(str(number)) for number in range(2500)))])
    seen: list[int] = []
    report = await verify(store, lambda done, _: seen.append(done))
    assert (report.records, report.problem) == (2500, None)
    assert seen == [1000, 2000, 2500]
    assert report.root == (await store.head()).frontier.root().hex()
