"""Rows about fairness: how late a second caller's look-ups are while one caller asks the costliest questions there are.

The costly questions are as large as their limits let them be, several at a time, again and again. Both callers have a
token, and the registry is a copy, because tokens close the one that other rows are measured on. The server still
assesses erosion in the background, as after any start.
"""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from bench.costly import Asked, costly
from bench.load import Answers, ask
from bench.processes import Database, Server
from bench.questions import LOOKUP
from bench.registry import CACHE, Landmarks, path
from bench.rows import Row
from bench.safety import lineage
from bench.watched import Watch
from bench.writing import send
from tests.app.tokens import new_token

TARGET: Final = 100.0
"""Milliseconds within which 95 of 100 look-ups are answered."""
_AT_ONCE: Final = 8
_SECONDS: Final = 20.0
_ALONE: Final = 2.0


def rows(kind: str, landmarks: Landmarks, only: Sequence[str] = ()) -> Iterator[Row]:
    """One row for each costly thing whose name contains one of `only`, if any; and one without any."""
    wanted = {
        name: asked for name, asked in costly(landmarks).items() if not only or any(part in name for part in only)
    }
    with ExitStack() as stack:
        store = _copied_file(landmarks) if kind == "sqlite" else stack.enter_context(_copied_database(landmarks)).uri
        greedy = new_token(store, "greedy", "registrar", "evaluator", "admin")
        other = new_token(store, "other", "viewer")
        watch = Watch(CACHE / "watched")
        server = stack.enter_context(Server(store, watched=CACHE / "watched"))
        send(server.url, lineage(), greedy)
        for name, asked in {"nobody else": [], **wanted}.items():
            watch.take()
            with _asking(server.url, greedy, asked) as answered:
                found = _lookups(server, landmarks, other, _SECONDS)
                note = f"{_shown(found)}; {answered()}"
            noted = watch.take()
            alone = _lookups(server, landmarks, other, _ALONE)
            note += (
                f"; longest turn {noted.turn:.0f} ms, of the collector {noted.collection:.0f}; alone afterwards "
                f"{alone.percentile(0.95) * 1000:.1f} ms; load {os.getloadavg()[0]:.0f}"
            )
            yield Row(f"look-up, p95, beside {name}", found.percentile(0.95) * 1000, "ms", TARGET, note=note)


def _lookups(server: Server, landmarks: Landmarks, token: str, seconds: float) -> Answers:
    return ask(server.url, LOOKUP, [{"ref": ref} for ref in landmarks.versions], token=token, seconds=seconds)


def _shown(found: Answers) -> str:
    number = len(found.latencies)
    return f"p50 {found.median:.1f}, at most {max(found.latencies) * 1000:.0f} ms of {number:,}"


def _copied_file(landmarks: Landmarks) -> str:
    """The address of a copy of the registry in a file."""
    file = CACHE / "fairness.db"
    for old in CACHE.glob("fairness.db*"):
        old.unlink()
    with sqlite3.connect(path(landmarks.size)) as source, sqlite3.connect(file) as to:
        source.backup(to)
    source.close()
    to.close()
    return f"sqlite:///{file}"


def _copied_database(landmarks: Landmarks) -> Database:
    """A Neo4j with a copy of the registry, which has to be filled and stopped."""
    folder = CACHE / "neo4j-fairness"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CACHE / f"neo4j-{path(landmarks.size).stem}", folder)
    return Database(folder)


@contextmanager
def _asking(url: str, token: str, bodies: list[Asked]) -> Iterator[Any]:
    """Ask without end while the body runs, if there is what to ask; yields what says how much was answered so far."""
    if not bodies:
        yield lambda: "nothing else is asked"
        return
    given = CACHE / "asked.json"
    given.write_text(json.dumps({"url": url, "token": token, "bodies": [asdict(one) for one in bodies]}))
    with subprocess.Popen(
        [sys.executable, "-m", "bench.fairness", given], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it has begun
        try:

            def answered() -> str:
                process.terminate()
                assert process.stdout is not None
                lines = process.stdout.read().splitlines()
                return f"{len(lines)} answers, the last: {lines[-1][:60]}" if lines else "nothing was answered yet"

            yield answered
        finally:
            process.kill()


async def _ask_without_end(given: dict[str, Any]) -> None:
    parts = urlsplit(given["url"])
    bodies = [Asked(**one) for one in given["bodies"]]
    waiting = (bodies[i % len(bodies)] for i in count())

    async def ask_one(asked: Asked) -> str:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        sent = asked.body.encode()
        head = (
            f"{asked.method} {asked.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: {asked.kind}\r\n"
            f"Accept: {asked.accept}\r\n"
            f"Authorization: Bearer {given['token']}\r\nConnection: close\r\nContent-Length: {len(sent)}\r\n\r\n"
        )
        writer.write(head.encode() + sent)
        await reader.readuntil(b"\r\n\r\n")
        shown = (await reader.read(80)).decode(errors="replace").replace("\r\n", " ").replace("\n", " ")
        while await reader.read(1 << 20):
            pass
        writer.close()
        return shown

    async def client() -> None:
        for asked in waiting:
            try:
                print(await ask_one(asked), flush=True)
            except (ConnectionError, asyncio.IncompleteReadError):
                print("refused before all of it was sent", flush=True)

    print("begun", flush=True)
    await asyncio.gather(*(client() for _ in range(_AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(_ask_without_end(json.loads(Path(sys.argv[1]).read_text())))
