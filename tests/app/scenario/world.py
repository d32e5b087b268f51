"""Five people, the server that they ask, and the parts of what they send."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from descent.transport import saved
from descentd.graph.model.names import instant, rfc3339
from tests.app.tokens import new_token
from tests.queries.governed import SUITE, digest
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


def go(subject: str = CHILD, **more: Any) -> Json:
    return {"subject": subject, "environment": "production", "decision": "GO", "reason": "Read all of it.", **more}


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
