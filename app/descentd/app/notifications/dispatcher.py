"""The delivery workers of one process: begun before it takes requests, and ended in order."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from descentd.app.notifications.delivery_worker import SECOND, DeliveryWorker
from descentd.app.notifications.destinations import Destination, read_destinations
from descentd.app.notifications.http_sender import HTTPSender
from descentd.app.server.metrics import Metrics
from descentd.app.server.settings import Settings
from descentd.queries.registry import Registry

_LEASE: Final = 3
"""Of the time that an attempt may take, so many: how long a destination waits for a process that was killed."""


def destinations_of(settings: Settings) -> Sequence[Destination]:
    """Who is to be told; raises Invalid where the file that says so is wrong."""
    if settings.notify is None:
        return ()
    return read_destinations(settings.notify, [host.lower() for host in settings.notify_allow])


class Dispatcher:
    """Couriers for all destinations of the settings. `registry` raises Unavailable while there is none."""

    def __init__(self, settings: Settings, registry: Callable[[], Registry], metrics: Metrics) -> None:
        """Raises Invalid where the file of destinations is wrong."""
        lease = int(_LEASE * settings.notify_timeout * SECOND)
        destinations = destinations_of(settings)
        allowed = [host.lower() for host in settings.notify_allow]
        self._sender = HTTPSender(allowed, settings.notify_timeout) if destinations else None
        self._workers = [
            DeliveryWorker(one, registry, self._sender.send, lease, metrics.delivered)
            for one in destinations
            if self._sender is not None
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self, registry: Registry) -> None:
        """Have every destination stand in the log before anybody adds to it."""
        for worker in self._workers:
            await worker.begin(registry)

    def start(self) -> None:
        """Deliver from now on."""
        self._tasks = [asyncio.create_task(worker.run()) for worker in self._workers]

    async def stop(self) -> None:
        """Let attempts that were begun end, and begin no other."""
        for worker in self._workers:
            worker.end()
        await asyncio.gather(*self._tasks)
        if self._sender is not None:
            await self._sender.close()
