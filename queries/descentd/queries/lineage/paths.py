"""How something came to descend from something else: all derivations, counted exactly, and the first of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from descentd.graph.model.errors import InvalidInput
from descentd.queries.lineage.derivations import Derivation, name_steps
from descentd.queries.pages import MOST
from descentd.queries.registry import Registry

USUAL = 10


@dataclass(frozen=True, slots=True)
class Paths:
    """`count` is exact however large; `complete` says whether all of them are listed."""

    count: int
    complete: bool
    paths: Sequence[Derivation]
    upto: int


async def paths(registry: Registry, start: str, end: str, first: int | None, as_of: str | None = None) -> Paths:
    """The derivations from an ancestor to a descendant, shortest first; raises NotFound, InvalidInput and TooCostly."""
    if first is not None and not 1 <= first <= MOST:
        raise InvalidInput(f"first is {first}: ask for 1 to {MOST}.", "first")
    upto = await registry.sequence(as_of)
    ancestor = await registry.find(start, upto, field="from")
    descendant = await registry.find(end, upto, field="to")
    found = await registry.walk.paths(ancestor.sequence, descendant.sequence, upto, first or USUAL)
    _, named = await name_steps(registry, (), found.paths)
    return Paths(found.count, found.count == len(named), named, upto)
