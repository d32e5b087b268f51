"""Deliveries: what became of telling somebody outside about an entry of the log.

None of it is part of the lineage: it is kept beside the log of records, and the log itself is what is still to be told.
"""

from dataclasses import dataclass
from enum import StrEnum


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
