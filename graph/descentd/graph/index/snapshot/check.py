"""Checking snapshots: whether they would be used, and whether they say what follows from the log."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from descentd.graph.index.columns import Columns, Misfit
from descentd.graph.index.snapshot import file
from descentd.graph.index.snapshot.file import Snapshot
from descentd.graph.index.snapshot.index_snapshots import GrowingLog
from descentd.graph.index.topology import Topology


@dataclass(frozen=True, slots=True)
class Checked:
    """What is wrong with a snapshot, None where it is used; `wrong` where it would be used and is not right."""

    file: str
    sequence: int | None
    problem: str | None
    wrong: bool = False


Difference = Callable[[Snapshot], Awaitable[str | None]]
"""Says what of a snapshot is not what follows from the log, as a noun; None if all of it is. May raise Misfit."""


async def check(path: Path, contents: str, log: GrowingLog, difference: Difference) -> Checked | None:
    """Check the snapshot at a path, by its checksums, its origin and `difference`; None where there is none.

    Raises Unavailable.
    """
    sequence = None
    try:
        found = await asyncio.to_thread(file.read, path, contents)
        if found is None:
            return None
        sequence = found.origin.sequence
        await found.origin.check(log)
        other = await difference(found)
    except Misfit as misfit:
        return Checked(str(path), sequence, str(misfit))
    problem = None if other is None else f"{other} is not what follows from the log"
    return Checked(str(path), sequence, problem, wrong=problem is not None)


async def index_difference(log: GrowingLog, snapshot: Snapshot) -> str | None:
    """The first column of an index that is otherwise than where all of the log is taken in at once."""
    topology = Topology(Columns(snapshot.columns))
    afresh = Topology()
    afresh.extend(await log.tail(0))
    while topology.size < afresh.size:
        topology.extend(await log.tail(topology.size))
    while afresh.size < topology.size:
        afresh.extend(await log.tail(afresh.size))
    kept = topology.columns()
    for name, array in afresh.columns().items():
        if not np.array_equal(kept[name].view(np.uint8), array.view(np.uint8)):
            return f"its column {name}"
    return None
