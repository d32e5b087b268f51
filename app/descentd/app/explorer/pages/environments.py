"""The environments that pages can be asked about: with a policy, where something serves or served, or decided about."""

from collections.abc import Collection
from typing import Final

from descentd.app.explorer.page import Asked
from descentd.app.explorer.vocabulary import alternatives
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import nfc
from descentd.queries.governance.policies import policy_history
from descentd.queries.production.deployments import everywhere

_LONGEST: Final = 80
"""Characters of a name that is not known that are repeated."""


async def environments(asked: Asked) -> list[str]:
    """All environments that are known now: one that came later is asked about in the past too."""
    upto = await asked.registry.sequence()
    demanding = {one.policy.environment for one in await policy_history(asked.registry, upto)}
    return sorted(demanding | {one.place[0] for one in await everywhere(asked.registry, None, upto)})


def given_environment(asked: Asked) -> str | None:
    """The environment that an address names, written as records have it; None where it names none."""
    given = asked.query.get("environment")
    return None if given is None else nfc(given.strip())


async def environment_of(asked: Asked, known: Collection[str] = ()) -> str | None:
    """The environment that a page is asked about, None where it is asked about none.

    known: those that the page itself knows. Those that somebody decided about are looked for where it is no other: the
    API accepts a decision before there is a policy. Raises InvalidInput for one that there is not, naming those that
    there are: a decision for it would most likely be lost by a slip.
    """
    wanted = given_environment(asked)
    if wanted is None or wanted in known:
        return wanted
    there = sorted({*known, *await environments(asked)})
    if wanted in there:
        return wanted
    there = sorted({*there, *await _decided_about(asked)})
    if wanted in there:
        return wanted
    others = f"choose {alternatives(there)}" if there else "none has a policy or a deployment yet"
    raise InvalidInput(f"There is no environment {wanted[:_LONGEST]!r}: {others}.", "environment")


async def _decided_about(asked: Asked) -> set[str]:
    """The environments that decisions are about."""
    registry = asked.registry
    held = (await registry.walk.everything(await registry.sequence(), Kind.REVIEW)).tolist()
    entries = await registry.store.entries(held) if held else ()
    return {entry.record.content["environment"] for entry in entries}
