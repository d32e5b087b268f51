"""Promotion of a version: the decision of the gate is recorded, and the promotion only if it passed.

No relevant record may be written between the decision and its recording: under the lock that orders all writes, records
that came since are checked, and if one of them is relevant the gate is evaluated again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from descentd.graph.model.errors import GateBlocked, Unavailable
from descentd.graph.model.identity import Content
from descentd.graph.model.kinds import VERSION, Kind, Role
from descentd.graph.model.names import instant, name, rfc3339
from descentd.graph.model.records import Brief, Record
from descentd.graph.registration.acts import perform
from descentd.graph.store.base import Reads
from descentd.queries.governance.gate.context import EDITION
from descentd.queries.governance.gate.decide import Gate, RuleOutcome, evaluate
from descentd.queries.governance.gate.rules import GateOutcome
from descentd.queries.registry import Registry

_TRIES: Final = 5
_CHUNK: Final = 1000
_IRRELEVANT: Final = frozenset(
    {
        Kind.CODE,
        Kind.CONFIG,
        Kind.ENVIRONMENT,
        Kind.MODEL_VERSION,
        Kind.POPULATION,
        Kind.NOTE,
        Kind.TENSOR_DIGESTS,
        Kind.SIGNATURE,
        Kind.GATE_DECISION,
        Kind.PROMOTION,
    }
)
"""Kinds of record that no gate says anything else for (populations aside, where a rule asks for them)."""

_STATING: Final = frozenset({Role.EVALUATES, Role.DESCRIBES, Role.AFFECTS, Role.DECIDES_ON})
_ABOUT_ONE: Final = frozenset({Kind.EVALUATION, Kind.SAFETY_PROFILE, Kind.VULNERABILITY, Kind.REVIEW})
"""Kinds that matter only where they are about the version, or about something that it came from."""


class _OutdatedError(Unavailable):
    """Something that matters was recorded while the gate was asked."""


@dataclass(frozen=True, slots=True)
class Promoted:
    """A promotion that was recorded, with what the gate said."""

    id: str
    decision: str
    gate: Gate
    upto: int


@dataclass(frozen=True, slots=True)
class Replay:
    """A recorded decision, evaluated again as of the sequence that it saw."""

    recorded: Content
    gate: Gate

    @property
    def same(self) -> bool:
        """Whether it comes to the same: the outcome, and that of each rule."""
        then = [(rule["name"], rule["outcome"]) for rule in self.recorded["rules"]]
        now = [(rule.name, rule.outcome.value) for rule in self.gate.rules]
        return (self.recorded["outcome"], then) == (self.gate.outcome.value, now)


async def promote(registry: Registry, of: str, environment: str, person: str) -> Promoted:
    """Let a version into an environment.

    Raises NotFound and InvalidInput for what is named; GateBlocked where the gate does not say PASSED, with outcome,
    rules and the id of the decision, which is on record; and Unavailable where records keep overtaking the question.
    """
    environment = name(environment, "environment")
    for left in reversed(range(_TRIES)):
        upto = await registry.sequence()
        version = await registry.find(of, upto, VERSION, "of")
        gate = await evaluate(registry, version, environment, upto)
        decision, promotion = _records(gate, person)
        relevant = frozenset({version.sequence, *await registry.origins(version.sequence, upto)})
        try:
            await _record(registry, gate, [decision, *promotion], relevant, person)
        except _OutdatedError:
            if not left:
                raise
            continue
        if not promotion:
            raise blocked(gate, decision.id)
        return Promoted(promotion[0].id, decision.id, gate, await registry.sequence())
    raise AssertionError("a loop that always returns or raises")


def _records(gate: Gate, person: str) -> tuple[Record, list[Record]]:
    """The decision, and the promotion where it passed."""
    by = {"by": person, "at": rfc3339(gate.moment)}
    place = {"subject": gate.version.id, "environment": gate.environment}
    decision: Content = {
        **place,
        "outcome": gate.outcome.value,
        "rules": [
            {
                "name": rule.name,
                "outcome": rule.outcome.value,
                "message": rule.message,
                "evidence": [*rule.evidence],
                **({"saw": rule.saw} if rule.saw else {}),
            }
            for rule in gate.rules
        ],
        "evidence": [*gate.evidence],
        "sequence": gate.upto,
        "edition": EDITION,
        **by,
    }
    if gate.policy is not None:
        decision |= {"policy": gate.policy.id, "policyDigest": gate.policy.digest}
    record = Record.of(Kind.GATE_DECISION, decision)
    if gate.outcome is not GateOutcome.PASSED:
        return record, []
    return record, [Record.of(Kind.PROMOTION, {**place, "gateDecision": record.id, **by})]


async def _record(
    registry: Registry, gate: Gate, records: Sequence[Record], relevant: frozenset[int], person: str
) -> None:
    async def draft(reads: Reads) -> Sequence[Record]:
        if await outdated(reads, gate, relevant):
            raise _OutdatedError(
                f"What is known of {gate.version.ref} keeps changing while the gate is asked: try again."
            )
        return records

    await perform(registry.committer, person, draft)


async def outdated(reads: Reads, gate: Gate, relevant: frozenset[int]) -> bool:
    """Whether something that may matter was recorded after the sequence that the gate was asked at."""
    after = gate.upto
    while True:
        since = await reads.briefs(range(after + 1, after + 1 + _CHUNK))
        if await _matters(reads, since, relevant, gate):
            return True
        if len(since) < _CHUNK:
            return False
        after += _CHUNK


async def _matters(reads: Reads, since: Sequence[Brief], relevant: frozenset[int], gate: Gate) -> bool:
    about_one = [brief.sequence for brief in since if brief.kind in _ABOUT_ONE]
    if any(brief.kind not in _IRRELEVANT | _ABOUT_ONE for brief in since):
        return True
    if any(brief.kind is Kind.EVALUATION for brief in since) and _speaks_of(gate, _COMPARED):
        return True
    if any(brief.kind is Kind.POPULATION for brief in since) and _speaks_of(gate, frozenset({"populations"})):
        return True
    links = await reads.links(about_one, _STATING, inward=False) if about_one else []
    return any(link.target in relevant for link in links)


_COMPARED: Final = frozenset({"delta_serving", "since_serving"})
"""Fields that compare the version with what serves: results of others matter too where a rule speaks of them."""


def _speaks_of(gate: Gate, names: frozenset[str]) -> bool:
    """Whether a rule names one of these variables or fields."""
    expressions = [rule.expression for rule in (gate.policy.rules if gate.policy else ())]
    return any(not names.isdisjoint(one.fields | one.variables) for one in expressions if one is not None)


def blocked(gate: Gate, decision: str | None = None, field: str = "of") -> GateBlocked:
    """The error for a gate that does not let a version in; `decision` is the id of the record of it.

    `field` is the argument that names the version.
    """
    open_ = [rule for rule in gate.rules if rule.outcome is not GateOutcome.PASSED]
    told = "; ".join(f"{rule.name} ({rule.outcome.lower()}): {rule.message.rstrip('.')}" for rule in open_)
    details: dict[str, Any] = {"outcome": gate.outcome.value, "rules": [_details(rule) for rule in gate.rules]}
    if decision is not None:
        details["decision"] = decision
    return GateBlocked(f"{gate.version.ref} is not let into {gate.environment}: {told}.", field, details)


def _details(rule: RuleOutcome) -> dict[str, Any]:
    return {"name": rule.name, "outcome": rule.outcome.value, "message": rule.message, "saw": rule.saw or None}


async def replay(registry: Registry, decision: str) -> Replay:
    """Evaluate a recorded decision again, from the log as of the sequence that it saw and at the moment it was made.

    Raises NotFound, and InvalidInput for what is no decision.
    """
    found = await registry.find(decision, await registry.sequence(), frozenset({Kind.GATE_DECISION}), "decision")
    [entry] = await registry.store.entries([found.sequence])
    content = entry.record.content
    version = await registry.find(content["subject"], content["sequence"], VERSION)
    again = await evaluate(
        registry,
        version,
        content["environment"],
        content["sequence"],
        instant(content["at"]),
        content.get("edition", 1),
    )
    return Replay(content, again)
