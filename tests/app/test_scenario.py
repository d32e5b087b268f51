"""From registration to quarantine, as five people live through it over HTTP, with a server that is killed on the way.

Ruth registers, Eva evaluates, Rob and Rita review, Ada administers and audits. Every step reads what it is told
critically; each rests on the ones before.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.kills import check_verified
from tests.app.scenario.release import (
    a_lineage_is_registered,
    a_weakness_is_inherited,
    bias_blocks,
    it_is_promoted_and_deployed,
    nothing_was_measured_yet,
    the_server_is_killed,
    two_people_decide,
)
from tests.app.scenario.world import (
    ACCESSES,
    BASE,
    CHILD,
    INCIDENT,
    LATE,
    PLACE,
    POLICY,
    World,
    alert,
    deliver,
    go,
    profile,
    version,
)
from tests.app.test_gate_process import descent
from tests.app.test_survival import address
from tests.queries.governed import SUITE, digest


@pytest.fixture(params=["sqlite", "neo4j"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "production.yaml").write_text(POLICY)
    neo4j = request.param == "neo4j"
    store = address(request.getfixturevalue("neo4j_empty")) if neo4j else f"sqlite:///{tmp_path / 'registry.db'}"
    world = World(store, policies)
    with world.server:
        yield world


def test_from_registration_to_quarantine(world: World) -> None:
    a_lineage_is_registered(world)
    nothing_was_measured_yet(world)
    bias_blocks(world)
    a_weakness_is_inherited(world)
    the_server_is_killed(world)
    two_people_decide(world)
    it_is_promoted_and_deployed(world)
    an_alert_finds_what_served(world)
    new_evidence_voids_the_go(world)
    a_flag_reaches_what_comes_later(world)
    the_flag_is_cleared(world)
    a_result_is_retracted(world)
    it_ends(world)
    everything_can_be_looked_up(world)
    world.server.stop()
    check_verified(world.store)


def an_alert_finds_what_served(world: World) -> None:
    """The profile is revised after what the alert is about, and before the alert comes in."""
    told = {"subject": CHILD, "profile": profile("Rank consumer loans under 50 000."), "reason": "Narrowed."}
    world.ids["narrowed"] = world.register("Ruth", safetyProfiles=[told])["SAFETY_PROFILE"]
    happened = alert(world.moments["deployed"])
    before = world.sequence()
    assert deliver(world, happened, altered=b" ").status_code == 401
    assert world.sequence() == before
    first = deliver(world, happened)
    assert first.status_code == 200, first.text
    assert deliver(world, happened).json() == first.json()
    assert world.sequence() == before + 1
    [told] = first.json()["records"]
    assert (told["version"], told["status"]) == (CHILD, "OPEN")
    world.ids["incident"] = told["id"]
    assert world.ask("Rob", INCIDENT, ref=told["id"]) == {
        "openedAt": world.moments["deployed"],
        "version": {"ref": CHILD},
        "profile": {"id": world.ids["profile"]},
        "deployment": {"id": world.ids["deployment"]},
    }
    # What names a version that is not known, or serves nowhere, is kept and shown.
    lost = deliver(world, alert(world.moments["before"], model_version="model:credit@77"))
    assert lost.status_code == 200, lost.text
    listed = world.ask("Rob", "Incidents")
    assert listed["totalCount"] == 2
    assert [edge["node"]["version"] for edge in listed["edges"]] == [{"ref": CHILD}, None]
    assert "nothing-open" in world.rules(CHILD)[2]
    [now] = world.serving()
    assert (now["meetsPolicy"], now["profileCurrent"]) == (False, False)
    [then] = world.serving(world.moments["deployed"])
    assert (then["meetsPolicy"], then["profileCurrent"]) == (True, True)
    world.refuse("FORBIDDEN", "Eva", "ResolveIncident", input={"incident": told["id"], "reason": "x"})
    over = world.ask("Ruth", "ResolveIncident", input={"incident": told["id"], "reason": "Rolled the feed back."})
    assert over == {"id": told["id"], "status": "RESOLVED"}
    assert "nothing-open" not in world.rules(CHILD)[2]


def new_evidence_voids_the_go(world: World) -> None:
    metrics = [{"name": "accuracy", "value": 0.9, "n": 1000}]
    made = world.register("Eva", evaluations=[{"subject": CHILD, "suite": SUITE, "metrics": metrics}])
    world.ids["accuracy"] = made["EVALUATION"]
    status, reasons = world.verdict(CHILD)
    assert status == "UNREVIEWED"
    assert "GO for production no longer holds" in reasons["REOPENED"]
    came = "1 safety profile, 1 incident, 1 resolution and 1 evaluation came after it"
    assert f"{came} and 1 safety profile no longer counts." in reasons["REOPENED"]
    outcome, rules, told = world.rules(CHILD)
    assert outcome == "BLOCKED"
    assert told["quorum"].startswith("0 of 2 people said GO on what is known now; Rob's no longer holds: ")
    assert rules["documentation-current"] == "BLOCKED"
    reviews = world.ask("Rob", "Entity", ref=CHILD)["reviews"]
    assert [one["decision"] for one in reviews] == ["GO", "GO", "NO_GO", "GO"]
    assert not any(one["valid"] for one in reviews)
    elsewhere = {"subject": CHILD, "environment": "production", "endpoint": "/other"}
    refused = world.refuse("GATE_BLOCKED", "Ruth", "Deploy", input=elsewhere)
    assert "quorum (blocked)" in str(refused)


def a_flag_reaches_what_comes_later(world: World) -> None:
    world.moment("unflagged")
    quarantine = {"subjects": [BASE], "action": "QUARANTINE", "reason": "Labels leaked.", "propagate": True}
    world.refuse("FORBIDDEN", "Ruth", "Flag", input=quarantine)
    done = world.ask("Rita", "Flag", input=quarantine)
    assert (done["action"], done["propagates"]) == ("QUARANTINE", True)
    assert {one["kind"]: one["count"] for one in done["affected"]} == {"MODEL_VERSION": 1, "DEPLOYMENT": 1}
    world.ids["flag"] = done["id"]
    world.register("Ruth", models=[version(3, CHILD, safetyProfile=profile("Rank car loans."))])
    for ref in (BASE, CHILD, LATE):
        found = world.ask("Rob", "Entity", ref=ref)
        assert found["flags"] == [{"id": done["id"], "action": "QUARANTINE", "reason": "Labels leaked."}]
        assert found["verdict"]["status"] == "FLAGGED"
        for operation, variables in (
            ("Review", {"input": go(ref)}),
            ("Promote", {"of": ref, "environment": "production"}),
            ("Deploy", {"input": {"subject": ref, "environment": "production", "endpoint": "/other"}}),
        ):
            person = "Rob" if operation == "Review" else "Ruth"
            assert "QUARANTINE" in str(world.refuse("GATE_BLOCKED", person, operation, **variables))
    assert world.ask("Rob", "Entity", ref=CHILD, asOf=world.moments["unflagged"])["flags"] == []
    [serves] = world.serving()
    assert not serves["meetsPolicy"]
    wanted = {"status": ["FLAGGED"], "servingIn": "production"}
    [edge] = world.ask("Rob", "ModelVersions", filter=wanted)["edges"]
    assert edge["node"]["ref"] == CHILD
    # The probe plan reaches what came later too.
    assert [one["status"] for one in world.ask("Rob", "Probes", of=LATE)] == ["NOT_RUN"]


def the_flag_is_cleared(world: World) -> None:
    clear = {"subjects": [CHILD], "action": "CLEAR", "reason": "Trained without them."}
    world.refuse("FORBIDDEN", "Ruth", "Flag", input=clear)
    world.ask("Rob", "Flag", input=clear)
    assert [world.verdict(ref)[0] for ref in (BASE, CHILD, LATE)] == ["FLAGGED", "UNREVIEWED", "UNREVIEWED"]
    world.ask("Rob", "Flag", input=clear | {"subjects": [BASE]})
    assert world.verdict(BASE)[0] == "UNREVIEWED"
    assert world.refuse("INVALID_INPUT", "Rob", "Flag", input=clear).field == "subjects"
    assert "flagged" not in world.rules(CHILD)[1]
    assert "nothing-open" not in world.rules(CHILD)[2]


def a_result_is_retracted(world: World) -> None:
    """The better result goes, and so does the retraction of the biased one, which was a mistake: it counts again."""
    better = {"subjects": [world.ids["better"]], "reason": "The holdout was mixed up."}
    world.refuse("FORBIDDEN", "Ruth", "Retract", input=better)
    theirs = {"subjects": [world.ids["profile"]], "reason": "Not hers."}
    assert world.refuse("FORBIDDEN", "Eva", "Retract", input=theirs).field == "subjects[0]"
    world.ask("Eva", "Retract", input=better)
    world.ask("Eva", "Retract", input={"subjects": [world.ids["taken back"]], "reason": "They were the right ones."})
    listed = {
        edge["node"]["id"]: edge["node"]["retracted"] for edge in world.ask("Rob", "Evaluations", of=CHILD)["edges"]
    }
    assert listed[world.ids["better"]]
    assert not listed[world.ids["biased"]]
    told = world.rules(CHILD)[2]
    assert told["stereotype-rate"] == "The stereotype rate may be at most 0.10 from 0.5."
    # A retracted profile leaves none in force: everyone says so.
    world.ask("Rita", "Retract", input={"subjects": [world.ids["narrowed"]], "reason": "Never agreed."})
    assert world.ask("Rob", "Entity", ref=CHILD)["safetyProfile"] is None
    assert "no-profile" in world.rules(CHILD)[2]
    agreed = {"subject": CHILD, "profile": profile("Rank consumer loans under 50 000."), "reason": "Narrowed."}
    world.ids["agreed"] = world.register("Ruth", safetyProfiles=[agreed])["SAFETY_PROFILE"]
    assert world.ids["agreed"] != world.ids["narrowed"]
    assert world.ask("Rob", "Entity", ref=CHILD)["safetyProfile"]["id"] == world.ids["agreed"]


def it_ends(world: World) -> None:
    ending = {**PLACE, "reason": "Biased."}
    world.refuse("FORBIDDEN", "Rob", "EndDeployment", input=ending)
    done = world.ask("Ruth", "EndDeployment", input=ending)
    assert done["id"] == world.ids["deployment"]
    world.refuse("NOT_FOUND", "Ruth", "EndDeployment", input=ending)
    world.moment("ended")
    moments = ("before", "deployed", "unflagged", "ended")
    assert [len(world.serving(world.moments[name])) for name in moments] == [0, 1, 1, 0]
    assert world.serving(done["until"]) == []
    assert world.serving() == []


def everything_can_be_looked_up(world: World) -> None:
    history = world.ask("Rob", "History", of=CHILD, first=1000)["edges"]
    told = [(edge["node"]["kind"], edge["node"]["recordedBy"], edge["node"]["summary"]) for edge in history]
    kinds = [kind for kind, _, _ in told]
    assert kinds[0] == "MODEL_VERSION"
    counted = {
        "EVALUATION": 4, "REVIEW": 4, "PROMOTION": 1, "DEPLOYMENT": 2, "INCIDENT": 2, "SAFETY_PROFILE": 4,
        "FLAG": 1, "GATE_DECISION": 3,
    }  # fmt: skip
    assert {kind: kinds.count(kind) for kind in counted} == counted
    assert ("GATE_DECISION", "Ruth", "The gate of production said PASSED.") in told
    assert any(kind == "GATE_DECISION" and "BLOCKED: stereotype-rate" in said for kind, _, said in told)
    assert any(said.startswith("Ended at /score in production by Ruth as of ") for _, _, said in told)
    for person in ("Ruth", "Eva", "Rob", "Rita"):
        world.refuse("FORBIDDEN", person, ACCESSES)
    refused = [edge["node"] for edge in world.ask("Ada", ACCESSES, person="Eva", refused=True)["edges"]]
    assert {(one["operation"], one["outcome"]) for one in refused} >= {
        ("register", "FORBIDDEN"), ("review", "FORBIDDEN"), ("promote", "FORBIDDEN"), ("retract", "FORBIDDEN"),
    }  # fmt: skip
    for decision, outcome, code in (("incomplete", "INCOMPLETE", 4), ("blocked", "BLOCKED", 3)):
        ran = descent(world.server.url, "gate", "--replay", world.ids[decision], DESCENT_TOKEN=world.tokens["Rob"])
        assert (ran.returncode, ran.stderr) == (code, ""), ran.stderr
        assert f"\n{outcome}: model:credit@" in ran.stdout
    place = ("-e", "production", "-p", "/score", "--at", world.moments["deployed"])
    ran = descent(world.server.url, "trace", *place, DESCENT_TOKEN=world.tokens["Rob"])
    assert ran.returncode == 0, ran.stderr
    for said in (
        digest(2),
        "depth",
        "It passed the gate of production, by what was recorded.",
        "Intended use\nRank consumer loans.\n",
    ):
        assert said in ran.stdout
