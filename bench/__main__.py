"""`python -m bench`: measure what docs/performance.md has targets for, and print target, figure and ratio of each row.

Quick by default: 100,000 records on SQLite. Registries are made once and kept under .cache/bench.
"""

import argparse
import asyncio
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench import clicks, drawing, fairness, history, pages, peers, pushed, raw, reach, safety, writing
from bench.contents import Members, records
from bench.processes import Database, Server
from bench.questions import Alone, exposures, impacts, lookups, shapes, two_workers
from bench.registry import CACHE, MOST, SAME, Landmarks, fill, made, path, prepare
from bench.rows import HEADER, Row
from descentd.app.server.store_url import store_at
from tests.support.java import NoNeo4jError

ROWS = (
    "ready",
    "lookup",
    "workers",
    "impact",
    "pushed",
    "exposure",
    "shapes",
    "pages",
    "clicks",
    "memory",
    "fairness",
    "bulk",
    "single",
    "safety",
    "git",
    "drawing",
    "simulation",
)
"""In the order in which they are measured."""

WITHOUT_STORE: Final[Mapping[str, tuple[str, Callable[[argparse.Namespace], Iterable[Row]]]]] = {
    "drawing": ("lineages drawn", lambda _: drawing.rows()),
    "simulation": ("erosion, simulated", lambda options: reach.rows(options.answers)),
}
"""What needs no registry: its heading and its rows."""


@dataclass(frozen=True)
class Targets:
    """The targets of one store, as docs/performance.md has them."""

    lookups: float
    """A second, by 16 clients."""
    late: float | None
    alone: float
    impact: float
    exposure: float
    shapes: dict[str, float]
    bulk: float
    """Of what the raw rows of the same run take, as a share."""
    single: float
    writers: float
    """A second, by 32 clients."""
    ready: float
    memory: float
    erosion: float
    gate: float


TARGETS = {
    "sqlite": Targets(700, 40, 1.5, 10, 80, {"lattice": 5, "chain": 60}, 0.20, 5, 450, 1.5, 150, 200, 15),
    "neo4j": Targets(400, None, 5, 15, 100, {"lattice": 8, "chain": 60}, 0.35, 15, 300, 2, 150, 400, 40),
}
LARGE_IMPACT = 35.0
HUB_READY, HUB_MEMORY, HUB_IMPACT = 2.0, 300.0, 50.0
HUB = 4_050_000
"""Records of which two million are versions: the size of the largest public hub."""
FIRST_BYTE = 150.0
BULK_SIZE = 50_000


def main() -> None:
    """Measure what the options ask for."""
    options = _options()
    wanted = set(options.only or ROWS)
    if not options.all and not options.only:
        wanted -= {"clicks", "fairness", "git", "simulation"}
    print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} processors, load", end=" ")
    print(" ".join(f"{load:.1f}" for load in os.getloadavg()))
    if options.peers:
        _beside(options.records[0])
        return
    for name, (title, found) in WITHOUT_STORE.items():
        if name in wanted:
            print(f"\n{title}\n{HEADER}", flush=True)
            for row in found(options):
                print(row.line(), flush=True)
    wanted -= set(WITHOUT_STORE)
    if wanted:
        _all(options, wanted)


def _beside(size: int) -> None:
    """One table of what others take for the same, on both stores."""
    landmarks = prepare(size)
    print(f"\n{landmarks.records:,} records\n\n{peers.HEADER}", flush=True)
    for compared in peers.beside_sqlite(path(size), landmarks):
        print(compared.line(), flush=True)
    with Database(CACHE / f"neo4j-{path(size).stem}") as database:
        asyncio.run(_fill_once(database.uri, landmarks))
        for compared in peers.beside_neo4j(database.uri, landmarks):
            print(compared.line(), flush=True)


def _all(options: argparse.Namespace, wanted: set[str]) -> None:
    """The rows that are wanted, of each store and size."""
    for kind in ("sqlite", "neo4j") if options.store == "both" else (options.store,):
        for size in options.records:
            print(f"\n{kind}, {size:,} records\n{HEADER}", flush=True)
            try:
                for row in _measure(kind, size, wanted, options.beside):
                    print(row.line(), flush=True)
            except NoNeo4jError as missing:
                print(f"skipped, there is no Neo4j: {missing}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--store", choices=("sqlite", "neo4j", "both"), default="sqlite")
    parser.add_argument("--records", type=int, nargs="+", default=[100_000], help="sizes of registries")
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help="of " + ", ".join(ROWS))
    parser.add_argument("--beside", nargs="+", default=[], metavar="WORDS", help="rows of `fairness` that contain them")
    parser.add_argument("--hub", action="store_true", help="two million versions on SQLite, made once and kept")
    parser.add_argument("--peers", action="store_true", help="what others offer, on the same records in the same run")
    parser.add_argument("--answers", type=int, default=1000, help="simulated answers a row of `simulation`")
    parser.add_argument("--all", action="store_true", help="everything: both stores, 100,000 and 1,000,000, git")
    options = parser.parse_args()
    if options.all:
        options.store, options.records = "both", [100_000, 1_000_000]
    if options.hub:
        options.store, options.records = "sqlite", [HUB]
    return options


def _measure(kind: str, size: int, wanted: set[str], beside: Sequence[str]) -> Iterator[Row]:
    landmarks = prepare(size)
    with ExitStack() as stack:
        if wanted & set(ROWS[: ROWS.index("memory")]):
            if kind == "sqlite":
                store = f"sqlite:///{path(size)}"
            else:
                store = stack.enter_context(Database(CACHE / f"neo4j-{path(size).stem}")).uri
                asyncio.run(_fill_once(store, landmarks))
            yield from _starts(kind, store, landmarks, wanted)
            yield from _questions(kind, store, landmarks, wanted)
    if "fairness" in wanted:
        if kind == "neo4j":
            with Database(CACHE / f"neo4j-{path(size).stem}") as database:
                asyncio.run(_fill_once(database.uri, landmarks))
        yield from fairness.rows(kind, landmarks, beside)
    if wanted & set(ROWS[ROWS.index("bulk") :]):
        yield from _writing(kind, size, wanted)


def _starts(kind: str, store: str, landmarks: Landmarks, wanted: set[str]) -> Iterator[Row]:
    """What starts servers of its own."""
    if "ready" in wanted:
        yield _ready(store, landmarks, HUB_READY if landmarks.size >= HUB else TARGETS[kind].ready)
    if "workers" in wanted:
        yield two_workers(store, landmarks)


def _questions(kind: str, store: str, landmarks: Landmarks, wanted: set[str]) -> Iterator[Row]:
    targets = TARGETS[kind]
    with Server(store) as server:
        server.settle()
        if "lookup" in wanted:
            yield from lookups(server, landmarks, targets.lookups, targets.late, targets.alone)
        if "impact" in wanted:
            yield from _impacts(kind, server, landmarks)
        if "pushed" in wanted and kind == "neo4j":
            yield asyncio.run(pushed.row(store, landmarks.largest))
        if "exposure" in wanted:
            yield exposures(server, landmarks, targets.exposure)
        if "shapes" in wanted:
            yield from shapes(server, landmarks, targets.shapes)
        if "pages" in wanted:
            yield from pages.rows(server, landmarks, FIRST_BYTE)
        if "clicks" in wanted:
            yield from clicks.rows(server, landmarks)
        if "memory" in wanted:
            held = server.memory()
            note = f"after what was asked; with what it shares {held['VmRSS']:.0f} MB, at most {held['VmHWM']:.0f} MB"
            most = HUB_MEMORY if landmarks.size >= HUB else targets.memory
            yield Row("a worker's own memory", held["RssAnon"], "MB", most, note=note)


def _impacts(kind: str, server: Server, landmarks: Landmarks) -> Iterator[Row]:
    """The same number of records reached in a registry of any size, and a large part of a large one."""
    alone, usual = asyncio.run(_alone(landmarks)), TARGETS[kind].impact
    asked = {SAME: usual}
    if landmarks.size >= HUB:
        asked |= {MOST: HUB_IMPACT}
    elif landmarks.size >= 1_000_000:
        asked |= {"0.158": LARGE_IMPACT, "0.321": LARGE_IMPACT}
    for name, target in asked.items():
        walk = alone.milliseconds(landmarks.causes[name], landmarks.leaves)
        yield impacts(server, landmarks, name, target, walk)


def _ready(store: str, landmarks: Landmarks, target: float) -> Row:
    times = []
    with Server(store) as server:  # which leaves snapshots of what it works out when it starts for the first time
        server.settle()
    for _ in range(3):
        with Server(store) as server:
            times.append(server.ready_after)
    note = "the fastest of three starts" + ("" if landmarks.size >= 1_000_000 else "; the target is for 1,000,000")
    return Row("`descentd serve` to ready", min(times), "s", target, note=note)


async def _alone(landmarks: Landmarks) -> Alone:
    store = store_at(f"sqlite:///{path(landmarks.size)}")
    await store.open()
    try:
        refs = [ref for cause in landmarks.causes.values() for ref in cause.refs] + landmarks.leaves
        found = {name: brief.sequence for name, brief in (await store.resolve(refs)).items()}
        return Alone(await store.tail(0), found)
    finally:
        await store.close()


def _writing(kind: str, size: int, wanted: set[str]) -> Iterator[Row]:
    """Each in a registry that is empty at first; on Neo4j all in one, which is beside what the others hold."""
    with ExitStack() as stack:
        uri = stack.enter_context(Database(_fresh("neo4j-writing"))).uri if kind == "neo4j" else ""
        if {"bulk", "single"} & wanted:
            yield from _registering(uri, size, wanted, TARGETS[kind])
        if "safety" in wanted:
            policies = safety.write_policy(CACHE / "policies")
            with Server(uri or _fresh_file(), "--policies", str(policies)) as server:
                yield from safety.rows(server, TARGETS[kind].erosion, TARGETS[kind].gate)
        if "git" in wanted and not history.FILE.is_file():
            print(f"skipped, there is no {history.FILE.name} beside the project: git's history")
        elif "git" in wanted:
            with Server(uri or _fresh_file()) as server:
                yield history.row(server, 8_000)


def _registering(uri: str, size: int, wanted: set[str], targets: Targets) -> Iterator[Row]:
    alone = 0.0
    if "bulk" in wanted:
        alone = raw.of_neo4j(uri, BULK_SIZE) if uri else raw.of_sqlite(path(size))
    if uri:  # as of the raw rows, the second time counts: Java compiles meanwhile
        for row in _registered(uri, wanted, targets, alone):
            yield replace(row, what=f"first load: {row.what}")
        raw.empty(uri)
    yield from _registered(uri or _fresh_file(), wanted, targets, alone)


def _registered(store: str, wanted: set[str], targets: Targets, alone: float) -> Iterator[Row]:
    with Server(store) as server:
        if "bulk" in wanted:
            yield writing.bulk(server, BULK_SIZE, targets.bulk * alone, alone)
        if "single" in wanted:
            yield from writing.singles(server, targets.single, targets.writers)


async def _fill_once(address: str, landmarks: Landmarks) -> None:
    """Have a registry in a Neo4j; raises RuntimeError where there is half of one."""
    store = store_at(address)
    await store.open()
    try:
        there = await store.sequence()
        if there == 0:
            await fill(store, records(Members(made(landmarks.size))), landmarks.size)
        elif there != landmarks.records:
            raise RuntimeError(f"The database holds {there:,} records: remove {CACHE}/neo4j-* and start again.")
    finally:
        await store.close()


def _fresh_file() -> str:
    return f"sqlite:///{_fresh('writing.db')}"


def _fresh(name: str) -> Path:
    """A file or folder that is not there yet."""
    for old in CACHE.glob(f"{name}*"):
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()
    return CACHE / name


if __name__ == "__main__":
    main()
