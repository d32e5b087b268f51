"""Deployments and incidents: what served when, and what an alert is about."""

from typing import Any

import pytest

from descentd.graph.inputs.acts import (
    DeploymentInput,
    EndDeploymentInput,
    FlagInput,
    IncidentInput,
    ResolutionInput,
    RetractionInput,
)
from descentd.graph.model import clock
from descentd.graph.model.errors import Forbidden, GateBlocked, Invalid, InvalidInput, NotFound
from descentd.graph.model.kinds import Kind
from descentd.graph.model.names import instant, rfc3339
from descentd.graph.model.records import Record
from descentd.graph.registration.acts import perform, signed
from descentd.graph.store.base import Reads
from descentd.graph.verify import verify
from descentd.queries.governance.flags import flag
from descentd.queries.governance.policies import PolicyInput, register_policies
from descentd.queries.lineage.history import history
from descentd.queries.production.deployments import deployments_by_record, serving, versions_serving
from descentd.queries.production.incidents import incidents, open_incidents
from descentd.queries.production.record_deployment import Then, deploy, end, gate_then, profile_current
from descentd.queries.production.record_incident import report, resolve
from descentd.queries.registry import Registry
from descentd.queries.retractions import retract
from tests.support.registries import send

pytestmark = pytest.mark.anyio

PROFILE = {"intendedUse": "Rank.", "mustNotDo": ["Decide."]}
DIGEST = "sha256:" + "a" * 64
JANUARY, MARCH, MAY = "2025-01-01T00:00:00Z", "2025-03-01T00:00:00Z", "2025-05-01T00:00:00Z"


async def begin(registry: Registry) -> None:
    artifacts = [{"uri": "s3://m", "digest": DIGEST}]
    child = {"parents": [{"ref": "model:m@1", "relation": "FINE_TUNE"}], "safetyProfile": PROFILE}
    await send(
        registry,
        models=[
            {"name": "m", "version": "1", "artifacts": artifacts, "safetyProfile": PROFILE},
            {"name": "m", "version": "2", **child},
            {"name": "m", "version": "3", **child},
        ],
    )
    rule = {"name": "any", "expression": "true"}
    await register_policies(registry, [PolicyInput.read({"environment": "production", "rules": [rule]})])
    for number in "12":
        await promote(registry, f"model:m@{number}")


async def promote(registry: Registry, ref: str) -> None:
    """A promotion as the gate records it, without the gate."""
    id = (await registry.find(ref, await registry.sequence())).id

    async def draft(_reads: Reads) -> list[Record]:
        return [Record.of(Kind.PROMOTION, signed({"subject": id, "environment": "production"}, "ana"))]

    await perform(registry.committer, "ana", draft)


def given(number: str, **more: Any) -> DeploymentInput:
    place = {"environment": "production", "endpoint": "/score"}
    return DeploymentInput.read({"subject": f"model:m@{number}", **place, **more})


async def served(registry: Registry, at: str, environment: str | None = "production") -> list[str]:
    upto = await registry.sequence()
    found = await serving(registry, environment, None, instant(at), upto)
    return [(await registry.find(one.version, upto)).ref for one in found]


async def test_what_served_at_any_moment(registry: Registry) -> None:
    await begin(registry)
    one = await deploy(registry, given("1", since=JANUARY), "ana")
    await deploy(registry, given("2", since=MARCH), "ana")
    assert await served(registry, "2024-12-31T23:59:59Z") == []
    assert await served(registry, JANUARY) == ["model:m@1"]
    assert await served(registry, "2025-02-28T23:59:59.999999Z") == ["model:m@1"]
    assert await served(registry, MARCH, None) == ["model:m@2"]
    place = {"environment": "production", "endpoint": "/score", "reason": "Leaks."}
    ended = await end(registry, EndDeploymentInput.read({**place, "until": MAY}), "ana")
    assert ended.deployment.ended == MAY
    assert await served(registry, MAY) == []
    back = await deploy(registry, given("1", since="2025-06-01T00:00:00Z"), "ana")
    assert back.deployment.entry.record.id != one.deployment.entry.record.id
    assert await served(registry, "2025-06-01T00:00:00Z") == ["model:m@1"]
    at = await registry.sequence()
    assert (await versions_serving(registry, "production", at)).tolist() == [
        (await registry.find("model:m@1", at)).sequence
    ]
    assert (await versions_serving(registry, "staging", at)).tolist() == []
    assert (await verify(registry.store)).problem is None


async def test_what_serves_already_is_that_deployment(registry: Registry) -> None:
    await begin(registry)
    one = await deploy(registry, given("1"), "ana")
    assert (await deploy(registry, given("1"), "ben")).deployment.entry.record.id == one.deployment.entry.record.id


async def test_only_what_was_promoted_there_serves(registry: Registry) -> None:
    await begin(registry)
    before = await registry.sequence()
    with pytest.raises(GateBlocked, match="not promoted to production"):
        await deploy(registry, given("3"), "ana")
    with pytest.raises(GateBlocked, match="not promoted to staging"):
        await deploy(registry, given("1", environment="staging"), "ana")
    with pytest.raises(InvalidInput) as caught:
        await deploy(registry, given("1", artifactDigest="sha256:" + "b" * 64), "ana")
    assert caught.value.field == "artifactDigest"
    with pytest.raises(NotFound):
        await end(registry, EndDeploymentInput.read({"environment": "e", "endpoint": "p", "reason": "x"}), "ana")
    assert await registry.sequence() == before
    await deploy(registry, given("1", artifactDigest=DIGEST), "ana")


async def test_a_gate_that_has_closed_since_the_promotion_refuses(registry: Registry) -> None:
    await begin(registry)
    rule = {"name": "never", "expression": "false"}
    await register_policies(registry, [PolicyInput.read({"environment": "production", "rules": [rule]})])
    with pytest.raises(GateBlocked):
        await deploy(registry, given("1"), "ana")
    await register_policies(
        registry, [PolicyInput.read({"environment": "production", "rules": [rule | {"expression": "true"}]})]
    )
    told = {"subjects": ["model:m@1"], "action": "DECOMMISSION", "reason": "Leaks.", "propagate": True}
    await flag(registry, FlagInput.read(told), "rita")
    for number in "12":
        with pytest.raises(GateBlocked, match="DECOMMISSION"):
            await deploy(registry, given(number), "ana")


async def test_how_what_serves_stands(registry: Registry) -> None:
    await begin(registry)
    done = await deploy(registry, given("1", since=JANUARY), "ana")
    now = Then(clock.now(), done.upto)
    asked = await gate_then(registry, done.deployment, now)
    assert asked is not None
    assert asked.outcome.value == "PASSED"
    assert await profile_current(registry, done.deployment, now)
    assert await gate_then(registry, done.deployment, Then(instant(JANUARY), 0)) is None
    assert not await profile_current(registry, done.deployment, Then(instant(JANUARY), 0))
    await send(registry, safetyProfiles=[{"subject": "model:m@1", "profile": {**PROFILE, "intendedUse": "Sort."}}])
    later = Then(clock.now(), await registry.sequence())
    assert not await profile_current(registry, done.deployment, later)
    assert await profile_current(registry, done.deployment, now)


async def test_how_what_is_claimed_stands(registry: Registry) -> None:
    await begin(registry)
    claimed = {"by": "platform team", "source": "CHG-12"}
    done = await deploy(registry, given("2", since=JANUARY, claimed=claimed), "ana")
    now = Then(clock.now(), done.upto)
    assert await gate_then(registry, done.deployment, now) is None
    assert await profile_current(registry, done.deployment, now)
    assert not await profile_current(registry, done.deployment, Then(instant(JANUARY), 0))


async def test_a_claim_begins_before_this_registry_is_asked_there(registry: Registry) -> None:
    await begin(registry)
    claimed = {"by": "platform team", "source": "CHG-12"}
    await deploy(registry, given("1", since=MARCH), "ana")
    before = await registry.sequence()
    for since in (MARCH, MAY, None):
        with pytest.raises(InvalidInput, match=f"Since {MARCH} this registry is asked") as caught:
            await deploy(registry, given("3", since=since, claimed=claimed), "ana")
        assert caught.value.field == "since"
    assert await registry.sequence() == before
    old = await deploy(registry, given("3", since=JANUARY, claimed=claimed), "ana")
    assert (old.deployment.claimed, old.deployment.ended) == (True, MARCH)
    assert await served(registry, "2025-02-01T00:00:00Z") == ["model:m@3"]
    assert await served(registry, MARCH) == ["model:m@1"]
    # The same claim once more is the same, also where it would be refused as a new one.
    again = await deploy(registry, given("3", since=JANUARY, claimed=claimed), "ben")
    assert again.deployment.entry.record.id == old.deployment.entry.record.id
    # Elsewhere nothing was asked: what is claimed serves there until something is deployed.
    await deploy(registry, given("3", since=MAY, claimed=claimed, endpoint="/other"), "ana")
    assert await served(registry, MAY) == ["model:m@3", "model:m@1"]


async def test_a_claim_does_not_count_where_this_registry_was_asked_before_it_began(registry: Registry) -> None:
    """Also where that is reported after the claim: it would end what the gate let in."""
    await begin(registry)
    claimed = {"by": "platform team", "source": "CHG-12"}
    claim = await deploy(registry, given("3", since=MARCH, claimed=claimed), "ana")
    alone = await registry.sequence()
    assert await served(registry, MAY) == ["model:m@3"]
    await deploy(registry, given("1", since=JANUARY), "ana")
    assert await served(registry, MARCH) == await served(registry, MAY) == ["model:m@1"]
    at = await registry.sequence()
    assert [one.claimed for one in await serving(registry, None, None, instant(MAY), alone)] == [True]
    [entry] = await registry.store.entries([alone])
    assert entry.record.id == claim.deployment.entry.record.id
    [(_, shown)] = (await deployments_by_record(registry, [entry], at)).items()
    assert (shown.counts, shown.since, shown.ended) == (False, instant(MARCH), MARCH)
    with pytest.raises(InvalidInput, match=f"Since {JANUARY} this registry is asked"):
        await deploy(registry, given("3", since=MARCH, claimed=claimed), "ana")


async def test_a_mistaken_claim_is_retracted_and_a_deployment_is_not(registry: Registry) -> None:
    await begin(registry)
    claimed = {"by": "platform team", "source": "CHG-12"}
    first = (await deploy(registry, given("2", since=JANUARY, claimed=claimed), "ana")).deployment.entry.record.id
    wrong = (await deploy(registry, given("3", since=MARCH, claimed=claimed), "ana")).deployment.entry.record.id
    place = {"environment": "production", "endpoint": "/score", "reason": "Replaced."}
    await end(registry, EndDeploymentInput.read({**place, "until": MAY}), "ana")
    before = await registry.sequence()
    gone = await retract(registry, RetractionInput.read({"subjects": [wrong], "reason": "Another model."}), "rita")
    assert await served(registry, "2025-04-01T00:00:00Z") == ["model:m@2"]
    assert await served(registry, MAY) == []
    assert [one.version for one in await serving(registry, None, None, instant(MARCH), before)] != [
        one.version for one in await serving(registry, None, None, instant(MARCH), await registry.sequence())
    ]
    # It may be claimed again, and the retraction may be retracted.
    again = (await deploy(registry, given("3", since=MARCH, claimed=claimed), "ana")).deployment.entry.record.id
    assert again not in (wrong, first)
    assert await served(registry, MARCH) == ["model:m@3"]
    await retract(registry, RetractionInput.read({"subjects": [again], "reason": "No."}), "rita")
    assert await served(registry, MARCH) == ["model:m@2"]
    await retract(registry, RetractionInput.read({"subjects": [gone.id], "reason": "It was it."}), "rita")
    assert await served(registry, MARCH) == ["model:m@3"]
    real = (await deploy(registry, given("1", since=MAY), "ana")).deployment.entry.record.id
    with pytest.raises(Forbidden, match="nobody retracts: end the deployment, or report what served instead"):
        await retract(registry, RetractionInput.read({"subjects": [real], "reason": "No."}), "rita")
    await deploy(registry, given("2", since=MAY), "ana")
    assert await served(registry, MAY) == ["model:m@2"]


async def test_nothing_is_claimed_of_the_future(registry: Registry) -> None:
    await begin(registry)
    claimed = {"by": "platform team", "source": "CHG-12"}
    before = await registry.sequence()
    with pytest.raises(InvalidInput, match="300 seconds ahead") as caught:
        await deploy(registry, given("2", since="2999-01-01T00:00:00Z", claimed=claimed), "ana")
    assert caught.value.field == "since"
    for missing in ("by", "source"):
        with pytest.raises(Invalid) as wrong:
            given("2", claimed={part: text for part, text in claimed.items() if part != missing})
        assert [one.field for one in wrong.value.problems] == [f"claimed.{missing}"]
    assert await registry.sequence() == before


async def test_a_claim_is_no_promotion(registry: Registry) -> None:
    """What is claimed to serve has to be promoted before it is deployed, also where it serves already."""
    await begin(registry)
    claimed = {"by": "platform team", "source": "CHG-12"}
    await deploy(registry, given("3", since=JANUARY, claimed=claimed), "ana")
    with pytest.raises(GateBlocked, match="not promoted to production"):
        await deploy(registry, given("3"), "ana")
    with pytest.raises(GateBlocked, match="not promoted to production"):
        await deploy(registry, given("3", endpoint="/other"), "ana")
    told = {"title": "Drift", "severity": "HIGH", "environment": "production", "endpoint": "/score", "at": MARCH}
    found = await report(registry, IncidentInput.read(told), "pager")
    version = await registry.find("model:m@3", await registry.sequence())
    assert found.record.content["subject"] == version.id
    events = await history(registry, "model:m@3", None, None)
    assert [event.summary for event, _ in events.items if event.entry.record.kind is Kind.DEPLOYMENT] == [
        f"Claimed to have served at /score in production as of {JANUARY} by platform team (CHG-12); ana recorded that."
    ]


async def test_an_incident_finds_what_was_serving_then(registry: Registry) -> None:
    await begin(registry)
    await deploy(registry, given("1", since=JANUARY), "ana")
    await deploy(registry, given("2", since=MARCH), "ana")
    place = {"title": "Drift", "severity": "HIGH", "environment": "production", "endpoint": "/score"}
    first = await report(registry, IncidentInput.read({**place, "at": JANUARY, "externalId": "x"}), "pager")
    again = await report(registry, IncidentInput.read({**place, "at": MAY, "externalId": "x"}), "pager")
    assert first.record.id == again.record.id
    at = await registry.sequence()
    version = await registry.find("model:m@1", at)
    assert first.record.content["subject"] == version.id
    assert "deployment" in first.record.content
    assert first.affected == {Kind.MODEL_VERSION: 2, Kind.DEPLOYMENT: 2}
    nowhere = await report(registry, IncidentInput.read({**place, "endpoint": "/x"}), "pager")
    assert "subject" not in nowhere.record.content
    assert nowhere.affected == {}
    everything = await incidents(registry, None, 1, None)
    assert (everything.total, everything.more, len(everything.items)) == (2, True, 1)
    rest = await incidents(registry, None, 1, everything.items[0][1])
    assert [brief.id for brief, _ in rest.items] == [nowhere.record.id]
    assert (await incidents(registry, "model:m@1", None, None)).total == 1
    assert [entry.record.id for entry in await open_incidents(registry, version.sequence, at)] == [first.record.id]


async def test_the_profile_is_the_one_of_then(registry: Registry) -> None:
    await begin(registry)
    now = (await registry.store.entries([await registry.sequence()]))[0].recorded_at
    await send(registry, safetyProfiles=[{"subject": "model:m@1", "profile": {**PROFILE, "intendedUse": "Sort."}}])
    told = {"title": "Drift", "severity": "LOW", "subject": "model:m@1"}
    then = await report(registry, IncidentInput.read({**told, "at": rfc3339(now)}), "pager")
    later = await report(registry, IncidentInput.read(told), "pager")
    assert then.record.content["profile"] != later.record.content["profile"]
    before = await report(registry, IncidentInput.read({**told, "at": "2001-01-01T00:00:00Z"}), "pager")
    assert "profile" not in before.record.content


async def test_an_endpoint_has_no_outer_spaces(registry: Registry) -> None:
    await begin(registry)
    for endpoint in (" /score", "/score "):
        place = {"subject": "model:m@1", "environment": "production", "endpoint": endpoint}
        with pytest.raises(InvalidInput, match="begins or ends with a space: trim it") as caught:
            await deploy(registry, DeploymentInput.read(place), "ada")
        assert caught.value.field == "endpoint"


async def test_an_incident_that_was_retracted_is_not_open(registry: Registry) -> None:
    await begin(registry)
    told = {"title": "Drift", "severity": "LOW", "subject": "model:m@1", "at": MARCH}
    opened = await report(registry, IncidentInput.read(told), "pager")
    version = await registry.find("model:m@1", await registry.sequence())
    false_alarm = RetractionInput.read({"subjects": [opened.record.id], "reason": "False alarm."})
    gone = await retract(registry, false_alarm, "rita")
    assert await open_incidents(registry, version.sequence, gone.upto) == []
    assert len(await open_incidents(registry, version.sequence, gone.upto - 1)) == 1
    again = await retract(registry, RetractionInput.read({"subjects": [gone.id], "reason": "It was one."}), "rita")
    assert len(await open_incidents(registry, version.sequence, again.upto)) == 1


async def test_an_incident_is_over_once(registry: Registry) -> None:
    await begin(registry)
    told = {"title": "Drift", "severity": "LOW", "subject": "model:m@1", "at": MARCH}
    opened = await report(registry, IncidentInput.read(told), "pager")
    early = ResolutionInput.read({"incident": opened.record.id, "reason": "x", "resolvedAt": JANUARY})
    with pytest.raises(InvalidInput):
        await resolve(registry, early, "ana")
    over = ResolutionInput.read({"incident": opened.record.id, "reason": "Rolled back."})
    one = await resolve(registry, over, "ana")
    assert (await resolve(registry, over, "ben")).id == one.id
    at = await registry.sequence()
    version = await registry.find("model:m@1", at)
    assert await open_incidents(registry, version.sequence, at) == []
    assert (await incidents(registry, None, None, None)).total == 1
    with pytest.raises(NotFound):
        await resolve(registry, ResolutionInput.read({"incident": "sha256:" + "0" * 64, "reason": "x"}), "ana")
    with pytest.raises(InvalidInput):
        await resolve(registry, ResolutionInput.read({"incident": version.id, "reason": "x"}), "ana")


def test_an_incident_says_where_or_what() -> None:
    with pytest.raises(Invalid, match="give subject, or environment and endpoint"):
        IncidentInput.read({"title": "x", "severity": "LOW", "environment": "e"})
