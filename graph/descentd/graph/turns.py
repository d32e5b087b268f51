"""Taking turns: a request that computes for long lets all others go first, at every step.

An event loop runs what is ready in the order in which it became so. A hundred coroutines of one request are a hundred
pieces in front of each next step of somebody else's. So each request is a `Work`, which knows how long it has computed.
Short work runs as it comes. The steps of long work wait in one queue for all of it, from which the scheduler lets a few
go in each turn of the loop: people in turn, the works of one person in turn, of one work the steps that came last
first, so that few things are begun at a time. While short work goes on, long work has a quarter of the time.

A step is what runs between two places where a coroutine waits. `pause` makes such a place where there is none, and
`in_thread` computes beside the loop, for one long work at a time and two short ones of a person, because Python
computes in one thread at a time: beside eight threads the loop has a ninth of the time for all others. Background work
rests between its threads. What a database computes for long works is limited likewise by `in_database`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Final, ParamSpec, Self, TypeVar

from typing_extensions import override

from descentd.graph.work import LONGEST_REST, WORK, FairQueue, Lane, Lanes, Work

T = TypeVar("T")
P = ParamSpec("P")
SLICE: Final = 0.002
"""Seconds that a step may compute before `pause` gives way."""
_REST: Final = 1.0
"""Seconds after which a work that waited for others all the time is as good as a new one."""
_MOST_AT_ONCE: Final = 64
"""Steps of a work that go in one turn: loaders gather what these ask for into one batch."""
_FEW: Final = 32
"""Items between which the time is not looked at."""
_LONG_THREADS: Final = 1
"""Threads of long works that compute at a time."""
_SHORT_THREADS: Final = 2
"""Threads of the other works of a person that compute at a time."""
_LONG_STATEMENTS: Final = 2
"""Statements of the long works of a person that a database runs at a time."""
_OTHERS: Final = 3
"""How many times as long as long work computed others may go first."""


class Scheduler:
    """Lets the steps of long works go, and their threads. One for each event loop; `clock` gives seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.perf_counter) -> None:
        self._loop = loop
        self.clock = clock
        self._steps = FairQueue()
        self._long = Lane(_LONG_THREADS)
        self._short = Lanes(_SHORT_THREADS)
        self._statements = Lanes(_LONG_STATEMENTS)
        self._ticking = False
        self._short_steps = 0
        self._seen = 0
        self._spent = 0.0
        self._until = 0.0
        self._last: Work | None = None
        self._under_way: Counter[str] = Counter()

    def begin(self, work: Work) -> None:
        """Note that a work is under way."""
        self._under_way[work.person] += 1
        work.beside = self._under_way[work.person]

    def end(self, work: Work) -> None:
        """Note that a work is done."""
        self._under_way[work.person] -= 1
        if not self._under_way[work.person]:
            del self._under_way[work.person]

    def identify(self, work: Work, person: str) -> None:
        """Note whom a work is done for."""
        self.end(work)
        work.person = person
        self.begin(work)

    def wait(self, work: Work) -> asyncio.Future[None]:
        """A future that is done when the next step of a long work may go."""
        future = self._steps.add(work)
        if not self._ticking:
            self._ticking = True
            self._loop.call_soon(self._tick)
        return future

    def ran(self, work: Work) -> None:
        """Note a step that was run."""
        work.ended = self.clock()
        work.computed(seconds := work.ended - work.began, 1)
        if work.long:
            self._spent += seconds
        else:
            self._short_steps += 1

    def end_tasks(self, work: Work) -> None:
        """Cancel the tasks of a work that still wait or will: graphql-core leaves some behind when it is cancelled."""
        work.generation += 1
        self._steps.cancel(work)

    async def in_thread(self, work: Work, function: Callable[[], T]) -> T:
        """Compute in a thread, as soon as one of this kind of work may."""
        began, person = self.clock(), work.person
        lane = self._long if work.long else self._short.of(person)

        def computed(computing: "asyncio.Future[T]") -> None:
            computing.cancelled() or computing.exception()  # looked at, so that nobody is warned where it was given up
            lane.leave()
            self._short.drop(person, lane)

        try:
            await lane.enter(work)
            began = self.clock()
            computing = self._loop.run_in_executor(None, copy_context().run, function)
            # Whoever waits may give up, but a thread cannot be stopped: the next one begins once it has ended.
            computing.add_done_callback(computed)
            found = await asyncio.shield(computing)
        finally:
            self._short.drop(person, lane)
            work.computed(self.clock() - began)
        if work.background:
            await asyncio.sleep(min(self.clock() - began, LONGEST_REST))
        return found

    async def in_database(self, work: Work, run: Callable[[], Awaitable[T]]) -> T:
        """What a database computes for a work, as soon as it may."""
        if not work.long:
            return await run()
        async with self._statements.entered(work):
            return await run()

    def _tick(self) -> None:
        """One turn: others first for as long as their share is, then the long work whose turn it is."""
        now = self.clock()
        if self._last is not None:
            self._adapt(self._last)
            self._until = now + _OTHERS * self._spent
            self._last = None
        if self._short_steps != self._seen and now < self._until:
            self._seen = self._short_steps
            self._loop.call_soon(self._tick)
            return
        self._spent, self._seen = 0.0, self._short_steps
        if self._steps:
            self._last, _ = self._steps.release(lambda work: work.at_once)
            self._loop.call_soon(self._tick)
        else:
            self._ticking = False

    def _adapt(self, work: Work) -> None:
        if self._spent > 2 * SLICE:
            work.at_once = max(1, work.at_once // 2)
        elif self._spent < SLICE:
            work.at_once = min(_MOST_AT_ONCE, work.at_once * 2)


_SCHEDULERS: Final[dict[asyncio.AbstractEventLoop, Scheduler]] = {}


@contextmanager
def take_turns(loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.perf_counter) -> Iterator[None]:
    """Have the tasks that belong to a work take turns in a loop while the body runs; `clock` gives seconds."""
    if loop in _SCHEDULERS:  # of another application in this loop
        yield
        return
    scheduler = _SCHEDULERS[loop] = Scheduler(loop, clock)
    before = loop.get_task_factory()

    def create(
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any],
        *,
        context: Context | None = None,
        **given: Any,
    ) -> asyncio.Task[Any]:
        work = WORK.get() if context is None else context.get(WORK)
        if work is not None:
            coroutine = _Stepped(coroutine, work, scheduler, work.generation)
        return asyncio.Task(coroutine, loop=loop, context=context, **given)

    loop.set_task_factory(create)  # type: ignore[arg-type]  # its protocol knows no keywords
    try:
        yield
    finally:
        loop.set_task_factory(before)
        del _SCHEDULERS[loop]


async def in_turns(work: Work, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine, and the tasks that it begins, as a work; in this task, which is never ended with the others."""
    scheduler = _SCHEDULERS.get(asyncio.get_running_loop())
    if scheduler is None:
        return await coroutine
    scheduler.begin(work)
    token = WORK.set(work)
    try:
        return await _Stepped(coroutine, work, scheduler, None)
    finally:
        WORK.reset(token)
        scheduler.end(work)


def identify(person: str) -> None:
    """Note whom the present work is done for."""
    work, scheduler = _present()
    if work is not None and scheduler is not None:
        scheduler.identify(work, person)


def end_tasks() -> None:
    """Cancel the tasks of the present work, other than this one, at their next steps."""
    work, scheduler = _present()
    if work is not None and scheduler is not None:
        scheduler.end_tasks(work)


def is_long() -> bool:
    """Whether the present work has computed for so long that all others go first."""
    work = WORK.get()
    return work is not None and work.long


def _present() -> tuple[Work | None, Scheduler | None]:
    work = WORK.get()
    return work, None if work is None else _SCHEDULERS.get(asyncio.get_running_loop())


class _Stepped(Coroutine[Any, Any, T]):
    """A coroutine each of whose steps waits for its turn while its work is long.

    A class, because a task that is cancelled before its first step throws into what it was given: a coroutine around
    another one would end without having begun that one, which Python warns of.
    """

    __slots__ = ("_coroutine", "_generation", "_scheduler", "_waited", "_work")

    def __init__(
        self, coroutine: Coroutine[Any, Any, T], work: Work, scheduler: Scheduler, generation: int | None
    ) -> None:
        self._coroutine = coroutine
        self._work = work
        self._scheduler = scheduler
        self._generation = generation
        self._waited = False

    @override
    def send(self, value: Any) -> Any:
        work = self._work
        if self._generation is not None and self._generation != work.generation:
            return self._run(self._coroutine.throw, asyncio.CancelledError())
        if work.long and not self._waited:
            if self._scheduler.clock() - work.ended < _REST:
                return self._wait()
            work.begin_anew()  # a stream of events, of which one has come
        self._waited = False
        return self._run(self._coroutine.send, value)

    @override
    def throw(self, *error: Any) -> Any:
        self._waited = False
        try:
            return self._run(self._coroutine.throw, *error)
        finally:
            error = ()  # the traceback of the error holds this frame: a circle, which lives until it is collected

    @override
    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return self  # an iterator is enough

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def _wait(self) -> asyncio.Future[None]:
        """What its task waits for until the next step may go, as a future gives itself to a task."""
        self._waited = True
        turn = self._scheduler.wait(self._work)
        turn._asyncio_future_blocking = True
        return turn

    def _run(self, step: Callable[..., Any], *given: Any) -> Any:
        work = self._work
        work.began = self._scheduler.clock()
        try:
            yielded = step(*given)
        finally:
            given = ()  # as in `throw`
            self._scheduler.ran(work)
        # A bare yield gives way: the next step waits for its turn at once.
        return self._wait() if yielded is None and work.long else yielded


def due() -> bool:
    """Whether the present step of this work has computed for so long that it has to give way."""
    work, scheduler = _present()
    return work is not None and scheduler is not None and scheduler.clock() - work.began > SLICE


async def pause() -> None:
    """Give way where that is due."""
    if due():
        await asyncio.sleep(0)


async def each(items: Iterable[T]) -> AsyncIterator[T]:
    """Items; others have their turns in between."""
    for number, item in enumerate(items):
        if number % _FEW == 0:
            await pause()
        yield item


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What a function computes in a thread, while the loop goes on."""
    work, scheduler = _present()
    if work is None or scheduler is None:
        return await asyncio.to_thread(function, *args, **kwargs)
    return await scheduler.in_thread(work, partial(function, *args, **kwargs))


async def in_database(run: Callable[[], Awaitable[T]]) -> T:
    """What a database computes: for few long works of a person at a time, or it has no processor left for others."""
    work, scheduler = _present()
    return await run() if work is None or scheduler is None else await scheduler.in_database(work, run)


def begin(work: Work, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Begin a task, which with those that it begins is a work."""
    loop, context = asyncio.get_running_loop(), copy_context()
    context.run(WORK.set, work)
    task = loop.create_task(coroutine, context=context)
    scheduler = _SCHEDULERS.get(loop)
    if scheduler is not None:
        scheduler.begin(work)
        task.add_done_callback(lambda _: scheduler.end(work))
    return task


def apart(coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Begin a task that others than this work wait for too, so that it does not go at the pace of this one."""
    return begin(Work(shared=True), coroutine)
