"""Answers of a database that never change, found once for all who ask."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class SingleFlight(Generic[Answer]):
    """The last `most` answers by question; whoever asks meanwhile waits for the same one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: OrderedDict[Hashable, asyncio.Task[Answer]] = OrderedDict()

    async def get(self, question: Hashable, find: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to `question`, by `find` where it is not there; raises what `find` raises, for this time."""

        async def found() -> Answer:
            return await find()

        task = self._tasks.get(question)
        if task is None:
            task = self._tasks[question] = asyncio.ensure_future(found())
            task.add_done_callback(lambda done: self._drop(question, done))
            while len(self._tasks) > self._most:
                self._tasks.popitem(last=False)
        self._tasks.move_to_end(question)
        return await asyncio.shield(task)

    def _drop(self, question: Hashable, done: "asyncio.Task[Answer]") -> None:
        if (done.cancelled() or done.exception()) and self._tasks.get(question) is done:
            del self._tasks[question]

    def forget(self) -> None:
        """Forget everything; what is being found is given up."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
