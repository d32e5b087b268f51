"""Work: what one request does and how long it has computed, the queue in which long work waits, and its lanes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final

ALLOWANCE: Final = 0.01
"""Seconds that all works of a person may compute together before each of them is long: five look-ups."""
STEPS: Final = 256
"""Steps that they may take together before that, whatever the time."""
_LEAST: Final = 0.003
"""Seconds that each of them may compute, however many there are."""
_FEWEST: Final = 40
"""Steps that each of them may take, however many there are: a look-up takes eight to fifteen."""
LONGEST_REST: Final = 1.0
"""Seconds that background work rests at most: a process that was stopped, as for a night, would rest for another."""


class Work:
    """What one request does. Shared work, which others wait for, is never long; background work always is.

    For background work nobody waits: after each thread it rests for as long as that computed, so that the long works
    of people have half of the time of threads beside it.
    """

    __slots__ = (
        "at_once",
        "background",
        "began",
        "beside",
        "ended",
        "generation",
        "long",
        "person",
        "shared",
        "steps",
        "used",
    )

    def __init__(self, person: str = "", *, shared: bool = False, background: bool = False) -> None:
        self.shared = shared
        self.background = background
        self.person = person
        """Whom it is done for, once that is known."""
        self.beside = 1
        """How many works of the person were under way when it began, itself included."""
        self.used = 0.0
        """Seconds it has computed, in threads too."""
        self.steps = 0
        self.began = 0.0
        """When its present step began."""
        self.ended = 0.0
        """When its last step ended."""
        self.at_once = 1
        """How many of its steps go in one turn."""
        self.generation = 0
        """How often its tasks were ended; tasks of an earlier generation are cancelled at their next step."""

        self.long = background
        """Whether it has computed for so long that all others go first."""

    def computed(self, seconds: float, steps: int = 0) -> None:
        """Note that it has computed."""
        self.used += seconds
        self.steps += steps
        if not self.shared and not self.long:
            time, number = max(_LEAST, ALLOWANCE / self.beside), max(_FEWEST, STEPS // self.beside)
            self.long = self.used > time or self.steps > number

    def begin_anew(self) -> None:
        """Be as good as a new one."""
        self.used, self.steps, self.long = 0.0, 0, self.background


WORK: ContextVar[Work | None] = ContextVar("work", default=None)
"""The work that a task does, handed on to the tasks that it begins."""


class FairQueue:
    """Futures that wait: people have their turns, then the works of one, and in a work the last that came is first."""

    def __init__(self) -> None:
        self._people: dict[str, dict[Work, list[asyncio.Future[None]]]] = {}

    def __bool__(self) -> bool:
        return bool(self._people)

    def add(self, work: Work) -> asyncio.Future[None]:
        """A future of a work, at the end of the queue."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._people.setdefault(work.person, {}).setdefault(work, []).append(future)
        return future

    def release(self, most: Callable[[Work], int]) -> tuple[Work, int]:
        """Let futures of the work go whose turn it is, as many as `most` says of it; returns it, and how many went."""
        person, works = next(iter(self._people.items()))
        del self._people[person]
        work, waiting = next(iter(works.items()))
        del works[work]
        gone, limit = 0, most(work)
        while waiting and gone < limit:
            future = waiting.pop()
            if not future.done():  # those who gave up are
                future.set_result(None)
                gone += 1
        if waiting:
            works[work] = waiting
        if works:
            self._people[person] = works
        return work, gone

    def cancel(self, work: Work) -> None:
        """Cancel what waits of a work."""
        for works in self._people.values():
            for future in works.get(work, ()):
                future.cancel()


class Lane:
    """Threads or statements of some works, of which so many compute at a time; the others wait, people in turn."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting = FairQueue()
        self.computing = 0

    async def enter(self, work: Work) -> None:
        """Wait until another thread may compute."""
        if self.computing < self._most:
            self.computing += 1
            return
        turn = self._waiting.add(work)
        try:
            await turn
        except BaseException:  # where it is cancelled, or closed
            if turn.done() and not turn.cancelled():
                self.leave()
            turn.cancel()
            raise

    def leave(self) -> None:
        """Let the next one begin."""
        self.computing -= 1
        while self._waiting and self.computing < self._most:
            _, gone = self._waiting.release(lambda _: 1)
            self.computing += gone


class Lanes:
    """A lane for each person who needs one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lanes: dict[str, Lane] = {}

    @asynccontextmanager
    async def entered(self, work: Work) -> AsyncIterator[None]:
        """A place in the lane of a work's person while the body runs, as soon as there is one."""
        person = work.person
        lane = self.of(person)
        try:
            await lane.enter(work)
            try:
                yield
            finally:
                lane.leave()
        finally:
            self.drop(person, lane)

    def of(self, person: str) -> Lane:
        """The lane of a person."""
        return self._lanes.setdefault(person, Lane(self._most))

    def drop(self, person: str, lane: Lane) -> None:
        """Let go of a person's lane where nobody computes in it, and so nobody waits."""
        if not lane.computing and self._lanes.get(person) is lane:
            del self._lanes[person]
