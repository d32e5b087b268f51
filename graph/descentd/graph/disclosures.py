"""Disclosures about records, and the edges that they add, read from a store."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from descentd.graph.model.kinds import INFLUENCE, Kind, Role
from descentd.graph.model.records import Brief
from descentd.graph.retractions import retracted_ids
from descentd.graph.store.base import Link, Reads


async def disclosures_about(reads: Reads, sequences: Collection[int], upto: int) -> dict[int, Sequence[int]]:
    """By record, the disclosures in force about it at a sequence, in log order; only records that have any.

    In force are those that are neither retracted nor superseded; a retracted one supersedes nothing.
    """
    links = await reads.links(sequences, {Role.ABOUT}, inward=True) if sequences else []
    about = [link for link in links if link.source <= upto]
    briefs = await reads.briefs(sorted({link.source for link in about}))
    disclosures = {brief.sequence: brief.id for brief in briefs if brief.kind is Kind.DISCLOSURE}
    if not disclosures:
        return {}
    retracted = await retracted_ids(reads, disclosures.values(), upto)
    standing = {sequence for sequence, id in disclosures.items() if id not in retracted}
    superseded = {link.target for link in await reads.links(sorted(standing), {Role.SUPERSEDES}, inward=False)}
    found: defaultdict[int, list[int]] = defaultdict(list)
    for link in sorted(about, key=lambda link: link.source):
        if link.source in standing - superseded:
            found[link.target].append(link.source)
    return dict(found)


async def superseding(reads: Reads, disclosures: Collection[int], upto: int) -> dict[int, Brief]:
    """By disclosure, the newest that supersedes it and is not retracted as of a sequence; only where there is one."""
    links = await reads.links(disclosures, {Role.SUPERSEDES}, inward=True)
    newer = {brief.sequence: brief for brief in await reads.briefs([one.source for one in links if one.source <= upto])}
    retracted = await retracted_ids(reads, [brief.id for brief in newer.values()], upto)
    standing = {sequence for sequence, brief in newer.items() if brief.id not in retracted}
    return {link.target: newer[link.source] for link in links if link.source in standing}


async def disclosed_links(
    reads: Reads, sequences: Collection[int], upto: int, roles: Collection[Role] = INFLUENCE
) -> list[Link]:
    """The edges that disclosures in force at a sequence state of some records, as if these stated them themselves."""
    return [link for link, _ in await disclosed_steps(reads, sequences, upto, roles)]


async def disclosed_steps(
    reads: Reads, sequences: Collection[int], upto: int, roles: Collection[Role] = INFLUENCE
) -> list[tuple[Link, int]]:
    """The same edges, each with the disclosure that states it."""
    about = await disclosures_about(reads, sequences, upto)
    stated = await stated_by(reads, about, roles)
    return [
        (Link(subject, link.role, link.target, link.detail), disclosure)
        for subject, disclosures in about.items()
        for disclosure in disclosures
        for link in stated[disclosure]
    ]


async def stated_by(
    reads: Reads, about: Mapping[int, Sequence[int]], roles: Collection[Role]
) -> Mapping[int, Sequence[Link]]:
    """The edges of these roles that the disclosures about some records state, by disclosure."""
    found: defaultdict[int, list[Link]] = defaultdict(list)
    disclosures = sorted({disclosure for one in about.values() for disclosure in one})
    for link in await reads.links(disclosures, roles, inward=False) if disclosures else ():
        found[link.source].append(link)
    return found
