"""Incidents on record: which are open, what each affects, and pages of them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import numpy as np

from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.reach import Direction, ReachQuery
from descentd.graph.model.records import Brief
from descentd.graph.retractions import retracted_ids
from descentd.queries.pages import Listed, page
from descentd.queries.registry import Registry


class IncidentStatus(StrEnum):
    """Whether an incident is over."""

    OPEN = "OPEN"
    RESOLVED = "RESOLVED"


async def incidents(
    registry: Registry, of: str | None, first: int | None, after: str | None, as_of: str | None = None
) -> Listed[Brief]:
    """A page of incidents about a record, whether as version or as cause, or of all; raises NotFound."""
    asked = page(first, after, await registry.sequence(as_of), ["incidents", of, as_of])
    opened = await registry.store.find_by_prefix("incident:opened")
    if of is not None:
        record = await registry.find(of, asked.upto)
        links = await registry.store.links([record.sequence], {Role.AFFECTS, Role.ABOUT}, inward=True)
        opened = np.intersect1d(opened, np.array([link.source for link in links], dtype=np.int64))
    opened = opened[opened <= asked.upto]
    rest = opened[np.searchsorted(opened, asked.after[0], "right") :] if asked.after else opened
    briefs = await registry.store.briefs(rest[: asked.first].tolist())
    items = [(brief, asked.cursor(brief.sequence)) for brief in briefs]
    return Listed(items, len(rest) > asked.first, asked.upto, len(opened))


async def resolutions(registry: Registry, sequences: Sequence[int], upto: int) -> Mapping[int, Entry]:
    """The resolution of each of these incidents that has one."""
    links = await registry.store.links(sequences, {Role.SUPERSEDES}, inward=True)
    ended = {link.source: link.target for link in links if link.source <= upto}
    return {ended[entry.sequence]: entry for entry in await registry.store.entries(sorted(ended))}


async def open_incidents(registry: Registry, version: int, upto: int) -> list[Entry]:
    """The incidents about a version that are neither over nor retracted, in log order."""
    links = await registry.store.links([version], {Role.AFFECTS}, inward=True)
    entries = await registry.store.entries([link.source for link in links if link.source <= upto])
    opened = [entry for entry in entries if entry.record.kind is Kind.INCIDENT]
    over = await resolutions(registry, [entry.sequence for entry in opened], upto)
    gone = await retracted_ids(registry.store, [entry.record.id for entry in opened], upto) if opened else frozenset()
    return [entry for entry in opened if entry.sequence not in over and entry.record.id not in gone]


async def affected(registry: Registry, incident: Content, upto: int) -> Mapping[Kind, int]:
    """How many records of each kind come from the cause that an incident names, or else from its version."""
    origin = incident.get("cause", incident.get("subject"))
    if origin is None:
        return {}
    brief = await registry.find(origin, upto)
    return (await registry.walk.reach(ReachQuery([brief.sequence], Direction.DESCENDANTS, upto, first=1))).counts
