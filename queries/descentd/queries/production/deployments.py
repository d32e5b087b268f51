"""What serves where, and what served at any moment, by what deployments claim of themselves."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from descentd.graph.model import clock
from descentd.graph.model.derived import place_key
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.names import instant, rfc3339
from descentd.graph.model.reach import Sequences
from descentd.graph.model.records import Record
from descentd.graph.retractions import retracted_ids
from descentd.graph.store.base import Reads
from descentd.queries.registry import Registry

_FOREVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Deployment:
    """A version that serves, or served, at an endpoint from `since` until before `until` (microseconds since 1970).

    Where a claim does not `count`, as Timeline says, the two are equal.
    """

    entry: Entry
    since: int
    until: int
    counts: bool = True

    @property
    def place(self) -> tuple[str, str]:
        """The environment and the endpoint."""
        content = self.entry.record.content
        return content["environment"], content["endpoint"]

    @property
    def version(self) -> str:
        """The id of the version."""
        return str(self.entry.record.content["subject"])

    @property
    def claimed(self) -> bool:
        """Whether it is history from before this registry was asked: no promotion let it serve."""
        return is_claimed(self.entry)

    @property
    def ended(self) -> str | None:
        """When it ended or will, in RFC 3339; None while nothing says so."""
        return None if self.until == _FOREVER else rfc3339(self.until)

    def serves_at(self, moment: int) -> bool:
        """Whether it served at a moment."""
        return self.since <= moment < self.until


def is_claimed(entry: Entry) -> bool:
    """Whether a deployment is history from before this registry was asked."""
    return "claimed" in entry.record.content


class Timeline:
    """All deployments among the records of some places, whole: each serves until the next event at its endpoint.

    Events count by the moment that they claim, in whatever order they arrived: at a moment serves what the report with
    the latest `since` until then says, unless an end came after it. Of two that claim one moment a report outdoes an
    end, and what was recorded later outdoes what was recorded before. A claim counts before the first report at its
    endpoint that is none, since from then on this registry was asked, and while it is not retracted.
    """

    def __init__(self, entries: Iterable[Entry], retracted: Collection[str] = ()) -> None:
        """`retracted` are the ids of claims that were retracted."""
        self.deployments: list[Deployment] = []
        self.ended: dict[str, Deployment] = {}
        """The deployment that each end ended, by the id of the end; an end at which nothing served is not in it."""
        self._ends: dict[tuple[str, str, int], Record] = {}
        events: defaultdict[tuple[str, str], list[tuple[int, bool, int, Entry]]] = defaultdict(list)
        for entry in entries:
            content = entry.record.content
            begins = "since" in content
            moment = instant(content["since" if begins else "until"])
            if not begins:
                self._ends[content["environment"], content["endpoint"], moment] = entry.record
            events[content["environment"], content["endpoint"]].append((moment, begins, entry.sequence, entry))
        for place in events.values():
            asked = min((event[0] for event in place if event[1] and not is_claimed(event[3])), default=_FOREVER)
            void = [e for e in place if is_claimed(e[3]) and (e[0] >= asked or e[3].record.id in retracted)]
            self.deployments += [Deployment(entry, moment, moment, counts=False) for moment, *_, entry in void]
            self._add(sorted((event for event in place if event not in void), key=lambda event: event[:3]))

    def of_end(self, end: Record) -> Deployment:
        """The deployment that an end ended, or was sent to end; raises KeyError where there is none."""
        if end.id in self.ended:
            return self.ended[end.id]
        return {one.entry.record.id: one for one in self.deployments}[end.content["supersedes"]]

    def end_at(self, environment: str, endpoint: str, moment: int) -> Record | None:
        """The end at an endpoint that is known of this moment."""
        return self._ends.get((environment, endpoint, moment))

    def _add(self, events: Sequence[tuple[int, bool, int, Entry]]) -> None:
        serving: Deployment | None = None
        following = [*(moment for moment, *_ in events[1:]), _FOREVER]
        for (moment, begins, _, entry), until in zip(events, following, strict=True):
            if begins:
                serving = Deployment(entry, moment, until)
                self.deployments.append(serving)
            elif serving is not None:
                self.ended[entry.record.id] = serving
                serving = None


async def at_place(reads: Reads, environment: str, endpoint: str, upto: int = _FOREVER) -> Timeline:
    """Everything that was ever deployed at an endpoint, as known at a sequence, in order of time."""
    key = place_key("deployment", environment, endpoint)
    held = [sequence for sequence in (await reads.find_by_keys([key])).get(key, ()) if sequence <= upto]
    return await _timeline(reads, held, upto)


async def everywhere(registry: Registry, environment: str | None, upto: int) -> list[Deployment]:
    """Everything that was ever deployed, in an environment or all, as known at a sequence."""
    prefix = place_key("deployment", *([environment] if environment is not None else []))
    held = await registry.store.find_by_prefix(prefix)
    return (await _timeline(registry.store, held[held <= upto].tolist(), upto)).deployments


async def _timeline(reads: Reads, sequences: Sequence[int], upto: int) -> Timeline:
    """What these deployments say, all that there are of some places, as known at a sequence."""
    entries = await reads.entries(sequences)
    claims = [entry.record.id for entry in entries if is_claimed(entry)]
    return Timeline(entries, await retracted_ids(reads, claims, upto) if claims else ())


async def deployments_by_record(registry: Registry, entries: Sequence[Entry], upto: int) -> Mapping[int, Deployment]:
    """The deployments that these records begin or end, by the sequences of the records; without ends of nothing."""
    keys = {place_key("deployment", e.record.content["environment"], e.record.content["endpoint"]) for e in entries}
    held = {s for found in (await registry.store.find_by_keys(keys)).values() for s in found if s <= upto}
    timeline = await _timeline(registry.store, sorted(held), upto)
    by_id = {one.entry.record.id: one for one in timeline.deployments} | timeline.ended
    found: dict[int, Deployment] = {}
    for entry in entries:
        # An end that an earlier one has made ineffective is still about what it was sent to end.
        of = by_id.get(entry.record.id) or by_id.get(entry.record.content.get("supersedes", ""))
        if of is not None:
            found[entry.sequence] = of
    return found


async def serving(
    registry: Registry, environment: str | None, endpoint: str | None, moment: int, upto: int
) -> list[Deployment]:
    """What serves at a moment, by environment and endpoint, as known at a sequence."""
    if environment is not None and endpoint is not None:
        found = (await at_place(registry.store, environment, endpoint, upto)).deployments
    else:
        found = await everywhere(registry, environment, upto)
    there = [one for one in found if one.serves_at(moment) and endpoint in (None, one.place[1])]
    return sorted(there, key=lambda one: one.place)


async def versions_serving(
    registry: Registry, environment: str | None, upto: int, moment: int | None = None
) -> Sequences:
    """The versions that serve in an environment, None for any, at a moment (now unless given), ascending."""
    then = clock.now() if moment is None else moment
    there = await serving(registry, environment, None, then, upto)
    briefs = await registry.store.resolve({one.version for one in there}) if there else {}
    return np.array(sorted(brief.sequence for brief in briefs.values()), dtype=np.int64)


async def promotion(registry: Registry, version: int, environment: str, upto: int) -> Entry | None:
    """The newest promotion of a version to an environment that was not retracted."""
    return (await promotions(registry, [version], environment, upto)).get(version)


async def promotions(registry: Registry, versions: Sequence[int], environment: str, upto: int) -> Mapping[int, Entry]:
    """The newest promotion to an environment that was not retracted, of each version that has one."""
    links = await registry.store.links(versions, {Role.DECIDES_ON}, inward=True)
    of = {link.source: link.target for link in links if link.source <= upto}
    entries = [
        entry
        for entry in await registry.store.entries(sorted(of))
        if entry.record.kind is Kind.PROMOTION and entry.record.content["environment"] == environment
    ]
    gone = await retracted_ids(registry.store, [entry.record.id for entry in entries], upto)
    return {of[entry.sequence]: entry for entry in entries if entry.record.id not in gone}
