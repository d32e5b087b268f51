"""The dispatcher: starts the delivery workers of one process before it accepts requests, and stops them in order."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from descentd.app.server.metrics import Metrics
from descentd.app.server.settings import Settings
from descentd.queries.registry import Registry

if TYPE_CHECKING:
    from descentd.app.notifications.delivery_worker import DeliveryWorker
    from descentd.app.notifications.destinations import Destination
    from descentd.app.notifications.http_sender import HTTPSender

_LEASE: Final = 3
"""The lease of a destination, in multiples of the time that an attempt may take.

So long a destination waits after its process was killed.
"""


def destinations_of(settings: Settings) -> "Sequence[Destination]":
    """The destinations in the file that the settings name; raises Invalid if the file is invalid."""
    if settings.notify is None:
        return ()
    from descentd.app.notifications.destinations import read_destinations

    return read_destinations(settings.notify, [host.lower() for host in settings.notify_allow])


class Dispatcher:
    """The delivery workers of all destinations. `registry` raises Unavailable while the registry is not open."""

    def __init__(self, settings: Settings, registry: Callable[[], Registry], metrics: Metrics) -> None:
        """Raises Invalid if the file of destinations is invalid."""
        self._sender, self._workers = _delivering(settings, registry, metrics)
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self, registry: Registry) -> None:
        """Create every new destination at the present end of the log, before records are added."""
        for worker in self._workers:
            await worker.begin(registry)

    def start(self) -> None:
        """Start delivering."""
        self._tasks = [asyncio.create_task(worker.run()) for worker in self._workers]

    async def stop(self) -> None:
        """Wait for attempts that were begun, and make no others."""
        for worker in self._workers:
            worker.end()
        await asyncio.gather(*self._tasks)
        if self._sender is not None:
            await self._sender.close()


def _delivering(
    settings: Settings, registry: Callable[[], Registry], metrics: Metrics
) -> "tuple[HTTPSender | None, Sequence[DeliveryWorker]]":
    """What sends, and a worker for each destination. It is imported where there is any: other servers start sooner."""
    destinations = destinations_of(settings)
    if not destinations:
        return None, ()
    from descentd.app.notifications.delivery_worker import SECOND, DeliveryWorker
    from descentd.app.notifications.http_sender import HTTPSender

    sender = HTTPSender([host.lower() for host in settings.notify_allow], settings.notify_timeout)
    lease = int(_LEASE * settings.notify_timeout * SECOND)
    return sender, [DeliveryWorker(one, registry, sender.send, lease, metrics.delivered) for one in destinations]
