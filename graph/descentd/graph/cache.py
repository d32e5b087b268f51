"""A cache for answers: the same inputs always give the same answer."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Cache(Generic[Answer]):
    """The answers that were asked for last, by all that they follow from; together they weigh at most `room`.

    Safe to use from several threads.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._weight = 0
        self._answers: OrderedDict[Hashable, tuple[Answer, int]] = OrderedDict()
        self._pending: dict[Hashable, Future[Answer]] = {}
        self._lock = Lock()

    def get(self, grounds: Hashable) -> Answer | None:
        """The answer that follows from these grounds, if it is still kept."""
        with self._lock:
            return self._get(grounds)

    def _get(self, grounds: Hashable) -> Answer | None:
        kept = self._answers.get(grounds)
        if kept is None:
            return None
        self._answers.move_to_end(grounds)
        return kept[0]

    def keep(self, grounds: Hashable, answer: Answer, weight: int) -> None:
        """Keep an answer, and let go of those that nobody asked for the longest; one too heavy is not kept."""
        with self._lock:
            self._keep(grounds, answer, weight)

    def _keep(self, grounds: Hashable, answer: Answer, weight: int) -> None:
        if grounds in self._answers or weight > self._room:
            return
        self._answers[grounds] = answer, weight
        self._weight += weight
        while self._weight > self._room:
            self._weight -= self._answers.popitem(last=False)[1][1]

    def find(self, grounds: Hashable, find: Callable[[], Answer], weigh: Callable[[Answer], int]) -> Answer:
        """The answer kept for these grounds, or what `find` returns, which is kept at its weight.

        Who asks while it is being found, in another thread, waits for that: counts and a page are asked for at once.
        Raises what `find` raises; the next who asks tries again.
        """
        with self._lock:
            kept = self._get(grounds)
            if kept is not None:
                return kept
            pending = self._pending.get(grounds)
            if pending is None:
                mine = self._pending[grounds] = Future()
        if pending is not None:
            return pending.result()
        try:
            answer = find()
        except BaseException as error:
            with self._lock:
                del self._pending[grounds]
            mine.set_exception(error)
            raise
        with self._lock:
            del self._pending[grounds]
            self._keep(grounds, answer, weigh(answer))
        mine.set_result(answer)
        return answer

    def drop(self, grounds: Hashable) -> None:
        """Let go of an answer, if it is kept."""
        with self._lock:
            kept = self._answers.pop(grounds, None)
            if kept is not None:
                self._weight -= kept[1]

    def clear(self) -> None:
        """Let go of all answers."""
        with self._lock:
            self._answers.clear()
            self._weight = 0
