"""The embedded store: one SQLite file in WAL mode, synced at every commit.

Reads run in the caller's thread: they take microseconds and in WAL mode never wait for a writer. Writers, in this
process or another, queue for a lock file, because SQLite's own busy handler is not fair. The tables are in `schema`.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from dataclasses import fields
from pathlib import Path

from descentd.graph.model.accounts import Access
from descentd.graph.model.errors import DescentError, Unavailable
from descentd.graph.model.kinds import KIND_NUMBER, ROLE_NUMBER
from descentd.graph.model.log import Entry, Head
from descentd.graph.model.merkle import Frontier
from descentd.graph.store.base import Proposal, Stored, Totals
from descentd.graph.store.batch import Appended, settle
from descentd.graph.store.journal import Journal
from descentd.graph.store.operational import Accounts, Inbox, Outbox
from descentd.graph.store.sqlite.audit import audit, layout, totals
from descentd.graph.store.sqlite.journal import SQLiteJournal, adopt, begin
from descentd.graph.store.sqlite.operational import SQLiteAccounts, SQLiteInbox, SQLiteOutbox
from descentd.graph.store.sqlite.reads import SQLiteReads, translated
from descentd.graph.store.sqlite.schema import APPLICATION_ID, FORMAT, OPERATIONAL_TABLES, TABLES, UNCHAINED


class SQLiteStore(SQLiteReads):
    """A registry in one file. Implements Store."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names = [f"{path}{suffix}" for suffix in ("", "-wal", "-shm", "-lock")]
        self._lock = asyncio.Lock()

    @property
    def accounts(self) -> Accounts:
        """See Store."""
        return SQLiteAccounts(self.connection, self._transaction)

    @property
    def outbox(self) -> Outbox:
        """See Store."""
        return SQLiteOutbox(self.connection, self._transaction)

    @property
    def inbox(self) -> Inbox:
        """See Store."""
        return SQLiteInbox(self.connection, self._transaction)

    @property
    def journal(self) -> Journal:
        """See Store."""
        return SQLiteJournal(self.connection, self._transaction)

    async def open(self) -> None:
        """Open the file and create what is missing; raises Unavailable where it is no registry of ours."""
        with ExitStack() as opened:
            try:
                _create_private(self._path)  # the files that SQLite puts beside it get its mode
                self.connection = opened.enter_context(closing(self._connect()))
                self._writer = opened.enter_context(closing(self._connect()))
                lock = self._path.with_name(self._path.name + "-lock")
                _create_private(lock)
                self._lockfile = opened.enter_context(lock.open("a"))
                fcntl.flock(self._lockfile, fcntl.LOCK_EX)
                self._create()
                self._files = self._identities()
                fcntl.flock(self._lockfile, fcntl.LOCK_UN)
            except (sqlite3.Error, OSError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                raise Unavailable(
                    f"The store file cannot be opened ({reason}): check its path and permissions."
                ) from error
            opened.pop_all()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, cached_statements=512)
        connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000;"
            "PRAGMA cache_size = -16000; PRAGMA mmap_size = 67108864; PRAGMA temp_store = MEMORY;"
        )
        return connection

    def _identities(self) -> list[tuple[int, int]]:
        """Device and inode of each file that the registry is in, as their names lead to them now."""
        return [(status.st_dev, status.st_ino) for status in map(os.stat, self._names)]

    def _check_files(self) -> None:
        """Raise Unavailable where a file was removed or replaced: what is written would be lost with the old one."""
        try:
            there = self._identities()
        except OSError:
            there = []
        if there != self._files:
            raise Unavailable(
                "The store's file was removed or replaced while it was open: put it back, then start the server again."
            )

    def _create(self) -> None:
        marks = tuple(self._writer.execute(f"PRAGMA {p}").fetchone()[0] for p in ("application_id", "user_version"))
        if marks == (APPLICATION_ID, FORMAT):
            return
        if marks == (APPLICATION_ID, UNCHAINED):
            self._upgrade()
        elif self._writer.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise Unavailable("The file is no registry of a format that this version reads: name another file.")
        else:
            self._writer.executescript(f"BEGIN IMMEDIATE; {TABLES}")
            begin(self._writer)
            for mark in (f"application_id = {APPLICATION_ID}", f"user_version = {FORMAT}"):
                self._writer.execute(f"PRAGMA {mark}")
            self._writer.execute("COMMIT")

    def _upgrade(self) -> None:
        """Chain what an earlier version kept, in one transaction. The access log is written anew, with hashes."""
        there = self._writer.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'access'").fetchone()[0]
        old = "DROP INDEX access_person; DROP INDEX access_refused; ALTER TABLE access RENAME TO access_1;"
        try:
            self._writer.executescript(f"BEGIN IMMEDIATE; {old if there else ''} {OPERATIONAL_TABLES}")
            columns = ", ".join(field.name for field in fields(Access))
            kept = self._writer.execute(f"SELECT {columns} FROM access_1 ORDER BY seq") if there else ()  # noqa: S608
            adopt(self._writer, (Access(*row) for row in kept))
            self._writer.execute("DROP TABLE IF EXISTS access_1")
            self._writer.execute(f"PRAGMA user_version = {FORMAT}")
            self._writer.execute("COMMIT")
        finally:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")

    async def close(self) -> None:
        """See Store."""
        self.connection.close()
        self._writer.close()
        self._lockfile.close()

    async def head(self) -> Head:
        """See Store."""
        return _head(self.connection)

    async def sequence(self) -> int:
        """See Store."""
        self._check_files()
        with translated():
            return int(self.connection.execute("SELECT seq FROM head").fetchone()[0])

    async def sequence_at(self, moment: int) -> int:
        """See Store."""
        # recorded_at never decreases along the log, so a binary search over the primary key finds the place.
        low, high = 0, await self.sequence()
        query = "SELECT recorded_at <= ? FROM record WHERE seq = ?"
        with translated():
            while low < high:
                middle = (low + high + 1) // 2
                before = self.connection.execute(query, (moment, middle)).fetchone()[0]
                low, high = (middle, high) if before else (low, middle - 1)
        return low

    async def layout(self) -> str | None:
        """See Store."""
        return await asyncio.to_thread(layout, self.connection, TABLES)

    async def audit(self, after: int, limit: int) -> list[Stored]:
        """See Store."""
        with self.snapshot():
            return audit(self.connection, after, limit)

    async def totals(self) -> Totals:
        """See Store. Writers wait meanwhile."""
        async with self._transaction():
            return await asyncio.to_thread(totals, self._writer)

    async def write(self, proposals: Sequence[Proposal]) -> list[DescentError | None]:
        """See Store."""
        async with self._transaction():
            batch, outcomes = await settle(SQLiteReads(self._writer), _head(self._writer), proposals)
            if batch.appended:
                await asyncio.to_thread(self._commit, batch.appended, batch.head)
        return outcomes

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[sqlite3.Connection]:
        async with self._lock:
            await asyncio.to_thread(fcntl.flock, self._lockfile, fcntl.LOCK_EX)
            try:
                self._check_files()
                with translated():
                    self._writer.execute("BEGIN IMMEDIATE")
                    try:
                        yield self._writer
                    finally:
                        if self._writer.in_transaction:
                            self._writer.execute("ROLLBACK")
                self._check_files()  # after the commit, and before anybody hears of it
            finally:
                fcntl.flock(self._lockfile, fcntl.LOCK_UN)

    def _commit(self, items: Sequence[Appended], head: Head) -> None:
        insert = self._writer.executemany
        entries = [item.entry for item in items]
        insert("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(_row, entries))
        insert("INSERT INTO body VALUES (?, ?)", ((e.sequence, e.record.body.decode()) for e in entries))
        insert(
            "INSERT INTO edge VALUES (?, ?, ?, ?)",
            ((link.target, ROLE_NUMBER[link.role], link.source, link.detail) for item in items for link in item.links),
        )
        insert("INSERT INTO key VALUES (?, ?)", ((key, e.sequence) for e in entries for key in e.record.keys))
        worded = ((e.sequence, e.record.words) for e in entries if e.record.words)
        insert("INSERT INTO word (rowid, words) VALUES (?, ?)", worded)
        state = (head.sequence, head.recorded_at, head.frontier.dump())
        self._writer.execute("UPDATE head SET seq = ?, recorded_at = ?, frontier = ?", state)
        self._writer.execute("COMMIT")


def _create_private(path: Path) -> None:
    """Create a file for this user alone; one that is there stays as it is.

    And is not opened: to close it again would end all locks that this process has on it.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _head(connection: sqlite3.Connection) -> Head:
    with translated():
        sequence, recorded_at, frontier = connection.execute("SELECT seq, recorded_at, frontier FROM head").fetchone()
    return Head(sequence, recorded_at, Frontier.load(sequence, frontier))


def _row(entry: Entry) -> tuple[int, int, str, str | None, int, int, str, bytes]:
    record = entry.record
    return (
        *(entry.sequence, KIND_NUMBER[record.kind], record.id, record.label),
        *(entry.transaction, entry.recorded_at, entry.recorded_by, entry.hash),
    )
