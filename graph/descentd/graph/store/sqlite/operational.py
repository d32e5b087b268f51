"""Tokens, accesses and deliveries in the registry's SQLite file, in tables that no record is found by."""
# ruff: noqa: S608 - what is put together into queries is ours; what was given is bound

import asyncio
import json
import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import astuple, replace
from typing import Any, Final

from typing_extensions import override

from descentd.graph.model.accounts import Access, AccessRole, Token
from descentd.graph.model.chain import Chain
from descentd.graph.store.changes import arrival_change, delivery_change, destination_row, last_sent, token_change
from descentd.graph.store.operational import Accounts, Arrival, Delivery, DeliveryState, DestinationState, Inbox, Outbox
from descentd.graph.store.sqlite.journal import add_accesses, add_events
from descentd.graph.store.sqlite.reads import translated

Transaction = Callable[[], AbstractAsyncContextManager[sqlite3.Connection]]

_OWNED: Final = "SELECT id, hash, person, roles, created_at, expires_at, revoked_at FROM token"
_ACCESS_COLUMNS: Final = "seq, at, person, credential, client, route, operation, outcome, detail, count"


class SQLiteAccounts(Accounts):
    """Reads by one connection; `transaction` queues for the file's writer."""

    def __init__(self, connection: sqlite3.Connection, transaction: Transaction) -> None:
        self._connection = connection
        self._transaction = transaction

    @override
    async def any_token(self) -> bool:
        return bool(self._read("SELECT EXISTS (SELECT 1 FROM token)")[0][0])

    @override
    async def token(self, hash: bytes) -> Token | None:
        found = self._read(f"{_OWNED} WHERE hash = ?", hash)
        return _token(found[0]) if found else None

    @override
    async def tokens(self) -> list[Token]:
        return [_token(row) for row in self._read(f"{_OWNED} ORDER BY created_at, id")]

    @override
    async def add_token(self, token: Token) -> None:
        roles = " ".join(sorted(token.roles))
        times = (token.created_at, token.expires_at, token.revoked_at)
        row = (token.id, token.hash, token.person, roles, *times)
        async with self._transaction() as writer:
            writer.execute("INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            add_events(writer, Chain.TOKENS, [token_change(token)])
            await _commit(writer)

    @override
    async def revoke(self, ids: Collection[str], at: int) -> None:
        revoked = f"{_OWNED} WHERE revoked_at IS NULL AND id IN (SELECT value FROM json_each(?))"
        async with self._transaction() as writer:
            tokens = [replace(_token(row), revoked_at=at) for row in writer.execute(revoked, (json.dumps(list(ids)),))]
            writer.executemany("UPDATE token SET revoked_at = ? WHERE id = ?", [(at, token.id) for token in tokens])
            add_events(writer, Chain.TOKENS, map(token_change, tokens))
            await _commit(writer)

    @override
    async def record_accesses(self, accesses: Sequence[Access]) -> None:
        async with self._transaction() as writer:
            add_accesses(writer, accesses)
            await _commit(writer)

    @override
    async def accesses(
        self, before: int | None, limit: int, person: str | None = None, refused: bool | None = None
    ) -> list[tuple[int, Access]]:
        conditions, values = ["TRUE"], []
        for condition, value in (("seq < ?", before), ("person = ?", person)):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        if refused is not None:
            conditions.append(f"refused = {int(refused)}")  # written out, so that the partial index is used
        query = f"SELECT {_ACCESS_COLUMNS} FROM access WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT ?"
        return [(row[0], Access(*row[1:])) for row in self._read(query, *values, limit)]

    def _read(self, query: str, *values: Any) -> list[Any]:
        with translated():
            return self._connection.execute(query, values).fetchall()


def _token(row: Sequence[Any]) -> Token:
    id, hash, person, roles, *times = row
    return Token(id, hash, person, frozenset(map(AccessRole, roles.split())), *times)


class SQLiteInbox(Inbox):
    """Reads by one connection; `transaction` queues for the file's writer."""

    def __init__(self, connection: sqlite3.Connection, transaction: Transaction) -> None:
        self._connection = connection
        self._transaction = transaction

    @override
    async def arrived(self, identity: str) -> Arrival | None:
        with translated():
            return _arrived(self._connection, identity)

    @override
    async def take(self, arrival: Arrival) -> None:
        async with self._transaction() as writer:
            known = _arrived(writer, arrival.identity)
            kept = arrival if known is None else replace(known, sent=last_sent(known.sent, arrival.sent))
            if kept != known:
                row = (kept.identity, kept.sent, json.dumps(kept.records))
                writer.execute("INSERT OR REPLACE INTO arrival VALUES (?, ?, ?)", row)
                add_events(writer, Chain.ARRIVALS, [arrival_change(kept)])
                await _commit(writer)


def _arrived(connection: sqlite3.Connection, identity: str) -> Arrival | None:
    query = "SELECT identity, sent, records FROM arrival WHERE identity = ?"
    found = connection.execute(query, (identity,)).fetchone()
    return None if found is None else Arrival(found[0], found[1], tuple(json.loads(found[2])))


_COLUMNS: Final = "destination, sequence, type, id, state, attempts, at, next_at, status, reason"
_SELECT: Final = f"SELECT {_COLUMNS} FROM delivery WHERE"
_ORDER: Final = "ORDER BY sequence, type"
_CLAIM: Final = """
INSERT INTO destination VALUES (?1, ?5, ?2, ?4)
ON CONFLICT (name) DO UPDATE SET holder = ?2, until = ?4 WHERE holder = ?2 OR until <= ?3
RETURNING position
"""
_AGAIN: Final = "UPDATE delivery SET state = 'WAITING', attempts = 0, next_at = 0 WHERE destination = ? AND"


class SQLiteOutbox(Outbox):
    """Reads by one connection; `transaction` queues for the file's writer."""

    def __init__(self, connection: sqlite3.Connection, transaction: Transaction) -> None:
        self._connection = connection
        self._transaction = transaction

    @override
    async def claim(self, destination: str, holder: str, now: int, until: int, start: int) -> int | None:
        found = self._read("SELECT holder, until FROM destination WHERE name = ?", destination)
        if found and found[0][0] != holder and found[0][1] > now:
            return None  # without a write, for whoever waits asks often
        async with self._transaction() as writer:
            if not writer.execute("SELECT 1 FROM destination WHERE name = ?", (destination,)).fetchone():
                add_events(writer, Chain.DELIVERIES, [destination_row(destination, start)])
            claimed = writer.execute(_CLAIM, (destination, holder, now, until, start)).fetchone()
            await _commit(writer)
        return None if claimed is None else int(claimed[0])

    @override
    async def release(self, destination: str, holder: str) -> None:
        async with self._transaction() as writer:
            writer.execute("UPDATE destination SET until = 0 WHERE name = ? AND holder = ?", (destination, holder))
            await _commit(writer)

    @override
    async def keep(self, destination: str, holder: str, position: int, delivery: Delivery | None = None) -> bool:
        held = "SELECT position FROM destination WHERE name = ? AND holder = ?"
        async with self._transaction() as writer:
            found = writer.execute(held, (destination, holder)).fetchone()
            if found is None:
                return False
            changes = []
            if position > found[0]:
                writer.execute("UPDATE destination SET position = ? WHERE name = ?", (position, destination))
                changes.append(destination_row(destination, position))
            if delivery is not None:
                values = f"({', '.join('?' * len(_COLUMNS.split(', ')))})"
                writer.execute(f"INSERT OR REPLACE INTO delivery ({_COLUMNS}) VALUES {values}", astuple(delivery))
                changes.append(delivery_change(delivery))
            if changes:
                add_events(writer, Chain.DELIVERIES, changes)
                await _commit(writer)
        return True

    @override
    async def waiting(self, destination: str) -> list[Delivery]:
        return self._deliveries(f"{_SELECT} state = 'WAITING' AND destination = ? {_ORDER}", destination)

    @override
    async def between(self, destination: str, after: int, upto: int) -> list[Delivery]:
        query = f"{_SELECT} destination = ? AND sequence > ? AND sequence <= ? {_ORDER}"
        return self._deliveries(query, destination, after, upto)

    @override
    async def redeliver(self, destination: str, sequences: Collection[int] | None) -> list[int]:
        condition = "state = 'PARKED'" if sequences is None else "sequence IN (SELECT value FROM json_each(?))"
        given = (destination,) if sequences is None else (destination, json.dumps(list(sequences)))
        async with self._transaction() as writer:
            found = [_delivery(row) for row in writer.execute(f"{_AGAIN} {condition} RETURNING {_COLUMNS}", given)]
            marked = sorted({one.sequence for one in found})
            if sequences is not None and len(marked) < len(set(sequences)):
                return []
            add_events(writer, Chain.DELIVERIES, map(delivery_change, found))
            await _commit(writer)
        return marked

    @override
    async def deliveries(
        self, limit: int, destination: str | None = None, state: DeliveryState | None = None
    ) -> list[Delivery]:
        given = {"destination = ?": destination, "state = ?": state}
        wanted = {condition: value for condition, value in given.items() if value is not None}
        conditions = " AND ".join(["TRUE", *wanted])
        query = f"{_SELECT} {conditions} ORDER BY sequence DESC, destination, type LIMIT ?"
        return self._deliveries(query, *wanted.values(), limit)

    @override
    async def destinations(self) -> list[DestinationState]:
        return [
            DestinationState(*row)
            for row in self._read("SELECT name, position, holder, until FROM destination ORDER BY name")
        ]

    def _deliveries(self, query: str, *values: Any) -> list[Delivery]:
        return [_delivery(row) for row in self._read(query, *values)]

    def _read(self, query: str, *values: Any) -> list[Any]:
        with translated():
            return self._connection.execute(query, values).fetchall()


async def _commit(writer: sqlite3.Connection) -> None:
    await asyncio.to_thread(writer.execute, "COMMIT")


def _delivery(row: Sequence[Any]) -> Delivery:
    destination, sequence, type, id, state, *rest = row
    return Delivery(destination, sequence, type, id, DeliveryState(state), *rest)
