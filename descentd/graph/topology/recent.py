"""The answers last given, kept while there is room."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, Protocol, TypeVar


class Held(Protocol):
    """Something that knows how large it is."""

    @property
    def held(self) -> int:
        """About how many bytes it occupies."""
        ...


Answer = TypeVar("Answer", bound=Held)


class Recent(Generic[Answer]):
    """Answers by question, least recently used first out once together they hold more than `room` bytes."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._held = 0
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()
        self._lock = Lock()

    def get(self, question: Hashable, find: Callable[[], Answer]) -> Answer:
        """The answer kept for `question`, or what `find` returns; two who ask at once may both find it."""
        with self._lock:
            if question in self._answers:
                self._answers.move_to_end(question)
                return self._answers[question]
        answer = find()
        with self._lock:
            if question not in self._answers:
                self._answers[question] = answer
                self._held += answer.held
            while self._held > self._room and len(self._answers) > 1:
                self._held -= self._answers.popitem(last=False)[1].held
        return answer
