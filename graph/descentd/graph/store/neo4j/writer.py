"""The writer: how a process adds records to the log in Neo4j, while others may.

Everybody who writes has to hold the lock of the log. As long as nobody else writes, a draft can look up what it needs
before, without a transaction; then one statement takes the lock, checks that the log still ends where it did, and adds
the records.
"""

from collections.abc import Sequence
from typing import Final

from descentd.graph.model.errors import DescentError, Unavailable
from descentd.graph.model.log import Head
from descentd.graph.store.base import Proposal
from descentd.graph.store.batch import Batch
from descentd.graph.store.drafting import settle_at_once
from descentd.graph.store.gathering import GatheredReads
from descentd.graph.store.neo4j import populations
from descentd.graph.store.neo4j.batching import CachedReads, PrefetchedReads
from descentd.graph.store.neo4j.connection import Connection, Run
from descentd.graph.store.neo4j.property_names import PropertyNames
from descentd.graph.store.neo4j.reads import read_head
from descentd.graph.store.neo4j.schema import INSERT, LOCK, insert, insertion, is_plain

GONE_BACK: Final = (
    "The database does not hold what was recorded in it, as if an older copy had been put back: put the newest one "
    "back, then start the server again."
)


_HASH: Final = "MATCH (r:Record {seq: $sequence}) RETURN r.hash"


class Writer:
    """Adds to the log on a connection; `reads` are look-ups on it, which are told of what is added."""

    def __init__(self, connection: Connection, reads: CachedReads) -> None:
        self._connection = connection
        self._reads = reads
        self._names = PropertyNames()
        self._end = Head()
        """The end of the log after the last write of this process."""
        self._alone = False
        """Whether nobody else has written between the last two writes of this process."""
        self._own = 0, b""
        """The sequence and the hash of the last record that this process has added."""

    @property
    def recorded(self) -> int:
        """The sequence of the last record that this process knows to be durable."""
        return self._end.sequence

    async def write(self, proposals: Sequence[Proposal]) -> list[DescentError | None]:
        """Add what proposals draft, as `Store.write` does."""
        alone, self._alone = self._alone and self._reads.newest == self._end.sequence, False
        outcomes = await self._write_after(self._end, proposals) if alone else None
        return await self._write_locked(proposals) if outcomes is None else outcomes

    async def _write_after(self, end: Head, proposals: Sequence[Proposal]) -> list[DescentError | None] | None:
        """Write what is drafted without the lock if the log still ends at `end` once that is there; None otherwise.

        All that was looked up meanwhile was as of `end` then. Where it was not, a draft may have seen two ends of the
        log, and be at a loss: what it raises is raised only if it comes under the lock, too.
        """
        try:
            batch, outcomes = await settle_at_once(GatheredReads(self._reads), end, proposals)
        except Exception:
            return None
        there = await self._add(end, batch) if batch.appended else await self._is_at(end)
        if not there:
            return None
        self._note(end, batch)
        self._alone = True
        return outcomes

    async def _is_at(self, end: Head) -> bool:
        return await read_head(self._connection.run) == end

    async def _add(self, end: Head, batch: Batch) -> bool:
        items, head = batch.appended, batch.head
        if not is_plain(items):
            return await self._connection.write(lambda run: insert(run, items, head, self._names, end))
        unexplained, _ = populations.unexplained(items)
        given = await insertion(self._connection.run, items, unexplained, head, self._names, end)
        return bool(await self._connection.write_one(INSERT, **given))

    async def _write_locked(self, proposals: Sequence[Proposal]) -> list[DescentError | None]:
        """Take the lock first: what is looked up then, and nothing that was before, stays as it is."""

        async def work(run: Run) -> tuple[list[DescentError | None], Head, Batch]:
            head = await read_head(run, LOCK)
            await self._check_continued(run, head)
            batch, outcomes = await settle_at_once(PrefetchedReads(run), head, proposals)
            if batch.appended:
                await insert(run, batch.appended, batch.head, self._names)
            return outcomes, head, batch

        outcomes, head, batch = await self._connection.write(work)
        alone = head == self._end
        self._note(head, batch)
        self._alone = alone
        return outcomes

    async def _check_continued(self, run: Run, head: Head) -> None:
        """Raise Unavailable where the log does not continue what this process recorded."""
        sequence, hash = self._own
        if head == self._end:
            return
        if head.sequence < self.recorded or (sequence and await run(_HASH, sequence=sequence) != [[hash.hex()]]):
            raise Unavailable(GONE_BACK)

    def _note(self, before: Head, batch: Batch) -> None:
        """Note what was added, durably, to the log that ended at `before`."""
        if batch.head.sequence >= self._end.sequence:
            self._end = batch.head
        if batch.appended and batch.appended[-1].entry.sequence > self._own[0]:
            self._own = batch.appended[-1].entry.sequence, batch.appended[-1].entry.hash
        self._reads.added(before.sequence, batch.appended)
        self._reads.saw([batch.head.sequence])
