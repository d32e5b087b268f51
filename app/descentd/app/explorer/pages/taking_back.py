"""Taking back: retracting a record, and clearing the flags that reach it; parts of every record's page."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from descentd.app.auth.authorization import retraction_limits
from descentd.app.explorer.forms import confirmed_reason, filled_in
from descentd.app.explorer.page import Act, Asked
from descentd.graph.inputs.acts import FlagAction, FlagInput, RetractionInput
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief
from descentd.queries.governance.flags import ActiveFlag, active_flags, flag, flags_reaching
from descentd.queries.retractions import retract, retraction_of, why_not_retracted


async def taking_back(asked: Asked, brief: Brief, entry: Entry) -> dict[str, Any]:
    """What the page of a record shows of it: the flags that may be cleared, and whether it may be retracted.

    flags: those that reach it, or the one that it is, while it stands on something; gone: its retraction, if there is
    one; not_retracted: why whoever looks cannot retract it.
    """
    registry, principal = asked.registry, asked.principal
    limits = retraction_limits(principal.roles)
    return {
        "flags": await _flags(asked, brief),
        "gone": await retraction_of(registry, brief, asked.upto),
        "not_retracted": await why_not_retracted(registry, entry, principal.person, **limits),
    }


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
    return asked.to("record", asked.ref, done="retract")


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
    return asked.to("record", asked.ref, done="clear")


ACTS: Final = (Act("retract", "Mutation.retract", _retract), Act("clear", "Mutation.flag", _clear))
