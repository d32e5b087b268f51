"""Snapshots of assessments: what was assessed is there again after a start, and only what came since is assessed."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from descentd.graph.index.columns import Columns, Misfit
from descentd.graph.index.snapshot import file
from descentd.graph.index.snapshot.origin import Origin
from descentd.graph.model.merkle import Frontier
from descentd.queries.erosion.registry_ranking import Ranking
from descentd.queries.erosion.stored_assessments import StoredAssessments
from descentd.queries.evaluation.editions import CURRENT
from descentd.queries.registry import Registry

CONTENTS: Final = f"erosion by edition {CURRENT} of the statistics"
"""What was assessed by another edition is assessed again."""

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

    async def restore(self, registry: Registry) -> bool:
        """Let the registry's ranking begin with what is in the file; False where there is nothing that can be used."""
        try:
            found = await asyncio.to_thread(file.read, self._path, CONTENTS)
            if found is None:
                return False
            await found.origin.check(registry.store)
            stored = StoredAssessments.restored(Columns(found.columns))
        except Misfit as misfit:
            self._ignored(str(misfit))
            return False
        self._frontier = found.origin.load_frontier()
        registry.cache(Ranking).restore(stored, found.origin.sequence)
        return True

    def due(self, registry: Registry) -> bool:
        """Whether the ranking has gone on since, and is of a registry that is worth a file."""
        stored, held, upto = registry.cache(Ranking).holding()
        return upto > self._frontier.size and len(stored.versions) + len(held) >= LEAST

    async def write(self, registry: Registry) -> bool:
        """Write the assessments as they are; False where another process is about to. Raises OSError."""
        ranking = registry.cache(Ranking)
        stored, held, upto = ranking.holding()
        joined = await asyncio.to_thread(stored.joined, held.values())
        origin = await Origin.of(registry.store, self._frontier, upto)
        if not await asyncio.to_thread(file.write, self._path, CONTENTS, origin, joined.stored()):
            return False
        self._frontier = origin.load_frontier()
        ranking.settle(joined, held)
        return True
