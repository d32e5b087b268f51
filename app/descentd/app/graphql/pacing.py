"""Pacing: a large operation yields the event loop to others, and is ended at a limit."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

_AT_ONCE: Final = 1_000
"""Fields that the operations of a person resolve before items of their lists have to wait for turns: some 50 ms."""
_LONG, _SHORT = 0.02, 0.005
"""Seconds of a turn of the loop after which fewer items are completed in the next one, and more."""
_MOST_A_TURN: Final = 64


class Pace:
    """The turns of the list items of one operation: the last that came go first, so that few are under way at a time.

    `exceeded` is called once, when more than `most` fields were resolved. `beside` is how many operations of the same
    person are under way, itself included.
    """

    def __init__(self, most: int, exceeded: Callable[[], None], beside: int = 1) -> None:
        self._most = most
        self._at_once = _AT_ONCE // max(1, beside)
        self._exceeded: Callable[[], None] | None = exceeded
        self._fields = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._released = False
        self._ended = False
        self._a_turn = max(1, _MOST_A_TURN // 2 // max(1, beside))
        self._at = 0.0

    def count(self) -> None:
        """Count a field that is resolved."""
        self._fields += 1
        if self._fields > self._most and self._exceeded is not None:
            exceeded, self._exceeded = self._exceeded, None
            exceeded()

    @property
    def crowded(self) -> bool:
        """Whether list items have to wait for their turns from now on."""
        return self._fields >= self._at_once

    async def turn(self) -> None:
        """Wait for a turn; raises CancelledError once the operation has ended."""
        if self._ended:
            raise asyncio.CancelledError
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        if not self._released:
            self._schedule()
        await turn

    def end(self) -> None:
        """Cancel what still waits for a turn: graphql-core leaves some of it behind when an operation is cancelled."""
        self._ended = True
        for turn in self._waiting:
            turn.cancel()
        self._waiting.clear()

    def _schedule(self) -> None:
        self._released = True
        self._at = time.perf_counter()
        asyncio.get_running_loop().call_soon(self._release)

    def _release(self) -> None:
        self._released = False
        took = time.perf_counter() - self._at
        if took > _LONG:
            self._a_turn = max(1, self._a_turn // 2)
        elif took < _SHORT:
            self._a_turn = min(_MOST_A_TURN, self._a_turn * 2)
        for _ in range(min(self._a_turn, len(self._waiting))):
            turn = self._waiting.pop()
            if not turn.done():
                turn.set_result(None)
        if self._waiting:
            self._schedule()
