"""The chains of events in the registry's SQLite file: the access log with its hashes, and the events of all else."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from typing_extensions import override

from descentd.graph.model.accounts import Access
from descentd.graph.model.chain import EMPTY, Chain, ChainHead, Change, Event, link
from descentd.graph.model.errors import Unavailable
from descentd.graph.store.changes import (
    ACCESS,
    Keeps,
    access_change,
    access_content,
    arrival_row,
    delivery_row,
    destination_row,
    row_of,
    token_row,
)
from descentd.graph.store.journal import Journal, again
from descentd.graph.store.sqlite.reads import any_text, translated

Transaction = Callable[[], AbstractAsyncContextManager[sqlite3.Connection]]

_COLUMNS: Final = ", ".join(ACCESS)
_ACCESSES: Final = f"SELECT seq, at, hash, {_COLUMNS} FROM access WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
_EVENTS: Final = (
    "SELECT number, at, item, content, hash FROM event WHERE chain = ? AND number > ? ORDER BY number LIMIT ?"
)
_LATEST: Final = """
SELECT number, at, item, content, hash FROM event AS one WHERE chain = ?1 AND number <= ?2
AND NOT EXISTS (SELECT 1 FROM event WHERE chain = ?1 AND item = one.item AND number > one.number)
ORDER BY number
"""
_ROWS: Final[Mapping[Chain, Sequence[tuple[str, Callable[..., Change]]]]] = {
    Chain.ACCESSES: (),
    Chain.TOKENS: (
        ("SELECT id, lower(hex(hash)), person, roles, created_at, expires_at, revoked_at FROM token", token_row),
    ),
    Chain.ARRIVALS: (("SELECT identity, sent, records FROM arrival", arrival_row),),
    Chain.DELIVERIES: (
        ("SELECT name, position FROM destination", destination_row),
        (
            "SELECT destination, sequence, type, id, state, attempts, at, next_at, status, reason FROM delivery",
            delivery_row,
        ),
    ),
}
"""Where the items of each chain are kept."""

_FORGET: Final = {
    Chain.ARRIVALS: "DELETE FROM arrival WHERE identity = ?",
    Chain.DELIVERIES: "DELETE FROM delivery WHERE destination = ? AND sequence = ? AND type = ?",
}
_CHUNK: Final = 1000


def begin(writer: sqlite3.Connection) -> None:
    """Begin all chains."""
    heads = ((chain, *_row(head)) for chain, head in EMPTY.items())
    writer.executemany("INSERT INTO chain VALUES (?, ?, ?, ?, ?, ?)", heads)


def adopt(writer: sqlite3.Connection, accesses: Iterable[Access]) -> None:
    """Begin all chains with what is there already, in a file of an earlier version: its accesses, and all items."""
    begin(writer)
    add_accesses(writer, accesses)
    for chain in (Chain.TOKENS, Chain.ARRIVALS, Chain.DELIVERIES):
        add_events(writer, chain, list(_items(writer, chain)))


def add_events(writer: sqlite3.Connection, chain: Chain, changes: Iterable[Change]) -> None:
    """Add events at the end of a chain, in the transaction that is open."""
    events = _linked(writer, chain, changes)
    rows = ((chain, event.number, event.at, event.item, event.content, event.hash) for event in events)
    writer.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", rows)


def add_accesses(writer: sqlite3.Connection, accesses: Iterable[Access]) -> None:
    """Add accesses at the end of their log, in the transaction that is open; each row is its event."""
    given = list(accesses)
    events = _linked(writer, Chain.ACCESSES, map(access_change, given))
    writer.executemany(
        f"INSERT INTO access (seq, at, hash, {_COLUMNS}) VALUES (?, ?, ?{', ?' * len(ACCESS)})",  # noqa: S608
        (
            (event.number, event.at, event.hash, *(getattr(access, name) for name in ACCESS))
            for event, access in zip(events, given, strict=True)
        ),
    )


def _linked(writer: sqlite3.Connection, chain: Chain, changes: Iterable[Change]) -> list[Event]:
    head = _heads(writer).get(chain)
    if head is None:
        raise Unavailable("The end of a chain of events is missing in the store: run `descentd verify`.")
    events = link(chain, head.number, head.hash, changes)
    if events:
        end = (events[-1].number, events[-1].hash, chain)
        writer.execute("UPDATE chain SET number = ?, hash = ? WHERE name = ?", end)
    return events


class SQLiteJournal(Journal):
    """Reads by one connection; `transaction` queues for the file's writer."""

    def __init__(self, connection: sqlite3.Connection, transaction: Transaction) -> None:
        self._connection = connection
        self._transaction = transaction

    @override
    async def heads(self) -> Mapping[Chain, ChainHead]:
        with translated(), any_text(self._connection):
            return _heads(self._connection)

    @override
    async def events(self, chain: Chain, after: int, limit: int) -> list[Event]:
        with translated(), any_text(self._connection):
            return _events(self._connection, chain, after, limit)

    @override
    async def items(self, chain: Chain) -> AsyncIterator[Change]:
        for query, change in _ROWS[chain]:
            with translated():
                cursor = self._connection.execute(query)
            while True:
                with translated(), any_text(self._connection):
                    rows = cursor.fetchmany(_CHUNK)
                for row in rows:
                    yield change(*row)
                if not rows:
                    break

    @override
    async def prune(self, chain: Chain, last: Event, closing: str, keeps: Keeps) -> bool:
        async with self._transaction() as writer:
            return await asyncio.to_thread(_prune, writer, chain, last, closing, keeps)


def _prune(writer: sqlite3.Connection, chain: Chain, last: Event, closing: str, keeps: Keeps) -> bool:
    head = _heads(writer).get(chain)
    known = head is not None and (last.number, last.hash) == (head.base, head.base_hash)
    if head is None or not (
        known or (last.number > head.base and _events(writer, chain, last.number - 1, 1) == [last])
    ):
        return False
    base = (last.number, last.hash, closing, chain)
    writer.execute("UPDATE chain SET base = ?, base_hash = ?, closing = ? WHERE name = ?", base)
    if chain is Chain.ACCESSES:
        writer.execute("DELETE FROM access WHERE seq <= ?", (last.number,))
    else:
        latest = [Event(*row) for row in writer.execute(_LATEST, (chain, last.number))]
        kept = {event.item: event for event in latest if keeps(event.content)}
        add_events(writer, chain, again(kept.values()))
        gone = [event.item for event in latest if event.item not in kept]
        writer.executemany(_FORGET[chain], (row_of(item) if chain is Chain.DELIVERIES else (item,) for item in gone))
        writer.execute("DELETE FROM event WHERE chain = ? AND number <= ?", (chain, last.number))
    writer.execute("COMMIT")
    return True


def _heads(connection: sqlite3.Connection) -> dict[Chain, ChainHead]:
    rows = connection.execute("SELECT name, number, hash, base, base_hash, closing FROM chain").fetchall()
    return {Chain(name): ChainHead(*rest) for name, *rest in rows if name in set(Chain)}


def _row(head: ChainHead) -> tuple[int, bytes, int, bytes, str]:
    return head.number, head.hash, head.base, head.base_hash, head.closing


def _events(connection: sqlite3.Connection, chain: Chain, after: int, limit: int) -> list[Event]:
    if chain is not Chain.ACCESSES:
        return [Event(*row) for row in connection.execute(_EVENTS, (chain, after, limit))]
    rows = connection.execute(_ACCESSES, (after, limit))
    return [Event(number, at, "", access_content(*_access(values)), hash) for number, at, hash, *values in rows]


def _access(values: Sequence[Any]) -> Iterator[Any]:
    """The columns of an access; whether it was refused is a boolean, if it is one."""
    *rest, refused = values
    yield from rest
    yield bool(refused) if refused in (0, 1) else refused


def _items(connection: sqlite3.Connection, chain: Chain) -> Iterator[Change]:
    for query, change in _ROWS[chain]:
        for row in connection.execute(query):
            yield change(*row)
