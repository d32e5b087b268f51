"""The answers last given, kept while there is room."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
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
        self._finding: dict[Hashable, Future[Answer]] = {}
        self._lock = Lock()

    def get(self, question: Hashable, find: Callable[[], Answer]) -> Answer:
        """The answer kept for `question`, or what `find` returns.

        Who asks while it is being found waits for that: counts and a page are asked for at once, in two threads.
        """
        with self._lock:
            if question in self._answers:
                self._answers.move_to_end(question)
                return self._answers[question]
            finding = self._finding.get(question)
            if finding is None:
                mine = self._finding[question] = Future()
        if finding is not None:
            return finding.result()
        try:
            answer = find()
        except BaseException as error:
            with self._lock:
                del self._finding[question]
            mine.set_exception(error)
            raise
        self._keep(question, answer)
        mine.set_result(answer)
        return answer

    def _keep(self, question: Hashable, answer: Answer) -> None:
        with self._lock:
            del self._finding[question]
            self._answers[question] = answer
            self._held += answer.held
            while self._held > self._room and len(self._answers) > 1:
                self._held -= self._answers.popitem(last=False)[1].held
