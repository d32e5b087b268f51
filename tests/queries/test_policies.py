"""Policies on record: which is in force, and when another one takes its place."""

from collections.abc import Sequence
from typing import Any

import pytest

from descentd.graph.model.kinds import Kind, Role
from descentd.graph.model.records import Record
from descentd.graph.registration.acts import perform, signed
from descentd.graph.store.base import Reads
from descentd.queries.governance.policies import PolicyInput, policy_in_force, register_policies
from descentd.queries.registry import Registry

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
