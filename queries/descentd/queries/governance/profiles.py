"""The safety profiles of versions: which one is in force, and earlier ones."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.retractions import retracted_ids
from descentd.graph.store.base import Reads

_HISTORY = frozenset({"subject", "supersedes", "reason"})


@dataclass(frozen=True, slots=True)
class Profiles:
    """All profiles of a version, oldest first; where the newest was `withdrawn` (retracted), none is in force."""

    entries: Sequence[Entry]
    withdrawn: bool

    @property
    def current(self) -> Entry | None:
        """The profile in force."""
        return self.entries[-1] if self.entries and not self.withdrawn else None


async def profiles(reads: Reads, versions: Sequence[int], upto: int) -> Mapping[int, Profiles]:
    """The profiles of each version as known at a sequence, by a fixed number of look-ups."""
    links = await reads.links(versions, {Role.DESCRIBES}, inward=True) if versions else []
    about = {link.source: link.target for link in links if link.source <= upto}
    said: defaultdict[int, list[Entry]] = defaultdict(list)
    for entry in await reads.entries(sorted(about)) if about else ():
        if entry.record.kind is Kind.SAFETY_PROFILE:
            said[about[entry.sequence]].append(entry)
    newest = [entries[-1].record.id for entries in said.values()]
    gone = await retracted_ids(reads, newest, upto) if newest else frozenset()
    return {
        version: Profiles(said[version], bool(said[version]) and said[version][-1].record.id in gone)
        for version in versions
    }


def wording(profile: Content) -> Content:
    """The content of a profile without its subject and the reason of its revision."""
    return {part: value for part, value in profile.items() if part not in _HISTORY}
