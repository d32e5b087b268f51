"""Forgetting what has been kept for long enough: old events of a chain, and the items that only they tell of."""

import asyncio
from collections.abc import Callable
from itertools import takewhile
from typing import Final

from descentd.graph.model.chain import Chain, Change, Event, event_hash
from descentd.graph.model.errors import Unavailable
from descentd.graph.store.base import Store
from descentd.graph.store.changes import Keeps, keeps_arrival, keeps_delivery, keeps_none

STEP: Final = 2_000
"""How many events are forgotten in a transaction, for which writers wait."""

_SECOND: Final = 1_000_000

Close = Callable[[Chain, int, bytes], str]
"""Signs that a chain was forgotten upto an event, by its number and hash; the note, empty where there is no key."""


async def prune(store: Store, chain: Chain, before: int, close: Close) -> int:
    """Forget the events of a chain that are older than the moment `before` (microseconds since 1970 UTC).

    Returns how many were forgotten. What has to be kept for longer is said again as a new event: deliveries that are
    waiting or parked, how far destinations were told, and arrivals whose signature is valid for ever. Raises
    Unavailable where an event is not what was recorded: nothing is forgotten that does not verify.
    """
    done = 0
    while True:
        head = (await store.journal.heads()).get(chain)
        if head is None:
            raise Unavailable("The end of a chain of events is missing in the store: run `descentd verify`.")
        number, hash, last = head.base, head.base_hash, None
        events = await store.journal.events(chain, head.base, STEP)
        for event in takewhile(lambda event: event.at < before, events):
            number += 1
            hash = event_hash(chain, number, hash, Change(event.at, event.item, event.content))
            if (event.number, event.hash) != (number, hash):
                raise Unavailable(
                    f"Event {event.number} of the {chain} is not what was recorded, and nothing is forgotten: run "
                    "`descentd verify`."
                )
            last = event
        if last is None:
            return done
        closing = close(chain, last.number, last.hash)
        if await store.journal.prune(chain, last, closing, await _keeps(store, chain, before)):
            done += last.number - head.base
        if last is not events[-1] or len(events) < STEP:
            return done
        await asyncio.sleep(0)


async def sign_base(store: Store, chain: Chain, close: Close) -> bool:
    """Sign what was forgotten of a chain while there was no key; whether there was such a thing."""
    head = (await store.journal.heads()).get(chain)
    if head is None or not head.base or head.closing:
        return False
    base = Event(head.base, 0, "", "", head.base_hash)
    return await store.journal.prune(chain, base, close(chain, head.base, head.base_hash), keeps_none)


async def _keeps(store: Store, chain: Chain, before: int) -> Keeps:
    if chain is Chain.ARRIVALS:
        return keeps_arrival(before // _SECOND)
    if chain is Chain.DELIVERIES:
        return keeps_delivery({one.name: one.position for one in await store.outbox.destinations()})
    return keeps_none
