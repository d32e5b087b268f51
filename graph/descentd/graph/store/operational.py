"""What a store keeps beside the log of records and never in it: tokens, the access log, and deliveries in and out.

None of it is part of the lineage, and no record's content names it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
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
        """The token with this keyed hash of its secret, by one look-up; None where there is none."""
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


@dataclass(frozen=True, slots=True)
class Arrival:
    """A delivery that was taken. `identity` tells it from all others, whoever serves and however often it comes.

    `sent` is when its sender signed it last (seconds since 1970 UTC), 0 where a signature that says no time was taken;
    `records` are the ids of what it told, in its order, None for what needed no record.
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
        """Keep a delivery, durably. Of one that is there only `sent` changes: never back, but to 0, which it stays."""
        ...


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
