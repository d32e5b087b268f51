"""The command line of the server, called in this process: to start one of its own takes a second or two each time."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from subprocess import CompletedProcess
from unittest.mock import patch

import uvicorn
from uvicorn.supervisors import Multiprocess

from descentd.app.server.cli import main


class Serving(Exception):
    """It would go on and serve, which no test that calls it here has in mind."""


def call(*command: str, **environment: str) -> CompletedProcess[str]:
    """What `descentd` says to a command that comes to an end, and its exit code."""
    words, written, complained, code = ["descentd", *command], StringIO(), StringIO(), 0
    with (
        redirect_stdout(written),
        redirect_stderr(complained),
        patch.object(sys, "argv", words),
        patch.dict(os.environ, environment),
        _not_serving(),
    ):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return CompletedProcess(words, code, written.getvalue(), complained.getvalue())


@contextmanager
def _not_serving() -> Iterator[None]:
    """A server that is not refused fails the test instead of holding it up; signals end what they ended before."""

    def refuse(*_: object) -> None:
        raise Serving

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with patch.object(uvicorn.Server, "run", refuse), patch.object(Multiprocess, "run", refuse):
            yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
