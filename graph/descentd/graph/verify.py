"""Whether a store holds what was once recorded: everything that is kept is worked out again and compared.

What a record is follows from its content, and the log's root covers every id, so that whatever is changed, added or
removed afterwards does not fit. Somebody who rewrites all of it consistently is found by comparing the root with one
that was noted down elsewhere.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from descentd.graph.model.errors import DescentError
from descentd.graph.model.log import Head
from descentd.graph.model.records import Brief
from descentd.graph.store.base import Stored, Totals
from descentd.graph.store.journal import Journal
from descentd.graph.verify_chains import ChainError, Closed, KnownEvent, verify_chains
from descentd.graph.verify_log import LogCheck, LogError, name_of

_CHUNK: Final = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """How many records were found right, the Merkle root over them in hexadecimal, and the first misfit."""

    records: int
    root: str
    problem: str | None


class Audited(Protocol):
    """What has to be read of a store to verify it."""

    async def head(self) -> Head:
        """The end of the log as of now."""
        ...

    async def schema_fault(self) -> str | None:
        """What of its tables, indexes and constraints is otherwise than Descent makes them; None where nothing is."""
        ...

    async def audit(self, after: int, limit: int) -> list[Stored]:
        """What is kept of up to `limit` records after a sequence, in log order."""
        ...

    async def resolve(self, names: Collection[str]) -> dict[str, Brief]:
        """The records with these labels or ids, by what they were asked as."""
        ...

    async def totals(self) -> Totals:
        """How many records, edges and keys there are, and what is astray."""
        ...

    @property
    def journal(self) -> Journal:
        """The chains of events of what is beside the log."""
        ...


async def verify(
    store: Audited,
    progress: Callable[[int, int], None] | None = None,
    known: Sequence[tuple[int, bytes]] = (),
    events: Sequence[KnownEvent] = (),
    closed: Closed | None = None,
) -> Report:
    """Compare everything that `store` holds with what follows from its records' content, up to the first misfit.

    And what is kept beside the log with its chains of events. `progress` is called with how many records were compared,
    and of how many. `known` are sizes that the log had and the roots that it had then, from checkpoints: it has to
    continue all of them. `events` and `closed` are for `verify_chains`. Raises Unavailable.
    """
    log = LogCheck(known)
    try:
        if fault := await store.schema_fault():
            raise LogError(f"The schema of the store is not the one that Descent creates: {fault}.")
        while True:
            head = await _head(store)
            while log.sequence < head.sequence:
                chunk = await store.audit(log.sequence, min(_CHUNK, head.sequence - log.sequence))
                log.compare(chunk, head)
                await _look_up(store, chunk)
                if progress:
                    progress(log.sequence, head.sequence)
            log.end(head)
            totals = await store.totals()
            if await _head(store) == head:  # else somebody wrote meanwhile, and the totals count that too
                log.count(totals)
                await verify_chains(store.journal, events, closed)
                return Report(log.sequence, log.frontier.root().hex(), None)
    except (LogError, ChainError) as wrong:
        return Report(log.sequence, log.frontier.root().hex(), str(wrong))


async def _head(store: Audited) -> Head:
    try:
        return await store.head()
    except DescentError:
        raise
    except Exception:  # whatever somebody else may have written there
        raise LogError("The end of the log cannot be read: its Merkle frontier is not what was written.") from None


async def _look_up(store: Audited, chunk: list[Stored]) -> None:
    """Compare what ids and labels lead to with where they are, and where edges lead with where they come from."""
    names = {stored.id: stored for stored in chunk} | {str(s.label): s for s in chunk if s.label is not None}
    targets = {edge.target for stored in chunk for edge in stored.edges}
    found = await store.resolve(names.keys() | targets)
    for name, stored in names.items():
        brief = found.get(name)
        if brief is None or brief.sequence != stored.entry.sequence:
            where = f"record {brief.sequence}" if brief else "nothing"
            raise LogError(f"{name_of(stored)}: {name} leads to {where}, and not to this record.")
    for stored in chunk:
        for edge in stored.edges:
            if found[edge.target].sequence >= stored.entry.sequence:
                raise LogError(f"{name_of(stored)}: it refers to {edge.target}, which is later in the log.")
