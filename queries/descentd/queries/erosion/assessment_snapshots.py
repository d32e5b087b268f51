"""Snapshots of assessments: what was assessed is there again after a start, and only the rest is assessed."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from descentd.graph.index.columns import Columns, Misfit
from descentd.graph.index.snapshot import file
from descentd.graph.index.snapshot.file import Snapshot
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
        self._kept = 0, 0, 0
        """How far the ranking was then."""
        self._known: tuple[int, ...] | None = None
        """The file that was looked at or written last."""

    async def restore(self, registry: Registry) -> bool:
        """Let the registry's ranking go on from what is in the file; False where there is nothing that can be used."""
        ranking, self._known = registry.cache(Ranking), file.identity(self._path)
        try:
            found = await asyncio.to_thread(file.read, self._path, CONTENTS)
            if found is None:
                return False
            await found.origin.check(registry.store)
            ranking.restore(_stored(found))
        except Misfit as misfit:
            self._ignored(str(misfit))
            return False
        self._frontier, self._kept = found.origin.load_frontier(), _progress(ranking)
        return True

    def due(self, registry: Registry) -> bool:
        """Whether the ranking has gone on since, and is of a registry that is worth a file."""
        ranking = registry.cache(Ranking)
        return _progress(ranking) != self._kept and ranking.assessed >= LEAST

    async def write(self, registry: Registry) -> bool:
        """Write the assessments as they are, of some versions too.

        False where another process is about to, or has written some that are further. Raises OSError.
        """
        ranking = registry.cache(Ranking)
        async with ranking.lock:
            stored = await asyncio.to_thread(ranking.settled)
            ranking.settle(stored)
        progress = _progress(stored)
        origin = await Origin.of(registry.store, self._frontier, stored.seen)
        further = partial(self._is_further, progress)
        written = await asyncio.to_thread(file.write, self._path, CONTENTS, origin, stored.stored(), further)
        if written is None:
            return False
        self._frontier, self._kept, self._known = origin.load_frontier(), progress, written
        return True

    def _is_further(self, progress: tuple[int, int, int]) -> bool:
        """Whether what another process of this registry has put there since goes on from more than this."""
        if file.identity(self._path) in {None, self._known}:
            return False
        try:
            found = file.read(self._path, CONTENTS)
            return found is not None and progress < _progress(_stored(found))
        except Misfit:
            return False


def _stored(found: Snapshot) -> StoredRanking:
    return StoredRanking.restored(Columns(found.columns), found.origin.sequence)


def _progress(of: Ranking | StoredRanking) -> tuple[int, int, int]:
    """Greater for what leaves less to be assessed: first comes up to where the list is complete."""
    return of.upto, of.seen, -len(of.pending)
