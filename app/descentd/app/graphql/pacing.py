"""Pacing: what an operation resolves is counted, and it is ended at a limit."""

from collections.abc import Callable


class Pace:
    """The fields of one operation. `exceeded` is called once, when more than `most` were resolved."""

    def __init__(self, most: int, exceeded: Callable[[], None]) -> None:
        self._most = most
        self._exceeded: Callable[[], None] | None = exceeded
        self._fields = 0

    def count(self) -> None:
        """Count a field that is resolved."""
        self._fields += 1
        if self._fields > self._most and self._exceeded is not None:
            exceeded, self._exceeded = self._exceeded, None
            exceeded()
