"""Decisions that hold no more: what ended each, and what is said of it."""

import pytest

from descentd.graph.inputs.acts import RetractionInput
from descentd.queries.governance.gate.decide import evaluate
from descentd.queries.governance.policies import PolicyInput, register_policies
from descentd.queries.governance.record_review import review
from descentd.queries.governance.reviews import reviews
from descentd.queries.governance.verdicts import VerdictStatus, verdict
from descentd.queries.governance.waiting import waiting
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.queries.test_reviews import PROFILE, YEAR_9999, begin, evaluation, given, status, voids
from tests.support.registries import send

pytestmark = pytest.mark.anyio


async def test_only_what_somebody_said_last_is_told_of(registry: Registry) -> None:
    await begin(registry, quorum=0)
    for _ in range(3):
        await review(registry, given(), "rita")
    await send(registry, "eve", evaluations=[evaluation(0.8)])
    at = await registry.sequence()
    found = await verdict(registry, (await registry.find("model:m@1", at)).sequence, at)
    assert [(reason.code, reason.message) for reason in found.reasons] == [
        ("NO_QUORUM", "No GO is needed for production, and nobody's holds."),
        ("REOPENED", "rita's GO for production no longer holds: 1 evaluation came after it."),
    ]


@pytest.mark.parametrize("later", ["NO_GO", "ABSTAIN", "GO"])
async def test_a_go_that_was_replaced_says_why_it_does_not_come_back(registry: Registry, later: str) -> None:
    """The later decision was retracted, or its time is over, so that no decision of hers stands."""
    await begin(registry, quorum=1)
    await review(registry, given(), "rita")
    replaced = (await review(registry, given(later, expiresAt="2100-01-01T00:00:00Z"), "rita")).record.id
    assert (await voids(registry))[0] == "rita decided again"
    for moment, over in ((YEAR_9999, "expired at 2100-01-01T00:00:00Z"), (None, "was retracted")):
        if moment is None:
            await retract(registry, RetractionInput.read({"subjects": [replaced], "reason": "Wrong."}), "rita")
        at = await registry.sequence()
        brief = await registry.find("model:m@1", at)
        said = (
            f"rita decided again, and though that later decision {over}, it took the place of this one for good: "
            "a new one is needed"
        )
        found = (await reviews(registry, [brief.sequence], at, moment))[brief.sequence]
        assert [one.void for one in found] == [said, f"it {over}"]
        standing = await verdict(registry, brief.sequence, at, moment)
        reopened = [one.message for one in standing.reasons if one.code == "REOPENED"]
        if moment is None:  # the GO that was replaced is over by the year 9999, too, and says no more than that
            assert f"rita's GO for production no longer holds: {said}." in reopened
            gate = await evaluate(registry, brief, "production", at)
            assert f"; rita's no longer holds: {said}" in gate.rules[-1].message
            [waits] = await waiting(registry, "ben", at)
            assert waits.lapsed == [
                f"rita's GO no longer holds: {said}",
                f"rita's {later} no longer holds: it was retracted",
            ]
    await review(registry, given("ABSTAIN"), "rita")
    at = await registry.sequence()
    [waits] = await waiting(registry, "ben", at)
    assert waits.lapsed == []


async def test_evidence_retraction_policy_and_time_void_a_go(registry: Registry) -> None:
    await begin(registry, quorum=1)
    await review(registry, given(), "rita")
    assert (await status(registry))[0] is VerdictStatus.APPROVED
    assert (await status(registry, YEAR_9999))[0] is VerdictStatus.UNREVIEWED
    done = await send(registry, "eve", evaluations=[evaluation(0.8)])
    assert await voids(registry) == ["1 evaluation came after it"]
    await review(registry, given(), "rita")
    await retract(registry, RetractionInput.read({"subjects": [done.records[0].id], "reason": "Wrong."}), "eve")
    assert await voids(registry) == ["rita decided again", "1 evaluation no longer counts"]
    assert await status(registry) == (VerdictStatus.UNREVIEWED, {"QUORUM_UNMET", "REOPENED"})
    await review(registry, given(), "rita")
    rules = [{"name": "other", "expression": "true"}]
    await register_policies(registry, [PolicyInput.read({"environment": "production", "quorum": 1, "rules": rules})])
    assert (await voids(registry))[-1] == "the policy of production is another now"


async def test_a_weakness_of_an_ancestor_is_evidence_too(registry: Registry) -> None:
    await begin(registry, quorum=1)
    child = {"name": "m", "version": "2", "parents": [{"ref": "model:m@1", "relation": "FINE_TUNE"}]}
    await send(registry, "ana", models=[child])
    await review(registry, given(subject="model:m@2"), "rita")
    await send(registry, "eve", vulnerabilities=[{"subject": "model:m@1", "title": "Leaks.", "severity": "HIGH"}])
    at = await registry.sequence()
    sequence = (await registry.find("model:m@2", at)).sequence
    [held] = (await reviews(registry, [sequence], at))[sequence]
    assert held.void == "1 vulnerability came after it"


async def test_retracted_ground_voids_a_go_until_the_retraction_is_retracted(registry: Registry) -> None:
    """Data, ancestor, code: whatever the version rests on."""
    data = {"name": "d", "version": "1", "partitions": [{"name": "p", "digest": "sha256:" + "1" * 64}]}
    code = {"repository": "r", "commit": "c"}
    base = {"name": "b", "version": "1", "trainedOn": [{"ref": "dataset:d@1#p", "role": "TRAIN"}], "code": code}
    await send(registry, "ana", datasets=[data], models=[base])
    child = {"name": "m", "version": "1", "parents": [{"ref": "model:b@1", "relation": "FINE_TUNE"}]}
    await send(registry, "ana", models=[child | {"safetyProfile": PROFILE}])
    await review(registry, given(), "rita")
    code_id = (await registry.store.entries([(await registry.find("model:b@1", 99)).sequence]))[0].record.content[
        "code"
    ]
    for ground in ("dataset:d@1", "dataset:d@1#p", "model:b@1", code_id):
        assert await voids(registry) == [None]
        gone = await retract(registry, RetractionInput.read({"subjects": [ground], "reason": "Leaked."}), "ben")
        assert await voids(registry) == [f"{ground}, which it came from, was retracted"]
        await retract(registry, RetractionInput.read({"subjects": [gone.id], "reason": "Mistaken."}), "ben")
    two = RetractionInput.read({"subjects": ["model:b@1", "dataset:d@1#p"], "reason": "Leaked."})
    both = await retract(registry, two, "ben")
    assert await voids(registry) == ["dataset:d@1#p and model:b@1, which it came from, were retracted"]
    await retract(registry, RetractionInput.read({"subjects": [both.id], "reason": "Mistaken."}), "ben")
    await retract(registry, RetractionInput.read({"subjects": ["model:b@1"], "reason": "Leaked."}), "ben")
    await review(registry, given(), "rita")
    assert (await voids(registry))[1:] == [None]  # who says GO knowing of it stands by it
