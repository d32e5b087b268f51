"""Signals that end the process, noticed early: otherwise open streams would keep a server running forever."""

import asyncio
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def on_termination(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the running loop on SIGINT or SIGTERM, and then the handler that was installed before.

    A worker whose parent process has died sends itself SIGTERM, because no other process does.
    """
    loop = asyncio.get_running_loop()
    before: dict[int, Any] = {}

    def notice(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)
        if callable(before[number]):
            before[number](number, frame)
        elif before[number] == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.getsignal(number)
            signal.signal(number, notice)
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel

        def orphaned() -> None:
            loop.remove_reader(sentinel)
            signal.raise_signal(signal.SIGTERM)

        loop.add_reader(sentinel, orphaned)
    try:
        yield
    finally:
        if parent is not None:
            loop.remove_reader(parent.sentinel)
        for stopped, handler in before.items():
            signal.signal(stopped, handler)
