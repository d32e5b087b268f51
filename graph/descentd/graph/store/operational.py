"""What a store keeps beside the log of records and never in it: tokens, the access log, and deliveries in and out.

None of it is part of the lineage, and no record's content names it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from descentd.graph.model.accounts import Access, Token


class DeliveryState(StrEnum):
    """What became of a delivery: it is to be tried (again), it arrived, or it was given up until somebody asks."""

    WAITING = "WAITING"
    DELIVERED = "DELIVERED"
    PARKED = "PARKED"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event to a destination. Moments are in microseconds since 1970 UTC.

    `sequence` is that of the entry that the event tells of, `id` what the receiver tells repeats by. `attempts`, `at`,
    `status` (of HTTP, None where there was no answer) and `reason` are of the attempts since it was last asked for;
    a WAITING one is not tried again before `next_at`.
    """

    destination: str
    sequence: int
    type: str
    id: str
    state: DeliveryState
    attempts: int
    at: int
    next_at: int
    status: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class DestinationState:
    """How far a destination has been told: everything upto `position` was delivered, parked, or is not for it.

    `holder` alone delivers to it until the moment `until`.
    """

    name: str
    position: int
    holder: str
    until: int


class Accounts(Protocol):
    """What every store keeps of people. Methods raise Unavailable while the store cannot be reached."""

    async def any_token(self) -> bool:
        """Whether a token was ever made; one that was revoked or has expired still counts."""
        ...

    async def token(self, hash: bytes) -> Token | None:
        """The token whose secret has a SHA-256, by one look-up."""
        ...

    async def tokens(self) -> list[Token]:
        """All tokens, oldest first."""
        ...

    async def add_token(self, token: Token) -> None:
        """Keep a new token, durably."""
        ...

    async def revoke(self, ids: Collection[str], at: int) -> None:
        """Mark tokens as revoked at a moment, durably; those that are revoked already stay as they are."""
        ...

    async def record_accesses(self, accesses: Sequence[Access]) -> None:
        """Add accesses to the end of their log, durably, in order."""
        ...

    async def accesses(
        self, before: int | None, limit: int, person: str | None = None, refused: bool | None = None
    ) -> list[tuple[int, Access]]:
        """Up to `limit` accesses with their numbers, newest first, from below the number `before`.

        Only those of `person`, and only those that were refused or were not, where these are given.
        """
        ...


class MemoryAccounts:
    """Plain lists. Implements Accounts."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._accesses: list[Access] = []

    async def any_token(self) -> bool:
        """See Accounts."""
        return bool(self._tokens)

    async def token(self, hash: bytes) -> Token | None:
        """See Accounts."""
        return next((token for token in self._tokens.values() if token.hash == hash), None)

    async def tokens(self) -> list[Token]:
        """See Accounts."""
        return sorted(self._tokens.values(), key=lambda token: (token.created_at, token.id))

    async def add_token(self, token: Token) -> None:
        """See Accounts."""
        self._tokens[token.id] = token

    async def revoke(self, ids: Collection[str], at: int) -> None:
        """See Accounts."""
        for id in ids:
            token = self._tokens.get(id)
            if token is not None and token.revoked_at is None:
                self._tokens[id] = replace(token, revoked_at=at)

    async def record_accesses(self, accesses: Sequence[Access]) -> None:
        """See Accounts."""
        self._accesses += accesses

    async def accesses(
        self, before: int | None, limit: int, person: str | None = None, refused: bool | None = None
    ) -> list[tuple[int, Access]]:
        """See Accounts."""
        found = [
            (number, access)
            for number, access in enumerate(self._accesses, 1)
            if (before is None or number < before)
            and (person is None or access.person == person)
            and (refused is None or access.refused == refused)
        ]
        return found[::-1][:limit]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery that was taken. `identity` tells it from all others, whoever serves and however often it comes.

    `sent` is when its sender signed it last (seconds since 1970 UTC), 0 where signatures do not say; `records` are the
    ids of what it told, in its order, None for what needed no record.
    """

    identity: str
    sent: int
    records: tuple[str | None, ...]


class Inbox(Protocol):
    """What every store keeps of deliveries to it. Methods raise Unavailable while the store cannot be reached."""

    async def arrived(self, identity: str) -> Arrival | None:
        """The delivery with this identity, if it was taken."""
        ...

    async def take(self, arrival: Arrival) -> None:
        """Keep a delivery, durably. Of one that is there only `sent` changes, and never goes back."""
        ...


class MemoryInbox:
    """A plain dict. Implements Inbox."""

    def __init__(self) -> None:
        self._arrivals: dict[str, Arrival] = {}

    async def arrived(self, identity: str) -> Arrival | None:
        """See Inbox."""
        return self._arrivals.get(identity)

    async def take(self, arrival: Arrival) -> None:
        """See Inbox."""
        known = self._arrivals.get(arrival.identity, arrival)
        self._arrivals[arrival.identity] = Arrival(known.identity, max(known.sent, arrival.sent), known.records)


class Outbox(Protocol):
    """What every store keeps of deliveries. Methods raise Unavailable while the store cannot be reached.

    The log is what is to be told; a destination's position in it and the deliveries so far are kept here.
    """

    async def claim(self, destination: str, holder: str, now: int, until: int, start: int) -> int | None:
        """A destination's position, once `holder` alone may deliver to it until a moment; None while another may.

        Claiming again prolongs. A destination that is not known yet begins at the position `start`.
        """
        ...

    async def release(self, destination: str, holder: str) -> None:
        """Let others claim a destination at once, where `holder` has it."""
        ...

    async def keep(self, destination: str, holder: str, position: int, delivery: Delivery | None = None) -> bool:
        """Keep a destination's position, which never goes back, and perhaps what became of a delivery, durably.

        False, and nothing is kept, where it is no longer `holder` that has the destination.
        """
        ...

    async def waiting(self, destination: str) -> list[Delivery]:
        """The WAITING deliveries to a destination, by sequence and type."""
        ...

    async def between(self, destination: str, after: int, upto: int) -> list[Delivery]:
        """The deliveries to a destination of entries after one sequence and up to another, by sequence and type."""
        ...

    async def redeliver(self, destination: str, sequences: Collection[int] | None) -> list[int]:
        """Make deliveries of these entries WAITING as if never tried, durably; all PARKED ones where None is given.

        Returns their sequences, ascending. Nothing is changed, and nothing returned, where one of them is not there.
        """
        ...

    async def deliveries(
        self, limit: int, destination: str | None = None, state: DeliveryState | None = None
    ) -> list[Delivery]:
        """Up to `limit` deliveries, newest entry first, then by destination and type."""
        ...

    async def destinations(self) -> list[DestinationState]:
        """All destinations that were ever claimed, by name."""
        ...


class MemoryOutbox:
    """Plain dicts. Implements Outbox."""

    def __init__(self) -> None:
        self._destinations: dict[str, DestinationState] = {}
        self._deliveries: dict[tuple[str, int, str], Delivery] = {}

    async def claim(self, destination: str, holder: str, now: int, until: int, start: int) -> int | None:
        """See Outbox."""
        known = self._destinations.get(destination, DestinationState(destination, start, holder, until))
        if known.holder != holder and known.until > now:
            return None
        self._destinations[destination] = replace(known, holder=holder, until=until)
        return known.position

    async def release(self, destination: str, holder: str) -> None:
        """See Outbox."""
        known = self._destinations.get(destination)
        if known is not None and known.holder == holder:
            self._destinations[destination] = replace(known, until=0)

    async def keep(self, destination: str, holder: str, position: int, delivery: Delivery | None = None) -> bool:
        """See Outbox."""
        known = self._destinations.get(destination)
        if known is None or known.holder != holder:
            return False
        self._destinations[destination] = replace(known, position=max(position, known.position))
        if delivery is not None:
            self._deliveries[delivery.destination, delivery.sequence, delivery.type] = delivery
        return True

    async def waiting(self, destination: str) -> list[Delivery]:
        """See Outbox."""
        return [one for one in self._of(destination) if one.state is DeliveryState.WAITING]

    async def between(self, destination: str, after: int, upto: int) -> list[Delivery]:
        """See Outbox."""
        return [one for one in self._of(destination) if after < one.sequence <= upto]

    async def redeliver(self, destination: str, sequences: Collection[int] | None) -> list[int]:
        """See Outbox."""
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
        return marked

    async def deliveries(
        self, limit: int, destination: str | None = None, state: DeliveryState | None = None
    ) -> list[Delivery]:
        """See Outbox."""
        found = [
            one
            for one in self._deliveries.values()
            if destination in (None, one.destination) and state in (None, one.state)
        ]
        return sorted(found, key=lambda one: (-one.sequence, one.destination, one.type))[:limit]

    async def destinations(self) -> list[DestinationState]:
        """See Outbox."""
        return sorted(self._destinations.values(), key=lambda one: one.name)

    def _of(self, destination: str) -> list[Delivery]:
        found = [one for one in self._deliveries.values() if one.destination == destination]
        return sorted(found, key=lambda one: (one.sequence, one.type))
