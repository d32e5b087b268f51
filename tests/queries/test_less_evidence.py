"""A policy never passes more when evidence is removed: what is not known is no answer."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from descentd.queries.governance.cel.expressions import compiled
from descentd.queries.governance.gate.decide import evaluate
from descentd.queries.governance.gate.rules import GateOutcome, judge
from descentd.queries.governance.policies import Policy, PolicyInput, Rule
from tests.queries.governed import ATTACKS, CHILD, PARENT, PROFILE, digest, evaluation, version, weakness
from tests.support.effort import some_of
from tests.support.registries import opened, send, store_of

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
OLD = [{"attribute": "age", "value": "65+"}]

FREE = (
    'metrics["accuracy"].all(m, m.value > 0.5)',
    'metrics["accuracy"].exists(m, "age" in m.slice && m.slice.age == "65+")',
    'metrics["accuracy"].filter(m, m.suite == "fairness").all(m, m.badness < 0.5)',
    'metrics["accuracy"].filter(m, m.badness > 0.5).size() == 0',
    'erosion.verdict == "ERODED"',
    'erosion.verdict in ["STABLE", "IMPROVED"]',
    'populations["age"]["65+"] == "TRAINED"',
    'populations["age"]["0-17"] == "NOT_TRAINED"',
    "probes.reproduced == 0",
    "probes.resisted > 0",
)
"""What may be turned round: it says something of what is the case, and not whether it is documented."""

DOCUMENTED = (
    "profile.present",
    "profile.present && profile.must_not_do.size() > 0",
    'version.has("training_data")',
    'version.has("code")',
    'training.datasets.all(d, d.license == "CC0-1.0")',
    "probes.not_run == 0",
)
"""What asks for documents, which nobody asks to be missing."""


@st.composite
def sources(draw: st.DrawFn) -> str:
    """A rule of one to three parts."""

    def part() -> str:
        asked = draw(st.sampled_from([*FREE, *DOCUMENTED]))
        return f"!({asked})" if asked in FREE and draw(st.booleans()) else asked

    source = part()
    for _ in range(draw(st.integers(0, 2))):
        source = f"({source}) {draw(st.sampled_from(['&&', '||']))} ({part()})"
    return source


VALUES = st.sampled_from([0.2, 0.6, 0.601, 0.9])
PIECES: dict[str, st.SearchStrategy[Any]] = {
    "measured": st.lists(st.tuples(st.sampled_from([PARENT, CHILD]), VALUES, st.booleans()), min_size=1, max_size=4),
    "profile": st.just(PROFILE),
    "data": st.sampled_from(["65+", "18-64", "0-17"]),
    "population": st.just("COMPLETE"),
    "license": st.sampled_from(["CC0-1.0", "proprietary"]),
    "answer": st.sampled_from([0.1, 0.9]),
    "code": st.just({"repository": "r", "commit": "c"}),
}


def manifest(given: Json) -> Json:
    """A parent and a child with the pieces of evidence that are given; a weakness of the parent waits for an answer."""
    partition: Json = {"name": "p", "digest": digest(100)}
    data = given.get("data")
    if data and "population" in given:
        partition |= {
            "populationDocumented": "COMPLETE",
            "population": [{"attribute": "age", "value": data, "share": 1}],
        }
    dataset = {"name": "d", "version": "1", "partitions": [partition]}
    trained = {"trainedOn": [{"ref": "dataset:d@1#p", "role": "TRAIN"}]} if data else {}
    child = {"safetyProfile": given.get("profile"), "code": given.get("code")} | trained
    runs = [
        evaluation(subject, "accuracy", value, n=2_000, slice=OLD if old else [])
        for subject, value, old in given.get("measured", ())
    ]
    if "answer" in given:
        runs.append(evaluation(CHILD, "attack_success_rate", given["answer"], ATTACKS))
    return {
        "datasets": [dataset | ({"license": given["license"]} if "license" in given else {})],
        "models": [
            version("1", trainedOn=[{"ref": "dataset:d@1#p", "role": "TRAIN"}]) if data else version("1"),
            version("2", PARENT, **{name: value for name, value in child.items() if value is not None}),
        ],
        "vulnerabilities": [weakness(PARENT, metric="attack_success_rate", threshold=0.5)],
        "evaluations": runs,
    }


async def outcome(given: Json, source: str) -> GateOutcome:
    policy = PolicyInput.read({"environment": "production", "rules": [{"name": "rule", "expression": source}]})
    async with opened(store_of("memory", Path(), None)) as registry:
        await send(registry, **manifest(given))
        at = await registry.sequence()
        found = await evaluate(
            registry, await registry.find(CHILD, at), "production", at, proposed=Policy.proposed(policy)
        )
    return next(one.outcome for one in found.rules if one.name == "rule")


@settings(max_examples=some_of(400))
@given(st.fixed_dictionaries({}, optional=PIECES), st.sets(st.sampled_from(sorted(PIECES)), min_size=1), sources())
async def test_a_policy_never_passes_more_when_evidence_is_removed(whole: Json, removed: set[str], source: str) -> None:
    less = {name: value for name, value in whole.items() if name not in removed}
    before, after = await outcome(whole, source), await outcome(less, source)
    event(f"{before} → {after}")
    assert after is not GateOutcome.PASSED or before is GateOutcome.PASSED


@pytest.mark.parametrize(
    ("source", "seen", "passes"),
    [
        ('erosion.verdict != "ERODED"', {"erosion": {"verdict": "UNKNOWN"}}, False),
        ('erosion.verdict != "ERODED"', {"erosion": {"verdict": "STABLE"}}, True),
        ('erosion.verdict in ["STABLE", "UNKNOWN"]', {"erosion": {"verdict": "UNKNOWN"}}, True),
        ('erosion.verdict != "ERODED" || true', {"erosion": {"verdict": "UNKNOWN"}}, True),
        (
            'erosion.since_serving == null || erosion.since_serving.verdict != "ERODED"',
            {"erosion": {"verdict": "STABLE", "since_serving": {"verdict": "UNKNOWN"}}},
            False,
        ),
        (
            'erosion.since_serving == null || erosion.since_serving.verdict != "ERODED"',
            {"erosion": {"verdict": "UNKNOWN", "since_serving": None}},
            True,
        ),
        ('populations["a"]["x"] != "TRAINED"', {"populations": {"a": {"x": "UNKNOWN"}}}, False),
        (
            'populations["a"]["x"] == "TRAINED" || populations["a"]["x"] == "NOT_TRAINED"',
            {"populations": {"a": {"x": "UNKNOWN"}}},
            False,
        ),
        ("probes.reproduced == 0", {"probes": {"not_run": 1, "resisted": 0, "reproduced": 0}}, False),
        ("probes.reproduced == 0", {"probes": {"not_run": 0, "resisted": 1, "reproduced": 0}}, True),
        (
            "probes.reproduced == 0 && probes.not_run < 2",
            {"probes": {"not_run": 1, "resisted": 0, "reproduced": 0}},
            True,
        ),
    ],
)
def test_what_is_not_known_is_an_answer_only_to_rules_that_name_it(source: str, seen: Json, passes: bool) -> None:
    rule = Rule("rule", source, None, compiled(source))
    assert (judge(rule, seen).outcome is GateOutcome.PASSED) is passes
    before = judge(rule, seen, edition=5).outcome
    assert before is GateOutcome.PASSED or not passes


def test_of_more_that_is_not_known_than_can_be_tried_nothing_passes() -> None:
    source = " && ".join(f'populations["a"]["{number}"] != "TRAINED"' for number in range(9))
    seen = {"populations": {"a": {str(number): "UNKNOWN" for number in range(9)}}}
    found = judge(Rule("rule", source, None, compiled(source)), seen)
    assert found.outcome is GateOutcome.INCOMPLETE
    assert 'populations["a"]["0"] is UNKNOWN, ' in found.message
