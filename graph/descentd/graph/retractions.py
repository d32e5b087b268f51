"""Retractions: which records are retracted at a sequence; they stay, but nothing may rely on them.

A retraction is a record itself and may be retracted in turn; then what it was about stands again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from descentd.graph.model.derived import retracted_key
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief
from descentd.graph.store.base import Reads

NEWEST: Final = 1 << 62
"""A sequence that no record comes after: for a look-up under the lock that orders all writes."""


@dataclass(frozen=True, slots=True)
class Retractions:
    """The retractions of some records, the retractions of these retractions, and so on.

    by_subject: for each record (by id) that was ever retracted, all retractions of it.
    """

    by_subject: Mapping[str, Collection[Brief]]

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Retractions":
        """What these retractions of whole records say; they have to be all of the log up to some sequence."""
        found: defaultdict[str, list[Brief]] = defaultdict(list)
        for entry in entries:
            brief = Brief(entry.sequence, entry.record.kind, entry.record.id, None)
            for id in entry.record.content["subjects"] if "part" not in entry.record.content else ():
                found[id].append(brief)
        return cls(found)

    def about(self, ids: Iterable[str]) -> "Retractions":
        """The retractions of these records alone, with the retractions of those."""
        found: dict[str, Collection[Brief]] = {}
        wanted = set(ids) & self.by_subject.keys()
        while wanted:
            found |= {id: self.by_subject[id] for id in wanted}
            wanted = ({brief.id for id in wanted for brief in found[id]} & self.by_subject.keys()) - found.keys()
        return Retractions(found)

    def at(self, sequence: int) -> Mapping[str, Brief]:
        """What was retracted as of a sequence, by id, each with the first retraction that was in force then."""
        subjects: defaultdict[int, list[str]] = defaultdict(list)
        retractions: dict[int, Brief] = {}
        for id, briefs in self.by_subject.items():
            for brief in briefs:
                if brief.sequence <= sequence:
                    subjects[brief.sequence].append(id)
                    retractions[brief.sequence] = brief
        retracted: dict[str, Brief] = {}
        # What retracts a retraction comes after it in the log, so backwards each is decided before it is asked for.
        for number in sorted(retractions, reverse=True):
            if retractions[number].id not in retracted:
                retracted |= dict.fromkeys(subjects[number], retractions[number])
        return retracted


async def find_retractions(reads: Reads, ids: Collection[str], part: str | None = None) -> Retractions:
    """All retractions of some records, or of a part of them: one look-up where there are none, else two a level."""
    found: dict[str, Sequence[Brief]] = {}
    wanted = {retracted_key(id, part): id for id in ids}
    while wanted:
        held = await reads.find_by_keys(wanted)
        sequences = sorted({sequence for by in held.values() for sequence in by})
        briefs = {brief.sequence: brief for brief in await reads.briefs(sequences)} if sequences else {}
        found |= {wanted[key]: [briefs[sequence] for sequence in by] for key, by in held.items()}
        wanted = {retracted_key(brief.id): brief.id for brief in briefs.values() if brief.id not in found}
    return Retractions(found)


async def retracted_ids(reads: Reads, ids: Collection[str], upto: int) -> frozenset[str]:
    """Those of these ids that are retracted as of a sequence."""
    retracted = (await find_retractions(reads, ids)).at(upto)
    return frozenset(id for id in ids if id in retracted)
