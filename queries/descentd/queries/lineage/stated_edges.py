"""Edges and twins among some records: from the index where this process has one, otherwise from the store."""

from collections.abc import Collection, Mapping, Sequence

from descentd.graph.disclosures import disclosed_steps
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.reach import StatedEdge, SupportsNeighbours
from descentd.queries.registry import Registry


async def stated_edges(
    registry: Registry, sources: Collection[int], targets: Collection[int], roles: Collection[Role], upto: int
) -> Sequence[StatedEdge]:
    """The edges of influence by which some entities came from some others, with these roles; in order."""
    if isinstance(registry.walk, SupportsNeighbours):
        return await registry.walk.edges(sources, targets, roles, upto)
    known, ends = sorted(one for one in sources if one <= upto), frozenset(targets)
    own = await registry.store.links(known, roles, inward=False) if known else []
    disclosed = await disclosed_steps(registry.store, known, upto, roles)
    found = [*((link, 0) for link in own), *disclosed]
    edges = (StatedEdge(link.source, disclosure, link.role, link.target) for link, disclosure in found)
    return sorted(edge for edge in edges if edge.target in ends and edge.target <= upto)


async def twins_of(registry: Registry, data: Collection[int], upto: int) -> Mapping[int, Sequence[int]]:
    """By partition, the others with the same digest, ascending; only those of some data that have any."""
    if isinstance(registry.walk, SupportsNeighbours):
        return await registry.walk.twins(data, upto)
    records = [(entry.sequence, entry.record) for entry in await registry.store.entries(sorted(data))]
    keys = {at: f"digest:{record.content['digest']}" for at, record in records if record.kind is Kind.PARTITION}
    holders = await registry.store.find_by_keys(set(keys.values()))
    found = {at: [twin for twin in holders[key] if twin <= upto and twin != at] for at, key in keys.items()}
    return {at: others for at, others in found.items() if others}
