"""Ending processes, or their connections, in the middle of what they write to a Neo4j; see `crashes`.

`python -m tests.graph.crashes_neo4j --kills 1000 --points` starts a Neo4j of its own; with --uri it empties that one.
"""

import argparse
import asyncio
import os
import random
import select
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from neo4j import WRITE_ACCESS, AsyncManagedTransaction, AsyncSession, GraphDatabase

from descentd.graph.model.errors import Unavailable
from descentd.graph.store.committer import Committer
from descentd.graph.store.neo4j.store import Neo4jStore
from descentd.graph.store.sqlite.store import SQLiteStore
from tests.graph.crashes import STEPS, Process, check_store, step
from tests.support.neo4j_find import find

_WRITERS: Final = 2
_FRESH: Final = 25
_ATTEMPTS: Final = 50
_EMPTY: Final = "MATCH (n) DETACH DELETE n"
_UNCHAIN: Final = (
    "MATCH (n:_Event|_Chain) DETACH DELETE n",
    "CREATE (:_Access {seq: 1, at: 1, client: '', route: '', operation: '', outcome: 'OK', detail: '', count: 1})",
    "CREATE (:_AccessLog {one: 1, seq: 1})",
    "MATCH (r:Record) SET r.recordedAt = r.recordedAt.epochSeconds * 1000000 + r.recordedAt.microsecond",
    "MATCH (l:_Log) SET l.recordedAt = l.recordedAt.epochSeconds * 1000000 + l.recordedAt.microsecond, l.format = 3",
)
"""What makes of a registry one that the version before chains wrote."""


class Crashes:
    """Crashes of what writes to the Neo4j at an address, which is emptied, and to files beside it in a folder."""

    def __init__(self, uri: str, auth: tuple[str, str] | None, folder: Path) -> None:
        self._uri, self._auth, self._folder = uri, auth, folder
        self._beside = folder / "beside.db"

    def store(self) -> Neo4jStore:
        return Neo4jStore(self._uri, self._auth, beside=SQLiteStore(self._beside))

    def run(self, *statements: str) -> None:
        """Run statements past the store."""
        with GraphDatabase.driver(self._uri, auth=self._auth) as driver, driver.session() as session:
            for statement in statements:
                session.run(statement).consume()

    def kill_at_random(self, kills: int, seed: int = 1) -> int:
        """Kill processes that write, two at a time; how much was acknowledged in all."""
        chance = random.Random(seed)
        total = 0
        for first in range(0, kills, _FRESH):
            self.run(_EMPTY)
            self._beside = self._folder / f"{first}.db"
            acknowledged: list[str] = []
            for kill in range(first, min(kills, first + _FRESH)):
                processes = [self._writer(f"k{kill}w{i}") for i in range(_WRITERS)]
                processes[0].wait_for(chance.randrange(0, 15))
                select.select([], [], [], chance.random() / 20)  # somewhere within what is written next
                for process in processes:
                    process.kill()
                for process in processes:
                    acknowledged += process.end()[1]
                check_store(self.store(), acknowledged)
            total += len(acknowledged)
        return total

    def _writer(self, writer: str) -> Process:
        return Process(lambda acknowledge: asyncio.run(self._write(writer, count(), acknowledge)))

    async def _write(self, writer: str, numbers: Any, acknowledge: Callable[[str], None]) -> None:
        """Do steps, each until it is accepted: a connection that is cut leaves open what became of it."""
        store = await self._opened()
        committer = Committer(store)
        for number in numbers:
            for left in reversed(range(_ATTEMPTS)):
                try:
                    acknowledge(await step(store, committer, writer, number))
                    break
                except Unavailable:
                    if not left:
                        raise
        await committer.close()
        await store.close()

    async def _opened(self) -> Neo4jStore:
        """An open store, after an upgrade where the registry is of an earlier version."""
        store = self.store()
        for left in reversed(range(_ATTEMPTS)):
            try:
                await store.open()
                break
            except Unavailable as error:
                if not left:
                    raise
                if "descentd upgrade" in error.message:
                    with TemporaryDirectory() as folder, suppress(Unavailable):
                        await store.upgrade(Path(folder) / "backup.json.gz", lambda hash: hash)
        return store

    async def _upgraded(self) -> None:
        await (await self._opened()).close()

    def crash_at_each_point(
        self, action: Callable[[], None], every: int, first: int = 1, only: str = ""
    ) -> dict[str, int]:
        """Have `action` at every so-manieth point of what a process does; how many points each scenario has.

        A scenario is done where its name has `only` in it.
        """
        passed: dict[str, int] = {}
        for name, statements, steps in (
            ("a new registry", (_EMPTY,), 0),
            ("a registry without chains", _UNCHAIN, 0),
            ("everything that writes", (), len(STEPS)),
        ):
            if only not in name:
                continue
            points = self._crash(f"count{action.__name__}", statements, steps, 0, action)
            for at in range(first, points + 1, every):
                self._crash(f"{action.__name__}{at}", statements, steps, at, action)
            if name == "a new registry":  # and something in it for the next
                self._crash("before", (), len(STEPS), 0, action)
            passed[name] = points
        return passed

    def _crash(self, writer: str, statements: tuple[str, ...], steps: int, at: int, action: Callable[[], None]) -> int:
        if statements:
            self.run(*statements)

        def work(acknowledge: Callable[[str], None]) -> None:
            points = Points(at, action)
            points.install()
            asyncio.run(self._write(writer, range(steps), acknowledge))
            acknowledge(f"points {points.count}")

        _, lines = Process(work).end()
        asyncio.run(self._upgraded())  # which goes on where one was broken off
        check_store(self.store(), [line for line in lines if not line.startswith("points ")])
        return 0 if at else int(lines[-1].split(" ")[1])


class Points:
    """Counts the statements of transactions that write, and their commits twice: before and after."""

    def __init__(self, at: int, action: Callable[[], None]) -> None:
        self._at = at
        self._action = action
        self.count = 0

    def pass_one(self) -> None:
        self.count += 1
        if self.count == self._at:
            self._action()

    def install(self) -> None:
        """Have all transactions of this process pass them. It is a fork that nothing else is done in."""
        alone: Any = AsyncSession.run
        run: Any = AsyncManagedTransaction.run
        commit: Any = AsyncManagedTransaction._commit
        points = self

        async def counted_run(self: AsyncManagedTransaction, *given: Any, **named: Any) -> Any:
            points.pass_one()
            return await run(self, *given, **named)

        async def counted_commit(self: AsyncManagedTransaction) -> None:
            points.pass_one()
            await commit(self)
            points.pass_one()

        async def counted_alone(self: AsyncSession, *given: Any, **named: Any) -> Any:
            if self._config.default_access_mode != WRITE_ACCESS:
                return await alone(self, *given, **named)
            points.pass_one()
            result = await alone(self, *given, **named)
            points.pass_one()  # it is under way, and commits by itself
            return result

        setattr(AsyncSession, "run", counted_alone)  # noqa: B010
        setattr(AsyncManagedTransaction, "run", counted_run)  # noqa: B010
        setattr(AsyncManagedTransaction, "_commit", counted_commit)  # noqa: B010


def killed() -> None:
    """End this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def cut() -> None:
    """Cut all connections of this process."""
    for file in Path("/proc/self/fd").iterdir():
        with suppress(OSError, ValueError), closing(socket.socket(fileno=os.dup(int(file.name)))) as connection:
            connection.shutdown(socket.SHUT_RDWR)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.graph.crashes_neo4j", description="Kill what writes to it.")
    parser.add_argument("--uri", help="a Neo4j that is emptied (default: one of its own)")
    parser.add_argument("--auth", help="USER:PASSWORD")
    parser.add_argument("--kills", type=int, default=0, help="how often, at random (default: %(default)s)")
    parser.add_argument("--points", action="store_true", help="kill at each statement and commit, and cut there")
    parser.add_argument("--every", type=int, default=1, help="at every so-manieth of them (default: %(default)s)")
    parser.add_argument("--first", type=int, default=1, help="from which of them on (default: %(default)s)")
    parser.add_argument("--only", default="", help="scenarios with this in their name")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        if options.uri is not None:
            user, _, password = (options.auth or "").partition(":")
            crash(Crashes(options.uri, (user, password) if user else None, Path(folder)), options)
            return
        server = find()
        server.start()
        try:
            crash(Crashes(server.uri, server.auth, Path(folder)), options)
        finally:
            server.stop()


def crash(crashes: Crashes, options: argparse.Namespace) -> None:
    """Do what was asked for, and say what was seen."""
    if options.kills:
        acknowledged = crashes.kill_at_random(options.kills)
        sys.stdout.write(f"{options.kills} kills at random: {acknowledged} acknowledged, none lost, verified\n")
        sys.stdout.flush()
    for place, action in enumerate((killed, cut) if options.points else ()):
        first = options.first + place * (options.every // 2)
        for what, points in crashes.crash_at_each_point(action, options.every, first, options.only).items():
            done = len(range(first, points + 1, options.every))
            sys.stdout.write(f"{what}, {action.__name__}: {done} of {points} points, nothing lost, verified\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
