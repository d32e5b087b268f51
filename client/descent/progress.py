"""Showing how far work on many bytes has come: a bar on a terminal, otherwise few lines, as a log needs them."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from descent import console

LARGE: Final = 1_000_000
"""Bytes from which on progress is printed also if stderr is not a terminal."""

Progress = Callable[[int, int], None]
"""Called with the number of bytes that are done, and the number of all bytes."""


@contextmanager
def bytes_progress(doing: str, done: str, say: Callable[[str], None], then: str = "") -> Iterator[Progress]:
    """Show progress while the block runs: `doing` names a bar, and `done` begins the lines that `say` prints.

    `then` is what happens after the last byte.
    """
    if not sys.stderr.isatty():
        yield _Lines(done, say, then)
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console.stderr(), transient=True) as bar:
        task = bar.add_task(console.printable(doing), total=None)

        def moved(count: int, size: int) -> None:
            bar.update(task, completed=count, total=size)
            if count == size and then:
                bar.update(task, description=then, total=None)

        yield moved


class _Lines:
    """A line at each quarter of what is large."""

    def __init__(self, done: str, say: Callable[[str], None], then: str) -> None:
        self.done = done
        self.say = say
        self.then = then
        self.quarter = 0

    def __call__(self, count: int, size: int) -> None:
        quarter = 4 * count // size if size else 0
        if size >= LARGE and quarter > self.quarter:
            self.quarter = quarter
            wait = f"; {self.then}" if count == size and self.then else ""
            self.say(f"{self.done} {count / 1e6:.1f} of {size / 1e6:.1f} MB{wait}")
