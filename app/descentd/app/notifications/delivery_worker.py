"""The delivery worker: delivers the events of the log to one destination, in order and with retries."""

import asyncio
import json
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from typing import Final

import structlog

from descentd.app.http import standard_webhooks
from descentd.app.notifications.destinations import Destination
from descentd.app.notifications.http_sender import Answer
from descentd.graph.model.clock import now
from descentd.graph.model.errors import DescentError
from descentd.graph.model.log import Entry
from descentd.graph.store.operational import Delivery, DeliveryState
from descentd.queries.production.announcements import Announcement, announcements, environment_of
from descentd.queries.registry import Registry

log = structlog.get_logger()

Send = Callable[[str, Mapping[str, str], bytes], Awaitable[Answer]]

SECOND: Final = 1_000_000
"""Microseconds in a second."""

BASE: Final = 2 * SECOND
"""The pause after a first failed attempt; each further one doubles it, until it is `LONGEST`."""

LONGEST: Final = 600 * SECOND
_CHUNK: Final = 100
_LOOK: Final = 0.5
"""Seconds between looks at the log's end: other processes write to it too."""

_AGENT: Final = f"descentd/{metadata.version('descentd')}"


def pause(attempts: int, chance: float) -> int:
    """The pause after so many failed attempts, in microseconds; `chance` in [0, 1) adds up to half of it.

    Exponential backoff with equal jitter, so that a receiver that is back does not get all retries at once.
    """
    longest = min(LONGEST, BASE * 2 ** min(attempts - 1, 30))
    return int(longest / 2 * (1 + chance))


class DeliveryWorker:
    """Delivers the events of the log to one destination, in order. `registry` raises Unavailable while it is not open.

    A failed delivery is retried before later events are delivered, until it is parked. A requested redelivery is made
    first and delays nothing. A lease in the store, of `lease` microseconds since it was last renewed, keeps other
    workers away; an attempt must take less than half of it.
    """

    def __init__(
        self,
        destination: Destination,
        registry: Callable[[], Registry],
        send: Send,
        lease: int,
        note: Callable[[DeliveryState], None] = lambda _: None,
        clock: Callable[[], int] = now,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._to = destination
        self._registry = registry
        self._send = send
        self._lease = lease
        self._note = note
        self._clock = clock
        self._chance = chance
        self._holder = secrets.token_hex(8)
        self._until = 0
        self._position = 0
        self._ending = asyncio.Event()

    async def begin(self, registry: Registry) -> None:
        """Create the destination at the present end of the log, if it is new: later records are delivered to it."""
        await self._claimed(registry)

    def end(self) -> None:
        """Make `run` end after the present attempt."""
        self._ending.set()

    async def run(self) -> None:
        """Deliver until `end` is called, also after errors, and then release the lease."""
        while not self._ending.is_set():
            try:
                await self.round()
            except DescentError as error:
                log.warning("delivering_interrupted", destination=self._to.name, reason=error.message)
                self._until = 0
            except Exception as error:
                log.error("delivering_failed", destination=self._to.name, exc_info=error)
                self._until = 0
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await self._ending.wait()
        with suppress(DescentError):
            await self._registry().store.outbox.release(self._to.name, self._holder)

    async def round(self) -> None:
        """Make all attempts that are due."""
        registry = self._registry()
        if registry.store.read_only or not await self._claimed(registry):
            return
        for waiting in await registry.store.outbox.waiting(self._to.name):
            if waiting.sequence <= self._position and self._is_due(waiting) and not self._ending.is_set():
                await self._again(registry, waiting)
        newest = await registry.store.sequence()
        while self._until and self._position < newest and await self._chunk(registry, newest):
            pass

    async def _claimed(self, registry: Registry) -> bool:
        """Acquire or renew the lease; return whether this worker has it for long enough to make an attempt."""
        moment = self._clock()
        if self._until - moment > self._lease // 2:
            return True
        known = self._until > moment
        start = await registry.store.sequence()
        until = moment + self._lease
        position = await registry.store.outbox.claim(self._to.name, self._holder, moment, until, start)
        self._until = 0 if position is None else until
        if position is not None and not known:
            self._position = position
        return position is not None

    def _is_due(self, waiting: Delivery) -> bool:
        return waiting.next_at <= self._clock()

    async def _again(self, registry: Registry, waiting: Delivery) -> None:
        entries = await registry.store.entries([waiting.sequence])
        for told in await announcements(registry, entries[0], [waiting.type]):
            await self._attempt(registry, entries[0], told, waiting, self._position)

    async def _chunk(self, registry: Registry, newest: int) -> bool:
        """Deliver the events of the next entries; return False if one of them must be retried later."""
        span = range(self._position + 1, min(self._position + _CHUNK, newest) + 1)
        before = await registry.store.outbox.between(self._to.name, self._position, span[-1])
        known = {(one.sequence, one.type): one for one in before}
        for entry in await registry.store.entries(span):
            if not await self._tell(registry, entry, known):
                return False
            self._position = entry.sequence
        if not await registry.store.outbox.keep(self._to.name, self._holder, self._position):
            self._until = 0
        return bool(self._until)

    async def _tell(self, registry: Registry, entry: Entry, known: Mapping[tuple[int, str], Delivery]) -> bool:
        """Deliver the events of an entry; return False if one of them must be retried later."""
        open = [told for told in await self._wanted(registry, entry) if self._is_open(known, entry, told)]
        for told in open:
            before = known.get((entry.sequence, told.type))
            position = entry.sequence if told is open[-1] else self._position
            if before is not None and not self._is_due(before):
                return False
            if self._ending.is_set() or not await self._attempt(registry, entry, told, before, position):
                return False
        return True

    @staticmethod
    def _is_open(known: Mapping[tuple[int, str], Delivery], entry: Entry, told: Announcement) -> bool:
        before = known.get((entry.sequence, told.type))
        return before is None or before.state is DeliveryState.WAITING

    async def _wanted(self, registry: Registry, entry: Entry) -> Sequence[Announcement]:
        environments = self._to.environments
        if environments is not None and environment_of(entry) not in {None, *environments}:
            return ()
        return await announcements(registry, entry, self._to.kinds)

    async def _attempt(
        self, registry: Registry, entry: Entry, told: Announcement, before: Delivery | None, position: int
    ) -> bool:
        """Make one attempt; return whether the delivery is finished: delivered or parked.

        `position` is the destination's position in the log if it is finished.
        """
        if not await self._claimed(registry):
            return False
        body = json.dumps(told.content, ensure_ascii=False, separators=(",", ":")).encode()
        moment = self._clock()
        signed = standard_webhooks.headers(self._to.keys, told.id, moment // SECOND, body)
        named = {"content-type": "application/json", "user-agent": _AGENT, "accept": "*/*"}
        began = time.monotonic()
        answer = await self._send(self._to.url, {**named, **signed}, body)
        delivery = self._settled(entry, told, before, answer)
        settled = delivery.state is not DeliveryState.WAITING
        place = position if settled else self._position
        if not await registry.store.outbox.keep(self._to.name, self._holder, place, delivery):
            log.warning("delivery_taken_over", destination=self._to.name, id=told.id)
            self._until = 0
            return False
        self._report(delivery, time.monotonic() - began)
        return settled

    def _settled(self, entry: Entry, told: Announcement, before: Delivery | None, answer: Answer) -> Delivery:
        """The delivery with the result of an attempt."""
        attempts, moment = (before.attempts if before else 0) + 1, self._clock()
        state, next_at = DeliveryState.WAITING, moment
        if answer.taken:
            state = DeliveryState.DELIVERED
        elif answer.final or attempts >= self._to.attempts:
            state = DeliveryState.PARKED
        else:
            next_at += pause(attempts, self._chance())
        return Delivery(
            *(self._to.name, entry.sequence, told.type, told.id, state),
            *(attempts, moment, next_at, answer.status, answer.reason),
        )

    def _report(self, delivery: Delivery, seconds: float) -> None:
        self._note(delivery.state)
        told = {"destination": self._to.name, "sequence": delivery.sequence, "type": delivery.type, "id": delivery.id}
        told |= {"attempts": delivery.attempts, "reason": delivery.reason, "seconds": round(seconds, 3)}
        match delivery.state:
            case DeliveryState.DELIVERED:
                log.debug("delivered", **told)
            case DeliveryState.WAITING:
                log.warning("delivery_failed", **told)
            case DeliveryState.PARKED:
                log.error("delivery_parked", **told)
