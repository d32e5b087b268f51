"""The evaluation of a rule for a version: it holds, it fails, or evidence is missing, which never passes."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from descentd.queries.governance.cel.engine import Undecided
from descentd.queries.governance.cel.expressions import Expression
from descentd.queries.governance.cel.sandbox import SPENT, Allowance
from descentd.queries.governance.gate.context import EDITION
from descentd.queries.governance.gate.explain import explain
from descentd.queries.governance.policies import Rule
from descentd.queries.prose import capitalized


class GateOutcome(StrEnum):
    """What a gate, or one rule of it, says. INCOMPLETE: evidence is missing, or nothing could be decided."""

    PASSED = "PASSED"
    BLOCKED = "BLOCKED"
    INCOMPLETE = "INCOMPLETE"


@dataclass(frozen=True, slots=True)
class Missing:
    """Stands where something an expression speaks of is not known; says why."""

    reason: str


Bindings = Mapping[str, object]
"""What an expression sees, by variable; `metrics` holds results by metric, each a mapping of fields."""

_MEASURED: Final = frozenset({"value", "badness", "newest_badness", "contaminated"})
"""Fields of a result that a rule may not speak of where they are not known: the others are null then, by nature."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule comes to, a sentence, and the values that it saw, in words; empty where there is none to give."""

    outcome: GateOutcome
    message: str
    saw: str = ""


def judge(rule: Rule, seen: Bindings, edition: int = EDITION, allowance: Allowance | None = None) -> Judgement:
    """What a rule comes to; the one place where something passes.

    allowance: the processor time that is left to the rules of its policy. What would take more is INCOMPLETE.
    """
    if rule.expression is None:
        return Judgement(GateOutcome.INCOMPLETE, f"This server cannot read its expression: {rule.source}")
    if allowance is not None and allowance.left <= 0:
        return Judgement(GateOutcome.INCOMPLETE, f"It cannot be decided: {SPENT}.")
    lacking = _lacking(rule.expression, seen)
    if lacking:
        return Judgement(GateOutcome.INCOMPLETE, lacking)
    variables = {name: _known(seen[name]) for name in rule.expression.variables - {"metrics"}}
    if "metrics" in rule.expression.variables:
        variables["metrics"] = {name: results for name, results, _ in _results(rule.expression, seen)}
    if any(_has_nan(value) for value in variables.values()):
        return Judgement(GateOutcome.INCOMPLETE, "A number that it speaks of is not a number (NaN).")
    saw = explain(rule.expression, variables)
    try:
        value = _evaluated(rule.expression, variables, edition, allowance)
    except Undecided as error:
        unknown = _unknown(rule.expression, seen)
        reason = f"{unknown} is not known, and {error}" if unknown and "null" in str(error) else str(error)
        return Judgement(GateOutcome.INCOMPLETE, f"It cannot be decided: {reason}.", saw)
    if value is True:
        return Judgement(GateOutcome.PASSED, rule.message or rule.source, saw)
    if value is False:
        why = capitalized(saw) if saw else f"This does not hold: {rule.source}"
        return Judgement(GateOutcome.BLOCKED, rule.message or why, saw)
    message = f"It comes to {type(value).__name__}, which is neither true nor false."
    return Judgement(GateOutcome.INCOMPLETE, message, saw)


def _evaluated(expression: Expression, variables: Bindings, edition: int, allowance: Allowance | None) -> object:
    evaluate = expression.evaluate if edition > 1 else expression.evaluate_as_first
    return evaluate(variables, allowance)


def _lacking(expression: Expression, seen: Bindings) -> str | None:
    """Why a rule has nothing to go by, where that is so."""
    for name in sorted(expression.variables):
        value = seen.get(name, Missing(f"Nothing is known of {name}."))
        if isinstance(value, Missing):
            return value.reason
        nested = _missing_in(value, expression.fields) if name != "metrics" else None
        if nested is not None:
            return nested.reason
    for name, results, reason in _results(expression, seen):
        if not results:
            return reason or f"There is no result of {name}."
        for field in sorted(expression.fields & _MEASURED):
            if any(result.get(field) is None for result in results):
                return f"A result of {name} has no {field} that is known."
    return None


def _missing_in(value: object, fields: Collection[str]) -> Missing | None:
    """What is not known in a value, of the fields that an expression may select: the first of it."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, Mapping):
            for name, part in one.items():
                if isinstance(part, Missing) and name in fields:
                    return part
                waiting.append(part)
    return None


def _known(value: object) -> Any:
    """A value without what is not known in it, which is null there: nothing selects it."""
    if isinstance(value, Missing):
        return None
    if isinstance(value, list):
        return [_known(one) for one in value]
    return {name: _known(part) for name, part in value.items()} if isinstance(value, Mapping) else value


def _unknown(expression: Expression, seen: Bindings) -> str | None:
    """What the rule speaks of that is null by nature: the first field of a result."""
    for name, results, _ in _results(expression, seen):
        for one in results:
            for field in sorted(expression.fields & one.keys()):
                if one[field] is None:
                    return f"{field} of a result of {name}"
    return None


def _results(expression: Expression, seen: Bindings) -> Iterator[tuple[str, list[Mapping[str, object]], str | None]]:
    """The results of each metric that an expression names, or why there are none."""
    metrics = seen.get("metrics")
    for name in sorted(expression.metrics):
        found = metrics.get(name) if isinstance(metrics, Mapping) else None
        reason = found.reason if isinstance(found, Missing) else None
        yield name, found if isinstance(found, list) else [], reason


def _has_nan(value: object) -> bool:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, float) and math.isnan(one):
            return True
        if isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return False
