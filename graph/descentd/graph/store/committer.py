"""Group commit: writes that arrive while one is being made durable share the next transaction."""

import asyncio
from collections.abc import Sequence

from descentd.graph.model.errors import DescentError
from descentd.graph.store.base import Proposal, Store
from descentd.graph.turns import apart

_MOST = 256


class Committer:
    """Hands proposals to a store, many to a transaction when many are waiting."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[Proposal, asyncio.Future[None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def submit(self, proposal: Proposal) -> None:
        """Return once the proposal is durable; raises what its draft raised, or what befell the transaction."""
        await self.enqueue(proposal)

    def enqueue(self, proposal: Proposal) -> asyncio.Future[None]:
        """Put a proposal after those that wait, at once; the future is done when `submit` would return or raise.

        So the order of several is that of the calls, whichever of the tasks that wait for them runs first.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((proposal, done))
        if self._running is None:
            self._running = apart(self._run())
        return done

    async def close(self) -> None:
        """Wait until everything that was submitted has been written or refused."""
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                await self._commit(group)
        finally:
            self._running = None

    async def _commit(self, group: Sequence[tuple[Proposal, asyncio.Future[None]]]) -> None:
        try:
            outcomes = await self._store.write([proposal for proposal, _ in group])
        except Exception as error:
            if len(group) > 1 and not isinstance(error, DescentError):
                for one in group:  # one of them is at fault: the others must not suffer for it
                    await self._commit([one])
                return
            outcomes = [error] * len(group)  # type: ignore[list-item]
        for (_, done), outcome in zip(group, outcomes, strict=True):
            if done.cancelled():
                continue
            if outcome is None:
                done.set_result(None)
            else:
                done.set_exception(outcome)
