"""The protocol of stores: what every store can do, and optional abilities.

A store is an append-only log of records with four indexes beside it, all of which follow from the records' content:
labels and ids, edges, keys and words. Records are named by their log sequence, from 1.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from descentd.graph.model.errors import DescentError, InvalidInput
from descentd.graph.model.kinds import Edge, Role
from descentd.graph.model.log import Entry, Head
from descentd.graph.model.reach import Sequences, Tail
from descentd.graph.model.records import Brief, Record
from descentd.graph.store.journal import Journal
from descentd.graph.store.operational import Accounts, Inbox, Outbox


class Link(NamedTuple):
    """An edge between two records in the log; `source` was derived from, or says something about, `target`."""

    source: int
    role: Role
    target: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Totals:
    """How many of each a store holds, and what it holds that belongs to no record, where there is any such thing."""

    records: int
    edges: int
    keys: int
    stray: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What a store holds of one record, as it is kept and not as it should be: for `verify` to compare.

    `fault` says what of it cannot even be told in these terms, such as a kind that is none.
    """

    entry: Entry
    id: str
    label: str | None
    hash: bytes
    edges: tuple[Edge, ...]
    keys: tuple[str, ...]
    words: str
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What will be looked up: names by `resolve`, keys by `find_by_keys`, and others by `any_by_keys`."""

    names: Collection[str]
    keys: Collection[str]
    any_keys: Collection[str]


class Reads(Protocol):
    """Look-ups by batch: a query a call, however many are asked for. What is not there is absent from the answer."""

    async def prefetch(self, find: Callable[[], Wanted]) -> None:
        """Look up at once what `find` says will be, where each look-up costs a round trip; elsewhere do nothing."""
        del find

    async def resolve(self, names: Collection[str]) -> dict[str, Brief]:
        """The records with these labels or ids, by what they were asked as."""
        ...

    async def briefs(self, sequences: Sequence[int]) -> list[Brief]:
        """The records at these sequences, in the order asked."""
        ...

    async def entries(self, sequences: Sequence[int]) -> list[Entry]:
        """The log entries at these sequences with their content, in the order asked."""
        ...

    async def find_by_keys(self, keys: Collection[str]) -> dict[str, list[int]]:
        """The records that hold each key, ascending."""
        ...

    async def any_by_keys(self, keys: Collection[str]) -> dict[str, int]:
        """One record that holds each key, however many do: for what all holders of a key have in common."""
        ...

    async def links(self, sequences: Collection[int], roles: Collection[Role], *, inward: bool) -> list[Link]:
        """Edges of these roles that leave the records, or arrive at them where `inward`; by source, role, target."""
        ...


@dataclass(frozen=True, slots=True)
class Proposal:
    """A write: `draft` reads, under the lock that orders all writes, and returns the records that are to be added.

    It may be run more than once (a transaction that is retried), so it must do nothing but read.
    """

    draft: Callable[[Reads], Awaitable[Sequence[Record]]]
    person: str


@runtime_checkable
class SupportsUpgrade(Protocol):
    """A store that can bring what an earlier version wrote to the layout that this one reads."""

    async def upgrade(
        self, backup: Path, rehash: Callable[[bytes], bytes], progress: Callable[[int], None] | None = None
    ) -> bool:
        """Upgrade the registry, which nobody has open, and write what it held to the file `backup` first.

        `rehash` makes what tokens are found by from the SHA-256 of their secrets, which earlier versions kept.
        False, and nothing is written, where it has the present layout. `progress` is called with the last sequence that
        is done. What was broken off goes on when it is called again. Raises Unavailable where there is no registry that
        can be upgraded, and FileExistsError where the backup is there.
        """
        ...


class Store(Reads, Protocol):
    """A store of one registry. Methods raise errors.Unavailable while what it keeps things in cannot be reached."""

    @property
    def accounts(self) -> Accounts:
        """Its tokens and its log of accesses, while it is open."""
        ...

    @property
    def outbox(self) -> Outbox:
        """How far others have been told of its log, while it is open."""
        ...

    @property
    def inbox(self) -> Inbox:
        """Which deliveries from outside came, while it is open."""
        ...

    @property
    def journal(self) -> Journal:
        """The chains of events of these, while it is open."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether it may only be read, as far as is known while it is open: what is written then raises ReadOnly."""
        ...

    async def open(self, *, repair: bool = True) -> None:
        """Connect, and create what is missing, or leave everything as it is where nothing is to be repaired.

        Raises Unavailable where there is no registry then.
        """
        ...

    async def close(self) -> None:
        """Let go of everything; the store may be opened again."""
        ...

    async def head(self) -> Head:
        """The end of the log as of now."""
        ...

    async def sequence(self, *ahead: str) -> int:
        """The sequence of the newest record, 0 while there is none. Cheap: every request asks.

        `ahead` are names that will be resolved next: where that costs a round trip, it may be done in the same one.
        """
        ...

    async def sequence_after_write(self) -> int:
        """The sequence of a record that was the newest when this process wrote last, or later."""
        return await self.sequence()

    async def look_up(self, name: str) -> tuple[int, Brief | None]:
        """What `sequence` and `resolve` give for one name, in a round trip where the store takes any."""
        return await self.sequence(), (await self.resolve([name])).get(name)

    async def sequence_at(self, moment: int) -> int:
        """The newest sequence recorded at or before `moment` (microseconds since 1970 UTC)."""
        ...

    async def find_by_prefix(self, prefix: str) -> Sequences:
        """All records with a key that begins with `prefix`, ascending."""
        ...

    async def search(self, words: Sequence[str], digest: str | None) -> Sequences:
        """All records that hold a word beginning with each of `words`, ascending.

        With `digest` (`sha256:` and hexadecimal digits) also those whose id, artifact or partition digest begins so.
        """
        ...

    async def hashes(self, after: int, limit: int) -> list[bytes]:
        """The leaf hashes of up to `limit` entries after a sequence, in log order, as they are kept."""
        ...

    async def tail(self, after: int) -> Tail:
        """What the influence graph needs to know of the records after a sequence."""
        ...

    async def schema_fault(self) -> str | None:
        """What of its tables, indexes and constraints is otherwise than Descent makes them; None where nothing is."""
        ...

    async def audit(self, after: int, limit: int) -> list[Stored]:
        """What is kept of up to `limit` records after a sequence, in log order."""
        ...

    async def totals(self) -> Totals:
        """How many records, edges and keys there are, counted rather than remembered, and what is astray."""
        ...

    async def write(self, proposals: Sequence[Proposal]) -> list[DescentError | None]:
        """Add what the proposals draft, in order, in one durable transaction.

        A proposal that raises a DescentError adds nothing, and that error is its outcome; each sees what those
        before it added. Anything else that is raised undoes the whole transaction.
        """
        ...

    async def import_log(self, batches: Iterable[Sequence[Entry]]) -> None:
        """Fill the registry, which is empty and which nobody has open, with the entries of another log as they are.

        They come in log order, from the first. All of them are in it in the end, or none; a store that cannot write as
        much at once may be opened only once all of them are, and goes on with the same log when this is called again.
        Raises InvalidInput where it holds records already, Unavailable, and what `batches` raises.
        """
        ...


def check_empty(sequence: int) -> None:
    """Raise InvalidInput where the last record of a store into which a log is to be imported is not number 0."""
    if sequence:
        raise InvalidInput(f"The store holds {sequence:,} records already: name an empty one to import a log into it.")
