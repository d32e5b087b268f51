"""The decision of a gate: whether a version may serve in an environment, by the policy in force there.

Precedence: what no policy can allow is BLOCKED; else a rule that fails: BLOCKED; else one that is incomplete:
INCOMPLETE; else a quorum that is not reached: BLOCKED.
"""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from descentd.graph.inputs.acts import Decision
from descentd.graph.model import clock
from descentd.graph.model.kinds import VERSION
from descentd.graph.model.names import name
from descentd.graph.model.records import Brief
from descentd.queries.governance.cel.sandbox import Allowance, in_turn
from descentd.queries.governance.flags import refusing_flags
from descentd.queries.governance.gate.context import EDITION, GateContext, References
from descentd.queries.governance.gate.rules import GateOutcome, judge
from descentd.queries.governance.gate.state_variables import reviews_of
from descentd.queries.governance.gate.variables import Observed, observe
from descentd.queries.governance.policies import QUORUM, Policy, Rule, likely_environment, policy_in_force
from descentd.queries.governance.profiles import profiles
from descentd.queries.governance.reviews import lapsed, quorum, veto_sentence, vetoes
from descentd.queries.prose import conjunction
from descentd.queries.registry import Registry, about, moment_of
from descentd.queries.retractions import retraction_of


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What one rule came to, a sentence, the ids of the records that it rests on, and the values seen, in words."""

    name: str
    outcome: GateOutcome
    message: str
    evidence: tuple[str, ...] = ()
    saw: str = ""


@dataclass(frozen=True, slots=True)
class Gate:
    """The decision of an environment's gate about a version, as known at a sequence.

    `policy` is None where none is in force. `rules` begins with what no policy can allow, where there is any of it, and
    ends with the quorum, where one is asked for.
    """

    version: Brief
    environment: str
    outcome: GateOutcome
    policy: Policy | None
    rules: Sequence[RuleOutcome]
    upto: int
    moment: int

    @property
    def evidence(self) -> tuple[str, ...]:
        """The ids of all records that it rests on, sorted."""
        return tuple(sorted({id for rule in self.rules for id in rule.evidence}))


async def gate(registry: Registry, of: str, environment: str, as_of: str | None = None) -> Gate:
    """Ask the gate as of a moment, and record nothing; raises NotFound and InvalidInput."""
    upto = await registry.sequence(as_of, [of])
    version = await registry.find(of, upto, VERSION, "of")
    with about("environment"):
        place = name(environment, "environment")
    return await evaluate(registry, version, place, upto, moment_of(as_of))


async def evaluate(
    registry: Registry,
    version: Brief,
    environment: str,
    upto: int,
    moment: int | None = None,
    edition: int = EDITION,
    proposed: Policy | None = None,
) -> Gate:
    """Ask about a version as known at a sequence and a moment (microseconds since 1970 UTC; now unless given).

    proposed: a policy of the environment to ask by in place of the one in force, as though it were that one.
    """
    moment = clock.now() if moment is None else moment
    policy = proposed or await policy_in_force(registry.store, environment, upto)
    asked = policy.rules if policy else ()
    references = References(tuple(rule.expression for rule in asked if rule.expression is not None))
    context = GateContext(registry, version, environment, upto, moment, references, edition, proposed)
    built_in = [one async for one in _built_in_blocks(context, policy)]
    observed = await observe(context, policy)
    rules = await in_turn(lambda: _judged(asked, observed, edition)) if asked else []
    people = await _quorum(context, policy)
    return Gate(
        version, environment, _outcome(built_in, rules, people), policy, (*built_in, *rules, *people), upto, moment
    )


def _judged(rules: Sequence[Rule], observed: Observed, edition: int) -> list[RuleOutcome]:
    """What rules come to, within the processor time that a policy has."""
    allowance, outcomes = Allowance(), []
    for rule in rules:
        begin = time.thread_time()
        found = judge(rule, observed.seen, edition, allowance)
        allowance.left -= time.thread_time() - begin
        evidence = observed.evidence(rule.expression) if rule.expression else ()
        outcomes.append(RuleOutcome(rule.name, found.outcome, found.message, evidence, found.saw))
    return outcomes


def _outcome(
    built_in: Sequence[RuleOutcome], rules: Sequence[RuleOutcome], people: Sequence[RuleOutcome]
) -> GateOutcome:
    if built_in or any(rule.outcome is GateOutcome.BLOCKED for rule in rules):
        return GateOutcome.BLOCKED
    if any(rule.outcome is not GateOutcome.PASSED for rule in rules):
        return GateOutcome.INCOMPLETE
    return GateOutcome.BLOCKED if any(rule.outcome is not GateOutcome.PASSED for rule in people) else GateOutcome.PASSED


async def _built_in_blocks(context: GateContext, policy: Policy | None) -> AsyncIterator[RuleOutcome]:
    """What no policy can allow."""
    blocked = GateOutcome.BLOCKED
    if policy is None:
        other = await likely_environment(context.registry, context.environment, context.upto)
        how = f"did you mean {other}" if other else "write one, and start the server with --policies FOLDER"
        yield RuleOutcome("no-policy", blocked, f"There is no policy for {context.environment}: {how}.")
    gone_itself = await retraction_of(context.registry, context.version, context.upto) if context.edition > 1 else None
    if gone_itself is not None:
        yield RuleOutcome("retracted", blocked, gone_itself.sentence, (gone_itself.id,))
    said = (await profiles(context.registry.store, [context.version.sequence], context.upto))[context.version.sequence]
    if said.current is None:
        gone = (said.entries[-1].record.id,) if said.withdrawn else ()
        reason = "The safety profile was retracted" if gone else "There is no safety profile"
        yield RuleOutcome("no-profile", blocked, f"{reason}: say what it is for, and must not do.", gone)
    for flag in await refusing_flags(context.registry, context.version.sequence, context.upto):
        yield RuleOutcome("flagged", blocked, f"It is flagged {flag.action.value}: {flag.reason}", (flag.id,))
    states = await reviews_of(context)
    for veto in vetoes(states, context.environment):
        yield RuleOutcome("no-go", blocked, veto_sentence(veto, states, policy), (veto.entry.record.id,))


async def _quorum(context: GateContext, policy: Policy | None) -> Sequence[RuleOutcome]:
    """Whether enough people said GO, where any are asked for."""
    if policy is None or policy.quorum == 0:
        return ()
    states = await reviews_of(context)
    reached = quorum(states, context.environment, policy)
    outcome = GateOutcome.PASSED if reached.reached else GateOutcome.BLOCKED
    people = f" ({conjunction(reached.people)})" if reached.people else ""
    message = f"{reached.sentence} on what is known now{people}"
    if not reached.reached:
        gone = [
            f"{one.person}'s no longer holds: {one.void}"
            for one in lapsed(states, context.environment)
            if one.decision is Decision.GO
        ]
        message = "; ".join([message, *gone])
    ids = [one.entry.record.id for one in states if one.void is None and one.environment == context.environment]
    return (RuleOutcome(QUORUM, outcome, f"{message}.", tuple(ids)),)
