"""What an expression may cost: it is bounded, whatever was registered, and ends as INCOMPLETE."""

import asyncio
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from descentd.graph.model.errors import Invalid, InvalidInput
from descentd.queries.governance.cel.checks import check
from descentd.queries.governance.cel.engine import Undecided
from descentd.queries.governance.cel.expressions import compiled
from descentd.queries.governance.cel.sandbox import A_JOB, A_POLICY, Allowance, Sandbox, in_turn
from descentd.queries.governance.gate.rules import GateOutcome, judge
from descentd.queries.governance.policies import MOST_RULES, PolicyInput, Rule

RESULT: dict[str, Any] = {
    "value": 0.5,
    "badness": 0.5,
    "stderr": None,
    "n": 10,
    "slice": {},
    "contaminated": False,
    "suite": "s",
}
SEEN = {"metrics": {"x": [RESULT] * 60}}
FOUR_DEEP = "".join(f'metrics["x"].all(m{i}, ' for i in range(4)) + "m0.value + m3.value > 0.0" + ")" * 4
DOUBLED = '["a"]' + "".join(f".map(x{i}, x{i} + x{i})" for i in range(60)) + ".size() == 1"


def rule(source: str) -> Rule:
    return Rule("r", source, None, compiled(source))


@pytest.mark.parametrize(
    ("source", "reason"),
    [(FOUR_DEEP, "s of processor time"), (DOUBLED, "it takes more than"), (f"{FOUR_DEEP} || true", "processor time")],
)
def test_what_takes_too_much_is_incomplete_and_the_next_is_not(source: str, reason: str) -> None:
    found = judge(rule(source), SEEN)
    assert found.outcome is GateOutcome.INCOMPLETE
    assert reason in found.message
    assert judge(rule('metrics["x"].all(m, m.value < 0.9)'), SEEN).outcome is GateOutcome.PASSED


def test_few_results_are_judged_by_the_same_rule() -> None:
    assert judge(rule(FOUR_DEEP), {"metrics": {"x": [RESULT] * 3}}).outcome is GateOutcome.PASSED


def test_the_rules_of_a_policy_share_what_it_may_take() -> None:
    allowance = Allowance()
    rules = round(A_POLICY / A_JOB) + 1
    found = [judge(rule(FOUR_DEEP), SEEN, allowance=allowance) for _ in range(rules)]
    assert {one.outcome for one in found} == {GateOutcome.INCOMPLETE}
    assert "the rules before it" in found[-1].message
    assert "the rules before it" in judge(rule("true"), SEEN, allowance=allowance).message


@pytest.mark.parametrize(
    "source",
    [
        "[0, 1, 2, 3, 4, 5, 6, 7].all(a, " * 9 + "true" + ")" * 9,
        "!" * 3000 + "profile.present",
        DOUBLED,
        '["a", "b"]' + ".map(x, [x, x])" * 40 + ".size() == 1",
        "-" * 3000 + "1 > 0",
        "true ? true : " * 250 + "false",
        "1" + " + 1" * 900 + " > 0",
        "version" + ".name" * 700 + ' == ""',
    ],
)
def test_what_is_long_or_deep_ends(source: str) -> None:
    """It is taken or refused; the process that reads it may end by it, and this one does not."""
    with suppress(InvalidInput):
        check(source)
    check("profile.present")


def test_conditions_within_conditions_are_refused_before_they_grow() -> None:
    nested = 'm.suite == "s" && m.value > 0.0'
    for _ in range(12):
        nested = f'm.suite == "s" && m.value > 0.0 && metrics["x"].exists(m, {nested})'
    with pytest.raises(InvalidInput, match="conditions within conditions"):
        compiled(f'metrics["x"].all(m, {nested})')


def test_a_policy_has_so_many_rules() -> None:
    rules = [{"name": f"r{i}", "expression": "true"} for i in range(MOST_RULES + 1)]
    assert len(PolicyInput.read({"environment": "e", "rules": rules[:-1]}).rules) == MOST_RULES
    with pytest.raises(Invalid, match="200 are asked"):
        PolicyInput.read({"environment": "e", "rules": rules})


def test_the_process_is_started_again_after_it_was_killed() -> None:
    sandbox = Sandbox()
    try:
        assert sandbox.run("compile", [["1 + 1"]])["functions"] == ["_+_"]
        assert sandbox._process is not None
        os.kill(sandbox._process.pid, signal.SIGKILL)
        sandbox._process.wait()
        assert sandbox.run("compile", [["size([])"]])["functions"] == ["size"]
    finally:
        sandbox.close()


def test_secrets_of_the_server_are_not_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_SIGNING_KEY", "secret")
    sandbox = Sandbox()
    try:
        sandbox.run("compile", [["1"]])
        assert sandbox._process is not None
        assert b"DESCENT_SIGNING_KEY" not in Path(f"/proc/{sandbox._process.pid}/environ").read_bytes()
    finally:
        sandbox.close()


async def test_others_are_answered_while_an_expression_is_evaluated() -> None:
    """The event loop turns, and threads for other work are free."""
    order: list[str] = []

    def evaluate(_: Any = None) -> None:
        with pytest.raises(Undecided):
            compiled(FOUR_DEEP).evaluate(SEEN)
        order.append("evaluated")

    waiting = [asyncio.ensure_future(in_turn(evaluate)) for _ in range(3)]
    await asyncio.sleep(0)
    names = {await asyncio.to_thread(lambda: threading.current_thread().name) for _ in range(8)}
    order.append("others")
    await asyncio.gather(*waiting)
    assert order[0] == "others"
    assert not any(name.startswith("cel") for name in names)


pytestmark = pytest.mark.anyio
