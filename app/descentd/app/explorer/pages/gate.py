"""`/gate/REF?environment=`: may a version serve there, what is in the way, and saying go or no-go."""

from collections.abc import Mapping, Sequence

from descentd.app.explorer.called import called
from descentd.app.explorer.forms import filled_in
from descentd.app.explorer.page import Act, Asked, Page, View
from descentd.app.explorer.pages.environments import environment_of
from descentd.app.explorer.pages.parts import outcome_cells
from descentd.app.explorer.pages.people import beside_people, on_conditions, people_table
from descentd.app.explorer.table import Column, Table
from descentd.graph.inputs.acts import ReviewInput
from descentd.graph.model.accounts import person_key
from descentd.graph.model.errors import Forbidden, GateBlocked, InvalidInput
from descentd.graph.model.kinds import VERSION
from descentd.graph.model.records import Brief
from descentd.queries.erosion.report import erosion
from descentd.queries.governance.flags import refusing_flags
from descentd.queries.governance.gate.decide import RuleOutcome, gate
from descentd.queries.governance.gate.rules import GateOutcome
from descentd.queries.governance.policies import policy_history
from descentd.queries.governance.profiles import profiles
from descentd.queries.governance.record_review import check_approval, review
from descentd.queries.governance.reviews import Quorum, ReviewState, quorum, reviews
from descentd.queries.prose import conjunction
from descentd.queries.registry import Registry


async def _show(asked: Asked) -> View:
    registry, upto = asked.registry, asked.upto
    brief = await registry.find(asked.ref, upto, field="of")
    demanding = sorted({one.policy.environment for one in await policy_history(registry, upto, all=False)})
    states = (await reviews(registry, [brief.sequence], upto, asked.moment))[brief.sequence]
    environments = sorted({*demanding, *(one.environment for one in states)})
    environment = await environment_of(asked, environments)
    if environment is None and len(demanding) == 1:
        [environment] = demanding
    values = {"brief": brief, "environments": environments, "environment": environment}
    if environment is None:
        return View(asked.words("gate.choose", version=called(brief)), values, template="gate-choose.html")
    found = await gate(registry, asked.ref, environment, asked.as_of)
    rules = [
        outcome_cells(
            asked, {"name": rule.name, "outcome": rule.outcome.value, "message": rule.message, "saw": rule.saw}
        )
        for rule in found.rules
    ]
    columns = [Column(key) for key in ("rule", "outcome", "why", "saw")]
    blocking = [rule for rule in found.rules if rule.outcome is not GateOutcome.PASSED]
    people = quorum(states, found.environment, found.policy) if found.policy else None
    others = beside_people(blocking, people)
    own = _own(states, found.environment, asked.principal.person)
    said = (await profiles(registry.store, [brief.sequence], upto))[brief.sequence]
    eroded = await erosion(registry, brief.ref, None, None, asked.as_of)
    values |= {
        "gate": found,
        "blocking": blocking,
        "blocked": sum(rule.outcome is GateOutcome.BLOCKED for rule in blocking),
        "others": others,
        "own": own,
        "conditional": on_conditions(states, found.environment),
        "too": _in_the_way_too(asked, others, states, own),
        "then": _still_needed(people, asked.principal.person),
        "people": people,
        "profile": said.current,
        "withdrawn": said.withdrawn,
        "erosion": eroded,
        "refs": {*eroded.called.refs.values()},
        "refusing": await refusing_flags(registry, brief.sequence, upto),
        "no_go_only": await _why_no_go_only(registry, brief, upto, asked.principal.person),
    }
    tables = [
        Table("outcomes", columns, rules),
        people_table(asked, [one for one in states if one.environment == found.environment]),
    ]
    title = asked.words("gate.title", version=called(brief), environment=found.environment)
    return View(title, values, tables)


def _own(states: Sequence[ReviewState], environment: str, person: str) -> ReviewState | None:
    """The decision of a person that stands, which a new one takes the place of."""
    me = person_key(person)
    return next(
        (one for one in states if one.void is None and (one.who, one.environment) == (me, environment)),
        None,
    )


def _in_the_way_too(
    asked: Asked, others: Sequence[RuleOutcome], states: Sequence[ReviewState], own: ReviewState | None
) -> str:
    """What a go of whoever looks leaves in the way: their own no-go does not stand beside it."""
    by_id = {one.entry.record.id: one for one in states}
    vetoes = {rule: by_id[rule.evidence[0]] for rule in others if rule.name == "no-go"}
    left = [rule for rule in others if rule not in vetoes or vetoes[rule] != own]
    names = [asked.words("gate.no_go_of", person=vetoes[one].person) if one in vetoes else one.name for one in left]
    return conjunction(list(dict.fromkeys(names)))


def _still_needed(people: Quorum | None, person: str) -> int:
    """How many others have to say go yet, once this person does."""
    if people is None:
        return 0
    return max(people.needed - len({person_key(one) for one in (*people.people, person)}), 0)


async def _why_no_go_only(registry: Registry, version: Brief, upto: int, person: str) -> str:
    """Why a person cannot say go, so that it is not offered; empty where they can."""
    try:
        await check_approval(registry, version, upto, person)
    except (Forbidden, GateBlocked) as refusal:
        return refusal.message
    return ""


async def _review(asked: Asked, fields: Mapping[str, str]) -> str:
    """Record a decision of the person who is signed in."""
    decision, reason = filled_in(fields, "decision"), filled_in(fields, "reason")
    if decision is None:
        raise InvalidInput("Nothing says what you decide: choose go, no-go or abstain.", "decision")
    if reason is None:
        raise InvalidInput("A decision needs a reason: write a sentence.", "reason")
    environment = await environment_of(asked) or fields.get("environment", "")
    given = {
        "subject": asked.ref,
        "environment": environment,
        "decision": decision,
        "reason": reason,
        "conditions": [line.strip() for line in fields.get("conditions", "").split("\n") if line.strip()],
        "idempotencyKey": fields["key"],
    }
    await review(asked.registry, ReviewInput.read(given), asked.principal.person)
    return asked.to("gate", asked.ref, environment=environment)


PAGE = Page(
    "gate",
    "/gate/{ref:path}",
    _show,
    takes=("environment",),
    kinds=VERSION,
    acts=(Act("review", "Mutation.review", _review),),
)
