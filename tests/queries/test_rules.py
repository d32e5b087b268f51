"""Judging rules: what is missing never passes, whatever the expression makes of it."""

import math
import random
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from descentd.queries.governance.cel.expressions import compiled
from descentd.queries.governance.gate.rules import Bindings, GateOutcome, Missing, judge
from descentd.queries.governance.policies import Rule
from tests.support.effort import some_of

TRIED = some_of(10_000)

RESULT = {"value": 0.45, "badness": 0.05, "stderr": 0.01, "n": 100, "slice": {}, "contaminated": False}


def rule(source: str, name: str = "rule") -> Rule:
    return Rule(name, source, f"{name} must hold.", compiled(source))


def outcome(source: str, seen: Bindings) -> GateOutcome:
    return judge(rule(source), seen).outcome


@pytest.mark.parametrize(
    ("source", "seen", "expected"),
    [
        ('metrics["x"].all(m, m.badness <= 0.1)', {"metrics": {"x": [RESULT]}}, "PASSED"),
        ('metrics["x"].all(m, m.badness <= 0.1)', {"metrics": {"x": [RESULT, RESULT | {"badness": 0.2}]}}, "BLOCKED"),
        ('metrics["x"].all(m, m.badness <= 0.1)', {"metrics": {"x": []}}, "INCOMPLETE"),
        ('metrics["x"].all(m, m.badness <= 0.1)', {"metrics": {}}, "INCOMPLETE"),
        ('metrics["x"].all(m, m.badness <= 0.1)', {}, "INCOMPLETE"),
        ('metrics["x"].all(m, m.badness <= 0.1)', {"metrics": {"x": [RESULT | {"badness": math.nan}]}}, "INCOMPLETE"),
        ('!metrics["x"].all(m, m.value > 1)', {"metrics": {"x": [RESULT | {"stderr": math.nan}]}}, "INCOMPLETE"),
        ('metrics["x"].all(m, m.badness <= 1 || true)', {"metrics": {"x": [RESULT | {"badness": None}]}}, "INCOMPLETE"),
        ('metrics["x"].all(m, !m.contaminated || true)', {"metrics": {"x": [{"value": 1.0}]}}, "INCOMPLETE"),
        ('!("x" in metrics) || true', {"metrics": {"y": [RESULT]}}, "INCOMPLETE"),
        ('true || metrics["x"].size() > 0', {"metrics": {"y": [RESULT]}}, "INCOMPLETE"),
        ('"x" in metrics', {"metrics": {"x": [RESULT], "y": []}}, "PASSED"),
        ('metrics["x"].size()', {"metrics": {"x": [RESULT]}}, "INCOMPLETE"),
        ("flags.size() == 0", {"flags": []}, "PASSED"),
        ("flags.size() == 0", {"flags": Missing("Not known.")}, "INCOMPLETE"),
        ("flags.size() == 0 || true", {}, "INCOMPLETE"),
        ("erosion.findings.all(f, f.q > 0.5)", {"erosion": {"findings": [{"q": None}]}}, "INCOMPLETE"),
        ("erosion.findings.all(f, f.q != 0.5)", {"erosion": {"findings": [{"q": math.nan}]}}, "INCOMPLETE"),
        ("version.name == 1", {"version": {"name": "m"}}, "BLOCKED"),
        ("null", {}, "INCOMPLETE"),
        ('"true"', {}, "INCOMPLETE"),
        ("1", {}, "INCOMPLETE"),
        ("1 / 0 == 1", {}, "INCOMPLETE"),
    ],
)
def test_what_a_rule_comes_to(source: str, seen: Bindings, expected: str) -> None:
    assert outcome(source, seen) == expected


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            'metrics["x"].all(m, m.stderr < 0.1)',
            "stderr of a result of x is not known, and it compares or asks something",
        ),
        (
            'metrics["x"].all(m, m.slice["age"] == "65+")',
            'there is no age where it looks for one: ask first .* "age" in',
        ),
        (
            'metrics["x"].filter(m, m.suite == "z").all(m, m.value > 0.1)',
            "nothing was measured of what is chosen by metr",
        ),
        ("1 / 0 == 1", "division by zero"),
    ],
)
def test_what_cannot_be_decided_says_why(source: str, reason: str) -> None:
    found = judge(rule(source), {"metrics": {"x": [RESULT | {"stderr": None, "suite": "s"}]}})
    assert found.outcome is GateOutcome.INCOMPLETE
    assert re.search(reason, found.message)
    assert "overload" not in found.message


def test_a_rule_that_cannot_be_read_never_passes() -> None:
    found = judge(Rule("old", "unheard_of()", "Old.", None), {})
    assert found.outcome is GateOutcome.INCOMPLETE
    assert "unheard_of()" in found.message


WILD = [
    'metrics["a"].all(m, m.badness <= 0.5)',
    '!metrics["a"].exists(m, m.badness > 0.5)',
    'metrics["a"].filter(m, m.slice["g"] == "old").all(m, m.badness <= 0.5)',
    '!("a" in metrics) || metrics["a"].all(m, m.value < 2.0)',
    '"a" in metrics || true',
    'metrics["a"].size() == 0 || metrics["b"].size() == 0 || true',
    'metrics["b"].all(m, !m.contaminated) || metrics["b"].exists(m, m.badness < 9.0)',
    'erosion.verdict != "ERODED" || true',
    "probes.not_run == 0 && probes.reproduced == 0",
    "flags.size() == 0 && incidents.size() == 0 && drift.size() == 0",
    "flags.all(f, f.action == 'REVIEW') || true",
    'ancestry.flags.size() == 0 && metrics["a"].all(m, m.badness < 1.0)',
    'profile.must_not_do.size() > 0 && metrics["a"].map(m, m.badness).all(b, b < 1.0)',
]
WHOLE: Mapping[str, Any] = {
    "erosion": {"verdict": "STABLE", "findings": []},
    "probes": {"not_run": 0, "resisted": 1, "reproduced": 0},
    "flags": [],
    "incidents": [],
    "drift": [],
    "ancestry": {"flags": [], "vulnerabilities": []},
    "profile": {"must_not_do": ["x"]},
}


def test_contexts_with_missing_pieces_never_pass_where_evidence_is_missing() -> None:
    chance = random.Random(5)
    rules = [rule(source) for source in WILD]
    passed = lacking = 0
    for _ in range(TRIED):
        seen, absent, unsound = context(chance)
        one = chance.choice(rules)
        assert one.expression
        found = judge(one, seen).outcome
        spoken = one.expression.variables
        if spoken & absent or ("metrics" in spoken and one.expression.metrics & unsound):
            lacking += 1
            assert found is not GateOutcome.PASSED, (one.source, seen)
        elif found is GateOutcome.PASSED:
            passed += 1
    assert passed > TRIED / 10
    assert lacking > TRIED / 10


CONDITIONS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    'm.slice == {"g": "old"}': lambda one: one["slice"] == {"g": "old"},
    '"g" in m.slice && m.slice["g"] == "young"': lambda one: one["slice"].get("g") == "young",
    '"g" in m.slice': lambda one: "g" in one["slice"],
    'm.suite == "s"': lambda one: one["suite"] == "s",
    'm.suite == "s" && !("g" in m.slice)': lambda one: one["suite"] == "s" and "g" not in one["slice"],
    'm["suite"] in ["t", "u"]': lambda one: one["suite"] in {"t", "u"},
}
SHAPES = [
    "!{a}.filter(m, {c}).exists(m, m.badness > 0.5)",
    "{a}.filter(m, {c}).all(m, m.badness <= 0.5)",
    "{a}.filter(m, {c}).filter(m, m.badness > 0.5).size() == 0",
    "{a}.filter(m, {c}).filter(m, true).all(m, m.badness < 2.0)",
    "{a}.filter(m, {c}).size() == 0",
    "{a}.filter(m, {c}).size() < 9",
    "[{a}.filter(m, {c})].all(l, l.all(m, m.badness < 2.0))",
    "[{a}].all(l, !l.filter(m, {c}).exists(m, m.badness > 0.9))",
    "{a}.filter(m, {c}).map(m, m.badness).all(b, b < 2.0)",
    "{a}.map(m, {c}, m.badness).all(b, b < 2.0)",
    "{a}.filter(m, {c}).all(m, false) || true",
    "true || {a}.filter(m, {c}).all(m, false)",
    "{a}.exists(m, m.badness < 9.0) || {a}.filter(m, {c}).size() == 7",
    "{a}.filter(m, ({c}) && m.badness > 0.5).size() == 0",
    "!{a}.exists(m, ({c}) && m.badness > 0.5)",
    "!{a}.exists(m, m.badness > 0.5 && ({c}))",
    "{a}.all(m, !({c}) || m.badness <= 0.5)",
    "{a}.all(m, ({c}) ? m.badness <= 0.5 : true)",
    "{a}.all(m, m.badness < 9.0 && (!({c}) || m.badness < 0.9))",
    "!{a}.exists(m, {c})",
    "!{a}.exists(m, {c}) || true",
]


def test_choices_never_pass_where_nothing_was_measured() -> None:
    chance = random.Random(6)
    passed = lacking = 0
    held = {(shape, c): rule(shape.format(a='metrics["a"]', c=c)) for shape in SHAPES for c in CONDITIONS}
    seen_passing: set[str] = set()
    for _ in range(TRIED):
        shape, condition = chance.choice(SHAPES), chance.choice(list(CONDITIONS))
        results = [result(chance) | {"suite": chance.choice("stv")} for _ in range(chance.randint(1, 3))]
        judged = judge(held[shape, condition], {"metrics": {"a": results}})
        found, reason = judged.outcome, judged.message
        if not any(map(CONDITIONS[condition], results)):
            lacking += 1
            assert found is not GateOutcome.PASSED, (shape, condition, results)
        elif found is GateOutcome.PASSED:
            passed += 1
            seen_passing.add(shape)
        if shape.startswith("{a}.filter(m, {c}).all(m, m.badness"):
            measured = [one for one in results if CONDITIONS[condition](one)]
            holds = "PASSED" if all(one["badness"] <= 0.5 for one in measured) else "BLOCKED"
            assert found == (holds if measured else "INCOMPLETE"), reason
    assert passed > TRIED / 10
    assert lacking > TRIED / 10
    never = {"{a}.filter(m, {c}).size() == 0", "!{a}.exists(m, {c})"}
    assert seen_passing == {*SHAPES} - never


def context(chance: random.Random) -> tuple[dict[str, Any], set[str], set[str]]:
    """What a rule sees, which variables are missing from it, and which metrics have nothing to be relied on."""
    seen: dict[str, Any] = dict(WHOLE)
    absent = {name for name in (*WHOLE, "metrics") if chance.random() < 0.1}
    unsound: set[str] = set()
    metrics: dict[str, Any] = {}
    for name in ("a", "b"):
        results = [result(chance) for _ in range(chance.randint(1, 2))]
        how = chance.randint(0, 9)
        if how == 1:
            results[-1][chance.choice(["value", "badness", "stderr"])] = math.nan
        metrics[name] = {2: [], 3: Missing("Retracted.")}.get(how, results)
        if how == 0:
            del metrics[name]
        if how < 4:
            unsound.add(name)
    seen["metrics"] = metrics
    for name in absent:
        if chance.random() < 0.5:
            seen[name] = Missing("Not there.")
        else:
            del seen[name]
    return seen, absent, unsound


def result(chance: random.Random) -> dict[str, Any]:
    slice = {"g": chance.choice(["old", "young"])} if chance.random() < 0.5 else {}
    return RESULT | {"badness": chance.random(), "value": chance.random(), "slice": slice}
