"""The evaluations of a version."""

from collections.abc import Sequence
from dataclasses import dataclass

from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.records import Brief
from descentd.queries.pages import page
from descentd.queries.registry import Registry

VERSION = frozenset({Kind.MODEL_VERSION})


@dataclass(frozen=True, slots=True)
class Evaluations:
    """A page of evaluations in log order, with the cursor of each."""

    items: Sequence[tuple[Brief, str]]
    total: int
    more: bool
    upto: int


async def evaluations(
    registry: Registry, ref: str, first: int | None, after: str | None, as_of: str | None
) -> Evaluations:
    """The evaluations of a version, retracted ones included; raises NotFound and InvalidInput."""
    asked = page(first, after, await registry.sequence(as_of), ["evaluations", ref, as_of])
    of = await registry.find(ref, asked.upto, VERSION)
    links = await registry.store.links([of.sequence], {Role.EVALUATES}, inward=True)
    sequences = sorted(link.source for link in links if link.source <= asked.upto)
    rest = [sequence for sequence in sequences if asked.after is None or sequence > asked.after[0]]
    shown = await registry.store.briefs(rest[: asked.first])
    items = [(brief, asked.cursor(brief.sequence)) for brief in shown]
    return Evaluations(items, len(sequences), len(rest) > asked.first, asked.upto)
