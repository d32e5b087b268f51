"""A batch: the records that a transaction is about to add, and the view of the store with them."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, TypeVar

from typing_extensions import override

from descentd.graph.model import clock
from descentd.graph.model.errors import DescentError
from descentd.graph.model.kinds import Role
from descentd.graph.model.log import Entry, Head
from descentd.graph.model.records import Brief, Record
from descentd.graph.store.base import Link, Proposal, Reads, Wanted
from descentd.graph.store.link_order import IN_ORDER
from descentd.graph.turns import each

Located = TypeVar("Located", Brief, Entry)


class Appended(NamedTuple):
    """An entry that is to be inserted, with its edges by sequence."""

    entry: Entry
    links: tuple[Link, ...]


class Batch(Reads):
    """A view of `reads` with the records that were appended to it."""

    def __init__(self, reads: Reads, head: Head) -> None:
        self._reads = reads
        self._start = head
        self._head = head
        self._recorded_at = max(head.recorded_at, clock.now())
        self._named: dict[str, Brief] = {}
        self._found: dict[str, Brief | None] = {}
        """What `reads` holds under the names that were looked up: it does not change meanwhile."""
        self._keyed: defaultdict[str, list[int]] = defaultdict(list)
        self.appended: list[Appended] = []

    @property
    def head(self) -> Head:
        """The end of the log once the batch is in."""
        new = self.appended[self._head.sequence - self._start.sequence :]
        if new:
            frontier = self._head.frontier.append(item.entry.hash for item in new)
            self._head = Head(frontier.size, new[-1].entry.recorded_at, frontier)
        return self._head

    async def append(self, records: Sequence[Record], person: str) -> None:
        """Add records that the view does not hold yet; each may refer to those before it."""
        first = self._start.sequence + len(self.appended) + 1
        await self.append_entries(
            [
                Entry(sequence, first, record, self._recorded_at, person)
                for sequence, record in enumerate(records, first)
            ]
        )

    async def append_entries(self, entries: Sequence[Entry]) -> None:
        """Add the next entries as they are, with their sequences; each may refer to those before it."""
        targets: set[str] = set()
        async for entry in each(entries):
            targets.update([edge.target for edge in entry.record.edges])
        others = targets - {entry.record.id for entry in entries}
        known = {id: brief.sequence for id, brief in (await self.resolve(others)).items()}
        async for entry in each(entries):
            sequence = entry.sequence
            links = tuple([Link(sequence, role, known[target], detail) for role, target, detail in entry.record.edges])
            known[entry.record.id] = sequence
            self._hold(Appended(entry, links))

    def _hold(self, item: Appended) -> None:
        record = item.entry.record
        brief = Brief(item.entry.sequence, record.kind, record.id, record.label)
        if record.id in self._named or record.label in self._named:
            raise ValueError(f"{brief.ref} is already in this transaction")
        self.appended.append(item)
        self._named[record.id] = brief
        if record.label is not None:
            self._named[record.label] = brief
        for key in record.keys:
            self._keyed[key].append(brief.sequence)

    @override
    async def prefetch(self, find: Callable[[], Wanted]) -> None:
        await self._reads.prefetch(find)

    def adds(self, names: set[str], keys: set[str], ends: set[tuple[int, Role]]) -> bool:
        """Whether it adds something that is found by these names or keys, or by links that arrive at these records."""
        return (
            not self._named.keys().isdisjoint(names)
            or not self._keyed.keys().isdisjoint(keys)
            or (bool(ends) and any((link.target, link.role) in ends for item in self.appended for link in item.links))
        )

    @override
    async def resolve(self, names: Collection[str]) -> dict[str, Brief]:
        named, found = self._named, self._found
        unknown = [name for name in names if name not in named and name not in found]
        if unknown:
            held = await self._reads.resolve(unknown)
            found.update((name, held.get(name)) for name in unknown)
            found.update((brief.id, brief) for brief in held.values())
        return {name: brief for name in names if (brief := named.get(name) or found.get(name)) is not None}

    @override
    async def briefs(self, sequences: Sequence[int]) -> list[Brief]:
        fresh = [self._named[item.entry.record.id] for item in self._own(sequences)]
        return self._in_order(sequences, fresh + await self._reads.briefs(self._others(sequences)))

    @override
    async def entries(self, sequences: Sequence[int]) -> list[Entry]:
        fresh = [item.entry for item in self._own(sequences)]
        return self._in_order(sequences, fresh + await self._reads.entries(self._others(sequences)))

    @override
    async def find_by_keys(self, keys: Collection[str]) -> dict[str, list[int]]:
        held = await self._reads.find_by_keys(keys)
        for key in keys:
            if key in self._keyed:
                held[key] = held.get(key, []) + self._keyed[key]
        return held

    @override
    async def any_by_keys(self, keys: Collection[str]) -> dict[str, int]:
        return {key: self._keyed[key][0] for key in keys if key in self._keyed} | await self._reads.any_by_keys(keys)

    @override
    async def links(self, sequences: Collection[int], roles: Collection[Role], *, inward: bool) -> list[Link]:
        old = [s for s in sequences if s <= self._start.sequence]
        links = await self._reads.links(old, roles, inward=inward) if old else []
        if self.appended:
            wanted = set(sequences)
            links += [
                link
                for item in self.appended
                for link in item.links
                if link.role in roles and (link.target if inward else link.source) in wanted
            ]
            links.sort(key=IN_ORDER)
        return links

    def _own(self, sequences: Sequence[int]) -> list[Appended]:
        first = self._start.sequence + 1
        return [self.appended[s - first] for s in sequences if first <= s < first + len(self.appended)]

    def _others(self, sequences: Sequence[int]) -> list[int]:
        return [s for s in sequences if s <= self._start.sequence]

    @staticmethod
    def _in_order(sequences: Sequence[int], found: list[Located]) -> list[Located]:
        by_sequence = {item.sequence: item for item in found}
        return [by_sequence[s] for s in sequences if s in by_sequence]


async def settle(reads: Reads, head: Head, proposals: Sequence[Proposal]) -> tuple[Batch, list[DescentError | None]]:
    """Run proposals in order over `reads`, which must not change meanwhile; each has the outcome None or its error."""
    batch = Batch(reads, head)
    outcomes: list[DescentError | None] = []
    for proposal in proposals:
        try:
            await batch.append(await proposal.draft(batch), proposal.person)
            outcomes.append(None)
        except DescentError as error:
            outcomes.append(error)
    return batch, outcomes
