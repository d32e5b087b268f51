"""Whatever is changed in a store behind its back is found and named."""

import sqlite3
from contextlib import closing, suppress
from itertools import pairwise
from operator import methodcaller
from pathlib import Path
from typing import Any

import pytest

from descentd.graph.model.derived import LOOK_ALIKE
from descentd.graph.model.identity import content_id
from descentd.graph.model.kinds import Kind
from descentd.graph.store.sqlite.schema import TABLES as SCHEMA
from tests.graph.tampering import Lab, rows
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
        (f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN SELECT 1; END", "trigger t was not made by Descent"),
        (f"CREATE INDEX i ON {table} ({columns[-1]})", "index i was not made by Descent"),
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
        ("UPDATE record SET kind = 77 WHERE seq = 1", "its kind is number 77, which does not exist"),
        ("UPDATE record SET kind = kind - 20 WHERE seq = 1", "which does not exist"),
        ("UPDATE edge SET role = 40 WHERE role = 2", "an edge has role number 40, which does not exist"),
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
