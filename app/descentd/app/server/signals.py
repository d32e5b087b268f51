"""Hearing early that the process is to end: streams would else keep a server from ever being done."""

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
    """Call `stop` on the running loop when the process is told to end, and then do what was to be done on that signal.

    A worker whose parent has died is told to end too: nobody else would.
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
