"""`descentd serve` of any checkout, to write a fixture with the code of another commit than this one."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.server_process import SECONDS, Asking


class Descentd:
    """The program `descentd` of a checkout."""

    def __init__(self, program: Path) -> None:
        self._program = program

    def run(self, *arguments: str) -> str:
        """What a command writes to stdout; raises CalledProcessError where it fails."""
        command = [str(self._program), *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=SECONDS).stdout

    @contextmanager
    def served(self, store: str, *options: str, **environment: str) -> Iterator[Asking]:
        """A server on a free port, ready."""
        command = [str(self._program), "serve", "--store", store, "--port", "0", "--log-format", "json", *options]
        with tempfile.TemporaryFile("w+") as log:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **environment}
            )
            with process:
                try:
                    assert process.stdout
                    ready = process.stdout.readline()
                    log.seek(0)
                    told = log.read()
                    if not ready:
                        raise RuntimeError(f"descentd did not become ready: {told}")
                    entries = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
                    yield Asking(next(entry["url"] for entry in entries if entry["event"] == "listening"))
                finally:
                    process.terminate()
