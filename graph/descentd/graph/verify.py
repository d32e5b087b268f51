"""Whether a store holds what was once recorded: everything that is kept is worked out again and compared.

What a record is follows from its content, and the log's root covers every id, so that whatever is changed, added or
removed afterwards does not fit. Somebody who rewrites all of it consistently is found by comparing the root with one
that was noted down elsewhere.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

from descentd.graph.model.derived import LOOK_ALIKE
from descentd.graph.model.errors import DescentError
from descentd.graph.model.identity import content_id
from descentd.graph.model.kinds import Edge
from descentd.graph.model.log import Head
from descentd.graph.model.merkle import Frontier
from descentd.graph.model.records import Brief, Record
from descentd.graph.store.base import Stored, Totals
from descentd.graph.store.journal import Journal
from descentd.graph.verify_chains import ChainError, Closed, KnownEvent, verify_chains

_CHUNK: Final = 1000
_LONGEST: Final = 200


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


class _WrongError(Exception):
    """What does not fit, as a sentence."""


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
    log = _Log(known)
    try:
        if fault := await store.schema_fault():
            raise _WrongError(f"The store is not laid out as Descent does it: {fault}.")
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
    except (_WrongError, ChainError) as wrong:
        return Report(log.sequence, log.frontier.root().hex(), str(wrong))


async def _head(store: Audited) -> Head:
    try:
        return await store.head()
    except DescentError:
        raise
    except Exception:  # whatever somebody else may have written there
        raise _WrongError("The end of the log cannot be read: its Merkle frontier is not what was written.") from None


async def _look_up(store: Audited, chunk: list[Stored]) -> None:
    """Compare what ids and labels lead to with where they are, and where edges lead with where they come from."""
    names = {stored.id: stored for stored in chunk} | {str(s.label): s for s in chunk if s.label is not None}
    targets = {edge.target for stored in chunk for edge in stored.edges}
    found = await store.resolve(names.keys() | targets)
    for name, stored in names.items():
        brief = found.get(name)
        if brief is None or brief.sequence != stored.entry.sequence:
            where = f"record {brief.sequence}" if brief else "nothing"
            raise _WrongError(f"{_name(stored)}: {name} leads to {where}, and not to this record.")
    for stored in chunk:
        for edge in stored.edges:
            if found[edge.target].sequence >= stored.entry.sequence:
                raise _WrongError(f"{_name(stored)}: it refers to {edge.target}, which is later in the log.")


class _Log:
    """The log as far as it was right."""

    def __init__(self, known: Sequence[tuple[int, bytes]]) -> None:
        self._known = known
        self.sequence = 0
        self.frontier = Frontier()
        self._transaction = 0
        self._recorded_at = 0
        self._edges = 0
        self._keys = 0

    def compare(self, chunk: list[Stored], head: Head) -> None:
        """Take the next entries in, each as far as it fits."""
        for stored in chunk:
            self.continues()
            self._entry(stored)
            try:
                _record(stored)
            except _WrongError:
                raise
            except Exception as error:  # whatever a body that somebody else wrote may bring about
                raise _WrongError(f"{_name(stored)}: its content is of no such record ({error!r}).") from None
            self.sequence += 1
            self.frontier = self.frontier.append([stored.entry.hash])
            self._transaction = stored.entry.transaction
            self._recorded_at = stored.entry.recorded_at
            self._edges += len(stored.edges)
            self._keys += len(stored.keys)
        if not chunk:
            raise _WrongError(f"The log ends with record {self.sequence}, but its head says {head.sequence}.")

    def _entry(self, stored: Stored) -> None:
        entry = stored.entry
        if entry.sequence != self.sequence + 1:
            raise _WrongError(f"Record {self.sequence + 1} is missing: the next one is {entry.sequence}.")
        if stored.fault:
            raise _WrongError(f"{_name(stored)}: {stored.fault}.")
        transactions = {self._transaction or 1, entry.sequence}
        if entry.transaction not in transactions:
            _differs(stored, "transaction", entry.transaction, " or ".join(map(str, sorted(transactions))))
        if entry.recorded_at < self._recorded_at:
            _differs(stored, "recordedAt", entry.recorded_at, f"at least {self._recorded_at}")
        if entry.transaction == self._transaction and entry.recorded_at != self._recorded_at:
            _differs(stored, "recordedAt", entry.recorded_at, f"{self._recorded_at}, as in all of its transaction")

    def continues(self) -> None:
        """Compare with the roots that are known of a log of this size."""
        for size, root in self._known:
            if size == self.sequence and root != self.frontier.root():
                raise _WrongError(
                    f"The log was rewritten: its first {size} entries have the root {self.frontier.root().hex()}, but "
                    f"the checkpoint has {root.hex()}."
                )

    def end(self, head: Head) -> None:
        """Compare with the head, and with checkpoints of a longer log."""
        self.continues()
        for size, _ in self._known:
            if size > head.sequence:
                raise _WrongError(
                    f"The log was cut off: it has {head.sequence} entries, but the checkpoint has {size}."
                )
        if self.sequence != head.sequence:
            raise _WrongError(f"The head ends the log with record {head.sequence}, but there are {self.sequence}.")
        if head.frontier != self.frontier:
            raise _WrongError(
                f"The head has the root {head.frontier.root().hex()}, but the log has {self.frontier.root().hex()}."
            )
        if head.recorded_at != self._recorded_at:
            raise _WrongError(f"The head's recordedAt is {head.recorded_at}, the last record's {self._recorded_at}.")

    def count(self, totals: Totals) -> None:
        """Compare with what there is in all."""
        if totals.stray:
            raise _WrongError(f"The store holds {totals.stray}, which belongs to no record.")
        for what, kept, right in (
            ("records", totals.records, self.sequence),
            ("edges", totals.edges, self._edges),
            ("keys", totals.keys, self._keys),
        ):
            if kept != right:
                raise _WrongError(f"The store holds {kept} {what}, but the log's records have {right}.")


def _record(stored: Stored) -> None:
    entry, record = stored.entry, stored.entry.record
    id = content_id(record.kind, record.body)
    if stored.id != id:
        _differs(stored, "id", stored.id, f"{id} by its kind and content")
    right = Record.of(record.kind, record.content)
    if right.body != record.body:
        _differs(stored, "content", record.body.decode(), right.body.decode())
    if stored.label != right.label:
        _differs(stored, "label", stored.label, right.label)
    kept = sorted(stored.edges, key=lambda edge: (edge.role, edge.target, edge.detail))
    if kept != list(right.edges):
        some, others = [_arrow(edge) for edge in kept], [_arrow(edge) for edge in right.edges]
        _differs(stored, "edges", _difference(some, others), _difference(others, some))
    later = {key for key in right.keys if key.startswith(LOOK_ALIKE)}
    if stored.keys != right.keys and not (set(right.keys) - later <= set(stored.keys) <= set(right.keys)):
        _differs(stored, "keys", _difference(stored.keys, right.keys), _difference(right.keys, stored.keys))
    if stored.words != right.words:
        _differs(stored, "words", stored.words, right.words)
    if stored.hash != entry.hash:
        _differs(stored, "entry hash", stored.hash.hex(), entry.hash.hex())


def _differs(stored: Stored, what: str, kept: object, right: object) -> NoReturn:
    raise _WrongError(f"{_name(stored)} has the {what} {_shown(kept)}, but should have {_shown(right)}.")


def _arrow(edge: Edge) -> str:
    return f"{edge.role} {edge.target}" + (f" ({edge.detail})" if edge.detail else "")


def _difference(some: Sequence[str], others: Sequence[str]) -> str:
    """What only `some` holds."""
    return ", ".join(one for one in some if one not in others) or "nothing else"


def _name(stored: Stored) -> str:
    return f"Record {stored.entry.sequence} ({stored.label or stored.id})"


def _shown(value: object) -> str:
    text = str(value) if value not in (None, "") else "nothing"
    return repr(text)[1:-1] if len(text) <= _LONGEST else repr(text[:_LONGEST])[1:-1] + "…"
