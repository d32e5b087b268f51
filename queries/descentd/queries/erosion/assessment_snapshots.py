"""Snapshots of assessments: what was assessed is there again after a start, and only the rest is assessed."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from descentd.graph.index.columns import Columns, Misfit
from descentd.graph.index.snapshot import file
from descentd.graph.index.snapshot.origin import Origin
from descentd.graph.model.merkle import Frontier
from descentd.queries.erosion.registry_ranking import Ranking
from descentd.queries.erosion.stored_assessments import StoredRanking
from descentd.queries.evaluation.editions import CURRENT
from descentd.queries.registry import Registry

CONTENTS: Final = f"erosion by edition {CURRENT} of the statistics, each finding with its derivations"
"""What was assessed by another edition, or stored in another form, is assessed again."""

LEAST: Final = 200
"""Fewer versions are assessed again in seconds."""


class AssessmentSnapshots:
    """The snapshots of a registry's assessments in a file. Methods raise Unavailable while the log cannot be read.

    `ignored` is called with the reason where there is a snapshot that cannot be used.
    """

    def __init__(self, path: Path, ignored: Callable[[str], object]) -> None:
        self._path = path
        self._ignored = ignored
        self._frontier = Frontier()
        """That of the log where assessments were opened or written last."""
        self._kept = 0, 0
        """Of the ranking then: the sequence, and how many versions were to be assessed."""

    async def restore(self, registry: Registry) -> bool:
        """Let the registry's ranking go on from what is in the file; False where there is nothing that can be used."""
        ranking = registry.cache(Ranking)
        try:
            found = await asyncio.to_thread(file.read, self._path, CONTENTS)
            if found is None:
                return False
            await found.origin.check(registry.store)
            ranking.restore(StoredRanking.restored(Columns(found.columns)), found.origin.sequence)
        except Misfit as misfit:
            self._ignored(str(misfit))
            return False
        self._frontier, self._kept = found.origin.load_frontier(), _moment(ranking)
        return True

    def due(self, registry: Registry) -> bool:
        """Whether the ranking has gone on since, and is of a registry that is worth a file."""
        ranking = registry.cache(Ranking)
        return _moment(ranking) != self._kept and ranking.assessed >= LEAST

    async def write(self, registry: Registry) -> bool:
        """Write the assessments as they are, of some versions too; False where another process is about to.

        Raises OSError.
        """
        ranking = registry.cache(Ranking)
        async with ranking.lock:
            stored, moment = await asyncio.to_thread(ranking.settle), _moment(ranking)
        origin = await Origin.of(registry.store, self._frontier, moment[0])
        if not await asyncio.to_thread(file.write, self._path, CONTENTS, origin, stored.stored()):
            return False
        self._frontier, self._kept = origin.load_frontier(), moment
        return True


def _moment(ranking: Ranking) -> tuple[int, int]:
    return ranking.seen, len(ranking.pending)
