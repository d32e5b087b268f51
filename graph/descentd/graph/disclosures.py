"""What was disclosed about records, for those who read their edges from a store."""

from collections.abc import Collection

from descentd.graph.model.kinds import INFLUENCE, Kind, Role
from descentd.graph.retractions import retracted_ids
from descentd.graph.store.base import Link, Reads


async def disclosed_links(reads: Reads, sequences: Collection[int], upto: int) -> list[Link]:
    """The edges that disclosures in force at a sequence state of some records, as if these stated them themselves."""
    about = await reads.links(sequences, {Role.ABOUT}, inward=True)
    briefs = await reads.briefs(sorted({link.source for link in about if link.source <= upto}))
    disclosures = {brief.sequence: brief.id for brief in briefs if brief.kind is Kind.DISCLOSURE}
    if not disclosures:
        return []
    retracted = await retracted_ids(reads, disclosures.values(), upto)
    standing = {sequence for sequence, id in disclosures.items() if id not in retracted}
    stated = await reads.links(sorted(standing), INFLUENCE | {Role.SUPERSEDES}, inward=False)
    superseded = {link.target for link in stated if link.role is Role.SUPERSEDES}
    in_force = standing - superseded
    return [
        Link(subject.target, link.role, link.target, link.detail)
        for link in stated
        if link.role in INFLUENCE and link.source in in_force
        for subject in about
        if subject.source == link.source
    ]
