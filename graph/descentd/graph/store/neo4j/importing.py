"""Importing a log into Neo4j, in as many transactions as it takes: one of a million records would not fit into memory.

Until all of it is there, the format of the registry is `IMPORTING`, and nothing opens it. What was broken off goes on
behind the last entry that is there.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from descentd.graph.model.errors import InvalidInput, Unavailable
from descentd.graph.model.log import Entry, Head
from descentd.graph.model.merkle import Frontier
from descentd.graph.store.base import check_empty
from descentd.graph.store.batch import Batch
from descentd.graph.store.neo4j.batching import PrefetchedReads
from descentd.graph.store.neo4j.connection import Connection, Run
from descentd.graph.store.neo4j.property_names import PropertyNames
from descentd.graph.store.neo4j.reads import read_head
from descentd.graph.store.neo4j.schema import FORMAT, IMPORTING, LOCK, insert

_FORMAT: Final = "MATCH (l:_Log) RETURN l.format"
_SET_FORMAT: Final = "MATCH (l:_Log) SET l.format = $format"
_ANOTHER: Final = (
    "The database holds the beginning of another log, whose import was broken off: import that file again, or empty "
    "the database."
)
_MEANWHILE: Final = "Somebody else writes to the database: stop all servers that use it, then import the file again."


async def import_log(connection: Connection, batches: Iterable[Sequence[Entry]]) -> None:
    """Fill a registry that has its schema, and that is empty or was left by an import of the same log."""
    done = await connection.write(_begin)
    known, names = Frontier(), PropertyNames()
    for entries in batches:
        there = [entry for entry in entries if entry.sequence <= done.sequence]
        known = known.append(entry.hash for entry in there)
        new = entries[len(there) :]
        if new:
            _check_continued(known, done)
            done = await _append(connection, new, done, names)
            known = done.frontier
    _check_continued(known, done)
    await connection.write(lambda run: run(_SET_FORMAT, format=FORMAT))


def _check_continued(known: Frontier, done: Head) -> None:
    if known != done.frontier:
        raise InvalidInput(_ANOTHER)


async def _begin(run: Run) -> Head:
    head = await read_head(run, LOCK)
    [[format]] = await run(_FORMAT)
    if format != IMPORTING:
        check_empty(head.sequence)
        await run(_SET_FORMAT, format=IMPORTING)
    return head


async def _append(connection: Connection, entries: Sequence[Entry], done: Head, names: PropertyNames) -> Head:
    async def work(run: Run) -> Head:
        if await read_head(run, LOCK) != done:
            raise Unavailable(_MEANWHILE)
        batch = Batch(PrefetchedReads(run), done)
        await batch.append_entries(entries)
        await insert(run, batch.appended, batch.head, names)
        return batch.head

    return await connection.write(work)
