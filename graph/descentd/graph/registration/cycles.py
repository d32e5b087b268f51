"""Cycles that new disclosures would close: checked under the lock that orders all writes, so that no two close one."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from descentd.graph.model.errors import Cycle
from descentd.graph.model.kinds import INFLUENCE, Kind, Role
from descentd.graph.model.records import Record
from descentd.graph.retractions import NEWEST, retracted_ids
from descentd.graph.store.base import Reads


async def check_cycles(reads: Reads, new: Sequence[Record]) -> None:
    """Raise Cycle where new records close one."""
    if any(record.kind is Kind.DISCLOSURE for record in new):
        cycle = await _Cycles(reads, new).find()
        if cycle is not None:
            raise cycle


class _Cycles:
    """Finds disclosures by which something would descend from itself.

    Edges of records alone always point backwards in the log, so that a cycle takes a disclosure. Each search walks both
    ways at once, from what is disclosed to what it came from and from the subject to what came from it, a level at a
    time, until they meet or one of them ends.
    """

    def __init__(self, reads: Reads, new: Sequence[Record]) -> None:
        self._reads = reads
        self._new = {record.id: record for record in new}
        self._derived: defaultdict[str, set[str]] = defaultdict(set)
        self._about: defaultdict[str, set[str]] = defaultdict(set)
        for record in new:
            for edge in record.edges:
                if edge.role in INFLUENCE:
                    self._derived[edge.target].add(record.id)
                elif edge.role is Role.ABOUT and record.kind is Kind.DISCLOSURE:
                    self._about[edge.target].add(record.id)

    async def find(self) -> Cycle | None:
        """The first cycle that the new disclosures close; same data in two partitions makes none."""
        for record in self._new.values():
            if record.kind is not Kind.DISCLOSURE:
                continue
            subjects = {edge.target for edge in record.edges if edge.role is Role.ABOUT}
            sources = {edge.target for edge in record.edges if edge.role in INFLUENCE}
            if await self._connected(sources, subjects):
                subject = await self._ref(record.content["subject"])
                return Cycle(f"{subject} would descend from itself by what is disclosed of it: remove that part.")
        return None

    async def _ref(self, id: str) -> str:
        if id in self._new:
            return self._new[id].label or id
        return (await self._reads.resolve([id]))[id].ref

    async def _connected(self, sources: set[str], subjects: set[str]) -> bool:
        """Whether one of the sources is, or descends from, one of the subjects."""
        above, below = set(sources), set(subjects)
        upward, downward = sources, subjects
        while upward and downward:
            if above & below:
                return True
            if len(upward) <= len(downward):
                upward = await self._origins(upward) - above
                above |= upward
            else:
                downward = await self._descendants(downward) - below
                below |= downward
        return bool(above & below)

    async def _origins(self, ids: Collection[str]) -> set[str]:
        """What these records came from directly, by themselves or by a current disclosure about them."""
        about = await self._linked(ids, {Role.ABOUT}, inward=True)
        disclosures = await self._current({id for id, kind in about.items() if kind is Kind.DISCLOSURE})
        news = {record.id for record in self._new.values() if record.kind is Kind.DISCLOSURE}
        disclosures |= {
            id for id in news for edge in self._new[id].edges if edge.role is Role.ABOUT and edge.target in ids
        }
        holders = {*ids, *disclosures}
        found = set(await self._linked(holders, INFLUENCE, inward=False))
        own = (edge for id in holders if id in self._new for edge in self._new[id].edges)
        return found | {edge.target for edge in own if edge.role in INFLUENCE}

    async def _descendants(self, ids: Collection[str]) -> set[str]:
        """What came directly from these records, by itself or by a current disclosure about it."""
        found = dict(await self._linked(ids, INFLUENCE, inward=True))
        disclosures = await self._current({id for id, kind in found.items() if kind is Kind.DISCLOSURE})
        new = {derived for id in ids for derived in self._derived[id]}
        news = {id for id in new if self._new[id].kind is Kind.DISCLOSURE}
        subjects = set(await self._linked(disclosures, {Role.ABOUT}, inward=False))
        subjects |= {edge.target for id in news for edge in self._new[id].edges if edge.role is Role.ABOUT}
        return subjects | {id for id, kind in found.items() if kind is not Kind.DISCLOSURE} | (new - news)

    async def _current(self, ids: Collection[str]) -> set[str]:
        """Those of these registered disclosures that are not superseded, neither here nor in the registry."""
        superseded = {record.content.get("supersedes") for record in self._new.values()}
        left = {id for id in ids if id not in superseded}
        if not left:
            return left
        briefs = await self._reads.resolve(left)
        ids_of = {brief.sequence: brief.id for brief in briefs.values()}
        links = await self._reads.links(list(ids_of), {Role.SUPERSEDES}, inward=True)
        return left - {ids_of[link.target] for link in links} - await retracted_ids(self._reads, left, NEWEST)

    async def _linked(self, ids: Collection[str], roles: Collection[Role], *, inward: bool) -> dict[str, Kind]:
        """The registered records at the other end of edges of registered records, with their kinds."""
        stored = [brief.sequence for brief in (await self._reads.resolve(ids)).values()] if ids else []
        links = await self._reads.links(stored, roles, inward=inward) if stored else []
        ends = sorted({link.source if inward else link.target for link in links})
        return {brief.id: brief.kind for brief in await self._reads.briefs(ends)} if ends else {}
