"""The derivations among what is drawn, with what their records call them."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from descentd.graph.disclosures import disclosed_links
from descentd.graph.model.kinds import INFLUENCE, Kind, Role
from descentd.graph.model.reach import SupportsNeighbours
from descentd.graph.model.records import Brief
from descentd.graph.store.link_order import IN_ORDER
from descentd.queries.lineage.stated_edges import twins_of
from descentd.queries.registry import Registry


class Link(NamedTuple):
    """A derivation among what is drawn: what was there first, and what was made of it.

    relations: what the child's record calls it (`FINE_TUNE`), or the role where it has no name; disclosed: it became
    known after the child was registered.
    """

    parent: int
    child: int
    role: Role
    relations: tuple[str, ...]
    disclosed: bool = False


async def links_among(registry: Registry, briefs: Mapping[int, Brief], upto: int) -> list[Link]:
    """The derivations among some records, also those that were disclosed, and which partitions are equal."""
    stating, subjects = await _stating(registry, briefs, upto)
    asked = (registry.store.links(sorted(sources), roles, inward=False) for roles, sources in stating)
    own = chain.from_iterable(await asyncio.gather(*asked))
    disclosed = await disclosed_links(registry.store, sorted(subjects), upto) if subjects else []
    found: dict[tuple[int, int, Role], Link] = {}
    for links, later in ((sorted(own, key=IN_ORDER), False), (disclosed, True)):
        for link in links:
            if link.target in briefs and link.source in briefs and link.source != link.target:
                relations = tuple(filter(None, link.detail.split(","))) or (link.role,)
                made = Link(link.target, link.source, link.role, relations, later)
                found.setdefault((link.target, link.source, link.role), made)
    return [*found.values(), *await _same_data(registry, briefs, upto)]


async def _stating(
    registry: Registry, records: Collection[int], upto: int
) -> tuple[Sequence[tuple[frozenset[Role], Collection[int]]], Collection[int]]:
    """Which of the records state that they came from another of them, by role, and of which that was disclosed.

    What a derivation is called the store alone knows, so that it is asked for those records and no others.
    """
    if not isinstance(registry.walk, SupportsNeighbours):
        return [(INFLUENCE, records)], records
    own: defaultdict[Role, set[int]] = defaultdict(set)
    subjects: set[int] = set()
    for edge in await registry.walk.edges(records, records, INFLUENCE, upto):
        if edge.disclosure:
            subjects.add(edge.source)
        else:
            own[edge.role].add(edge.source)
    return [(frozenset({role}), sources) for role, sources in own.items()], subjects


async def _same_data(registry: Registry, briefs: Mapping[int, Brief], upto: int) -> list[Link]:
    """From the first of equal partitions to each of the others."""
    partitions = sorted(one for one, brief in briefs.items() if brief.kind is Kind.PARTITION)
    twins = await twins_of(registry, partitions, upto) if len(partitions) > 1 else {}
    found: list[Link] = []
    later: set[int] = set()
    for first in partitions:
        if first in twins and first not in later:
            drawn = [twin for twin in twins[first] if twin in briefs]
            later.update(drawn)
            found += [Link(first, twin, Role.SAME_DATA, (Role.SAME_DATA,)) for twin in drawn]
    return found
