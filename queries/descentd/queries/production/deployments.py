"""What serves where, and what served at any moment, by what deployments claim of themselves."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from descentd.graph.model.derived import place_key
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.names import instant, rfc3339
from descentd.graph.model.reach import Sequences
from descentd.graph.store.base import Reads
from descentd.queries.registry import Registry
from descentd.queries.retractions import retracted_ids

_FOREVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Deployment:
    """A version that serves, or served, at an endpoint from `since` until before `until` (microseconds since 1970)."""

    entry: Entry
    since: int
    until: int

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
    def ended(self) -> str | None:
        """When it ended or will, in RFC 3339; None while nothing says so."""
        return None if self.until == _FOREVER else rfc3339(self.until)

    def serves_at(self, moment: int) -> bool:
        """Whether it served at a moment."""
        return self.since <= moment < self.until


def deployments_of(entries: Iterable[Entry]) -> list[Deployment]:
    """All deployments among the records of some places, whole, each with its end.

    A deployment ends what served at its endpoint; of two that begin at one moment the one recorded later serves.
    """
    begun: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
    ends: dict[str, int] = {}
    for entry in entries:
        content = entry.record.content
        if "supersedes" in content:
            ends[content["supersedes"]] = instant(content["until"])
        else:
            begun[content["environment"], content["endpoint"]].append(entry)
    found: list[Deployment] = []
    for place in begun.values():
        place.sort(key=lambda entry: (instant(entry.record.content["since"]), entry.sequence))
        starts = [instant(entry.record.content["since"]) for entry in place]
        for entry, since, following in zip(place, starts, [*starts[1:], _FOREVER], strict=True):
            found.append(Deployment(entry, since, min(following, ends.get(entry.record.id, _FOREVER))))
    return found


async def at_place(reads: Reads, environment: str, endpoint: str, upto: int = _FOREVER) -> list[Deployment]:
    """Everything that was ever deployed at an endpoint, as known at a sequence, in order of time."""
    key = place_key("deployment", environment, endpoint)
    held = [sequence for sequence in (await reads.find_by_keys([key])).get(key, ()) if sequence <= upto]
    return deployments_of(await reads.entries(held))


async def everywhere(registry: Registry, environment: str | None, upto: int) -> list[Deployment]:
    """Everything that was ever deployed, in an environment or all, as known at a sequence."""
    prefix = place_key("deployment", *([environment] if environment is not None else []))
    held = await registry.store.find_by_prefix(prefix)
    return deployments_of(await registry.store.entries(held[held <= upto].tolist()))


async def deployments_by_record(registry: Registry, entries: Sequence[Entry], upto: int) -> Mapping[int, Deployment]:
    """The deployments that these records begin or end, by the sequences of the records."""
    keys = {place_key("deployment", e.record.content["environment"], e.record.content["endpoint"]) for e in entries}
    held = {s for found in (await registry.store.find_by_keys(keys)).values() for s in found if s <= upto}
    by_id = {one.entry.record.id: one for one in deployments_of(await registry.store.entries(sorted(held)))}
    return {entry.sequence: by_id[entry.record.content.get("supersedes", entry.record.id)] for entry in entries}


async def serving(
    registry: Registry, environment: str | None, endpoint: str | None, moment: int, upto: int
) -> list[Deployment]:
    """What serves at a moment, by environment and endpoint, as known at a sequence."""
    if environment is not None and endpoint is not None:
        found = await at_place(registry.store, environment, endpoint, upto)
    else:
        found = await everywhere(registry, environment, upto)
    there = [one for one in found if one.serves_at(moment) and endpoint in (None, one.place[1])]
    return sorted(there, key=lambda one: one.place)


async def versions_serving(registry: Registry, environment: str, upto: int, moment: int | None = None) -> Sequences:
    """The versions that serve somewhere in an environment at a moment (now unless given), ascending."""
    then = time.time_ns() // 1000 if moment is None else moment
    there = await serving(registry, environment, None, then, upto)
    briefs = await registry.store.resolve({one.version for one in there}) if there else {}
    return np.array(sorted(brief.sequence for brief in briefs.values()), dtype=np.int64)


async def promotion(registry: Registry, version: int, environment: str, upto: int) -> Entry | None:
    """The newest promotion of a version to an environment that was not retracted."""
    links = await registry.store.links([version], {Role.DECIDES_ON}, inward=True)
    entries = await registry.store.entries([link.source for link in links if link.source <= upto])
    found = [
        entry
        for entry in entries
        if entry.record.kind is Kind.PROMOTION and entry.record.content["environment"] == environment
    ]
    gone = await retracted_ids(registry.store, [entry.record.id for entry in found], upto)
    return next((entry for entry in reversed(found) if entry.record.id not in gone), None)
