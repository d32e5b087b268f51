"""Cycles that disclosures would close: checked under the lock that orders all writes, so that no two close one.

A disclosure closes one when it is registered, or later, when a retraction makes it count: of what retracted it, or of
what superseded it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence

from descentd.graph.model.errors import Cycle
from descentd.graph.model.kinds import INFLUENCE, Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief, Record
from descentd.graph.retractions import NEWEST, Retractions, find_retractions
from descentd.graph.store.base import Reads


async def check_cycles(
    reads: Reads, new: Sequence[Record], field_of: Callable[[str], str | None] = lambda _: None
) -> None:
    """Raise Cycle where new records close one: disclosures, or retractions by which some count again.

    field_of: where the input gives the new record with an id.
    """
    if any(record.kind in (Kind.DISCLOSURE, Kind.RETRACTION) for record in new):
        cycle = await _Cycles(reads, new).find(field_of)
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

    async def find(self, field_of: Callable[[str], str | None]) -> Cycle | None:
        """The first cycle that the new disclosures close; same data in two partitions makes none."""
        for record in self._new.values():
            if record.kind is Kind.DISCLOSURE and (circle := await self._closed_by(record)):
                return Cycle(f"{circle}: remove that part of what is disclosed.", field_of(record.id))
        for record in await self._revived():
            if circle := await self._closed_by(record):
                return Cycle(
                    f"{circle}, as this makes the disclosure {record.id} count again. Retract or supersede what was "
                    "disclosed since.",
                    "subjects",
                )
        return None

    async def _closed_by(self, disclosure: Record) -> str | None:
        """What would descend from itself by a disclosure, and by which of the origins that it states."""
        subjects = {edge.target for edge in disclosure.edges if edge.role is Role.ABOUT}
        sources = {edge.target for edge in disclosure.edges if edge.role in INFLUENCE}
        if not await self._connected(sources, subjects):
            return None
        subject = await self._ref(disclosure.content["subject"])
        for source in sorted(sources - subjects):
            if await self._connected({source}, subjects):
                origin = await self._ref(source)
                return f"{subject} would descend from itself, because {origin} descends from it"
        return f"{subject} would descend from itself"

    async def _revived(self) -> list[Record]:
        """The registered disclosures that new retractions make count again."""
        retracted: set[str] = set()
        waiting = {id for record in self._new.values() if record.kind is Kind.RETRACTION for id in _subjects(record)}
        while waiting:
            entries = await self._entries(waiting)
            retracted |= waiting
            retractions = [entry.record for entry in entries if entry.record.kind is Kind.RETRACTION]
            waiting = {id for record in retractions for id in _subjects(record)} - retracted
        disclosures = [e.record for e in await self._entries(retracted) if e.record.kind is Kind.DISCLOSURE]
        superseded = {record.content["supersedes"] for record in disclosures if "supersedes" in record.content}
        concerned = {*(record.id for record in disclosures), *superseded}
        before = await self._current(concerned, with_new=False)
        after = await self._current(concerned)
        return [entry.record for entry in await self._entries(after - before)]

    async def _entries(self, ids: Collection[str]) -> list[Entry]:
        """The registered ones among these records."""
        briefs = (await self._reads.resolve(ids)).values() if ids else ()
        return await self._reads.entries(sorted(brief.sequence for brief in briefs)) if briefs else []

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

    async def _current(self, ids: Collection[str], *, with_new: bool = True) -> set[str]:
        """Those of these registered disclosures that are in force, once the new records are there or before."""
        new = self._new.values() if with_new else ()
        briefs = await self._reads.resolve(ids) if ids else {}
        ids_of = {brief.sequence: brief.id for brief in briefs.values()}
        links = await self._reads.links(list(ids_of), {Role.SUPERSEDES}, inward=True) if ids_of else []
        newer = {brief.sequence: brief.id for brief in await self._reads.briefs([link.source for link in links])}
        retracted = await self._retracted({*ids_of.values(), *newer.values()}, new)
        superseded = {ids_of[link.target] for link in links if newer[link.source] not in retracted}
        stating = [record.content for record in new if record.kind is Kind.DISCLOSURE]
        superseded |= {content["supersedes"] for content in stating if "supersedes" in content}
        return {id for id in ids_of.values() if id not in superseded and id not in retracted}

    async def _retracted(self, ids: Collection[str], new: Iterable[Record]) -> Collection[str]:
        """Those of these registered records that are retracted, by new retractions too."""
        known = await find_retractions(self._reads, ids)
        by_subject = {id: list(briefs) for id, briefs in known.by_subject.items()}
        for record in new:
            if record.kind is Kind.RETRACTION:
                for id in _subjects(record):
                    by_subject.setdefault(id, []).append(Brief(NEWEST, record.kind, record.id, None))
        return Retractions(by_subject).at(NEWEST).keys()

    async def _linked(self, ids: Collection[str], roles: Collection[Role], *, inward: bool) -> dict[str, Kind]:
        """The registered records at the other end of edges of registered records, with their kinds."""
        stored = [brief.sequence for brief in (await self._reads.resolve(ids)).values()] if ids else []
        links = await self._reads.links(stored, roles, inward=inward) if stored else []
        ends = sorted({link.source if inward else link.target for link in links})
        return {brief.id: brief.kind for brief in await self._reads.briefs(ends)} if ends else {}


def _subjects(retraction: Record) -> Sequence[str]:
    """What a retraction is about, by id; of a part of a record it takes nothing away that counts here."""
    return () if "part" in retraction.content else retraction.content["subjects"]
