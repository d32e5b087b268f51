"""Ending processes in the middle of what they write, and asking what is left: all that was acknowledged, and right.

`python -m tests.graph.crashes --kills 1000 --points calls` does it on SQLite files of its own, and says what it saw.
Processes are forked from this one, which has imported everything and has no other thread: so a thousand take minutes.
What a process has acknowledged it has written to a pipe, after the store said that it is durable.
"""

import argparse
import asyncio
import ctypes
import os
import random
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from descentd.graph.inputs.manifest import ManifestInput
from descentd.graph.model.accounts import Access, AccessRole, Token
from descentd.graph.model.chain import Chain
from descentd.graph.model.kinds import Kind
from descentd.graph.pruning import prune
from descentd.graph.registration.register import register
from descentd.graph.store.base import Store
from descentd.graph.store.committer import Committer
from descentd.graph.store.operational import Arrival, Delivery, DeliveryState
from descentd.graph.store.sqlite.store import SQLiteStore
from descentd.graph.verify import verify
from tests.graph.beside import unchain

SHIM: Final = "DESCENT_TEST_CRASH_SHIM"
"""The library of crash_points.c, where this process was started with it."""

STEPS: Final = ("register", "access", "token", "revoke", "arrival", "delivery", "prune")
"""Everything that writes, in the order in which a writer does it again and again."""

_WRITERS: Final = 2
_FRESH: Final = 25
"""So many kills are of one file: to verify it takes longer the more is in it."""

Point = Callable[[], None]


async def step(store: Store, committer: Committer, writer: str, number: int) -> str:
    """Do one of the steps; returns what is acknowledged, as `missing` reads it."""
    kind, turn = STEPS[number % len(STEPS)], number // len(STEPS)
    name = f"{writer}-{turn}"
    if kind == "register":
        made = {"name": writer, "version": str(turn), "config": {"name": name}}
        profile = {"intendedUse": "To be killed.", "mustNotDo": ["Be forgotten."]}
        said = [{"subject": f"model:{writer}@{turn}", "author": "ann", "text": name}]
        sections = {"models": [made | {"safetyProfile": profile}], "notes": said}
        await register(committer, ManifestInput.read(sections), "ann")
    elif kind == "access":
        await store.accounts.record_accesses([Access(turn + 1, writer, None, "", "/graphql", name, "OK")])
    elif kind == "token":
        roles = frozenset({AccessRole.VIEWER})
        await store.accounts.add_token(Token(name, name.encode(), writer, roles, turn))
    elif kind == "revoke":
        await store.accounts.revoke([name], turn + 1)
    elif kind == "arrival":
        await store.inbox.take(Arrival(name, turn + 1, ()))
    elif kind == "delivery":
        await store.outbox.claim(writer, writer, 0, 1, 0)
        state = DeliveryState.WAITING if turn % 2 else DeliveryState.DELIVERED
        delivery = Delivery(writer, turn + 1, "a.b", name, state, 1, 1, 1, 200, "HTTP 200")
        assert await store.outbox.keep(writer, writer, turn + 1, delivery)
    else:
        await prune(store, Chain.ACCESSES, turn, lambda *_: "")
    return f"{kind} {name}"


async def missing(store: Store, acknowledged: Sequence[str]) -> list[str]:
    """What was acknowledged and is not there, or what else is wrong with a store."""
    found: list[str] = []
    tokens = {token.id: token for token in await store.accounts.tokens()}
    deliveries = {one.id for one in await store.outbox.deliveries(1_000_000)}
    heads = await store.journal.heads()
    accesses = [line for line in acknowledged if line.startswith("access ")]
    if heads[Chain.ACCESSES].number < len(accesses):
        found.append(f"{len(accesses)} accesses, of which {heads[Chain.ACCESSES].number} are there")
    for line in acknowledged:
        kind, name = line.split(" ")
        writer, _, turn = name.rpartition("-")
        there = True
        if kind == "register":
            there = bool(await store.resolve([f"model:{writer}@{turn}"]))
        elif kind in {"token", "revoke"}:
            there = name in tokens and (kind == "token" or tokens[name].revoked_at is not None)
        elif kind == "arrival":
            there = await store.inbox.arrived(name) is not None
        elif kind == "delivery":
            there = name in deliveries
        if not there:
            found.append(line)
    last = await store.sequence()
    kinds = [brief.kind for brief in await store.briefs(range(1, last + 1))]
    whole = (Kind.MODEL_VERSION, Kind.CONFIG, Kind.SAFETY_PROFILE, Kind.NOTE)
    if any(kinds.count(kind) != last // 4 for kind in whole):
        found.append("half of a manifest")
    if problem := (await verify(store)).problem:
        found.append(problem)
    return found


def _send(pipe: int, line: str) -> None:
    os.write(pipe, f"{line}\n".encode())


class Process:
    """A forked process that writes, and what it has acknowledged."""

    def __init__(self, work: Callable[[Callable[[str], None]], None]) -> None:
        self._read, write = os.pipe()
        self._buffer = b""
        self.id = os.fork()
        if self.id == 0:
            try:
                os.close(self._read)
                work(lambda line: _send(write, line))
                os._exit(0)
            except BaseException as error:  # a forked process must not go on with what its parent does
                os.write(2, f"{error!r}\n".encode())
                os._exit(1)
        os.close(write)

    def wait_for(self, lines: int) -> None:
        """Return when so much was acknowledged, or when it has ended."""
        while self._buffer.count(b"\n") < lines:
            if not (more := os.read(self._read, 65536)):
                return
            self._buffer += more

    def kill(self) -> None:
        os.kill(self.id, signal.SIGKILL)

    def end(self) -> tuple[bool, list[str]]:
        """Whether it was killed, and what it acknowledged, once it has ended; raises RuntimeError where it failed."""
        while more := os.read(self._read, 65536):
            self._buffer += more
        os.close(self._read)
        _, status = os.waitpid(self.id, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise RuntimeError("a writer failed")
        return os.WIFSIGNALED(status), self._buffer.decode().splitlines()


async def write(store: Store, writer: str, numbers: Iterable[int], acknowledge: Callable[[str], None]) -> None:
    """Do steps on a store that is opened and closed for it."""
    await store.open()
    committer = Committer(store)
    for number in numbers:
        acknowledge(await step(store, committer, writer, number))
    await committer.close()
    await store.close()


def check(path: Path, acknowledged: Sequence[str]) -> None:
    """Assert that a file opens, holds what was acknowledged, and verifies."""
    check_store(SQLiteStore(path), acknowledged)


def check_store(store: Store, acknowledged: Sequence[str]) -> None:
    """As `check`, of a store that is not open."""

    async def checked() -> list[str]:
        await store.open()
        try:
            return await missing(store, acknowledged)
        finally:
            await store.close()

    found = asyncio.run(checked())
    assert not found, found


# At random


def kill_at_random(folder: Path, kills: int, seed: int = 1) -> int:
    """Kill processes that write to one file, two at a time; how much was acknowledged in all."""
    chance = random.Random(seed)
    total = 0
    for first in range(0, kills, _FRESH):
        path = folder / f"{first}.db"
        acknowledged: list[str] = []
        for kill in range(first, min(kills, first + _FRESH)):
            processes = [_writer(path, f"k{kill}w{i}") for i in range(_WRITERS)]
            processes[0].wait_for(chance.randrange(0, 25))
            select.select([], [], [], chance.random() / 200)  # somewhere within what is written next
            for process in processes:
                process.kill()
            for process in processes:
                killed, lines = process.end()
                assert killed
                acknowledged += lines
            check(path, acknowledged)
        total += len(acknowledged)
    return total


def _writer(path: Path, writer: str) -> Process:
    return Process(lambda acknowledge: asyncio.run(write(SQLiteStore(path), writer, count(), acknowledge)))


# At each point


class Points:
    """Where a process can be ended: before each statement of SQL, or before and after each call that writes."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._count = 0
        self._shim = ctypes.CDLL(os.environ[SHIM]) if SHIM in os.environ else None
        if self._shim is not None:
            ctypes.c_int.in_dll(self._shim, "crash_count").value = 0
            ctypes.c_int.in_dll(self._shim, "crash_at").value = at

    @property
    def count(self) -> int:
        if self._shim is not None:
            return int(ctypes.c_int.in_dll(self._shim, "crash_count").value)
        return self._count

    def pass_one(self, _sql: str = "") -> None:
        if self._shim is None:
            self._count += 1
            if self._count == self._at:
                os.kill(os.getpid(), signal.SIGKILL)


class Traced(SQLiteStore):
    """A store that passes a point at each statement."""

    def __init__(self, path: Path, points: Points) -> None:
        super().__init__(path)
        self._points = points

    def _connect(self) -> sqlite3.Connection:
        connection = super()._connect()
        connection.set_trace_callback(self._points.pass_one)
        return connection


def crash_at_each_point(folder: Path, every: int = 1) -> dict[str, int]:
    """End a process at every so-manieth point of what it does; how many points each scenario has."""
    filled = folder / "filled.db"
    asyncio.run(write(SQLiteStore(filled), "before", range(2 * len(STEPS)), lambda _: None))
    older = folder / "older.db"
    shutil.copyfile(filled, older)
    with closing(sqlite3.connect(older, isolation_level=None)) as connection:
        unchain(connection)
    scenarios = {
        "a new file": (None, 1),
        "a file without chains": (older, 1),
        "everything that writes": (filled, 2 * len(STEPS)),
    }
    passed: dict[str, int] = {}
    for name, (template, steps) in scenarios.items():
        points = _crash(folder / "one.db", template, steps, 0)
        for at in range(1, points + 1, every):
            _crash(folder / "one.db", template, steps, at)
        passed[name] = points
    return passed


def _crash(path: Path, template: Path | None, steps: int, at: int) -> int:
    """Do so many steps on a copy of a file, and end at a point; how many points there were, with 0 to end at."""
    for old in path.parent.glob(f"{path.name}*"):
        old.unlink()
    if template is not None:
        shutil.copyfile(template, path)

    def work(acknowledge: Callable[[str], None]) -> None:
        points = Points(at)

        def told(line: str) -> None:
            points.pass_one()  # what is durable, and nobody has heard of
            acknowledge(line)

        asyncio.run(write(Traced(path, points), "w", range(steps), told))
        acknowledge(f"points {points.count}")

    killed, lines = Process(work).end()
    assert killed == bool(at)
    done = [line for line in lines if not line.startswith("points ")]
    before = [] if template is None else _lines("before", 2 * len(STEPS))
    check(path, [*before, *done])
    return 0 if killed else int(lines[-1].split(" ")[1])


def _lines(writer: str, steps: int) -> list[str]:
    return [f"{STEPS[n % len(STEPS)]} {writer}-{n // len(STEPS)}" for n in islice(count(), steps)]


def with_shim(folder: Path) -> dict[str, str]:
    """The environment of a process that is ended at calls; raises where there is no C compiler."""
    library = folder / "crash_points.so"
    source = Path(__file__).parents[1] / "support" / "crash_points.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return {"LD_PRELOAD": str(library), SHIM: str(library)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.graph.crashes", description="Kill what writes to SQLite.")
    parser.add_argument("--kills", type=int, default=0, help="how often, at random (default: %(default)s)")
    parser.add_argument("--points", choices=["statements", "calls"], help="end at each: calls need a C compiler")
    parser.add_argument("--every", type=int, default=1, help="end at every so-manieth point (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of what is random (default: %(default)s)")
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        if options.points == "calls" and SHIM not in os.environ:
            environment = {**os.environ, **with_shim(folder)}
            arguments = [sys.executable, "-m", "tests.graph.crashes", *sys.argv[1:]]
            sys.exit(subprocess.run(arguments, env=environment, check=False).returncode)
        if options.kills:
            acknowledged = kill_at_random(folder, options.kills, options.seed)
            sys.stdout.write(f"{options.kills} kills at random: {acknowledged} acknowledged, none lost, verified\n")
        if options.points:
            for what, points in crash_at_each_point(folder, options.every).items():
                sys.stdout.write(f"{what}: {-(-points // options.every)} of {points} points, nothing lost, verified\n")


if __name__ == "__main__":
    main()
