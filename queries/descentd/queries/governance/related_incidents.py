"""Related incidents: those of ancestors, of descendants, and of versions that share the cause.

They are a question to a version, not a finding about it: a person has to judge whether it would fail in the same way.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.log import Entry
from descentd.graph.model.reach import Direction
from descentd.graph.model.records import Brief
from descentd.graph.retractions import retracted_ids
from descentd.queries.production.incidents import resolutions
from descentd.queries.registry import Registry


class KinRelation(StrEnum):
    """How the version of an incident is related to a version that it is a question to."""

    ANCESTOR = "ANCESTOR"
    DESCENDANT = "DESCENDANT"
    SHARED_CAUSE = "SHARED_CAUSE"


@dataclass(frozen=True, slots=True)
class KinIncident:
    """An open incident that is a question to a version; `of` is the version it is about, or else its cause."""

    entry: Entry
    of: Brief
    relation: KinRelation


async def kin_incidents(registry: Registry, version: Brief, upto: int) -> Sequence[KinIncident]:
    """The open incidents of a version's kin, in log order; those about the version itself are left out."""
    store = registry.store
    incidents = (await registry.walk.everything(upto, Kind.INCIDENT)).tolist()
    if not incidents:
        return []
    above = set(await registry.origins(version.sequence, upto))
    # A whole dataset as a cause starts from all its partitions, though it is no ancestor of what learned from one.
    parts = await registry.walk.members([version.sequence], Direction.ANCESTORS, upto, Kind.PARTITION)
    wholes = await store.links(parts.tolist(), {Role.INCLUDES}, inward=True) if len(parts) else []
    below = await registry.walk.members([version.sequence], Direction.DESCENDANTS, upto, Kind.MODEL_VERSION)
    causes = above | {version.sequence} | {link.source for link in wholes}
    relatives = causes | set(below.tolist())
    entries = await store.entries(await _about(registry, incidents, relatives))
    opened = [one for one in entries if "supersedes" not in one.record.content]
    over = await resolutions(registry, [one.sequence for one in opened], upto)
    retracted = await retracted_ids(store, [one.record.id for one in opened], upto)
    found: list[KinIncident] = []
    contents = [one.record.content for one in opened]
    named = {content[part] for content in contents for part in ("subject", "cause") if part in content}
    briefs = await store.resolve(named) if named else {}
    for one in opened:
        subject, cause = (briefs.get(one.record.content.get(part, "")) for part in ("subject", "cause"))
        if one.sequence in over or one.record.id in retracted or subject == version:
            continue
        if subject is not None and subject.sequence in above:
            found.append(KinIncident(one, subject, KinRelation.ANCESTOR))
        elif subject is not None and subject.sequence in relatives - causes:
            found.append(KinIncident(one, subject, KinRelation.DESCENDANT))
        elif cause is not None and cause.sequence in causes:
            found.append(KinIncident(one, subject or cause, KinRelation.SHARED_CAUSE))
    return found


async def _about(registry: Registry, incidents: Sequence[int], records: Collection[int]) -> list[int]:
    """Those of all incidents that are about some records, ascending: looked up by whichever are fewer."""
    inward = len(records) < len(incidents)
    links = await registry.store.links(records if inward else incidents, {Role.AFFECTS, Role.ABOUT}, inward=inward)
    every = frozenset(incidents)
    return sorted({link.source for link in links if link.source in every and link.target in records})
