"""What the store in memory stores beside the log of records: tokens, accesses and deliveries."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from typing_extensions import override

from descentd.graph.model.accounts import Access, Token
from descentd.graph.model.chain import Chain, Change
from descentd.graph.store.changes import (
    access_change,
    arrival_change,
    delivery_change,
    destination_row,
    last_sent,
    row_of,
    token_change,
)
from descentd.graph.store.journal import MemoryJournal
from descentd.graph.store.operational import Accounts, Arrival, Delivery, DeliveryState, DestinationState, Inbox, Outbox


class MemoryAccounts(Accounts):
    """Plain lists."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._tokens: dict[str, Token] = {}
        self._accesses: list[Access] = []
        self._forgotten = 0
        self._journal = journal
        journal.keep(Chain.TOKENS, lambda: map(token_change, self._tokens.values()), self._tokens.pop)
        journal.keep(Chain.ACCESSES, lambda: (), self._forget)

    @override
    async def any_token(self) -> bool:
        return bool(self._tokens)

    @override
    async def token(self, hash: bytes) -> Token | None:
        return next((token for token in self._tokens.values() if token.hash == hash), None)

    @override
    async def tokens(self) -> list[Token]:
        return sorted(self._tokens.values(), key=lambda token: (token.created_at, token.id))

    @override
    async def add_token(self, token: Token) -> None:
        self._tokens[token.id] = token
        self._journal.add(Chain.TOKENS, [token_change(token)])

    @override
    async def revoke(self, ids: Collection[str], at: int) -> None:
        for id in ids:
            token = self._tokens.get(id)
            if token is not None and token.revoked_at is None:
                self._tokens[id] = replace(token, revoked_at=at)
                self._journal.add(Chain.TOKENS, [token_change(self._tokens[id])])

    @override
    async def record_accesses(self, accesses: Sequence[Access]) -> None:
        self._accesses += accesses
        self._journal.add(Chain.ACCESSES, map(access_change, accesses))

    @override
    async def accesses(
        self, before: int | None, limit: int, person: str | None = None, refused: bool | None = None
    ) -> list[tuple[int, Access]]:
        found = [
            (number, access)
            for number, access in enumerate(self._accesses, self._forgotten + 1)
            if (before is None or number < before)
            and (person is None or access.person == person)
            and (refused is None or access.refused == refused)
        ]
        return found[::-1][:limit]

    def _forget(self, count: str) -> None:
        del self._accesses[: int(count)]
        self._forgotten += int(count)


class MemoryInbox(Inbox):
    """A plain dict."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._arrivals: dict[str, Arrival] = {}
        self._journal = journal
        journal.keep(Chain.ARRIVALS, lambda: map(arrival_change, self._arrivals.values()), self._arrivals.pop)

    @override
    async def arrived(self, identity: str) -> Arrival | None:
        return self._arrivals.get(identity)

    @override
    async def take(self, arrival: Arrival) -> None:
        known = self._arrivals.get(arrival.identity)
        kept = arrival if known is None else replace(known, sent=last_sent(known.sent, arrival.sent))
        if kept != known:
            self._arrivals[arrival.identity] = kept
            self._journal.add(Chain.ARRIVALS, [arrival_change(kept)])


class MemoryOutbox(Outbox):
    """Plain dicts."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._destinations: dict[str, DestinationState] = {}
        self._deliveries: dict[tuple[str, int, str], Delivery] = {}
        self._journal = journal
        journal.keep(Chain.DELIVERIES, self._rows, self._forget)

    @override
    async def claim(self, destination: str, holder: str, now: int, until: int, start: int) -> int | None:
        known = self._destinations.get(destination, DestinationState(destination, start, holder, until))
        if known.holder != holder and known.until > now:
            return None
        if destination not in self._destinations:
            self._journal.add(Chain.DELIVERIES, [destination_row(destination, start)])
        self._destinations[destination] = replace(known, holder=holder, until=until)
        return known.position

    @override
    async def release(self, destination: str, holder: str) -> None:
        known = self._destinations.get(destination)
        if known is not None and known.holder == holder:
            self._destinations[destination] = replace(known, until=0)

    @override
    async def keep(self, destination: str, holder: str, position: int, delivery: Delivery | None = None) -> bool:
        known = self._destinations.get(destination)
        if known is None or known.holder != holder:
            return False
        changes = [destination_row(destination, position)] if position > known.position else []
        self._destinations[destination] = replace(known, position=max(position, known.position))
        if delivery is not None:
            self._deliveries[delivery.destination, delivery.sequence, delivery.type] = delivery
            changes.append(delivery_change(delivery))
        self._journal.add(Chain.DELIVERIES, changes)
        return True

    @override
    async def waiting(self, destination: str) -> list[Delivery]:
        return [one for one in self._of(destination) if one.state is DeliveryState.WAITING]

    @override
    async def between(self, destination: str, after: int, upto: int) -> list[Delivery]:
        return [one for one in self._of(destination) if after < one.sequence <= upto]

    @override
    async def redeliver(self, destination: str, sequences: Collection[int] | None) -> list[int]:
        found = {
            key: one
            for key, one in self._deliveries.items()
            if one.destination == destination
            and (one.state is DeliveryState.PARKED if sequences is None else one.sequence in sequences)
        }
        marked = sorted({one.sequence for one in found.values()})
        if sequences is not None and len(marked) < len(set(sequences)):
            return []
        for key, one in found.items():
            self._deliveries[key] = replace(one, state=DeliveryState.WAITING, attempts=0, next_at=0)
            self._journal.add(Chain.DELIVERIES, [delivery_change(self._deliveries[key])])
        return marked

    @override
    async def deliveries(
        self, limit: int, destination: str | None = None, state: DeliveryState | None = None
    ) -> list[Delivery]:
        found = [
            one
            for one in self._deliveries.values()
            if destination in (None, one.destination) and state in (None, one.state)
        ]
        return sorted(found, key=lambda one: (-one.sequence, one.destination, one.type))[:limit]

    @override
    async def destinations(self) -> list[DestinationState]:
        return sorted(self._destinations.values(), key=lambda one: one.name)

    def _of(self, destination: str) -> list[Delivery]:
        found = [one for one in self._deliveries.values() if one.destination == destination]
        return sorted(found, key=lambda one: (one.sequence, one.type))

    def _rows(self) -> list[Change]:
        told = [destination_row(one.name, one.position) for one in self._destinations.values()]
        return told + [delivery_change(one) for one in self._deliveries.values()]

    def _forget(self, item: str) -> None:
        destination, sequence, type = row_of(item)
        del self._deliveries[destination, int(sequence), type]
