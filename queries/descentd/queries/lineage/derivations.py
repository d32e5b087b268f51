"""Derivations as people read them: refs instead of sequences."""

from collections.abc import Sequence
from dataclasses import dataclass

from descentd.graph.model.kinds import Role
from descentd.graph.model.reach import Step
from descentd.graph.model.records import Brief
from descentd.queries.registry import Registry


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
