"""A headless Chromium for tests that is never waited for without a limit.

Playwright limits what a page is asked to do, but not the start of its driver, new contexts and pages, their end, and
what a script in a page takes; and Chromium forgets to close a page whose document has just come: see `close`. Here all
of it has a limit: a browser that does not answer is killed with all of its processes, so that whatever waits for it
ends, and the next that is asked for is a new one.
"""

import contextlib
import os
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Final, Generic, Self, TypeVar

from playwright.sync_api import Browser, Error, Page, sync_playwright

from tests.support.debian import CHROMIUM, required

Prepared = TypeVar("Prepared")

ATTEMPTS: Final = 3
STARTING: Final = 60.0
"""Seconds in which a browser has started and `prepare` is done, on a busy machine too."""
ANSWERING: Final = 60.0
"""Seconds that one test may use the browser, with its fixtures."""
ENDING: Final = 10.0


class HungError(Exception):
    """The browser did not answer in time, and was killed."""


@contextlib.contextmanager
def limited(seconds: float, what: str, end: Callable[[], None]) -> Iterator[None]:
    """Call `end`, and raise HungError, in whatever the main thread waits for after this time.

    It goes on to be raised, since an event handler may have swallowed the first.
    """

    def hung(number: int, frame: FrameType | None) -> None:
        end()
        raise HungError(f"Chromium was killed: it did not answer within {seconds:g} s ({what})")

    before = signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, seconds, ENDING)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Chromium(Generic[Prepared]):
    """A browser, and what `prepare` made in it, both made when they are first asked for and anew after it was killed.

    A context manager that ends it. Of the main thread alone, where signals arrive.
    """

    def __init__(self, prepare: Callable[[Browser], Prepared]) -> None:
        self._prepare = prepare
        self._running: tuple[Browser, Prepared] | None = None
        self._driven = contextlib.ExitStack()
        self._others: frozenset[int] = frozenset()
        self._killed = False
        self._attempts = 0
        self._failed: HungError | Error | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def running(self) -> tuple[Browser, Prepared]:
        """The browser, and what was prepared in it.

        Raises HungError or an Error of Playwright's where none can be started, which is tried a few times once.
        """
        if self._running and not self._killed and self._running[0].is_connected():
            return self._running
        while self._attempts < ATTEMPTS:
            self._end()
            self._attempts += 1
            try:
                with limited(STARTING, f"to start and be prepared, attempt {self._attempts} of {ATTEMPTS}", self.kill):
                    started = self._start()
                self._attempts = 0
                return started
            except (HungError, Error) as problem:
                self._failed = problem
        assert self._failed
        raise self._failed

    def answering(self, what: str) -> contextlib.AbstractContextManager[None]:
        """A limit on all that is done with the browser until it is left."""
        return limited(ANSWERING, what, self.kill)

    def kill(self) -> None:
        """Kill all of its processes, with the driver: whatever waits for one of them ends."""
        self._killed = True  # Playwright notices when it is asked the next time
        for one in descendants(os.getpid()) - self._others:
            if _is_browser(one):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)

    def _start(self) -> tuple[Browser, Prepared]:
        path = required(CHROMIUM)
        self._killed = False
        self._others = frozenset(descendants(os.getpid()))
        playwright = self._driven.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        self._driven.callback(browser.close)
        self._running = browser, self._prepare(browser)
        return self._running

    def _end(self) -> None:
        self._running = None
        driven, self._driven = self._driven, contextlib.ExitStack()
        with contextlib.suppress(HungError, Error), limited(ENDING, "to end", self.kill):
            driven.close()


def close(page: Page) -> None:
    """Close a page once it has loaded.

    A click returns when the next document has come. Chromium 156 answers that it will close the page in that moment,
    and does not, one time in three: whoever closes it waits for ever.
    """
    page.wait_for_load_state()
    page.close()


def descendants(process: int) -> set[int]:
    """The processes that a process started, and those that these started."""
    children = defaultdict(set)
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it may have ended
            _, parent, *_ = file.read_text("utf-8", "replace").rpartition(")")[2].split()  # after the name
            children[int(parent)].add(int(file.parent.name))
    found: set[int] = set()
    new = {process}
    while new:
        new = set().union(*(children[one] for one in new)) - found
        found |= new
    return found


def _is_browser(process: int) -> bool:
    """Whether a process is Chromium's or Playwright's: tests have others too, such as servers."""
    try:
        command = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
    return b"chrom" in command or b"playwright" in command
