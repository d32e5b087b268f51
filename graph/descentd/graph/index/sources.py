"""The sources of a version's training data: versions, partitions, and records that are not documented."""

from dataclasses import asdict, dataclass

import numpy as np

from descentd.graph.index.arrays import (
    DATASET,
    DERIVED_FROM,
    LEARNED,
    LEARNS,
    PARTITION,
    PARTITIONED,
    ROLE,
    TRAINED,
    TRAINED_ON,
    VERSION,
    Integers,
    Tags,
)
from descentd.graph.index.columns import Columns, Stored


@dataclass(frozen=True, slots=True)
class Sources:
    """Sequences, ascending; `bare` runs in log order of `learned`."""

    versions: Integers
    partitions: Integers
    unexplained: Integers
    """Versions that list no training data although they must have learned from some."""
    bare: Integers
    """Datasets without partitions that some version learned from."""
    learned: Integers
    """The first version that learned from each of `bare`."""

    def undocumented(self, upto: int) -> Integers:
        """What is undocumented whatever partitions say."""
        unexplained = self.unexplained[: np.searchsorted(self.unexplained, upto, "right")]
        return np.concatenate((unexplained, self.bare[: np.searchsorted(self.learned, upto, "right")]))


class SourceLog:
    """The writer's side: takes edges in log order and hands out `Sources`."""

    def __init__(self, columns: Columns) -> None:
        self._versions = columns.growing("versions", np.int32)
        self._partitions = columns.growing("partitions", np.int32)
        self._unexplained = columns.growing("unexplained", np.int32)
        self._bare, self._learned = columns.growing("bare", np.int32), columns.growing("learned", np.int32)

    def extend(
        self,
        after: int,
        kinds: Tags,
        flags: Tags,
        sources: Integers,
        targets: Integers,
        tags: Tags,
        speaking: Integers,
    ) -> Sources:
        """Take in the records after a sequence. `kinds` and `flags` are of all records, the edges of the new ones.

        Marks in `flags` what was `LEARNED`, and the versions `speaking` of training as `TRAINED`.
        """
        flags[speaking] |= TRAINED
        fresh = kinds[after + 1 :]
        versions = np.flatnonzero(fresh == VERSION) + after + 1
        self._versions.extend(versions)
        self._partitions.extend(np.flatnonzero(fresh == PARTITION) + after + 1)
        roles, learns = tags & ROLE, tags & LEARNS != 0
        trained, derived = (roles == TRAINED_ON) & learns, roles == DERIVED_FROM

        def having(chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
            mask = np.zeros(len(fresh), np.bool_)
            mask[sources[chosen] - after - 1] = True
            return mask[versions - after - 1]

        assembled = having(derived) & ~having(derived & learns) & (flags[versions] & TRAINED == 0)
        explained = having(trained) | assembled
        self._unexplained.extend(versions[~explained])
        whole = trained & (kinds[targets] == DATASET) & (flags[targets] & (PARTITIONED | LEARNED) == 0)
        bare, firsts = np.unique(targets[whole], return_index=True)
        learned = sources[whole][firsts]
        order = np.lexsort((bare, learned))
        self._bare.extend(bare[order])
        self._learned.extend(learned[order])
        flags[bare] |= LEARNED
        return self._sources()

    def _sources(self) -> Sources:
        return Sources(
            self._versions.view(),
            self._partitions.view(),
            self._unexplained.view(),
            self._bare.view(),
            self._learned.view(),
        )

    def columns(self) -> Stored:
        """What the sources are restored from."""
        return asdict(self._sources())
