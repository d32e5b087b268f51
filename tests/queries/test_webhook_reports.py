"""What systems outside tell: what becomes of it on every store, and what coming again does."""

from collections.abc import Mapping
from typing import Any

import pytest

from descentd.graph.inputs.acts import FlagInput, IncidentInput, ResolutionInput
from descentd.graph.model.errors import InvalidInput
from descentd.graph.model.kinds import Kind
from descentd.graph.verify import verify
from descentd.queries.governance.flags import flag
from descentd.queries.governance.policies import PolicyInput, register_policies
from descentd.queries.production.alerts import Alert, external_id, take_alert
from descentd.queries.production.deployment_reports import Report, ReportInput, take_report
from descentd.queries.production.record_deployment import deploy
from descentd.queries.production.record_incident import report, resolve
from descentd.queries.production.webhook_receipts import Receipt, receipts
from descentd.queries.registry import Registry
from tests.queries.test_production import DIGEST, JANUARY, MARCH, MAY, begin, given, promote, served

pytestmark = pytest.mark.anyio

PLACE = {"environment": "production", "endpoint": "/score"}
UNKNOWN = "sha256:" + "9" * 64
NOW = "2025-06-01T00:00:00Z"


async def deliver(registry: Registry, what: Alert | Report, key: str | None = None) -> Receipt:
    if isinstance(what, Alert):
        taken = await take_alert(registry, what, "alerts", key)
    else:
        taken = await take_report(registry, what, "alerts", key)
    [outcome] = await receipts(registry, [taken.id])
    return outcome


def serves(deployed: str | None, since: str | None = None, **place: str) -> Report:
    return Report(ReportInput.read({**PLACE, **place, "deployed": deployed, "since": since}))


def removed(since: str | None = None) -> Report:
    return Report(ReportInput.read({**PLACE, "since": since}), removed=True)


def alert(*, over: bool = False, **more: Any) -> Alert:
    fields = {"title": "Drift", "severity": "HIGH", **PLACE, **more}
    return Alert(IncidentInput.read(fields), over, None)


async def content(registry: Registry, outcome: Receipt) -> Mapping[str, Any]:
    assert outcome.id is not None
    brief = await registry.find(outcome.id, await registry.sequence())
    return (await registry.store.entries([brief.sequence]))[0].record.content


async def close_the_gate(registry: Registry) -> None:
    rule = {"name": "never", "expression": "false"}
    await register_policies(registry, [PolicyInput.read({"environment": "production", "rules": [rule]})])


async def test_what_was_promoted_serves_though_the_gate_has_closed_since(registry: Registry) -> None:
    await begin(registry)
    await close_the_gate(registry)
    first = await deliver(registry, serves(DIGEST, JANUARY))
    assert (first.kind, first.version, first.status) == (Kind.DEPLOYMENT, "model:m@1", "SERVING")
    before = await registry.sequence()
    assert await deliver(registry, serves("model:m@1")) == first
    assert await registry.sequence() == before
    # And so says whoever deploys what serves already, which changes nothing.
    assert (await deploy(registry, given("1"), "ana")).deployment.entry.record.id == first.id
    assert await registry.sequence() == before


async def test_what_is_flagged_or_was_not_promoted_is_an_incident(registry: Registry) -> None:
    await begin(registry)
    await deliver(registry, serves("model:m@1", JANUARY))
    stranger = await deliver(registry, serves("model:m@3"))
    assert (stranger.kind, stranger.version, stranger.status) == (Kind.INCIDENT, "model:m@3", "OPEN")
    for action, kind in (("REVIEW", Kind.DEPLOYMENT), ("QUARANTINE", Kind.INCIDENT)):
        raised = {"subjects": ["model:m@1"], "action": action, "reason": "Leaks."}
        await flag(registry, FlagInput.read(raised), "rita")
        assert (await deliver(registry, serves("model:m@1"))).kind is kind


async def test_something_unknown_is_charged_to_no_version(registry: Registry) -> None:
    await begin(registry)
    await deploy(registry, given("1", since=JANUARY), "ana")
    for what in (UNKNOWN, "model:nobody@1", "dataset:x", None):
        found = await deliver(registry, serves(what))
        assert (found.kind, found.version, found.status, found.affected) == (Kind.INCIDENT, None, "OPEN", {})
        recorded = await content(registry, found)
        assert not recorded.keys() & {"subject", "deployment", "profile"}
        assert recorded["endpoint"] == "/score"
    assert await served(registry, NOW) == ["model:m@1"]


async def test_what_keeps_on_serving_after_it_was_resolved_is_another_incident(registry: Registry) -> None:
    await begin(registry)
    for what in (serves(UNKNOWN), serves("model:m@3")):
        first = await deliver(registry, what)
        assert await deliver(registry, what) == first
        await resolve(registry, ResolutionInput.read({"incident": first.id, "reason": "Stopped."}), "ana")
        [held] = await receipts(registry, [first.id])
        assert held.status == "RESOLVED"
        again = await deliver(registry, what)
        assert (again.status, again.version) == ("OPEN", first.version)
        assert again.id != first.id
        assert await deliver(registry, what) == again


async def test_an_alert_is_one_incident_whatever_the_order_in_which_its_messages_arrive(registry: Registry) -> None:
    """Another node of a cluster repeats "firing" after "resolved" was sent, or sends "resolved" first."""
    await begin(registry)
    for i, order in enumerate([(False, True, False), (True, False), (False, False, True, True, False)]):
        outcomes_of = [await deliver(registry, alert(externalId=f"am:{i}", over=over)) for over in order]
        assert len({one.id for one in outcomes_of}) == 1
        assert outcomes_of[-1].status == "RESOLVED"
    before = await registry.sequence()
    await deliver(registry, alert(externalId="am:0"))
    assert await registry.sequence() == before


async def test_an_alert_from_an_environment_that_is_nearly_another_says_so(registry: Registry) -> None:
    await begin(registry)
    await deliver(registry, serves("model:m@1", JANUARY))
    notes = {
        place: (await take_alert(registry, alert(externalId=place, environment=place), "alerts", None)).note
        for place in ("production", "Production", "elsewhere")
    }
    assert notes["production"] is notes["elsewhere"] is None
    assert "did you mean production?" in str(notes["Production"])
    outcome = await deliver(registry, serves("model:m@1", JANUARY, environment="Production"))
    assert "not promoted to Production: did you mean production?" in (await content(registry, outcome))["title"]


async def test_what_goes_by_the_sender_s_id_is_one_incident_even_when_it_is_over(registry: Registry) -> None:
    await begin(registry)
    first = await deliver(registry, alert(externalId="pager-1"))
    await deliver(registry, alert(externalId="pager-1", over=True))
    late = await deliver(registry, alert(externalId="pager-1"))
    assert (late.id, late.status) == (first.id, "RESOLVED")


async def test_a_delivery_that_was_cut_short_is_recorded_once(registry: Registry) -> None:
    """The server was killed before it noted that the delivery had come: what it recorded goes by the delivery."""
    await begin(registry)
    await deploy(registry, given("2", since=JANUARY), "ana")
    rolled = await deliver(registry, serves("model:m@1"), "delivery:a:0")
    await deploy(registry, given("2"), "ana")
    alarm = await deliver(registry, alert(), "delivery:b:0")
    before = await registry.sequence()
    assert (await deliver(registry, serves("model:m@1"), "delivery:a:0")).id == rolled.id
    assert (await deliver(registry, alert(), "delivery:b:0")).id == alarm.id
    assert await registry.sequence() == before
    ended = await deliver(registry, removed(), "delivery:c:0")
    assert ended.status == "ENDED"
    back = await deploy(registry, given("2"), "ana")
    assert (await deliver(registry, removed(), "delivery:c:0")).id == ended.id
    [held] = await receipts(registry, [back.deployment.entry.record.id])
    assert held.status == "SERVING"
    assert (await deliver(registry, alert(), "delivery:d:0")).id != alarm.id
    assert (await verify(registry.store)).problem is None


async def test_outcomes_are_what_the_registry_holds_now(registry: Registry) -> None:
    await begin(registry)
    one = await deliver(registry, serves("model:m@1", JANUARY))
    two = await deliver(registry, serves("model:m@2", MARCH))
    alarm = await deliver(registry, alert(at=MAY))
    assert (alarm.version, alarm.affected) == ("model:m@2", {Kind.DEPLOYMENT: 1})
    found = await receipts(registry, [alarm.id, None, two.id, one.id, alarm.id])
    assert [each.status for each in found] == ["OPEN", "NOTHING_SERVED", "SERVING", "ENDED", "OPEN"]
    assert await receipts(registry, []) == []
    assert (await deliver(registry, removed(MAY))).status == "ENDED"
    before = await registry.sequence()
    assert (await deliver(registry, removed(MAY))).status == "ENDED"
    assert await registry.sequence() == before
    empty = await deliver(registry, Report(ReportInput.read({"environment": "e", "endpoint": "/x"}), removed=True))
    assert (empty.kind, empty.version, empty.status) == (Kind.DEPLOYMENT, None, "NOTHING_SERVED")


async def test_causes_are_counted_and_unknown_ones_kept(registry: Registry) -> None:
    await begin(registry)
    known = await deliver(registry, alert(cause="model:m@1", externalId="1"))
    assert known.affected == {Kind.MODEL_VERSION: 2}
    taken = await take_alert(registry, alert(cause="dataset:gone@1", subject="model:m@9", labels=["a"]), "alerts", None)
    assert taken.note == (
        "The subject 'model:m@9' is no model version on record; the cause 'dataset:gone@1' is not on record: "
        "kept among the labels."
    )
    [outcome] = await receipts(registry, [taken.id])
    kept = await content(registry, outcome)
    assert kept["labels"] == {"labels": ["a"], "subject": "model:m@9", "cause": "dataset:gone@1"}
    assert not kept.keys() & {"cause", "subject"}


async def test_what_is_still_to_come_has_not_happened(registry: Registry) -> None:
    await begin(registry)
    later = "2099-01-01T00:00:00Z"
    with pytest.raises(InvalidInput) as caught:
        await report(registry, alert(at=later).incident, "ana")
    assert caught.value.field == "at"
    opened = await report(registry, alert().incident, "ana")
    over = ResolutionInput.read({"incident": opened.record.id, "reason": "x", "resolvedAt": later})
    with pytest.raises(InvalidInput) as caught:
        await resolve(registry, over, "ana")
    assert caught.value.field == "resolvedAt"


def test_ids_of_elsewhere_have_room() -> None:
    assert external_id("a", "b", "c") == "a:b:c"
    long = external_id("a", "b" * 2000)
    assert long.startswith("a:")
    assert len(long) == 66
    assert long != external_id("a", "b" * 2001)


async def test_what_is_promoted_later_serves_from_then_on(registry: Registry) -> None:
    await begin(registry)
    assert (await deliver(registry, serves("model:m@3"))).kind is Kind.INCIDENT
    await promote(registry, "model:m@3")
    assert (await deliver(registry, serves("model:m@3"))).kind is Kind.DEPLOYMENT
