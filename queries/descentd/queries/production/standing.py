"""How what serves stood with policy and documentation, by what was on record at that moment."""

from dataclasses import dataclass

from descentd.queries.governance.gate.decide import Gate, ask
from descentd.queries.governance.profiles import profiles
from descentd.queries.production.deployments import Deployment
from descentd.queries.registry import Registry


@dataclass(frozen=True, slots=True)
class Then:
    """A moment (microseconds since 1970) and the last record that was there."""

    moment: int
    upto: int


async def gate_then(registry: Registry, deployment: Deployment, then: Then) -> Gate | None:
    """What the gate of its environment said of a version; None while it was not registered."""
    version = await registry.find(deployment.version, await registry.sequence())
    if version.sequence > then.upto:
        return None
    return await ask(registry, version, deployment.place[0], then.upto, then.moment)


async def profile_current(registry: Registry, deployment: Deployment, then: Then) -> bool:
    """Whether a version had a profile, and none superseded it after the promotion that let it serve."""
    content = deployment.entry.record.content
    found = await registry.store.resolve([content["promotion"], deployment.version])
    version, promoted = found[deployment.version].sequence, found[content["promotion"]].sequence
    current = (await profiles(registry.store, [version], then.upto))[version].current
    return current is not None and current.sequence <= promoted
