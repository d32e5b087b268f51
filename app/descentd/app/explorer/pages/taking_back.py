"""Taking back: retracting a record, and clearing the flags that reach it; parts of every record's page."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from descentd.app.auth.authentication import Principal
from descentd.app.explorer.forms import filled_in
from descentd.app.explorer.page import Act, Asked
from descentd.graph.inputs.acts import FlagAction, FlagInput, RetractionInput
from descentd.graph.model.accounts import AccessRole
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.model.log import Entry
from descentd.graph.model.records import Brief
from descentd.queries.governance.flags import ActiveFlag, active_flags, flag, flags_reaching
from descentd.queries.retractions import retract, retraction_of, why_not_retracted


async def taking_back(asked: Asked, brief: Brief, entry: Entry) -> dict[str, Any]:
    """What the page of a record shows of it: the flags that may be cleared, and whether it may be retracted.

    flags: those that reach it, or the one that it is, while it stands on something; retractable: nobody has retracted
    it yet; not_retracted: why whoever looks cannot.
    """
    registry = asked.registry
    gone = await retraction_of(registry, brief, asked.upto)
    return {
        "flags": await _flags(asked, brief),
        "retractable": gone is None,
        "not_retracted": await why_not_retracted(registry, entry, asked.principal.person, **_limits(asked.principal)),
    }


async def _flags(asked: Asked, brief: Brief) -> Sequence[ActiveFlag]:
    if brief.kind is Kind.FLAG:
        return [one for one in await active_flags(asked.registry, asked.upto) if one.id == brief.id]
    return await flags_reaching(asked.registry, brief.sequence, asked.upto)


def _limits(principal: Principal) -> dict[str, bool]:
    """How far the roles of a person let them retract, as GraphQL asks."""
    return {"own": AccessRole.REVIEWER not in principal.roles, "admin": AccessRole.ADMIN in principal.roles}


async def _retract(asked: Asked, fields: Mapping[str, str]) -> str:
    """Retract the record of this page."""
    reason = _reason(
        fields, "A retraction needs a reason: write a sentence.", "Say that you have looked at what rests on it"
    )
    given = {"subjects": [asked.ref], "reason": reason, "idempotencyKey": fields["key"]}
    principal = asked.principal
    await retract(asked.registry, RetractionInput.read(given), principal.person, **_limits(principal))
    return asked.to("record", asked.ref, done="retract")


async def _clear(asked: Asked, fields: Mapping[str, str]) -> str:
    """Clear flags of the record of this page or, on the page of a flag, of all that it was put on."""
    reason = _reason(
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


def _reason(fields: Mapping[str, str], missing: str, unconfirmed: str) -> str:
    """The reason of an act that its form asks to confirm; raises InvalidInput where either is missing."""
    reason = filled_in(fields, "reason")
    if reason is None:
        raise InvalidInput(missing, "reason")
    if fields.get("confirmed") != "yes":
        raise InvalidInput(f"{unconfirmed}: tick the box.", "confirmed")
    return reason


ACTS: Final = (Act("retract", "Mutation.retract", _retract), Act("clear", "Mutation.flag", _clear))
