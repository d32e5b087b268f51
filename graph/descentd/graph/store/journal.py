"""How stores keep the chains of what is beside the log of records; `model.chain` says what a chain is."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from typing_extensions import override

from descentd.graph.model.chain import EMPTY, Chain, ChainHead, Change, Event, link
from descentd.graph.model.clock import now
from descentd.graph.store.changes import Keeps


class Journal(Protocol):
    """The chains of a store. Methods raise Unavailable while the store cannot be reached."""

    async def heads(self) -> Mapping[Chain, ChainHead]:
        """The heads of the chains as of now, as they are kept; one that somebody removed is absent."""
        ...

    async def events(self, chain: Chain, after: int, limit: int) -> list[Event]:
        """Up to `limit` events after a number, ascending, as they are kept."""
        ...

    def items(self, chain: Chain) -> AsyncIterator[Change]:
        """What is kept of each item as of now, beside its events and as if it were one; nothing of accesses."""
        ...

    async def prune(self, chain: Chain, last: Event, closing: str, keeps: Keeps) -> bool:
        """Forget the events of a chain upto `last`, durably, and go on from there as its base.

        What has no later event is either kept, by saying it again as a new event, or forgotten. False, and nothing is
        changed, where `last` is not there any more as it is given; where it is the base already, by number and hash,
        only `closing` is written. `keeps` may be asked more than once.
        """
        ...


class MemoryJournal(Journal):
    """Plain lists."""

    def __init__(self) -> None:
        self._heads = dict(EMPTY)
        self._events: dict[Chain, list[Event]] = {chain: [] for chain in Chain}
        self._kept: dict[Chain, tuple[Callable[[], Iterable[Change]], Callable[[str], object]]] = {}

    def keep(self, chain: Chain, rows: Callable[[], Iterable[Change]], forget: Callable[[str], object]) -> None:
        """Let a chain be of what `rows` gives, from which `forget` takes an item away."""
        self._kept[chain] = rows, forget

    def add(self, chain: Chain, changes: Iterable[Change]) -> None:
        """Add events at the end of a chain."""
        head = self._heads[chain]
        events = link(chain, head.number, head.hash, changes)
        self._events[chain] += events
        if events:
            self._heads[chain] = replace(head, number=events[-1].number, hash=events[-1].hash)

    @override
    async def heads(self) -> Mapping[Chain, ChainHead]:
        return dict(self._heads)

    @override
    async def events(self, chain: Chain, after: int, limit: int) -> list[Event]:
        start = max(0, after - self._heads[chain].base)
        return self._events[chain][start : start + limit]

    @override
    async def items(self, chain: Chain) -> AsyncIterator[Change]:
        for change in list(self._kept[chain][0]()):
            yield change

    @override
    async def prune(self, chain: Chain, last: Event, closing: str, keeps: Keeps) -> bool:
        head, events = self._heads[chain], self._events[chain]
        cut = last.number - head.base
        if (last.number, last.hash) == (head.base, head.base_hash):
            self._heads[chain] = replace(head, closing=closing)
            return True
        if not 0 < cut <= len(events) or events[cut - 1] != last:
            return False
        later = {event.item for event in events[cut:]}
        latest = {event.item: event for event in events[:cut] if event.item and event.item not in later}
        self._events[chain] = events[cut:]
        self._heads[chain] = replace(head, base=last.number, base_hash=last.hash, closing=closing)
        said = {item: event for item, event in latest.items() if keeps(event.content)}
        self.add(chain, again(said.values()))
        for item in latest.keys() - said.keys():
            self._kept[chain][1](item)
        if chain is Chain.ACCESSES:
            self._kept[chain][1](str(cut))
        return True


def again(events: Iterable[Event]) -> list[Change]:
    """What events say, said again now, in their order."""
    return [Change(now(), event.item, event.content) for event in sorted(events, key=lambda event: event.number)]
