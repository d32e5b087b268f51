"""The ancestry of versions without what one derivation after another passes: versions that nobody measured.

A long lineage is mostly those. What was measured in it, and how it forks, is found here by arrays, so that no other
version costs an object of its own.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from descentd.graph.index.arrays import DERIVED_FROM, ROLE, Integers
from descentd.graph.index.edges import Edges


@dataclass(frozen=True, slots=True)
class Contraction:
    """Some versions and all their ancestors, ascending, and which of these are kept.

    Left out are versions with a single parent, by what they state themselves, that nothing rests on as evidence and
    that no disclosure joins to another version.
    """

    versions: Integers
    nearest: Integers
    """The place of the nearest version that is kept: of each that is kept its own."""
    passed: Integers
    """How many are left out from each up to that one, itself included."""
    parents: Integers
    """The place of the parent of each that is left out."""

    @property
    def kept(self) -> list[int]:
        """The versions that are kept, ascending."""
        found: list[int] = self.versions[self.passed == 0].tolist()
        return found

    def above(self, version: int) -> tuple[int, int]:
        """The nearest version that is kept, itself or an ancestor, and how many are left out on the way to it."""
        place = self._place(version)
        return int(self.versions[self.nearest[place]]), int(self.passed[place])

    def left_out(self, version: int) -> list[int]:
        """The versions that are left out from one up to the nearest that is kept, each before its parent."""
        place, found = self._place(version), []
        for _ in range(int(self.passed[place])):
            found.append(int(self.versions[place]))
            place = int(self.parents[place])
        return found

    def _place(self, version: int) -> int:
        return int(np.searchsorted(self.versions, version))


@runtime_checkable
class SupportsContraction(Protocol):
    """Somebody who finds what to keep of an ancestry without looking at each version in it."""

    async def contraction(self, heads: Sequence[int], kept: Collection[int], upto: int) -> Contraction:
        """Contract the ancestry of `heads`; these stay, and their parents, and those of `kept` that are in it."""
        ...


def contract(
    influence: Edges, evidence: Edges, versions: Integers, heads: Sequence[int], kept: Collection[int], upto: int
) -> Contraction:
    """Contract an ancestry: `versions` are those of it, ascending, with the heads.

    Own edges lead to earlier records, so that only disclosures can close a cycle: what these join is kept.
    """
    rows, size = influence.by_source, len(versions)
    positions = rows.positions(versions)
    places = np.repeat(np.arange(size, dtype=np.int32), rows.starts[versions + 1] - rows.starts[versions])
    derived = rows.tags[positions] & ROLE == DERIVED_FROM
    places, above = places[derived], np.searchsorted(versions, rows.others[positions[derived]]).astype(np.int32)
    stays = np.bincount(places, minlength=size) != 1
    others, measured = evidence.below(versions)
    stays[measured[others <= upto]] = True
    own = np.searchsorted(versions, np.array(sorted({*heads}), np.int32))
    stays[own] = True
    stays[above[np.isin(places, own)]] = True
    disclosed = influence.disclosed
    joined = disclosed.tags & ROLE == DERIVED_FROM
    for named in (np.fromiter(kept, np.int32), disclosed.sources[joined], disclosed.targets[joined]):
        found = np.searchsorted(versions, named).clip(max=size - 1)
        stays[found[versions[found] == named]] = True
    parents = np.arange(size, dtype=np.int32)
    parents[places] = above
    nearest = np.where(stays, np.arange(size, dtype=np.int32), parents)
    passed = (~stays).astype(np.int32)
    # Each round doubles how far every version has looked.
    while not stays[nearest].all():
        passed += passed[nearest]
        nearest = nearest[nearest]
    return Contraction(versions, nearest, passed, parents)
