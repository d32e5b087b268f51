"""Reviews: who may decide, what a decision is bound to, and what voids it."""

from typing import Any

import pytest

from descentd.graph.inputs.acts import FlagInput, RetractionInput, ReviewInput
from descentd.graph.model.errors import Forbidden, GateBlocked, InvalidInput, NotFound, VersionConflict
from descentd.graph.model.kinds import Kind
from descentd.queries.governance.flags import flag
from descentd.queries.governance.policies import PolicyInput, register_policies
from descentd.queries.governance.record_review import review
from descentd.queries.governance.reviews import reviews
from descentd.queries.governance.verdicts import VerdictStatus, in_status, verdict
from descentd.queries.governance.waiting import waiting
from descentd.queries.lineage.history import history
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.support.registries import send

pytestmark = pytest.mark.anyio

SUITE = {"name": "s", "version": "1"}
PROFILE = {"intendedUse": "Rank.", "mustNotDo": ["Decide."]}
YEAR_9999 = 253_370_764_800_000_000


def evaluation(value: float, **more: Any) -> dict[str, Any]:
    return {"subject": "model:m@1", "suite": SUITE, "metrics": [{"name": "accuracy", "value": value}], **more}


async def begin(registry: Registry, quorum: int = 2) -> None:
    await send(registry, "ana", models=[{"name": "m", "version": "1", "safetyProfile": PROFILE}])
    await send(registry, "eve", evaluations=[evaluation(0.9, evaluator="Otto")])
    rule = {"name": "any", "expression": "true"}
    await register_policies(
        registry, [PolicyInput.read({"environment": "production", "quorum": quorum, "rules": [rule]})]
    )


def given(decision: str = "GO", **more: Any) -> ReviewInput:
    whole = {"subject": "model:m@1", "environment": "production", "decision": decision, "reason": "Seen.", **more}
    return ReviewInput.read(whole)


async def status(registry: Registry, moment: int | None = None) -> tuple[VerdictStatus, set[str]]:
    at = await registry.sequence()
    found = await verdict(registry, (await registry.find("model:m@1", at)).sequence, at, moment)
    return found.status, {reason.code for reason in found.reasons}


async def voids(registry: Registry) -> list[str | None]:
    at = await registry.sequence()
    sequence = (await registry.find("model:m@1", at)).sequence
    return [held.void for held in (await reviews(registry, [sequence], at))[sequence]]


async def test_a_quorum_is_of_people(registry: Registry) -> None:
    await begin(registry)
    first = await review(registry, given(), "rita")
    assert (first.quorum.needed, first.quorum.people) == (2, ("rita",))
    again = await review(registry, given(), "rita")
    assert again.quorum.people == ("rita",)
    assert await status(registry) == (VerdictStatus.UNREVIEWED, {"QUORUM_UNMET"})
    second = await review(registry, given(), "ben")
    assert second.quorum.reached
    assert (await status(registry))[0] is VerdictStatus.APPROVED


@pytest.mark.parametrize("person", ["ana", "eve", "Otto", "ANA", "Eve", "otto"])
async def test_who_made_or_measured_it_does_not_approve_it(registry: Registry, person: str) -> None:
    await begin(registry)
    before = await registry.sequence()
    with pytest.raises(Forbidden, match=person):
        await review(registry, given(), person)
    assert await registry.sequence() == before
    await review(registry, given("NO_GO"), person)
    assert (await status(registry))[0] is VerdictStatus.REJECTED


async def test_one_person_is_one_however_written(registry: Registry) -> None:
    await begin(registry)
    await review(registry, given(), "rita@example.org")
    second = await review(registry, given(), "Rita@Example.org")
    assert second.quorum.people == ("Rita@Example.org",)
    assert await voids(registry) == ["rita@example.org decided again", None]
    await review(registry, given("NO_GO"), "STRASSE")
    await review(registry, given("ABSTAIN"), "stra\u00dfe")
    assert (await status(registry))[0] is VerdictStatus.UNREVIEWED


async def test_only_its_author_retracts_a_review(registry: Registry) -> None:
    await begin(registry, quorum=1)
    veto = (await review(registry, given("NO_GO"), "rita")).record.id
    before = await registry.sequence()
    with pytest.raises(Forbidden, match="decision of rita, which only they change") as caught:
        await retract(registry, RetractionInput.read({"subjects": [veto], "reason": "No."}), "ben")
    assert caught.value.field == "subjects[0]"
    assert await registry.sequence() == before
    assert (await status(registry))[0] is VerdictStatus.REJECTED
    await retract(registry, RetractionInput.read({"subjects": [veto], "reason": "I was wrong."}), "Rita")
    assert (await status(registry))[0] is VerdictStatus.UNREVIEWED


async def test_what_a_veto_refuses_is_not_called_approved_beside_it(registry: Registry) -> None:
    await begin(registry, quorum=1)
    await review(registry, given(), "ben")
    await review(registry, given(environment="sandbox"), "ben")
    await review(registry, given("NO_GO"), "rita")
    at = await registry.sequence()
    found = await verdict(registry, (await registry.find("model:m@1", at)).sequence, at)
    assert found.status is VerdictStatus.REJECTED
    assert [reason.code for reason in found.reasons] == ["NO_GO", "APPROVED"]
    assert "1 of 1 person said GO" in found.reasons[0].message
    assert found.reasons[1].message == "Approved for sandbox by ben."


async def test_a_veto_stands_until_its_author_decides_again(registry: Registry) -> None:
    await begin(registry, quorum=1)
    await review(registry, given("NO_GO"), "rita")
    await review(registry, given(), "ben")
    await send(registry, "eve", evaluations=[evaluation(0.8)])
    assert (await status(registry, YEAR_9999))[0] is VerdictStatus.REJECTED
    await review(registry, given("ABSTAIN"), "rita")
    await review(registry, given(), "ben")
    assert (await status(registry))[0] is VerdictStatus.APPROVED


async def test_what_was_retracted_is_rejected_and_what_rests_on_it_shows_that(registry: Registry) -> None:
    await begin(registry, quorum=1)
    child = {"name": "m", "version": "2", "parents": [{"ref": "model:m@1", "relation": "FINE_TUNE"}]}
    await send(registry, "ana", models=[child])
    await review(registry, given(), "rita")
    await review(registry, given(subject="model:m@2"), "rita")
    before = await registry.sequence()
    await retract(registry, RetractionInput.read({"subjects": ["model:m@1"], "reason": "Wrong."}), "ben")
    at = await registry.sequence()
    one, two = [(await registry.find(ref, at)).sequence for ref in ("model:m@1", "model:m@2")]
    own, below = await verdict(registry, one, at), await verdict(registry, two, at)
    assert own.status is VerdictStatus.REJECTED
    assert ("RETRACTED", "model:m@1 was retracted by ben: Wrong.") in [(r.code, r.message) for r in own.reasons]
    assert ("REOPENED", "rita's GO for production no longer holds: the version was retracted.") in [
        (reason.code, reason.message) for reason in own.reasons
    ]
    assert below.status is VerdictStatus.UNREVIEWED
    assert "RESTS_ON_RETRACTED" in {reason.code for reason in below.reasons}
    assert "RETRACTED" not in {reason.code for reason in below.reasons}
    assert ("REOPENED", "rita's GO for production no longer holds: model:m@1, which it came from, was retracted.") in [
        (reason.code, reason.message) for reason in below.reasons
    ]
    assert (await in_status(registry, frozenset({VerdictStatus.REJECTED}), at)).tolist() == [one]
    assert (await in_status(registry, frozenset({VerdictStatus.APPROVED}), at)).tolist() == []
    assert (await in_status(registry, frozenset({VerdictStatus.APPROVED}), before)).tolist() == [one, two]


async def test_a_flagged_version_is_not_reviewed(registry: Registry) -> None:
    await begin(registry)
    wrong = {"subjects": ["model:m@1"], "action": "QUARANTINE", "reason": "Leaks."}
    await flag(registry, FlagInput.read(wrong), "rita")
    with pytest.raises(GateBlocked, match="QUARANTINE"):
        await review(registry, given(), "ben")
    assert (await status(registry))[0] is VerdictStatus.FLAGGED


async def test_a_mistyped_environment_is_refused(registry: Registry) -> None:
    await begin(registry)
    before = await registry.sequence()
    for typed in ("PRODUCTION", "producton", "Production"):
        with pytest.raises(InvalidInput, match="did you mean production") as caught:
            await review(registry, given("NO_GO", environment=typed), "rita")
        assert caught.value.field == "environment"
    assert await registry.sequence() == before
    for other in ("staging", "production-2", "lab"):
        await review(registry, given("NO_GO", environment=other), "rita")


async def test_wrong_reviews_change_nothing(registry: Registry) -> None:
    await begin(registry)
    before = await registry.sequence()
    with pytest.raises(NotFound):
        await review(registry, given(subject="model:m@9"), "rita")
    with pytest.raises(NotFound):
        await review(registry, given(evidence=["sha256:" + "0" * 64]), "rita")
    version = (await registry.find("model:m@1", before)).id
    with pytest.raises(InvalidInput, match="is not evidence"):
        await review(registry, given(evidence=[version]), "rita")
    with pytest.raises(InvalidInput, match="has passed"):
        await review(registry, given(expiresAt="2020-01-01T00:00:00Z"), "rita")
    assert await registry.sequence() == before


async def test_a_key_stands_for_one_decision(registry: Registry) -> None:
    await begin(registry)
    one = await review(registry, given(idempotencyKey="k"), "rita")
    again = await review(registry, given(idempotencyKey="k"), "rita")
    assert one.record.id == again.record.id
    with pytest.raises(VersionConflict, match="decision"):
        await review(registry, given("NO_GO", idempotencyKey="k"), "rita")


async def test_what_is_claimed_of_elsewhere_is_shown_and_counts_for_nothing(registry: Registry) -> None:
    await begin(registry, quorum=1)
    claimed = {"by": "The board of 2023", "source": "minutes.pdf"}
    for decision in ("GO", "NO_GO"):
        done = await review(registry, given(decision, claimed=claimed), "ana")  # the registrant may well record that
        assert done.quorum.people == ()
    assert await status(registry) == (VerdictStatus.UNREVIEWED, {"QUORUM_UNMET", "CLAIMED"})
    await review(registry, given(), "rita")
    await review(registry, given("NO_GO", claimed=claimed), "rita")  # and takes the place of no decision of hers
    assert (await status(registry))[0] is VerdictStatus.APPROVED
    assert "The board of 2023 (minutes.pdf)" in str((await voids(registry))[0])


async def test_a_mistaken_claim_is_for_every_reviewer_to_retract_and_a_decision_for_its_author(
    registry: Registry,
) -> None:
    await begin(registry)
    claimed = {"by": "The board of 2023", "source": "minutes.pdf"}
    mistaken = (await review(registry, given(claimed=claimed), "ana")).record.id
    await retract(registry, RetractionInput.read({"subjects": [mistaken], "reason": "Of another model."}), "ben")
    assert await voids(registry) == ["it was retracted"]
    own = (await review(registry, given(), "rita")).record.id
    with pytest.raises(Forbidden, match="a decision of rita"):
        await retract(registry, RetractionInput.read({"subjects": [own], "reason": "No."}), "ben")


async def test_what_is_claimed_is_bound_to_nothing_that_it_does_not_name(registry: Registry) -> None:
    """Who decided years ago saw neither today's evidence nor today's policy, and their decision may have ended."""
    await begin(registry)
    claimed = {"by": "The board of 2023", "source": "minutes.pdf"}
    done = await review(registry, given(claimed=claimed, expiresAt="2024-05-01T00:00:00Z"), "rita")
    content = done.record.content
    assert content["expiresAt"] == "2024-05-01T00:00:00Z"
    assert not content.keys() & {"evidence", "policy", "policyDigest", "sequence"}
    [measured] = await registry.all_of(Kind.EVALUATION, await registry.sequence())
    cited = await review(registry, given(claimed=claimed, evidence=[measured.record.id]), "rita")
    assert cited.record.content["evidence"] == [measured.record.id]
    with pytest.raises(NotFound, match="not registered"):
        await review(registry, given(claimed=claimed, evidence=["sha256:" + "0" * 64]), "rita")
    with pytest.raises(InvalidInput, match="has passed"):
        await review(registry, given(expiresAt="2024-05-01T00:00:00Z"), "rita")
    found = await history(registry, "model:m@1", None, None)
    assert "rita recorded that The board of 2023 (minutes.pdf) said GO for production elsewhere: Seen." in [
        event.summary for event, _ in found.items
    ]


async def test_nothing_waits_because_of_a_claim(registry: Registry) -> None:
    """Of each model the newest version waits; an older one where somebody decided on it here, not elsewhere."""
    await begin(registry)
    await send(registry, "ana", models=[{"name": "m", "version": "2", "safetyProfile": PROFILE}])

    async def waits() -> list[str]:
        return [one.version.ref for one in await waiting(registry, "rita", await registry.sequence())]

    claimed = {"by": "The board of 2023", "source": "minutes.pdf"}
    await review(registry, given(claimed=claimed), "rita")
    assert await waits() == ["model:m@2"]
    await review(registry, given(), "rita")
    assert await waits() == ["model:m@2", "model:m@1"]


async def test_an_admin_lifts_that_somebody_was_named_as_evaluator(registry: Registry) -> None:
    await begin(registry, quorum=1)
    with pytest.raises(Forbidden, match="eve named otto as the evaluator of model:m@1 in sha256:") as caught:
        await review(registry, given(), "otto")
    id = caught.value.message.partition(" in ")[2].partition(",")[0]

    def lift(subject: str) -> RetractionInput:
        return RetractionInput.read({"subjects": [subject], "reason": "Not true.", "part": "EVALUATOR"})

    with pytest.raises(Forbidden, match="role admin"):
        await retract(registry, lift(id), "rita")
    with pytest.raises(Forbidden, match="another admin"):
        await retract(registry, lift(id), "Otto", admin=True)
    with pytest.raises(InvalidInput, match="names an evaluator"):
        await retract(registry, lift("model:m@1"), "ada", admin=True)
    await retract(registry, lift(id), "ada", admin=True)
    assert (await review(registry, given(), "otto")).quorum.people == ("otto",)
    assert await voids(registry) == [None]  # the results stay
    with pytest.raises(Forbidden, match="eve evaluated"):
        await review(registry, given(), "eve")
