"""The trial of a policy that is not in force: what its gate would decide about versions, page by page."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from descentd.graph.index.arrays import sorted_unique
from descentd.graph.model import clock
from descentd.graph.model.kinds import VERSION, Kind
from descentd.graph.store.gathering import gathered
from descentd.queries.governance.gate.decide import Gate, evaluate
from descentd.queries.governance.policies import Policy
from descentd.queries.pages import page
from descentd.queries.registry import Registry

_TOGETHER: Final = 100
"""Versions that are asked about at once: their look-ups of one kind are one."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A page of what a gate would say, in log order, each with its cursor; `total` counts all that is asked about."""

    items: Sequence[tuple[Gate, str]]
    total: int
    more: bool
    upto: int


async def try_policy(
    registry: Registry, policy: Policy, of: Sequence[str] | None, first: int | None, after: str | None
) -> Trial:
    """What the gate would say by a policy, of some versions or (None) of every one; records nothing.

    A GO counts as it would then: those that were given under another policy are void. Raises NotFound, InvalidInput.
    """
    asked = page(first, after, await registry.sequence(), ["trial", policy.id, of])
    if of is None:
        found = await registry.walk.everything(asked.upto, Kind.MODEL_VERSION)
    else:
        named = [await registry.find(ref, asked.upto, VERSION, f"of[{i}]") for i, ref in enumerate(of)]
        found = sorted_unique(np.array([brief.sequence for brief in named], dtype=np.int64))
    rest = found[np.searchsorted(found, asked.after[0], "right") :] if asked.after else found
    briefs = await registry.store.briefs(rest[: asked.first].tolist())
    moment = clock.now()
    together = replace(registry, store=gathered(registry.store))
    gates: list[Gate] = []
    for i in range(0, len(briefs), _TOGETHER):
        gates += await asyncio.gather(
            *(
                evaluate(together, brief, policy.environment, asked.upto, moment, proposed=policy)
                for brief in briefs[i : i + _TOGETHER]
            )
        )
    items = [(gate, asked.cursor(gate.version.sequence)) for gate in gates]
    return Trial(items, len(found), len(rest) > asked.first, asked.upto)
