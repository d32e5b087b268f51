"""The lineage index: the influence graph in this process, up to date with a store; SupportsReach for every store."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from typing_extensions import override

from descentd.graph.index.contraction import Contraction, SupportsContraction
from descentd.graph.index.topology import Topology
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.reach import (
    Derivations,
    Direction,
    ExposurePage,
    ExposureQuery,
    Neighbours,
    ReachPage,
    ReachQuery,
    Sequences,
    StatedEdge,
    Step,
    SupportsNeighbours,
    SupportsReach,
    Tail,
)
from descentd.graph.turns import apart, in_thread


class Source(Protocol):
    """What the index needs of a store: the log's growth."""

    async def tail(self, after: int) -> Tail:
        """What the influence graph needs to know of the records after a sequence."""
        ...


class LineageIndex(SupportsReach, SupportsNeighbours, SupportsContraction):
    """Answers from a topology that first takes in whatever the store's log has gained, whoever wrote it.

    Walks run in worker threads, so that a long one does not hold up what else the process is asked.
    """

    def __init__(self, store: Source) -> None:
        self._store = store
        self._topology = Topology()
        self._extending = asyncio.Lock()

    @property
    def topology(self) -> Topology:
        """What it answers from now."""
        return self._topology

    async def replace(self, topology: Topology) -> None:
        """Answer from another topology of the same log from now on."""
        async with self._extending:
            if topology.size < self._topology.size:
                tail = await self._store.tail(topology.size)
                await asyncio.to_thread(topology.extend, tail)
            self._topology = topology

    async def catch_up(self, upto: int) -> None:
        """Hold every record up to a sequence that the store has reached."""
        if self._topology.size < upto:
            await apart(self._extend(upto))

    async def _extend(self, upto: int) -> None:
        async with self._extending:
            if self._topology.size < upto:
                tail = await self._store.tail(self._topology.size)
                await in_thread(self._topology.extend, tail)

    @override
    async def reach(self, query: ReachQuery) -> ReachPage:
        await self.catch_up(query.upto)
        return await in_thread(self._topology.reach, query)

    @override
    async def via(
        self, origins: Sequence[int], items: Sequence[int], upto: int, *, evidence: bool = False
    ) -> Sequence[Sequence[Step]]:
        await self.catch_up(upto)
        return await in_thread(self._topology.via, origins, items, upto, evidence=evidence)

    @override
    async def members(
        self,
        origins: Sequence[int],
        direction: Direction,
        upto: int,
        kind: Kind,
        *,
        avoiding: frozenset[int] = frozenset(),
    ) -> Sequences:
        await self.catch_up(upto)
        return await in_thread(self._topology.members, origins, direction, upto, kind, avoiding=avoiding)

    @override
    async def contraction(self, heads: Sequence[int], kept: Collection[int], upto: int) -> Contraction:
        await self.catch_up(upto)
        return await in_thread(self._topology.contraction, heads, kept, upto)

    @override
    async def members_of_each(
        self, origins: Sequence[int], heads: Sequence[int], upto: int, kind: Kind
    ) -> Mapping[int, AbstractSet[int]]:
        await self.catch_up(upto)
        return await in_thread(self._topology.members_of_each, origins, heads, upto, kind)

    @override
    async def everything(self, upto: int, kind: Kind) -> Sequences:
        await self.catch_up(upto)
        return self._topology.everything(upto, kind)

    @override
    async def count(self, upto: int, kind: Kind) -> int:
        await self.catch_up(upto)
        return self._topology.count(upto, kind)

    @override
    async def latest(self, upto: int, kind: Kind, number: int) -> Sequences:
        await self.catch_up(upto)
        return self._topology.latest(upto, kind, number)

    @override
    async def exposure(self, query: ExposureQuery) -> ExposurePage:
        await self.catch_up(query.upto)
        return await in_thread(self._topology.exposure, query)

    @override
    async def vocabulary(self, upto: int) -> Mapping[str, Mapping[str, int]]:
        await self.catch_up(upto)
        return await in_thread(self._topology.vocabulary, upto)

    @override
    async def paths(self, start: int, end: int, upto: int, first: int) -> Derivations:
        await self.catch_up(upto)
        return await in_thread(self._topology.paths, start, end, upto, first)

    @override
    async def neighbours(
        self, records: Sequence[int], direction: Direction, upto: int, kinds: frozenset[Kind], first: int
    ) -> Mapping[int, Neighbours]:
        await self.catch_up(upto)
        return self._topology.neighbours(records, direction, upto, kinds, first)

    @override
    async def edges(
        self, sources: Collection[int], targets: Collection[int], roles: Collection[Role], upto: int
    ) -> Sequence[StatedEdge]:
        await self.catch_up(upto)
        return await in_thread(self._topology.edges, sources, targets, roles, upto)

    @override
    async def twins(self, records: Collection[int], upto: int) -> Mapping[int, Sequence[int]]:
        await self.catch_up(upto)
        return self._topology.twins(records, upto)
