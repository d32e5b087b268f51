"""Tokens and accesses in the registry's SQLite file, in tables that no record is found by."""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import astuple
from typing import Any, Final

from descentd.graph.model.accounts import Access, AccessRole, Token
from descentd.graph.store.sqlite.reads import translated

PEOPLE: Final = """
CREATE TABLE IF NOT EXISTS token (
  id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, person TEXT NOT NULL, roles TEXT NOT NULL,
  created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS access (
  seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, person TEXT, credential TEXT, client TEXT NOT NULL,
  route TEXT NOT NULL, operation TEXT NOT NULL, outcome TEXT NOT NULL, detail TEXT NOT NULL,
  count INTEGER NOT NULL, refused INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS access_person ON access (person, seq);
CREATE INDEX IF NOT EXISTS access_refused ON access (seq) WHERE refused = 1;
"""
_SELECT: Final = "SELECT id, hash, person, roles, created_at, expires_at, revoked_at FROM token"
_ACCESS: Final = "seq, at, person, credential, client, route, operation, outcome, detail, count"

Transaction = Callable[[], AbstractAsyncContextManager[sqlite3.Connection]]


class SQLiteAccounts:
    """Reads by one connection; `transaction` queues for the file's writer. Implements People."""

    def __init__(self, connection: sqlite3.Connection, transaction: Transaction) -> None:
        self._connection = connection
        self._transaction = transaction

    async def any_token(self) -> bool:
        """See People."""
        return bool(self._read("SELECT EXISTS (SELECT 1 FROM token)")[0][0])

    async def token(self, hash: bytes) -> Token | None:
        """See People."""
        found = self._read(f"{_SELECT} WHERE hash = ?", hash)
        return _token(found[0]) if found else None

    async def tokens(self) -> list[Token]:
        """See People."""
        return [_token(row) for row in self._read(f"{_SELECT} ORDER BY created_at, id")]

    async def add_token(self, token: Token) -> None:
        """See People."""
        roles = " ".join(sorted(token.roles))
        times = (token.created_at, token.expires_at, token.revoked_at)
        row = (token.id, token.hash, token.person, roles, *times)
        await self._write("INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?)", [row])

    async def revoke(self, ids: Collection[str], at: int) -> None:
        """See People."""
        await self._write(
            "UPDATE token SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", [(at, id) for id in ids]
        )

    async def record_accesses(self, accesses: Sequence[Access]) -> None:
        """See People."""
        rows = [(None, *astuple(access), access.refused) for access in accesses]
        await self._write("INSERT INTO access VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    async def accesses(
        self, before: int | None, limit: int, person: str | None = None, refused: bool | None = None
    ) -> list[tuple[int, Access]]:
        """See People."""
        conditions, values = ["TRUE"], []
        for condition, value in (("seq < ?", before), ("person = ?", person)):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        if refused is not None:
            conditions.append(f"refused = {int(refused)}")  # written out, so that the partial index is used
        query = f"SELECT {_ACCESS} FROM access WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT ?"  # noqa: S608
        return [(row[0], Access(*row[1:])) for row in self._read(query, *values, limit)]

    def _read(self, query: str, *values: Any) -> list[Any]:
        with translated():
            return self._connection.execute(query, values).fetchall()

    async def _write(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        async with self._transaction() as writer:
            writer.executemany(statement, rows)
            await asyncio.to_thread(writer.execute, "COMMIT")


def _token(row: Sequence[Any]) -> Token:
    id, hash, person, roles, *times = row
    return Token(id, hash, person, frozenset(map(AccessRole, roles.split())), *times)
