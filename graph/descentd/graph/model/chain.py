"""Hash chains of what is kept beside the log of records: accesses, tokens, arrivals and deliveries.

An event says what one item is from then on: a token, an arrival, a delivery, how far a destination was told; an access
is an event by itself. So the present state of an item is what its latest event says. Each event's hash covers the event
and the hash before it, and so all events before it, wherever they are kept:

    SHA-256("descent.event.v1" LF chain LF number LF at LF item as JSON LF hash before, in hexadecimal LF content)

The chain begins with the hash of its own name. Where events are forgotten, those upto a number go, and the chain goes
on from the hash of the last of them, its base.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Chain(StrEnum):
    """The logs that are chained, each by itself."""

    ACCESSES = "accesses"
    TOKENS = "tokens"
    ARRIVALS = "arrivals"
    DELIVERIES = "deliveries"


@dataclass(frozen=True, slots=True)
class ChainHead:
    """What is known of a chain without its events: its end, and the base that it goes on from.

    `closing` is the signed note that closes what was forgotten, empty where nothing was or no key was there to sign.
    """

    number: int
    hash: bytes
    base: int = 0
    base_hash: bytes = b""
    closing: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it is kept. `at` is in microseconds since 1970 UTC, `item` is what `content` is about."""

    number: int
    at: int
    item: str
    content: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """What an item became at a moment: an event that is not in its chain yet."""

    at: int
    item: str
    content: str


def beginning(chain: Chain) -> bytes:
    """The hash that the first event of a chain follows."""
    return hashlib.sha256(f"descent.chain.v1\n{chain}".encode()).digest()


EMPTY: Final[Mapping[Chain, ChainHead]] = {
    chain: ChainHead(0, beginning(chain), 0, beginning(chain)) for chain in Chain
}
"""The heads of chains without events."""


def event_hash(chain: Chain, number: int, before: bytes, change: Change) -> bytes:
    """The hash of the event that a change is after one with the hash `before`."""
    head = ("descent.event.v1", chain, number, change.at, json.dumps(change.item), before.hex())
    text = "\n".join([*map(str, head), change.content])
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def link(chain: Chain, number: int, hash: bytes, changes: Iterable[Change]) -> list[Event]:
    """The events that changes are after the event with this number and hash."""
    events: list[Event] = []
    for change in changes:
        number += 1
        hash = event_hash(chain, number, hash, change)
        events.append(Event(number, change.at, change.item, change.content, hash))
    return events
