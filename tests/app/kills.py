"""Killing a server in the middle of writes, again and again, and asking what is left.

`python -m tests.app.kills --kills 100` does it on a file of its own and says what it saw.
"""

import argparse
import asyncio
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2

from descentd.graph.model.kinds import Kind
from descentd.graph.store.base import Store
from descentd.graph.store.sqlite.store import SQLiteStore
from tests.app.command_line import call
from tests.support.server_process import PLAIN, ServerProcess

REGISTER = "mutation Register($manifest: ManifestInput!) { register(manifest: $manifest) { created existing } }"
WRITERS = 6


def manifest(name: str, number: int) -> dict[str, Any]:
    """Four records that are there together or not at all."""
    ref = f"model:{name}@{number}"
    made = {"name": name, "version": str(number), "config": {"name": name, "n": number}}
    profile = {"intendedUse": "To be killed.", "mustNotDo": ["Be forgotten."]}
    return {
        "models": [made | {"safetyProfile": profile}],
        "notes": [{"subject": ref, "author": "ann", "text": f"Beside {ref}."}],
    }


class Writers:
    """Threads that register until the server is gone. `acknowledged` holds the refs of what it said yes to."""

    def __init__(self, url: str, run: int) -> None:
        self.acknowledged: list[str] = []
        self._url = url
        self._run = run
        self._news = threading.Condition()
        self._ended = 0

    def write(self, writer: int) -> None:
        try:
            with httpx2.Client(base_url=self._url, timeout=60, verify=PLAIN) as client:
                for number in count():
                    # Every third one is sent by all writers, and so by several at once.
                    name = f"run{self._run}" if number % 3 == 0 else f"run{self._run}-{writer}"
                    self._send(client, name, number)
        except httpx2.TransportError:
            return
        finally:
            with self._news:
                self._ended += 1
                self._news.notify_all()

    def _send(self, client: httpx2.Client, name: str, number: int) -> None:
        variables = {"manifest": manifest(name, number)}
        answer = client.post("/graphql", json={"query": REGISTER, "variables": variables}).json()
        counts = answer["data"]["register"]
        assert counts["created"] + counts["existing"] == 4, answer
        with self._news:
            self.acknowledged.append(f"model:{name}@{number}")
            self._news.notify_all()

    def wait_for(self, acknowledged: int) -> None:
        with self._news:
            self._news.wait_for(lambda: len(self.acknowledged) >= acknowledged or self._ended == WRITERS, 60)
            assert self._ended == 0, "a writer ended before the server was killed"


def check_verified(store: str) -> None:
    """Assert that `descentd verify` finds a store right."""
    verified = call("verify", "--store", store)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def kill_again_and_again(
    server: ServerProcess, handle: Callable[[], Store], kills: int, seed: int = 1
) -> Iterator[tuple[int, int]]:
    """Kill `server`, which has not been started, while it writes; (acknowledged, recorded) in all after each kill.

    Raises AssertionError where something that was acknowledged is not there, a manifest is there by half, or `descentd
    verify` is not content.
    """
    chance = random.Random(seed)
    acknowledged: set[str] = set()
    for run in range(kills):
        server.start()
        writers = Writers(server.url, run)
        with ThreadPoolExecutor(WRITERS) as pool:
            done = [pool.submit(writers.write, writer) for writer in range(WRITERS)]
            try:
                writers.wait_for(chance.randrange(1, 60))
            finally:
                server.stop(signal.SIGKILL)
            for one in done:
                one.result()
        acknowledged |= set(writers.acknowledged)
        check_verified(server.store)
        yield len(acknowledged), asyncio.run(_recorded(handle(), acknowledged))


async def _recorded(store: Store, acknowledged: set[str]) -> int:
    """How many records there are, of which each acknowledged manifest must have all its four."""
    await store.open()
    try:
        found = await store.resolve(acknowledged)
        assert not acknowledged - found.keys(), acknowledged - found.keys()
        last = await store.sequence()
        kinds = [brief.kind for brief in await store.briefs(range(1, last + 1))]
        whole = {Kind.MODEL_VERSION, Kind.CONFIG, Kind.SAFETY_PROFILE, Kind.NOTE}
        assert {kind: kinds.count(kind) for kind in whole} == dict.fromkeys(whole, last // 4)
        return last
    finally:
        await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.app.kills", description="Kill a server while it writes.")
    parser.add_argument("--kills", type=int, default=100, help="how often (default: %(default)s)")
    parser.add_argument("--workers", default="2", help="of the server (default: %(default)s)")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "registry.db"
        server = ServerProcess(f"sqlite:///{path}", "--workers", options.workers)
        for number, (acknowledged, recorded) in enumerate(
            kill_again_and_again(server, lambda: SQLiteStore(path), options.kills), 1
        ):
            sys.stdout.write(f"kill {number}: {acknowledged} acknowledged, {recorded} records, verified\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
