"""Checking snapshots: whether they would be used, and whether an index says what follows from the log."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from descentd.graph.index.columns import Columns, Misfit
from descentd.graph.index.snapshot import file, index_snapshots
from descentd.graph.index.snapshot.index_snapshots import GrowingLog
from descentd.graph.index.topology import Topology


@dataclass(frozen=True, slots=True)
class Checked:
    """What is wrong with a snapshot, None where it is used; `wrong` where it would be used and is not right."""

    file: str
    sequence: int | None
    problem: str | None
    wrong: bool = False


async def check(path: Path, contents: str, log: GrowingLog) -> Checked | None:
    """Check the snapshot at a path; None where there is none. Raises Unavailable.

    An index is worked out again from the log and compared, column by column. Of other contents the checksums and the
    origin are compared.
    """
    sequence = None
    try:
        found = await asyncio.to_thread(file.read, path, contents)
        if found is None:
            return None
        sequence = found.origin.sequence
        await found.origin.check(log)
        topology = Topology(Columns(found.columns)) if contents == index_snapshots.CONTENTS else None
    except Misfit as misfit:
        return Checked(str(path), sequence, str(misfit))
    other = await _misfit(topology, log) if topology is not None else None
    problem = None if other is None else f"its column {other} is not what follows from the log"
    return Checked(str(path), sequence, problem, wrong=problem is not None)


async def _misfit(topology: Topology, log: GrowingLog) -> str | None:
    """The first column of a topology that is otherwise than where all of the log is taken in at once."""
    afresh = Topology()
    afresh.extend(await log.tail(0))
    while topology.size < afresh.size:
        topology.extend(await log.tail(topology.size))
    while afresh.size < topology.size:
        afresh.extend(await log.tail(afresh.size))
    kept = topology.columns()
    for name, array in afresh.columns().items():
        if not np.array_equal(kept[name].view(np.uint8), array.view(np.uint8)):
            return name
    return None
