"""Pages of gates and of what serves: who may decide, what is in the way, and what is said beside it."""

from collections.abc import AsyncIterator

import pytest

from descentd.app.server.policy_files import read_policy
from descentd.graph.inputs.acts import ReviewInput
from descentd.queries.governance.policies import register_policies
from descentd.queries.governance.record_review import review
from tests.app.explorer.bank import FIRST, POLICY, PROFILE, THIRD, fill, manifest
from tests.app.explorer.visiting import Visit, tags, text_of, visiting

pytestmark = pytest.mark.anyio


@pytest.fixture
async def bank() -> AsyncIterator[Visit]:
    async with visiting() as visit:
        await visit.register(**manifest())
        yield visit


async def test_who_cannot_say_go_is_not_offered_it(bank: Visit) -> None:
    await register_policies(bank.registry, [read_policy(POLICY, "production.yaml")])
    await bank.register("local", models=[{"name": "own", "version": "1", "config": {"a": 1}, "safetyProfile": PROFILE}])
    offered = [a["value"] for _, a in tags((await bank.get(f"/gate/{THIRD}")).text, "input") if a["name"] == "decision"]
    assert offered == ["GO", "NO_GO", "ABSTAIN"]
    page = (await bank.get("/gate/model:own@1")).text
    assert [a["value"] for _, a in tags(page, "input") if a["name"] == "decision"] == ["NO_GO", "ABSTAIN"]
    assert "local registered own 1 and cannot approve it: another person has to." in text_of(page)


async def test_codes_of_rules_are_words_on_the_page_of_a_gate(bank: Visit) -> None:
    rule = "  - name: no-erosion\n    expression: erosion.verdict != 'ERODED'\n"
    policy = POLICY.replace("rules:\n", "rules:\n" + rule)
    await register_policies(bank.registry, [read_policy(policy, "production.yaml")])
    said = text_of((await bank.get(f"/gate/{THIRD}")).text)
    assert "Safety got worse (" in said
    assert "ERODED" not in said
    assert "STEP_REGRESSION" not in said


async def test_an_approval_is_shown_beside_the_gate_that_blocks(bank: Visit) -> None:
    policy = POLICY.replace("0.8", "0.99")
    await register_policies(bank.registry, [read_policy(policy, "production.yaml")])
    go = {"subject": FIRST, "environment": "production", "decision": "GO", "reason": "Rates are as they were."}
    await review(bank.registry, ReviewInput.read(go), "rita")
    said = text_of((await bank.get(f"/record/{FIRST}")).text)
    assert "✗ Approved by its reviewers, but blocked" in said
    assert "The gate of production blocks it: accurate." in said


async def test_what_serves_says_why_its_profile_is_not_current() -> None:
    async with visiting() as visit:
        await fill(visit.registry)
        assert "✓ current" not in text_of((await visit.get("/serving")).text)
        said = text_of((await visit.get("/serving")).text)
        assert "? older than what is known" in said
        assert "bank/scorer 1.0" in text_of((await visit.get("/")).text).partition("without a current")[2]
