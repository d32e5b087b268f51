"""The embedded store: one SQLite file in WAL mode, synced at every commit.

Reads run in the caller's thread: they take microseconds and in WAL mode never wait for a writer. Writers, in this
process or another, queue for a lock file, because SQLite's own busy handler is not fair. The tables are in `schema`.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

from typing_extensions import override

from descentd.graph.model.accounts import Access
from descentd.graph.model.errors import DescentError, ReadOnly, Unavailable
from descentd.graph.model.kinds import KIND_NUMBER, ROLE_NUMBER
from descentd.graph.model.log import Entry, Head
from descentd.graph.model.merkle import Frontier
from descentd.graph.store.base import Proposal, Store, Stored, Totals, check_empty
from descentd.graph.store.batch import Appended, Batch, settle
from descentd.graph.store.journal import Journal
from descentd.graph.store.operational import Accounts, Inbox, Outbox
from descentd.graph.store.sqlite.audit import audit, schema_fault, totals, totals_of_copy
from descentd.graph.store.sqlite.files import connect, identities, may_write, names, open_read_only, unchanged
from descentd.graph.store.sqlite.journal import SQLiteJournal, adopt, begin
from descentd.graph.store.sqlite.operational import SQLiteAccounts, SQLiteInbox, SQLiteOutbox
from descentd.graph.store.sqlite.reads import SQLiteReads, translated
from descentd.graph.store.sqlite.schema import APPLICATION_ID, FORMAT, OPERATIONAL_TABLES, TABLES, UNCHAINED

_NO_REGISTRY: Final = "The file is not a registry in a format that this version reads: name another file."
_GONE_BACK: Final = (
    "The store does not hold what was recorded in it, as if an older copy had been put back while it was open: put the "
    "newest one back, then start the server again."
)


class SQLiteStore(SQLiteReads, Store):
    """A registry in one file."""

    read_only = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identify = partial(identities, names(path))
        self._lock = asyncio.Lock()

    @property
    @override
    def accounts(self) -> Accounts:
        return SQLiteAccounts(self.connection, self._transaction)

    @property
    @override
    def outbox(self) -> Outbox:
        return SQLiteOutbox(self.connection, self._transaction)

    @property
    @override
    def inbox(self) -> Inbox:
        return SQLiteInbox(self.connection, self._transaction)

    @property
    @override
    def journal(self) -> Journal:
        return SQLiteJournal(self.connection, self._transaction)

    @override
    async def open(self, *, repair: bool = True) -> None:
        """Open the file, and create it and its tables where they are missing, unless nothing is to be repaired.

        A file that may only be read, or is in a folder where nothing can be made beside it, is opened for reading.
        Raises Unavailable where the file is no registry of ours, or there is none and nothing is to be repaired.
        """
        self.read_only = self._path.is_file() and not may_write(self._path)
        with ExitStack() as opened:
            try:
                if self.read_only:
                    self._open_read_only(opened)
                    opened.pop_all()
                    return
                _create_private(self._path)  # the files that SQLite puts beside it get its mode
                lock = self._path.with_name(self._path.name + "-lock")
                _create_private(lock)
                self._lockfile = opened.enter_context(lock.open("a"))
                # Before the first connection: SQLite does not wait where two processes turn a new file's WAL on.
                fcntl.flock(self._lockfile, fcntl.LOCK_EX)
                self.connection = opened.enter_context(closing(self._connect()))
                self._writer = opened.enter_context(closing(self._connect()))
                self._create(repair=repair)
                self._files = self._identify()
                self._recorded = self._newest()
                fcntl.flock(self._lockfile, fcntl.LOCK_UN)
            except (sqlite3.Error, OSError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                raise Unavailable(
                    f"The store file cannot be opened ({reason}): check its path and permissions."
                ) from error
            opened.pop_all()

    def _connect(self) -> sqlite3.Connection:
        return connect(
            f"file:{quote(str(self._path.absolute()))}",
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 10000;"
            "PRAGMA cache_size = -16000; PRAGMA mmap_size = 67108864; PRAGMA temp_store = MEMORY;"
            "PRAGMA wal_autocheckpoint = 4000;",  # one transaction of bulk registration fills the usual 1,000 pages
        )

    def _open_read_only(self, opened: ExitStack) -> None:
        connection, alone = open_read_only(self._path)
        self.connection = self._writer = opened.enter_context(closing(connection))
        self._identify = partial(unchanged, self._path) if alone else partial(identities, [str(self._path)])
        self._files = self._identify()
        marks = self._marks()
        if marks == (APPLICATION_ID, UNCHAINED):
            raise ReadOnly(
                "The file was written by an earlier version and may only be read: open the registry once where Descent "
                "may write to it."
            )
        if marks != (APPLICATION_ID, FORMAT):
            raise Unavailable(_NO_REGISTRY)
        self._recorded = self._newest()

    def _newest(self) -> tuple[int, bytes]:
        """The sequence and the hash of the last record."""
        last = "SELECT seq, hash FROM record ORDER BY seq DESC LIMIT 1"
        try:
            found: tuple[int, bytes] = self._writer.execute(last).fetchone() or (0, b"")
        except sqlite3.OperationalError:  # what is missing is for `verify` to name
            return 0, b""
        return found

    def _check_files(self) -> None:
        """Raise Unavailable where a file was removed or replaced: what is written would be lost with the old one."""
        try:
            there = self._identify()
        except OSError:
            there = []
        if there != self._files and self.read_only:
            raise Unavailable(
                "The store's file was changed by others while it was open for reading only: start the server again."
            )
        if there != self._files:
            raise Unavailable(
                "The store's file was removed or replaced while it was open: put it back, then start the server again."
            )

    def _check_continued(self) -> None:
        """Raise Unavailable where the log does not continue what this process recorded: an older copy was put back."""
        sequence, hash = self._recorded
        query = "SELECT hash FROM record WHERE seq = ?"
        if sequence and self._writer.execute(query, (sequence,)).fetchone() != (hash,):
            raise Unavailable(_GONE_BACK)

    def _marks(self) -> tuple[int, int]:
        """What says that a file is a registry, and of which format."""
        application, format = (
            int(self._writer.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("application_id", "user_version")
        )
        return application, format

    def _create(self, *, repair: bool) -> None:
        marks = self._marks()
        if marks == (APPLICATION_ID, FORMAT):
            return
        if marks == (APPLICATION_ID, UNCHAINED):
            self._upgrade()
        elif not repair or self._writer.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise Unavailable(_NO_REGISTRY)
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

    @override
    async def close(self) -> None:
        self.connection.close()
        self._writer.close()
        if not self.read_only:
            self._lockfile.close()

    @override
    async def head(self) -> Head:
        return _head(self.connection)

    @override
    async def sequence(self, *ahead: str) -> int:
        self._check_files()
        with translated():
            sequence = int(self.connection.execute("SELECT seq FROM head").fetchone()[0])
        if sequence < self._recorded[0]:
            raise Unavailable(_GONE_BACK)
        return sequence

    @override
    async def sequence_at(self, moment: int) -> int:
        # recorded_at never decreases along the log, so a binary search over the primary key finds the place.
        low, high = 0, await self.sequence()
        query = "SELECT recorded_at <= ? FROM record WHERE seq = ?"
        with translated():
            while low < high:
                middle = (low + high + 1) // 2
                before = self.connection.execute(query, (moment, middle)).fetchone()[0]
                low, high = (middle, high) if before else (low, middle - 1)
        return low

    @override
    async def schema_fault(self) -> str | None:
        return await asyncio.to_thread(schema_fault, self.connection, TABLES)

    @override
    async def audit(self, after: int, limit: int) -> list[Stored]:
        with self.snapshot():
            return audit(self.connection, after, limit)

    @override
    async def totals(self) -> Totals:
        # Writers wait meanwhile.
        if self.read_only:
            return await asyncio.to_thread(totals_of_copy, self.connection)
        async with self._transaction():
            return await asyncio.to_thread(totals, self._writer)

    @override
    async def write(self, proposals: Sequence[Proposal]) -> list[DescentError | None]:
        async with self._transaction():
            batch, outcomes = await settle(SQLiteReads(self._writer), _head(self._writer), proposals)
            if batch.appended:
                await asyncio.to_thread(self._commit, batch.appended, batch.head)
                self._recorded = (batch.head.sequence, batch.appended[-1].entry.hash)
        return outcomes

    @override
    async def import_log(self, batches: Iterable[Sequence[Entry]]) -> None:
        await self.open()
        try:
            async with self._transaction() as writer:
                head = _head(writer)
                check_empty(head.sequence)
                for entries in batches:
                    batch = Batch(SQLiteReads(writer), head)
                    await batch.append_entries(entries)
                    head = batch.head
                    self._insert(batch.appended, head)
                writer.execute("COMMIT")
        finally:
            await self.close()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[sqlite3.Connection]:
        if self.read_only:
            raise ReadOnly("The store's file may only be read here: nothing is recorded until Descent may write to it.")
        async with self._lock:
            await asyncio.to_thread(fcntl.flock, self._lockfile, fcntl.LOCK_EX)
            try:
                self._check_files()
                with translated():
                    self._writer.execute("BEGIN IMMEDIATE")
                    try:
                        self._check_continued()
                        yield self._writer
                    finally:
                        if self._writer.in_transaction:
                            self._writer.execute("ROLLBACK")
                self._check_files()  # after the commit, and before anybody hears of it
            finally:
                fcntl.flock(self._lockfile, fcntl.LOCK_UN)

    def _commit(self, items: Sequence[Appended], head: Head) -> None:
        self._insert(items, head)
        self._writer.execute("COMMIT")

    def _insert(self, items: Sequence[Appended], head: Head) -> None:
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
