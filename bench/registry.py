"""A zoo as a real registry: its records written to a store with their ids, edges, keys and log, once, and kept."""

import asyncio
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from bench.contents import Members, records
from bench.zoo import Zoo, zoo
from descentd.app.server.store_url import store_at
from descentd.graph.index.topology import Topology
from descentd.graph.model.kinds import Kind
from descentd.graph.model.reach import Direction, ReachQuery
from descentd.graph.model.records import Record
from descentd.graph.store.base import Proposal, Reads, Store

CACHE = Path(__file__).parents[1] / ".cache" / "bench"
SHARES = (0.158, 0.2, 0.321)
SAME, MOST = "same", "most"
_SAME = 19_000
"""Records that a cause reaches in a registry of any size: what is reached costs, and not what is there."""
SAMPLE = 1_000
_BATCH = 5_000
_SHARE = 0.937
"""Of the records of a registry that come from the zoo; the rest are the statements about its partitions."""


@dataclass(frozen=True)
class Cause:
    """Refs, and how many records they reach together."""

    refs: list[str]
    reaches: int


@dataclass(frozen=True)
class Landmarks:
    """What to ask a registry about: refs, with how many records each reaches."""

    size: int
    """About how many records were asked for."""
    records: int
    """How many there are."""
    causes: dict[str, Cause]
    """By the share of all records that they reach, "0.2"; the beginnings of the `chain` and the `lattice`; one that
    reaches as many as in a registry of another size, and the one that reaches most."""
    leaves: list[str]
    """Versions that nothing descends from: named beside a cause they make another question of the same cost."""
    versions: list[str]
    """A sample of versions, for look-ups."""

    @property
    def largest(self) -> Cause:
        """The one record that reaches most."""
        return max((one for one in self.causes.values() if len(one.refs) == 1), key=lambda one: one.reaches)


def prepare(size: int) -> Landmarks:
    """The landmarks of the registry of a size; its SQLite file is then at `path(size)`."""
    told = path(size).with_suffix(f".{_digest('zoo.py', 'contents.py', 'registry.py')}.json")
    if not told.is_file():
        CACHE.mkdir(parents=True, exist_ok=True)
        told.write_text(json.dumps(asdict(asyncio.run(_build(size)))))
    kept = json.loads(told.read_text())
    return Landmarks(**kept | {"causes": {name: Cause(**cause) for name, cause in kept["causes"].items()}})


def path(size: int) -> Path:
    """Where the SQLite file of a size is kept; another zoo or other contents make another file."""
    return CACHE / f"zoo-{size}-{_digest('zoo.py', 'contents.py')}.db"


def made(size: int) -> Zoo:
    """The zoo of a registry of a size."""
    return zoo(int(size * _SHARE))


def _digest(*names: str) -> str:
    sources = (Path(__file__).with_name(name).read_bytes() for name in names)
    return hashlib.sha256(b"".join(sources)).hexdigest()[:8]


async def _build(size: int) -> Landmarks:
    landscape = made(size)
    members = Members(landscape)
    if not path(size).is_file():
        await _write(size, members)
    store = store_at(f"sqlite:///{path(size)}")
    await store.open()
    try:
        topology = Topology()
        topology.extend(await store.tail(0))
        return await _landmarks(size, store, topology, landscape, members)
    finally:
        await store.close()


async def _write(size: int, members: Members) -> None:
    for old in CACHE.glob(f"zoo-{size}-*"):
        old.unlink()
    partial = CACHE / f"zoo-{size}-partial.db"
    store = store_at(f"sqlite:///{partial}")
    await store.open()
    try:
        await fill(store, records(members), size)
    finally:
        await store.close()
    partial.rename(path(size))  # only a file that is whole has this name


async def fill(store: Store, found: Iterator[Record], size: int) -> None:
    """Write records in batches, each a transaction."""
    start, done = time.monotonic(), 0
    while batch := list(islice(found, _BATCH)):

        async def draft(_reads: Reads, batch: Sequence[Record] = batch) -> Sequence[Record]:
            return batch

        for outcome in await store.write([Proposal(draft, "zoo")]):
            if outcome:
                raise outcome
        done += len(batch)
        sys.stderr.write(f"\rregistering a zoo: {done:,} of about {size:,} records, {time.monotonic() - start:.0f} s")
    sys.stderr.write("\n")


async def _landmarks(size: int, store: Store, topology: Topology, landscape: Zoo, members: Members) -> Landmarks:
    last = topology.size
    early = [n for n in range(1, 400) if members.kind(n) is Kind.MODEL_VERSION]
    later = {int(n) for n in np.geomspace(400, last // 2, 300) if members.kind(int(n)) is Kind.MODEL_VERSION}
    asked = [members.label(n) for n in (*early, *sorted(later), landscape.chain[0], landscape.lattice[0])]
    found = await store.resolve(asked)

    def reached(refs: Sequence[str]) -> int:
        origins = [found[ref].sequence for ref in refs]
        return topology.reach(ReachQuery(origins, Direction.DESCENDANTS, last, first=1)).total

    ranked = sorted(asked[:-2], key=lambda ref: -reached([ref]))
    code = (await store.briefs([landscape.code]))[0]  # nothing before it has a statement, so that this is its sequence
    found[code.ref] = code
    choices = [ranked[start : start + many] for start in range(1, 40) for many in (1, 2, 4, 8)]
    choices += [ranked[:1], [code.ref], [code.ref, *ranked[:1]], [code.ref, *ranked[:8]]]
    reaches = [reached(refs) for refs in choices]
    causes = {}
    wanted = {str(share): share * last for share in SHARES} | {SAME: _SAME, MOST: last}
    for name, records_reached in wanted.items():
        best = min(range(len(choices)), key=lambda i: abs(reaches[i] - records_reached))
        causes[name] = Cause(choices[best], reaches[best])
    for name, ref in (("chain", asked[-2]), ("lattice", asked[-1])):
        causes[name] = Cause([ref], reached([ref]))
    versions = topology.everything(last, Kind.MODEL_VERSION)
    sample = np.random.default_rng(2).choice(versions, SAMPLE, replace=False).tolist()
    newest = versions[versions < found[asked[-2]].sequence][: -5 * SAMPLE : -1].tolist()  # before the chain begins
    leaves = [v for v in newest if not topology.reach(ReachQuery([v], Direction.DESCENDANTS, last)).total]
    return Landmarks(size, last, causes, await _refs(store, leaves[:SAMPLE]), await _refs(store, sample))


async def _refs(store: Store, sequences: Sequence[int]) -> list[str]:
    return [brief.ref for brief in await store.briefs(sequences)]
