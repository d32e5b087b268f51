"""The store in memory: it lasts as long as its process; for tests and trials."""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import numpy as np
from typing_extensions import override

from descentd.graph.model.errors import DescentError
from descentd.graph.model.kinds import Edge, Kind, Role
from descentd.graph.model.log import Entry, Head
from descentd.graph.model.reach import Sequences, Tail
from descentd.graph.model.records import Brief
from descentd.graph.store.base import Link, Proposal, Store, Stored, Totals, check_empty
from descentd.graph.store.batch import Appended, Batch, settle
from descentd.graph.store.journal import Journal, MemoryJournal
from descentd.graph.store.link_order import IN_ORDER
from descentd.graph.store.memory_operational import MemoryAccounts, MemoryInbox, MemoryOutbox
from descentd.graph.store.operational import Accounts, Inbox, Outbox
from descentd.graph.store.tail import MADE_WITH, RETRACTABLE, TailBuilder, disclosure_fact, speaking, suspects


class MemoryStore(Store):
    """Plain lists and dicts."""

    def __init__(self) -> None:
        self._log: list[Appended] = []
        self._head = Head()
        self._named: dict[str, int] = {}
        self._keyed: defaultdict[str, list[int]] = defaultdict(list)
        self._inward: defaultdict[int, list[Link]] = defaultdict(list)
        self._lock = asyncio.Lock()
        self._journal = MemoryJournal()
        self._accounts = MemoryAccounts(self._journal)
        self._outbox = MemoryOutbox(self._journal)
        self._inbox = MemoryInbox(self._journal)

    @property
    @override
    def accounts(self) -> Accounts:
        return self._accounts

    @property
    @override
    def outbox(self) -> Outbox:
        return self._outbox

    @property
    @override
    def inbox(self) -> Inbox:
        return self._inbox

    @property
    @override
    def journal(self) -> Journal:
        return self._journal

    @property
    @override
    def read_only(self) -> bool:
        return False

    @override
    async def open(self, *, repair: bool = True) -> None:
        """Nothing to connect to."""

    @override
    async def close(self) -> None:
        """What was recorded stays as long as the object does."""

    @override
    async def head(self) -> Head:
        return self._head

    @override
    async def sequence(self, *ahead: str) -> int:
        return self._head.sequence

    @override
    async def sequence_at(self, moment: int) -> int:
        return bisect_right(self._log, moment, key=lambda item: item.entry.recorded_at)

    @override
    async def resolve(self, names: Collection[str]) -> dict[str, Brief]:
        return {name: self._brief(self._named[name]) for name in names if name in self._named}

    @override
    async def briefs(self, sequences: Sequence[int]) -> list[Brief]:
        return [self._brief(s) for s in sequences if 0 < s <= len(self._log)]

    @override
    async def entries(self, sequences: Sequence[int]) -> list[Entry]:
        return [self._log[s - 1].entry for s in sequences if 0 < s <= len(self._log)]

    @override
    async def find_by_keys(self, keys: Collection[str]) -> dict[str, list[int]]:
        return {key: list(self._keyed[key]) for key in keys if key in self._keyed}

    @override
    async def any_by_keys(self, keys: Collection[str]) -> dict[str, int]:
        return {key: self._keyed[key][0] for key in keys if key in self._keyed}

    @override
    async def links(self, sequences: Collection[int], roles: Collection[Role], *, inward: bool) -> list[Link]:
        found = (
            link
            for s in sorted(set(sequences))
            if 0 < s <= len(self._log)
            for link in (self._inward[s] if inward else self._log[s - 1].links)
            if link.role in roles
        )
        return sorted(found, key=IN_ORDER)

    @override
    async def hashes(self, after: int, limit: int) -> list[bytes]:
        return [item.entry.hash for item in self._log[after : after + limit]]

    @override
    async def find_by_prefix(self, prefix: str) -> Sequences:
        return _ascending({s for key, held in self._keyed.items() if key.startswith(prefix) for s in held})

    @override
    async def search(self, words: Sequence[str], digest: str | None) -> Sequences:
        return _ascending({item.entry.sequence for item in self._log if _found(item.entry, words, digest)})

    @override
    async def tail(self, after: int) -> Tail:
        builder = TailBuilder(after)
        for item in self._log[after:]:
            record = item.entry.record
            builder.record(record.kind)
            for link in item.links:
                builder.edge(link)
            if record.kind is Kind.PARTITION:
                builder.twin(item.entry.sequence, self._keyed[f"digest:{record.content['digest']}"][0])
            elif record.kind is Kind.POPULATION:
                builder.population(item.entry.sequence, item.links[0].target, record.body)
            elif record.kind is Kind.DISCLOSURE:
                links = [(link.role, link.target) for link in item.links]
                builder.disclosure(disclosure_fact(item.entry.sequence, links, record.body.decode()))
            elif record.kind is Kind.RETRACTION:
                for link in item.links:
                    if self._brief(link.target).kind in RETRACTABLE:
                        builder.retraction(item.entry.sequence, link.target)
        tail = builder.build()
        made_with = [
            (version, record.kind, record.body.decode())
            for version in suspects(tail)
            for link in self._log[version - 1].links
            if link.role in MADE_WITH
            for record in [self._log[link.target - 1].entry.record]
        ]
        return replace(tail, trained=speaking(made_with))

    @override
    async def schema_fault(self) -> None:
        """Nothing: it has no schema."""

    @override
    async def audit(self, after: int, limit: int) -> list[Stored]:
        return [
            Stored(
                item.entry,
                item.entry.record.id,
                item.entry.record.label,
                item.entry.hash,
                tuple(Edge(link.role, self._brief(link.target).id, link.detail) for link in item.links),
                item.entry.record.keys,
                item.entry.record.words,
            )
            for item in self._log[after : after + limit]
        ]

    @override
    async def totals(self) -> Totals:
        edges = sum(len(item.links) for item in self._log)
        return Totals(len(self._log), edges, sum(len(held) for held in self._keyed.values()))

    @override
    async def write(self, proposals: Sequence[Proposal]) -> list[DescentError | None]:
        async with self._lock:
            batch, outcomes = await settle(self, self._head, proposals)
            for item in batch.appended:
                if item.entry.record.id in self._named or item.entry.record.label in self._named:
                    raise ValueError(f"{item.entry.record.label or item.entry.record.id} is already in the log")
            for item in batch.appended:
                self._insert(item)
            self._head = batch.head
        return outcomes

    @override
    async def import_log(self, batches: Iterable[Sequence[Entry]]) -> None:
        async with self._lock:
            check_empty(self._head.sequence)
            imported = MemoryStore()
            for entries in batches:
                batch = Batch(imported, imported._head)
                await batch.append_entries(entries)
                for item in batch.appended:
                    imported._insert(item)
                imported._head = batch.head
            self._log, self._named, self._keyed = imported._log, imported._named, imported._keyed
            self._inward, self._head = imported._inward, imported._head

    def _insert(self, item: Appended) -> None:
        record, sequence = item.entry.record, item.entry.sequence
        self._log.append(item)
        self._named[record.id] = sequence
        if record.label is not None:
            self._named[record.label] = sequence
        for key in record.keys:
            self._keyed[key].append(sequence)
        for link in item.links:
            self._inward[link.target].append(link)

    def _brief(self, sequence: int) -> Brief:
        record = self._log[sequence - 1].entry.record
        return Brief(sequence, record.kind, record.id, record.label)


def _found(entry: Entry, words: Sequence[str], digest: str | None) -> bool:
    held = entry.record.words.split()
    if words and all(any(word.startswith(wanted) for word in held) for wanted in words):
        return True
    if digest is None:
        return False
    digests = [key.partition(":")[2] for key in entry.record.keys if key.startswith(("artifact:", "digest:"))]
    return any(one.startswith(digest) for one in (entry.record.id, *digests))


def _ascending(sequences: set[int]) -> Sequences:
    return np.array(sorted(sequences), dtype=np.int64)
