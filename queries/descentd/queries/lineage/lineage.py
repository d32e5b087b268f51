"""The lineage of a record in the influence graph: ancestors and descendants, nearest first, and their edges."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from descentd.graph.disclosures import disclosed_links
from descentd.graph.inputs.datasets import Relation
from descentd.graph.model import reach
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import INFLUENCE, Role
from descentd.graph.model.reach import ReachQuery
from descentd.graph.model.records import Brief
from descentd.graph.store.base import Link
from descentd.graph.turns import each, pause
from descentd.queries.registry import Registry

USUAL = 500
MOST = 10_000


class Direction(StrEnum):
    """The direction of a lineage; BOTH is ancestors and descendants, without their other relatives."""

    ANCESTORS = "ANCESTORS"
    DESCENDANTS = "DESCENDANTS"
    BOTH = "BOTH"


@dataclass(frozen=True, slots=True)
class Node:
    """A record of a lineage, and its distance in derivations from the one that was asked for."""

    record: Brief
    distance: int


@dataclass(frozen=True, slots=True)
class Joint:
    """An edge by ids: `source` is what was derived, `target` what it came from; `relation` says how (DERIVED_FROM).

    disclosed: the source does not say so itself, it was disclosed later.
    """

    source: str
    target: str
    role: Role
    relation: Relation | None
    disclosed: bool = False


@dataclass(frozen=True, slots=True)
class Lineage:
    """`complete` is False where depth or limit cut the answer short; `total` is exact all the same."""

    complete: bool
    total: int
    nodes: Sequence[Node]
    edges: Sequence[Joint]


async def lineage(
    registry: Registry,
    ref: str,
    direction: Direction,
    depth: int | None,
    limit: int | None,
    as_of: str | None,
    *,
    edges: bool = True,
) -> tuple[Lineage, int]:
    """The lineage of a record, with its edges or without, and the sequence that it was computed at.

    Raises NotFound and InvalidInput.
    """
    if limit is not None and not 1 <= limit <= MOST:
        raise InvalidInput(f"limit is {limit}: ask for 1 to {MOST} nodes.", "limit")
    if depth is not None and depth < 0:
        raise InvalidInput(f"depth is {depth}: ask for 0 or more derivations.", "depth")
    upto = await registry.sequence(as_of, [ref])
    of = await registry.find(ref, upto)
    ways = list(reach.Direction) if direction is Direction.BOTH else [reach.Direction(direction.value)]
    most = limit or USUAL
    pages = [await registry.walk.reach(ReachQuery([of.sequence], way, upto, depth=depth, first=most)) for way in ways]
    found: dict[int, int] = {}
    for one in pages:
        async for item in each(one.items):
            found[item.sequence] = min(item.distance, found.get(item.sequence, item.distance))
    nearest = sorted(found.items(), key=lambda item: (item[1], item[0]))[: most - 1]
    await pause()
    total = 1 + sum(one.total for one in pages)
    briefs = await registry.store.briefs([of.sequence, *(sequence for sequence, _ in nearest)])
    nodes = [Node(brief, found.get(brief.sequence, 0)) async for brief in each(briefs)]
    nodes[0] = Node(of, 0)
    return Lineage(len(nodes) == total, total, nodes, await _edges(registry, briefs, upto) if edges else ()), upto


async def _edges(registry: Registry, briefs: Sequence[Brief], upto: int) -> list[Joint]:
    ids = {brief.sequence: brief.id async for brief in each(briefs)}
    links = await registry.store.links(list(ids), INFLUENCE, inward=False)
    own = len(links)
    links += await disclosed_links(registry.store, list(ids), upto)
    joints: dict[tuple[int, int, Role], Joint] = {}
    async for number, link in each(enumerate(links)):
        if link.target in ids:
            disclosed = number >= own
            joint = Joint(ids[link.source], ids[link.target], link.role, _relation(link), disclosed)
            # What was disclosed of an edge that the record states itself adds nothing to it.
            joints.setdefault((link.source, link.target, link.role), joint)
    return list(joints.values())


def _relation(link: Link) -> Relation | None:
    """How the source came from the target; early records name several relations, of which it is the first."""
    return Relation(link.detail.partition(",")[0]) if link.role is Role.DERIVED_FROM else None
