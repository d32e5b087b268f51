"""Taking back: retracting a record, and clearing the flags that reach it; parts of every record's page."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, TypeVar

from descentd.app.auth.authorization import retraction_limits
from descentd.app.explorer.forms import confirmed_reason, filled_in
from descentd.app.explorer.page import Act, Asked
from descentd.graph.inputs.acts import FlagAction, FlagInput, RetractionInput
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief
from descentd.queries.governance.flags import ActiveFlag, active_flags, flag, flags_reaching, own_among_cleared
from descentd.queries.retractions import retract, retraction_of, why_not_retracted

T = TypeVar("T")

_PATIENCE: Final = 0.5
"""Seconds that a page waits for whether a version of whoever looks is among all that comes from its record."""


async def taking_back(asked: Asked, brief: Brief, entry: Entry) -> dict[str, Any]:
    """What the page of a record shows of it: the flags that may be cleared, and whether it may be retracted.

    flags: those that reach it, or the one that it is, while it stands on something; own: a version of whoever looks for
    which they do not clear them; gone: its retraction, if there is one; not_retracted: why whoever looks cannot retract
    it. Of the past, where nothing is offered, none of this is asked.
    """
    registry, person = asked.registry, asked.principal.person
    flags = await _flags(asked, brief)
    gone = await retraction_of(registry, brief, asked.upto)
    own, not_retracted = None, None
    if flags and not asked.is_past:
        own = await _in_time(own_among_cleared(registry, await _cleared_for(asked, brief), person))
    if gone is None and not asked.is_past:
        limits = retraction_limits(asked.principal.roles)
        not_retracted = await _in_time(why_not_retracted(registry, entry, person, asked.upto, **limits))
    return {"flags": flags, "own": own, "gone": gone, "not_retracted": not_retracted}


async def _in_time(asked: Awaitable[T]) -> T | None:
    """Why something is not offered, None where that takes long to find: then it is said once the form is sent."""
    try:
        async with asyncio.timeout(_PATIENCE):
            return await asked
    except TimeoutError:
        return None


async def _cleared_for(asked: Asked, brief: Brief) -> Sequence[int]:
    """For what flags are cleared on the page of a record: for that one or, of a flag, for all that it was put on."""
    if brief.kind is not Kind.FLAG:
        return [brief.sequence]
    [entry] = await asked.registry.store.entries([brief.sequence])
    return sorted(
        one.sequence for one in (await asked.registry.store.resolve(entry.record.content["subjects"])).values()
    )


async def _flags(asked: Asked, brief: Brief) -> Sequence[ActiveFlag]:
    if brief.kind is Kind.FLAG:
        return [one for one in await active_flags(asked.registry, asked.upto) if one.id == brief.id]
    return await flags_reaching(asked.registry, brief.sequence, asked.upto)


async def _retract(asked: Asked, fields: Mapping[str, str]) -> str:
    """Retract the record of this page."""
    reason = confirmed_reason(
        fields, "A retraction needs a reason: write a sentence.", "Say that you have looked at what rests on it"
    )
    given = {"subjects": [asked.ref], "reason": reason, "idempotencyKey": fields["key"]}
    limits = retraction_limits(asked.principal.roles)
    await retract(asked.registry, RetractionInput.read(given), asked.principal.person, **limits)
    return asked.to("record", asked.ref)


async def _clear(asked: Asked, fields: Mapping[str, str]) -> str:
    """Clear flags of the record of this page or, on the page of a flag, of all that it was put on."""
    reason = confirmed_reason(
        fields, "Clearing needs a reason: write a sentence.", "Say that you have looked at why it was flagged"
    )
    clears = (filled_in(fields, "clears") or "").split()
    if not clears:
        raise InvalidInput("No flag is chosen: choose those that end.", "clears")
    brief = await asked.registry.find(asked.ref, asked.upto, field="ref")
    subjects = [asked.ref]
    if brief.kind is Kind.FLAG:
        [entry] = await asked.registry.store.entries([brief.sequence])
        subjects = entry.record.content["subjects"]
    given = {
        "subjects": subjects,
        "action": FlagAction.CLEAR,
        "clears": clears,
        "reason": reason,
        "idempotencyKey": fields["key"],
    }
    await flag(asked.registry, FlagInput.read(given), asked.principal.person)
    return asked.to("record", asked.ref)


ACTS: Final = (Act("retract", "Mutation.retract", _retract), Act("clear", "Mutation.flag", _clear))
