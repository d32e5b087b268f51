"""Derivations from one record to another, named by refs: all of them counted exactly, the shortest listed."""

from collections.abc import Sequence
from dataclasses import dataclass

from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Role
from descentd.graph.model.reach import Step
from descentd.graph.model.records import Brief
from descentd.queries.pages import MOST
from descentd.queries.registry import Registry

USUAL = 10
"""Paths that are listed unless another number is asked for."""


@dataclass(frozen=True, slots=True)
class NamedStep:
    """A record on a derivation; `role` joins it to the one before it and is None on the first.

    `back`: the one before it came from this one, and not the other way round.
    """

    ref: str
    role: Role | None
    back: bool = False


Derivation = Sequence[NamedStep]


async def name_steps(
    registry: Registry, sequences: Sequence[int], derivations: Sequence[Sequence[Step]]
) -> tuple[list[Brief], list[Derivation]]:
    """The records at `sequences`, and the derivations with refs, by one look-up for all of them."""
    wanted = {*sequences, *(step.sequence for steps in derivations for step in steps)}
    briefs = {brief.sequence: brief for brief in await registry.store.briefs(sorted(wanted))}
    named: list[Derivation] = [
        [NamedStep(briefs[step.sequence].ref, step.role, step.back) for step in steps] for steps in derivations
    ]
    return [briefs[sequence] for sequence in sequences], named


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
    upto = await registry.sequence(as_of, [start, end])
    ancestor = await registry.find(start, upto, field="from")
    descendant = await registry.find(end, upto, field="to")
    found = await registry.walk.paths(ancestor.sequence, descendant.sequence, upto, first or USUAL)
    _, named = await name_steps(registry, (), found.paths)
    return Paths(found.count, found.count == len(named), named, upto)
