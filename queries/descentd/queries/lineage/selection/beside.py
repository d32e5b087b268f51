"""Who is one step of influence away from some records."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from descentd.graph.disclosures import disclosed_links
from descentd.graph.model.kinds import INFLUENCE, Kind, Role
from descentd.graph.model.reach import Direction, Neighbours, SupportsNeighbours
from descentd.graph.store.base import Link
from descentd.queries.registry import Registry


async def beside(
    registry: Registry, records: Sequence[int], direction: Direction, upto: int, kinds: frozenset[Kind], first: int
) -> Mapping[int, Neighbours]:
    """By record, how many neighbours of these kinds it has in a direction, and the `first` of them in log order.

    By the index where this process has one; otherwise by the edges that the store holds of these records.
    """
    if not records:
        return {}
    if isinstance(registry.walk, SupportsNeighbours):
        return await registry.walk.neighbours(records, direction, upto, kinds, first)
    inward = direction is Direction.DESCENDANTS
    links = [*await registry.store.links(records, INFLUENCE, inward=inward)]
    links += (
        await _disclosed_below(registry, records, upto)
        if inward
        else await disclosed_links(registry.store, records, upto)
    )
    # The edges of a disclosure count as those of its subjects alone.
    own = await registry.store.briefs(records)
    disclosures = {brief.sequence for brief in own if brief.kind is Kind.DISCLOSURE}
    others: defaultdict[int, set[int]] = defaultdict(set)
    for link in links:
        here, there = (link.target, link.source) if inward else (link.source, link.target)
        if there <= upto and here not in disclosures:
            others[here].add(there)
    named = sorted({other for found in others.values() for other in found})
    wanted = {brief.sequence for brief in await registry.store.briefs(named) if brief.kind in kinds} if named else set()
    found = {record: sorted(others[record] & wanted) for record in records}
    return {record: Neighbours(len(found[record]), found[record][:first]) for record in records}


async def _disclosed_below(registry: Registry, records: Sequence[int], upto: int) -> list[Link]:
    """What was disclosed to come from these records: the disclosures have edges to them, and are about who came."""
    arriving = await registry.store.links(records, INFLUENCE, inward=True)
    sources = sorted({link.source for link in arriving if link.source <= upto})
    disclosures = [one.sequence for one in await registry.store.briefs(sources) if one.kind is Kind.DISCLOSURE]
    about = await registry.store.links(disclosures, {Role.ABOUT}, inward=False) if disclosures else []
    subjects = sorted({link.target for link in about})
    found = await disclosed_links(registry.store, subjects, upto) if subjects else []
    return [link for link in found if link.target in set(records)]
