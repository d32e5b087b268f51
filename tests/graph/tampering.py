"""Tampering with copies of a registry in a file, and what `verify` then says."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from shutil import copyfile
from typing import Any

from descentd.graph.model.chain import Chain
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.graph.verify import Report, verify


def note_of(chain: Chain, number: int, hash: bytes) -> str:
    """In the place of a signed note that closes what was forgotten."""
    return f"closed {chain} {number} {hash.hex()}"


def closed(chain: Chain, number: int, hash: bytes, closing: str) -> str | None:
    return None if closing == note_of(chain, number, hash) else "nobody signed that"


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


def rows(original: Path, table: str) -> tuple[list[str], list[str], list[tuple[Any, ...]]]:
    """The columns of a table, those of its primary key, and its rows."""
    with closing(sqlite3.connect(original)) as connection:
        described = connection.execute(f"PRAGMA table_info({table})").fetchall()
        found = connection.execute(f"SELECT * FROM {table}").fetchall()
    return [column[1] for column in described], [column[1] for column in described if column[5]], found
