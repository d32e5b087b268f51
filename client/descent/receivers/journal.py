"""The events of runs, kept on the disk until a run completes and for some time after, and what runs have written.

A run is told of in several events, and what an input's version is depends on the run that wrote it before. Both have to
outlive a restart of the receiver. What is kept is bounded: runs that are registered go first, then the oldest.
"""

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from descent.errors import DescentError
from descent.importers.moments import written

EVENTS_OF_A_RUN: Final = 1_000
MAX_EVENTS: Final = 100_000
MAX_BYTES: Final = 256 * 2**20
MAX_WRITTEN: Final = 200_000
KEPT_SECONDS: Final = 7 * 86_400.0
"""How long a run is kept of which no event arrives."""

_PRUNED_EACH: Final = 256
"""Bounds are looked at once in so many events."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS runs(
    run TEXT PRIMARY KEY, person TEXT NOT NULL, touched REAL NOT NULL, registered INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS events(
    number INTEGER PRIMARY KEY, run TEXT NOT NULL, digest TEXT NOT NULL, body TEXT NOT NULL, UNIQUE(run, digest));
CREATE TABLE IF NOT EXISTS written(
    dataset TEXT NOT NULL, ended TEXT NOT NULL, run TEXT NOT NULL, version TEXT NOT NULL, PRIMARY KEY(dataset, run));
CREATE INDEX IF NOT EXISTS written_when ON written(dataset, ended);
"""


class JournalFailed(DescentError):
    """The file of the journal cannot be read or written."""


class TooManyEvents(DescentError):
    """A run has more events than are kept."""


class AnotherPerson(DescentError):
    """The events of a run come from two persons."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A run in the journal: its events in the order of arrival, and how many of them are registered."""

    events: list[dict[str, Any]]
    registered: int


class Journal:
    """A file of SQLite with the runs; used by several threads, one at a time."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Open the file, and make it if it is not there. Raises JournalFailed."""
        self.path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._added = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            self._file = sqlite3.connect(path, check_same_thread=False, timeout=10.0)
            self._file.execute("PRAGMA journal_mode = WAL")
            self._file.executescript(_TABLES)
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _failed(self, error: Exception) -> JournalFailed:
        return JournalFailed.because(f"The journal {self.path} cannot be used ({error}): give another with --journal.")

    def add(self, run: str, person: str, event: dict[str, Any]) -> Kept:
        """Keep an event of a run, once however often it arrives, and return all that is kept of the run.

        Raises AnotherPerson, TooManyEvents and JournalFailed.
        """
        body = json.dumps(event, sort_keys=True, separators=(",", ":"))
        digest = hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()
        try:
            with self._lock, self._file:
                self._file.execute("BEGIN IMMEDIATE")
                self._own(run, person)
                kept = self._add(run, digest, body)
                self._added += 1
                if self._added % _PRUNED_EACH == 0:
                    self._prune()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return kept

    def _own(self, run: str, person: str) -> None:
        known = self._file.execute("SELECT person FROM runs WHERE run = ?", (run,)).fetchone()
        if known is not None and known[0] != person:
            raise AnotherPerson.because(f"The run {run} was begun by another person: send its events with one token.")
        insert = "INSERT INTO runs(run, person, touched) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET touched = ?3"
        self._file.execute(insert, (run, person, self._clock()))

    def _add(self, run: str, digest: str, body: str) -> Kept:
        insert = "INSERT INTO events(run, digest, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        self._file.execute(insert, (run, digest, body))
        found = self._file.execute("SELECT body FROM events WHERE run = ? ORDER BY number", (run,)).fetchall()
        if len(found) > EVENTS_OF_A_RUN:
            raise TooManyEvents.because(
                f"The run {run} has more than {EVENTS_OF_A_RUN:,} different events: send START and COMPLETE alone, and "
                "give each run an id of its own."
            )
        [registered] = self._file.execute("SELECT registered FROM runs WHERE run = ?", (run,)).fetchone()
        return Kept([json.loads(body) for (body,) in found], registered)

    def registered(self, run: str, events: int, ended: datetime | None, outputs: Sequence[tuple[str, str]]) -> None:
        """Remember that so many events of a run are registered, and the versions of the datasets that it wrote."""
        try:
            with self._lock, self._file:
                self._file.execute("UPDATE runs SET registered = max(registered, ?) WHERE run = ?", (events, run))
                if ended is not None:
                    self._file.executemany(
                        "INSERT OR REPLACE INTO written(dataset, ended, run, version) VALUES (?, ?, ?, ?)",
                        [(dataset, _key(ended), run, version) for dataset, version in outputs],
                    )
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def version_at(self, dataset: str, moment: datetime | None, run: str) -> str | None:
        """Return the version that the last other run wrote that ended by a moment; None if none is known."""
        if moment is None:
            return None
        query = (
            "SELECT version FROM written WHERE dataset = ? AND ended <= ? AND run <> ? ORDER BY ended DESC, run DESC "
            "LIMIT 1"
        )
        try:
            with self._lock:
                found = self._file.execute(query, (dataset, _key(moment), run)).fetchone()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return None if found is None else str(found[0])

    def _prune(self) -> None:
        """Forget runs of which nothing was heard for long, then the oldest ones beyond the bounds."""
        self._file.execute("DELETE FROM runs WHERE touched < ?", (self._clock() - KEPT_SECONDS,))
        events, size = 0, 0
        forgotten = []
        sizes = (
            "SELECT r.run, count(e.number), coalesce(sum(length(e.body)), 0) FROM runs r LEFT JOIN events e "
            "USING (run) GROUP BY r.run ORDER BY r.registered > 0, r.touched DESC"
        )
        for run, count, length in self._file.execute(sizes).fetchall():
            events, size = events + count, size + length
            if events > MAX_EVENTS or size > MAX_BYTES:
                forgotten.append((run,))
        self._file.executemany("DELETE FROM runs WHERE run = ?", forgotten)
        self._file.execute("DELETE FROM events WHERE run NOT IN (SELECT run FROM runs)")
        self._file.execute(
            "DELETE FROM written WHERE rowid IN (SELECT rowid FROM written ORDER BY ended DESC LIMIT -1 OFFSET ?)",
            (MAX_WRITTEN,),
        )


def _key(moment: datetime) -> str:
    """Return a moment as text that sorts by time."""
    return f"{written(moment.replace(microsecond=0))}.{moment.microsecond:06}"
