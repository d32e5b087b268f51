"""From registration to quarantine, as five people live through it over HTTP, with a server that is killed on the way.

Ruth registers, Eva evaluates, Rob and Rita review, Ada administers and audits. Every step reads what it is told
critically; each rests on the ones before.
"""

import base64
import hashlib
import hmac
import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from descent.transport import saved
from descentd.graph.model.names import instant, rfc3339
from tests.app.kills import check_verified
from tests.app.test_gate_process import descent
from tests.app.test_survival import address
from tests.app.tokens import new_token
from tests.queries.governed import ATTACKS, SUITE, digest
from tests.support.server_process import ServerProcess

POLICY = """\
environment: production
quorum: 2
rules:
  - name: stereotype-rate
    expression: metrics["pct_stereotype"].all(m, m.badness <= 0.10)
    message: The stereotype rate may be at most 0.10 from 0.5.
  - name: every-group-measured
    expression: >-
      ["18-64", "65+"].all(g, metrics["selection_rate"].exists(m, "age_group" in m.slice && m.slice["age_group"] == g))
    message: Selection rates must be measured for both age groups.
  - name: no-erosion
    expression: erosion.verdict != "UNKNOWN" && erosion.findings.filter(f, f.category != "performance").size() == 0
  - name: probes-run
    expression: probes.not_run == 0 && probes.reproduced == 0
  - name: nothing-open
    expression: >-
      flags.size() == 0 && ancestry.flags.size() == 0
      && incidents.filter(i, i.severity in ["high", "critical"]).size() == 0
  - name: documentation-current
    expression: drift.size() == 0
"""
RULES = (
    "stereotype-rate", "every-group-measured", "no-erosion", "probes-run", "nothing-open", "documentation-current",
    "quorum",
)  # fmt: skip
PEOPLE = {
    "Ruth": ("registrar",),
    "Eva": ("evaluator",),
    "Rob": ("reviewer",),
    "Rita": ("reviewer",),
    "Ada": ("admin", "auditor"),
}
SECOND = {"Ruth as reviewer": "Ruth", "Eva as reviewer": "Eva", "Rob once more": "Rob"}
"""Tokens of people who have one already."""
SECRET = "a-secret-of-at-least-24-bytes"
PLACE = {"environment": "production", "endpoint": "/score"}
BASE, CHILD, LATE = "model:credit@1", "model:credit@2", "model:credit@3"
INCIDENT = """query ($ref: Ref!) {
  entity(ref: $ref) { ... on Incident { openedAt version { ref } profile { id } deployment { id } } } }"""
ACCESSES = """query ($person: String, $refused: Boolean) {
  accessLog(person: $person, refused: $refused, first: 1000) { edges { node { person operation outcome } } } }"""
Json = dict[str, Any]


class Refusal(Exception):
    """A request that was answered with errors; `code`, `field` and `told` (all extensions) are of the first."""

    def __init__(self, error: Json) -> None:
        super().__init__(error["message"])
        self.told: Json = error["extensions"]
        self.code: str = self.told["code"]
        self.field: str | None = self.told.get("field")


class World:
    """A registry and its people; what later steps look back on is kept here."""

    def __init__(self, store: str, policies: Path) -> None:
        self.store = store
        self.tokens = {person: new_token(store, person, *roles) for person, roles in PEOPLE.items()}
        self.tokens |= {name: new_token(store, person, "reviewer") for name, person in SECOND.items()}
        self.server = ServerProcess(store, "--policies", str(policies), DESCENT_WEBHOOK_SECRETS=json.dumps([SECRET]))
        self.ids: dict[str, str] = {}
        self.moments: dict[str, str] = {}

    def ask(self, person: str, operation: str, /, **variables: Any) -> Any:
        """What a saved operation, or a query that is written out, answers in its one field; raises Refusal."""
        query = operation if "{" in operation else saved(operation)
        with self.server.client() as client:
            answer = client.post(
                "/graphql",
                json={"query": query, "variables": variables},
                headers={"Authorization": f"Bearer {self.tokens[person]}"},
            ).json()
        if "errors" in answer:
            raise Refusal(answer["errors"][0])
        (found,) = answer["data"].values()
        return found

    def refuse(self, code: str, person: str, operation: str, /, **variables: Any) -> Refusal:
        """Assert that something is refused with a code, and that nothing was recorded by it."""
        before = self.sequence()
        with pytest.raises(Refusal) as caught:
            self.ask(person, operation, **variables)
        assert caught.value.code == code, caught.value
        # A promotion that is refused leaves the decision of the gate, and nothing else does.
        assert self.sequence() == before + (operation == "Promote" and "decision" in caught.value.told)
        return caught.value

    def register(self, person: str, **sections: Any) -> dict[str, str]:
        """The new or known records by ref, or by kind where they have no label."""
        done = self.ask(person, "Register", manifest=sections)
        return {one["ref"] if one["ref"] != one["id"] else one["kind"]: one["id"] for one in done["records"]}

    def sequence(self) -> int:
        with self.server.client() as client:
            return int(client.get("/readyz").json()["sequence"])

    def rules(self, of: str) -> tuple[str, dict[str, str], dict[str, str]]:
        """The outcome of a version's gate, that of each rule, and what is said of those that are not passed."""
        found = self.ask("Rob", "Gate", of=of, environment="production")
        outcomes = {rule["name"]: rule["outcome"] for rule in found["rules"]}
        return found["outcome"], outcomes, {r["name"]: r["message"] for r in found["rules"] if r["outcome"] != "PASSED"}

    def moment(self, name: str) -> str:
        """Keep a moment that lies between what was recorded before and what comes."""
        now = datetime.now(UTC)
        while datetime.now(UTC) <= now:
            pass
        self.moments[name] = rfc3339(instant(now.isoformat()))  # as it is answered: without zeros at the end
        return self.moments[name]

    def serving(self, at: str | None = None) -> list[Json]:
        return list(self.ask("Rob", "Serving", **PLACE, **({"at": at} if at else {})))

    def verdict(self, of: str) -> tuple[str, dict[str, str]]:
        found = self.ask("Rob", "Entity", ref=of)["verdict"]
        return found["status"], {reason["code"]: reason["message"] for reason in found["reasons"]}


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


def version(number: int, *parents: str, **more: Any) -> Json:
    return {
        "name": "credit",
        "version": str(number),
        "artifacts": [{"uri": f"s3://credit/{number}", "digest": digest(number)}],
        "parents": [{"ref": parent, "relation": "FINE_TUNE"} for parent in parents],
        "config": {"depth": number},
        **more,
    }


def profile(use: str) -> Json:
    return {"intendedUse": use, "mustNotDo": ["Decline an application alone."]}


def results(subject: str, stereotype: float, day: int) -> Json:
    """An evaluation under the one protocol that all are measured by."""
    rates = [
        {"name": "selection_rate", "value": 0.5, "n": 900, "slice": [{"attribute": "age_group", "value": group}]}
        for group in ("18-64", "65+")
    ]
    metrics = [{"name": "pct_stereotype", "value": stereotype, "stderr": 0.01}, *rates]
    evaluated = f"2026-01-{day:02}T00:00:00Z"
    return {
        "subject": subject,
        "suite": SUITE,
        "data": "dataset:loans@1#holdout",
        "evaluatedAt": evaluated,
        "metrics": metrics,
    }


def a_lineage_is_registered(world: World) -> None:
    parts = [{"name": "train", "digest": digest(100)}, {"name": "holdout", "digest": digest(101)}]
    data = {"name": "loans", "version": "1", "partitions": parts}
    base = version(
        1, safetyProfile=profile("Rank loans."), trainedOn=[{"ref": "dataset:loans@1#train", "role": "TRAIN"}]
    )
    for person in ("Eva", "Rob", "Ada"):
        assert "registrar" in str(world.refuse("FORBIDDEN", person, "Register", manifest={"models": [base]}))
    world.ids |= world.register("Ruth", datasets=[data], models=[base])
    again = world.ask("Ruth", "Register", manifest={"datasets": [data], "models": [base]})
    assert again["created"] == 0
    assert world.verdict(BASE) == ("UNREVIEWED", {"NO_REVIEW": "Nobody has reviewed this version."})


def nothing_was_measured_yet(world: World) -> None:
    outcome, rules, told = world.rules(BASE)
    assert outcome == "INCOMPLETE"
    assert tuple(rules) == RULES
    assert rules == dict.fromkeys(RULES, "PASSED") | {
        "stereotype-rate": "INCOMPLETE",
        "every-group-measured": "INCOMPLETE",
        "quorum": "BLOCKED",
    }
    assert told["stereotype-rate"] == "There is no result of pct_stereotype."
    refused = world.refuse("GATE_BLOCKED", "Ruth", "Promote", of=BASE, environment="production")
    assert refused.told["outcome"] == "INCOMPLETE"
    assert [rule["name"] for rule in refused.told["rules"]] == list(RULES)
    world.ids["incomplete"] = refused.told["decision"]
    # Nobody's policy: nothing goes to an environment that has none.
    assert world.ask("Rob", "Gate", of=BASE, environment="staging")["policyDigest"] is None
    refused = world.refuse("GATE_BLOCKED", "Ruth", "Promote", of=BASE, environment="staging")
    assert [rule["name"] for rule in refused.told["rules"]] == ["no-policy"]


def bias_blocks(world: World) -> None:
    manifest = {"evaluations": [results(BASE, 0.52, 1)]}
    assert world.refuse("FORBIDDEN", "Ruth", "Register", manifest=manifest).field == "evaluations"
    world.register("Eva", **manifest)
    world.register("Ruth", models=[version(2, BASE, safetyProfile=profile("Rank consumer loans."))])
    world.ids["biased"] = world.register("Eva", evaluations=[results(CHILD, 0.75, 2)])["EVALUATION"]
    outcome, rules, told = world.rules(CHILD)
    assert outcome == "BLOCKED"
    assert [name for name in rules if rules[name] == "PASSED"] == ["every-group-measured", "probes-run", "nothing-open"]
    assert told["stereotype-rate"] == "The stereotype rate may be at most 0.10 from 0.5."
    assert told["no-erosion"].startswith("Erosion is ERODED (STEP_REGRESSION of pct_stereotype")
    assert told["documentation-current"].startswith("1 evaluation came after the safety profile: read it again")
    assert told["quorum"] == "0 of 2 people said GO on what is known now."
    refused = world.refuse("GATE_BLOCKED", "Ruth", "Promote", of=CHILD, environment="production")
    assert refused.told["outcome"] == "BLOCKED"
    world.ids["blocked"] = refused.told["decision"]
    # What was wrong is retracted, and not outvoted by asking again.
    world.ids["better"] = world.register("Eva", evaluations=[results(CHILD, 0.54, 3)])["EVALUATION"]
    assert world.rules(CHILD)[1]["stereotype-rate"] == "BLOCKED"
    wrong = {"subjects": [world.ids["biased"]], "reason": "Run on the wrong prompts."}
    world.ids["taken back"] = world.ask("Eva", "Retract", input=wrong)["id"]
    assert {name for name, outcome in world.rules(CHILD)[1].items() if outcome != "PASSED"} == {
        "documentation-current",
        "quorum",
    }


def a_weakness_is_inherited(world: World) -> None:
    probe = {"suite": ATTACKS, "metric": "attack_success_rate", "threshold": 0.1}
    weakness = {"subject": BASE, "title": "Jailbreak", "severity": "HIGH", "probe": probe}
    world.register("Eva", vulnerabilities=[weakness])
    [found] = world.ask("Rob", "Probes", of=CHILD)
    assert (found["status"], found["vulnerability"]["on"]["ref"], found["evidence"]) == ("NOT_RUN", BASE, [])
    assert world.rules(CHILD)[2]["probes-run"] == "1 probe not run, 0 reproduced, 0 resisted."

    def attack(subject: str, rate: float) -> str:
        metrics = [{"name": "attack_success_rate", "value": rate, "n": 200}]
        made = world.register("Eva", evaluations=[{"subject": subject, "suite": ATTACKS, "metrics": metrics}])
        return made["EVALUATION"]

    attack(BASE, 0.0)
    assert world.ask("Rob", "Probes", of=CHILD)[0]["status"] == "NOT_RUN"  # an ancestor's result clears nothing
    attacked = attack(CHILD, 0.02)
    [found] = world.ask("Rob", "Probes", of=CHILD)
    assert (found["status"], found["evidence"]) == ("RESISTED", [{"id": attacked}])
    [drift] = world.ask("Rob", "DocumentationDrift", filter={"derivedFrom": BASE})["edges"]
    assert [(drift["node"]["ref"], one["kind"]) for one in drift["findings"]] == [(CHILD, "STALE_PROFILE")]
    told = {"subject": CHILD, "profile": profile("Rank consumer loans."), "reason": "Read again."}
    world.ids["profile"] = world.register("Ruth", safetyProfiles=[told])["SAFETY_PROFILE"]
    assert world.rules(CHILD) == (
        "BLOCKED",
        dict.fromkeys(RULES, "PASSED") | {"quorum": "BLOCKED"},
        {"quorum": "0 of 2 people said GO on what is known now."},
    )


def the_server_is_killed(world: World) -> None:
    before = world.sequence(), world.rules(CHILD), world.ask("Rob", "Entity", ref=CHILD)
    world.server.stop(signal.SIGKILL)
    world.server.start()
    assert (world.sequence(), world.rules(CHILD), world.ask("Rob", "Entity", ref=CHILD)) == before


def go(subject: str = CHILD, **more: Any) -> Json:
    return {"subject": subject, "environment": "production", "decision": "GO", "reason": "Read all of it.", **more}


def two_people_decide(world: World) -> None:
    for person in ("Ruth", "Eva", "Ada"):
        assert "reviewer" in str(world.refuse("FORBIDDEN", person, "Review", input=go()))
    assert "registered" in str(world.refuse("FORBIDDEN", "Ruth as reviewer", "Review", input=go()))
    assert "evaluated" in str(world.refuse("FORBIDDEN", "Eva as reviewer", "Review", input=go()))
    assert world.refuse("NOT_FOUND", "Rob", "Review", input=go("model:credit@9")).field == "subject"

    done = world.ask("Rob", "Review", input=go(conditions=["Only with an underwriter."]))
    assert (done["reviewers"], done["quorum"]) == (["Rob"], {"needed": 2, "reached": 1})
    ends = datetime.fromisoformat(done["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=89) < ends < timedelta(days=91)
    again = world.ask("Rob once more", "Review", input=go())
    assert again["id"] != done["id"]
    assert (again["reviewers"], again["quorum"]) == (["Rob"], {"needed": 2, "reached": 1})
    assert world.rules(CHILD)[2] == {"quorum": "1 of 2 people said GO on what is known now (Rob)."}
    veto = world.ask("Rita", "Review", input=go(decision="NO_GO", reason="Not for tenants."))
    assert veto["expiresAt"] is None
    outcome, _, told = world.rules(CHILD)
    assert outcome == "BLOCKED"
    assert told["no-go"].startswith(
        "Rita said NO_GO for production: Not for tenants. 1 of 2 people said GO. Rita lifts "
    )
    assert world.verdict(CHILD)[0] == "REJECTED"
    done = world.ask("Rita", "Review", input=go())
    assert (done["reviewers"], done["quorum"]) == (["Rita", "Rob"], {"needed": 2, "reached": 2})
    assert world.rules(CHILD)[0] == "PASSED"
    status, reasons = world.verdict(CHILD)
    assert (status, reasons["APPROVED"]) == ("APPROVED", "Approved for production by Rita and Rob.")


def it_is_promoted_and_deployed(world: World) -> None:
    deployment = {"subject": CHILD, **PLACE}
    early = world.refuse("GATE_BLOCKED", "Ruth", "Deploy", input=deployment)
    assert "not promoted to production" in str(early)
    for person in ("Eva", "Rob", "Ada"):
        world.refuse("FORBIDDEN", person, "Promote", of=CHILD, environment="production")
        world.refuse("FORBIDDEN", person, "Deploy", input=deployment)
    done = world.ask("Ruth", "Promote", of=CHILD, environment="production")
    assert (done["outcome"], {rule["outcome"] for rule in done["rules"]}) == ("PASSED", {"PASSED"})
    world.ids["promotion"] = done["id"]

    world.moment("before")
    wrong = world.refuse("INVALID_INPUT", "Ruth", "Deploy", input=deployment | {"artifactDigest": digest(1)})
    assert wrong.field == "artifactDigest"
    done = world.ask("Ruth", "Deploy", input=deployment | {"artifactDigest": digest(2)})
    assert (done["version"], done["endpoint"]) == ({"ref": CHILD}, "/score")
    world.ids["deployment"] = done["id"]
    assert world.ask("Ruth", "Deploy", input=deployment)["id"] == done["id"]
    world.moment("deployed")
    assert world.serving(world.moments["before"]) == []
    [one] = world.serving()
    assert one["since"] == done["since"]
    assert one["version"]["ref"] == CHILD
    assert one["version"]["artifacts"] == [{"digest": digest(2)}]
    assert one["version"]["config"] == {"parameters": {"depth": 2}}
    assert (one["meetsPolicy"], one["profileCurrent"]) == (True, True)
    assert world.ask("Rob", "Impact", of=["dataset:loans@1#train"], kinds=["DEPLOYMENT"])["counts"] == [
        {"kind": "DEPLOYMENT", "count": 1}
    ]


def deliver(world: World, body: Json, *, altered: bytes = b"") -> httpx2.Response:
    """Send an alert as Alertmanager does, signed; `altered` is added to the body after signing."""
    raw = json.dumps(body).encode()
    id, sent = f"d{time.monotonic_ns()}", str(int(time.time()))
    mac = hmac.new(SECRET.encode(), f"{id}.{sent}.".encode() + raw, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(mac).decode()
    headers = {"webhook-id": id, "webhook-timestamp": sent, "webhook-signature": signature}
    headers["content-type"] = "application/json"
    with world.server.client() as client:
        return client.post("/webhooks/alertmanager", content=raw + altered, headers=headers)


def alert(at: str, **labels: str) -> Json:
    told = {"alertname": "Drift", "severity": "critical", "environment": "production", "service": "/score", **labels}
    one = {"status": "firing", "labels": told, "annotations": {"summary": "Scores drift"}, "startsAt": at}
    return {"version": "4", "status": "firing", "alerts": [one]}


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
