"""Deliveries from outside in the registry's SQLite file, in a table that no record is found by."""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from descentd.graph.store.inbox import Arrival
from descentd.graph.store.sqlite.reads import translated

INBOX: Final = """
CREATE TABLE IF NOT EXISTS arrival (
  identity TEXT PRIMARY KEY, sent INTEGER NOT NULL, records TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""
_TAKE: Final = """
INSERT INTO arrival VALUES (?, ?, ?) ON CONFLICT (identity) DO UPDATE SET sent = max(sent, excluded.sent)
"""

Transaction = Callable[[], AbstractAsyncContextManager[sqlite3.Connection]]


class SQLiteInbox:
    """Reads by one connection; `transaction` queues for the file's writer. Implements Inbox."""

    def __init__(self, connection: sqlite3.Connection, transaction: Transaction) -> None:
        self._connection = connection
        self._transaction = transaction

    async def arrived(self, identity: str) -> Arrival | None:
        """See Inbox."""
        query = "SELECT identity, sent, records FROM arrival WHERE identity = ?"
        with translated():
            found = self._connection.execute(query, (identity,)).fetchone()
        return None if found is None else Arrival(found[0], found[1], tuple(json.loads(found[2])))

    async def take(self, arrival: Arrival) -> None:
        """See Inbox."""
        async with self._transaction() as writer:
            writer.execute(_TAKE, (arrival.identity, arrival.sent, json.dumps(arrival.records)))
            await asyncio.to_thread(writer.execute, "COMMIT")
