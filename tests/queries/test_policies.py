"""Policies on record: which is in force, and when another one takes its place."""

from collections.abc import Sequence
from typing import Any

import pytest

from descentd.app.server.policy_files import policy_text, read_policy
from descentd.graph.inputs.acts import ReviewInput
from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.records import Record
from descentd.graph.registration.acts import perform, signed
from descentd.graph.store.base import Reads
from descentd.queries.governance.gate.decide import Gate, gate
from descentd.queries.governance.gate.trial import try_policy
from descentd.queries.governance.policies import (
    Policy,
    PolicyInput,
    policies_by_digest,
    policy_history,
    policy_in_force,
    register_policies,
)
from descentd.queries.governance.record_review import review
from descentd.queries.registry import Registry
from tests.queries.governed import CHILD, PARENT, PROFILE, evaluation, lineage, version
from tests.support.registries import send

pytestmark = pytest.mark.anyio


def policy(environment: str = "production", expression: str = "drift.size() == 0", **more: Any) -> PolicyInput:
    rules = [{"name": "one", "expression": expression}]
    return PolicyInput.read({"environment": environment, "rules": rules, **more})


async def test_the_newest_is_in_force_at_any_moment(registry: Registry) -> None:
    assert await policy_in_force(registry.store, "production", 0) is None
    [first] = await register_policies(registry, [policy()])
    assert await register_policies(registry, [policy()]) == []
    [second] = await register_policies(registry, [policy(quorum=2)])
    [third] = await register_policies(registry, [policy()])
    assert len({first, second, third}) == 3
    found = [await policy_in_force(registry.store, "production", upto) for upto in (1, 2, 3)]
    assert [one.id if one else None for one in found] == [first, second, third]
    assert [one.quorum if one else None for one in found] == [0, 2, 0]
    digests = [one.digest for one in found if one]
    assert digests[0] == digests[2] != digests[1]
    entry = (await registry.store.entries([3]))[0]
    assert entry.record.kind is Kind.POLICY
    assert entry.recorded_by == entry.record.content["by"] == "descentd"
    assert [(edge.role, edge.target) for edge in entry.record.edges] == [(Role.SUPERSEDES, second)]


async def test_environments_are_apart(registry: Registry) -> None:
    ids = await register_policies(registry, [policy(), policy("prod"), policy("production\u00e9")])
    assert len(ids) == 3
    found = await policy_in_force(registry.store, "prod", 3)
    assert found
    assert found.id == ids[1]


async def test_a_retracted_policy_gives_way_to_the_one_before(registry: Registry) -> None:
    [first] = await register_policies(registry, [policy()])
    [second] = await register_policies(registry, [policy(quorum=1)])
    # Nobody retracts policies now; a log may hold such a retraction from before.
    gone = signed({"subjects": [second], "reason": "Wrong file."}, "ada")

    async def draft(reads: Reads) -> Sequence[Record]:
        return [Record.of(Kind.RETRACTION, gone)]

    await perform(registry.committer, "ada", draft)
    found = await policy_in_force(registry.store, "production", 3)
    assert found
    assert found.id == first
    again = await policy_in_force(registry.store, "production", 2)
    assert again
    assert again.id == second


async def test_a_trial_says_what_the_gate_says_once_the_policy_is_in_force(registry: Registry) -> None:
    """For every version and page by page, whatever is in force before, and recording nothing."""
    await send(registry, **lineage(safetyProfile=PROFILE | {"intendedUse": "Rank loans for people over 65."}))
    await send(registry, models=[version(str(number), CHILD) for number in range(3, 9)])
    await send(registry, evaluations=[evaluation(CHILD, "accuracy", 0.9), evaluation(PARENT, "accuracy", 0.2)])
    old = PolicyInput.read({"environment": "production", "quorum": 1, "rules": [{"name": "a", "expression": "true"}]})
    await register_policies(registry, [old])
    asked = {"subject": CHILD, "environment": "production", "decision": "GO", "reason": "Fine."}
    await review(registry, ReviewInput.read(asked), "rita")
    for quorum, expression in (
        (0, "true"),
        (1, "true"),
        (0, 'metrics["accuracy"].all(m, m.value > 0.5)'),
        (0, "false"),
    ):
        rules = [{"name": "a", "expression": expression}]
        given = PolicyInput.read({"environment": "production", "quorum": quorum, "rules": rules})
        before = await registry.sequence()
        tried = await _all_of_trial(registry, given)
        assert await registry.sequence() == before
        assert [one.version.ref for one in tried] == [f"model:m@{number}" for number in range(1, 9)]
        some = await try_policy(registry, Policy.proposed(given), [CHILD, PARENT, CHILD], None, None)
        assert [gate.version.ref for gate, _ in some.items] == [PARENT, CHILD]
        await register_policies(registry, [given])
        for one in tried:
            now = await gate(registry, one.version.ref, "production")
            assert (now.outcome, now.rules) == (one.outcome, one.rules), (one.version.ref, expression)


async def _all_of_trial(registry: Registry, given: PolicyInput) -> list[Gate]:
    found: list[Gate] = []
    after: str | None = None
    while True:
        page = await try_policy(registry, Policy.proposed(given), None, 3, after)
        assert page.total == 8
        found += [gate for gate, _ in page.items]
        if not page.more:
            return found
        after = page.items[-1][1]


async def test_policies_are_listed_with_their_history_and_found_by_digest(registry: Registry) -> None:
    digests = []
    for environment, quorum in (("production", 0), ("lab", 0), ("production", 2)):
        rules = [{"name": "a", "expression": "true", "message": "Anything: ü # x"}]
        given = PolicyInput.read({"environment": environment, "quorum": quorum, "rules": rules})
        await register_policies(registry, [given])
        digests.append(Policy.proposed(given).digest)
    at = await registry.sequence()
    history = await policy_history(registry, at)
    assert [(one.policy.environment, one.policy.quorum, one.in_force) for one in history] == [
        ("production", 0, False),
        ("lab", 0, True),
        ("production", 2, True),
    ]
    current = await policy_history(registry, at, all=False)
    assert [one.policy.digest for one in current] == digests[1:]
    assert [one.policy.digest for one in await policy_history(registry, at, "production")] == [digests[0], digests[2]]
    for one, digest in zip(history, digests, strict=True):
        found = await policies_by_digest(registry, [digest], at)
        assert found[digest].id == one.entry.record.id
        text = policy_text(one.entry.record.content)
        assert Policy.proposed(read_policy(text, "again.yaml")).digest == digest
    assert digests[2] not in await policies_by_digest(registry, digests, at - 1)
    assert await policies_by_digest(registry, ["sha256:" + "0" * 64], at) == {}
