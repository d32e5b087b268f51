"""The evaluation of a rule for a version: it holds, it fails, or evidence is missing, which never passes."""

import copy
import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from descentd.graph.model.reach import ExposureVerdict
from descentd.queries.erosion.findings import ErosionVerdict
from descentd.queries.governance.cel.engine import Undecided
from descentd.queries.governance.cel.expressions import Expression
from descentd.queries.governance.cel.sandbox import SPENT, Allowance
from descentd.queries.governance.gate.context import EDITION
from descentd.queries.governance.gate.explain import as_sentence, explain
from descentd.queries.governance.policies import Rule
from descentd.queries.prose import conjunction


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

UNKNOWN: Final = ErosionVerdict.UNKNOWN.value
"""What verdicts are called, of erosion and of exposure, where evidence is missing."""

_VERDICTS: Final = tuple(one.value for one in ErosionVerdict if one is not ErosionVerdict.UNKNOWN)
_EXPOSURES: Final = tuple(one.value for one in ExposureVerdict if one is not ExposureVerdict.UNKNOWN)
_RUN: Final = ("resisted", "reproduced")
_MOST_ANSWERS: Final = 64
"""Combinations of what is UNKNOWN that a rule is tried with; with more it is not decided."""

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
    if value is True and edition > 5 and (open_question := _open_question(rule.expression, variables, allowance)):
        return Judgement(GateOutcome.INCOMPLETE, open_question, saw)
    if value is True:
        return Judgement(GateOutcome.PASSED, rule.message or rule.source, saw)
    if value is False:
        why = as_sentence(saw, variables) if saw else f"This does not hold: {rule.source}"
        return Judgement(GateOutcome.BLOCKED, rule.message or why, saw)
    message = f"It comes to {type(value).__name__}, which is neither true nor false."
    return Judgement(GateOutcome.INCOMPLETE, message, saw)


def _evaluated(expression: Expression, variables: Bindings, edition: int, allowance: Allowance | None) -> object:
    evaluate = expression.evaluate if edition > 1 else expression.evaluate_as_first
    return evaluate(variables, allowance)


def _open_question(expression: Expression, variables: Bindings, allowance: Allowance | None) -> str | None:
    """Why a rule that holds for what is not known does not pass: with some answer it would not. None where it would."""
    unknown = list(_unknown_answers(expression, variables))
    if not unknown:
        return None
    message = f"It cannot be decided: it holds only as long as {conjunction([one.name for one in unknown])}."
    if math.prod(len(one.answers) for one in unknown) > _MOST_ANSWERS:
        return message
    for answers in itertools.product(*(one.answers for one in unknown)):
        supposed = copy.deepcopy(dict(variables))
        for one, answer in zip(unknown, answers, strict=True):
            part: Any = supposed
            for name in one.path[:-1]:
                part = part[name]
            part[one.path[-1]] = answer
        try:
            if expression.evaluate(supposed, allowance) is not True:
                return message
        except Undecided:
            return message
    return None


@dataclass(frozen=True, slots=True)
class _Unknown:
    """What is not known, in words, where it stands among the variables, and what it might be."""

    name: str
    path: tuple[str, ...]
    answers: Sequence[object]


def _unknown_answers(expression: Expression, variables: Bindings) -> Iterator[_Unknown]:
    """What a rule speaks of and is not known, unless the rule names that case: UNKNOWN, or how many were `not_run`."""
    probes: Any = variables.get("probes", {})
    if probes.get("not_run") and "not_run" not in expression.fields:
        for_all = [probes | {"not_run": 0, name: probes[name] + probes["not_run"]} for name in _RUN]
        yield _Unknown("probes were not run", ("probes",), for_all)
    if UNKNOWN in expression.fields:
        return
    if "verdict" in expression.fields:
        for path in (("erosion",), ("erosion", "since_serving")):
            of: Any = variables
            for name in path:
                of = of.get(name) if of is not None and (name in expression.fields or name == "erosion") else None
            if of is not None and of["verdict"] == UNKNOWN:
                yield _Unknown(f"{'.'.join(path)}.verdict is {UNKNOWN}", (*path, "verdict"), _VERDICTS)
    populations: Any = variables.get("populations")
    for attribute, value in sorted(expression.populations):
        if populations[attribute][value] == UNKNOWN:
            of = f'populations["{attribute}"]["{value}"] is {UNKNOWN}'
            yield _Unknown(of, ("populations", attribute, value), _EXPOSURES)


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
