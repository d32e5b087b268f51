"""Answers that are kept because working them out again from the same grounds would give the same."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

A = TypeVar("A")


class Cache(Generic[A]):
    """The answers that were asked for last, by all that they follow from; together they weigh at most `room`."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._held = 0
        self._answers: OrderedDict[Hashable, tuple[A, int]] = OrderedDict()

    def get(self, grounds: Hashable) -> A | None:
        """The answer that follows from these grounds, if it is still kept."""
        if grounds not in self._answers:
            return None
        self._answers.move_to_end(grounds)
        return self._answers[grounds][0]

    def keep(self, grounds: Hashable, answer: A, weight: int) -> None:
        """Keep an answer, and let go of those that nobody asked for the longest."""
        if grounds in self._answers or weight > self._room:
            return
        self._answers[grounds] = answer, weight
        self._held += weight
        while self._held > self._room:
            self._held -= self._answers.popitem(last=False)[1][1]
