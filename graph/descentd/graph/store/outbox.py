"""Where it is kept how far each destination has been told of the log: beside the log of records, never in it."""

from collections.abc import Collection
from dataclasses import replace
from typing import Protocol

from descentd.graph.model.deliveries import Delivery, DeliveryState, DestinationState


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
