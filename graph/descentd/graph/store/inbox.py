"""Where it is kept which deliveries came in: beside the log of records, never in it."""

from dataclasses import dataclass
from typing import Protocol


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
