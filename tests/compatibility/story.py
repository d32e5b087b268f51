"""What happens in the registry of a fixture: it is registered, reviewed, promoted, deployed, flagged and retracted.

Everything goes over HTTP, as people and other systems would send it.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.compatibility.manifests import first_manifests, later_manifests
from tests.support.server_process import Asking

Json = dict[str, Any]

PEOPLE = {
    "Ruth": ("registrar",),
    "Eva": ("evaluator",),
    "Rob": ("reviewer",),
    "Rita": ("reviewer",),
    "Ada": ("admin", "auditor"),
    "Zoë": ("viewer",),
}
SECRET = "a-secret-of-at-least-24-bytes"
LASTING = "2999-01-01T00:00:00Z"
"""When reviews end that are not to end while anybody asks about them."""
REGISTER = "mutation ($manifest: ManifestInput!) { done: register(manifest: $manifest) { records { id ref kind } } }"
PROMOTE = "mutation ($of: Ref!, $to: String!) { done: promote(of: $of, environment: $to) { id } }"
SCORE = {"environment": "production", "endpoint": "/score"}
CHAT = {"environment": "staging", "endpoint": "/chat"}


def act(name: str, input: str) -> str:
    return f"mutation ($input: {input}!) {{ done: {name}(input: $input) {{ id }} }}"


def now() -> datetime:
    return datetime.now(UTC)


def written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def pass_by(moment: datetime) -> None:
    while now() <= moment:
        pass


def deliver(server: Asking, delivery: Json) -> Json:
    """Send a delivery of a webhook, signed now; what is answered."""
    id, body, sent = delivery["id"], delivery["body"].encode(), str(int(time.time()))
    mac = hmac.digest(SECRET.encode(), f"{id}.{sent}.".encode() + body, hashlib.sha256)
    signature = "v1," + base64.b64encode(mac).decode()
    headers = {"webhook-id": id, "webhook-timestamp": sent, "webhook-signature": signature}
    with server.client() as client:
        sending = headers | {"content-type": delivery["type"]}
        answer = client.post(f"/webhooks/{delivery['route']}", content=body, headers=sending)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


class Story:
    """Tells it to a server. What questions are asked about afterwards is kept in `moments`, `acts` and `deliveries`."""

    def __init__(self, server: Asking, tokens: Mapping[str, str]) -> None:
        self._server = server
        self._tokens = tokens
        self.moments: dict[str, str] = {}
        self.acts: dict[str, str] = {}
        self.deliveries: list[Json] = []

    def tell(self) -> None:
        for person, manifest in first_manifests():
            self._register(person, manifest)
        self._moment("registered")
        self._refuse()
        self._decide()
        self._deploy()
        self._report()
        self._flag()
        for person, manifest in later_manifests():
            self._register(person, manifest)
        self._moment("learned")
        self._retract()
        self._end()

    def _send(self, person: str, query: str, **variables: Any) -> Json:
        with self._server.client() as client:
            headers = {"Authorization": f"Bearer {self._tokens[person]}"}
            sent = {"query": query, "variables": variables}
            answer: Json = client.post("/graphql", json=sent, headers=headers).json()
        return answer

    def _do(self, person: str, query: str, **variables: Any) -> Any:
        answer = self._send(person, query, **variables)
        assert "errors" not in answer, (variables, answer["errors"])
        return answer["data"]["done"]

    def _register(self, person: str, manifest: Json) -> dict[str, str]:
        done = self._do(person, REGISTER, manifest=manifest)
        return {one["ref"]: one["id"] for one in done["records"]}

    def _act(self, person: str, name: str, input: str, keep: str = "", /, **given: Any) -> str:
        id = str(self._do(person, act(name, input), input=given)["id"])
        if keep:
            self.acts[keep] = id
        return id

    def _promote(self, of: str, to: str) -> None:
        self.acts[f"promotion of {of}"] = self._do("Ruth", PROMOTE, of=of, to=to)["id"]

    def _moment(self, name: str) -> None:
        """Keep a moment between what was recorded before and what comes."""
        moment = now()
        self.moments[name] = written(moment)
        pass_by(moment)

    def _refuse(self) -> None:
        """What is not let in: it stays in the log of accesses, and a promotion leaves its decision."""
        for person, manifest in (("Eva", {"models": [{"name": "m"}]}), ("Zoë", {"notes": []})):
            [error] = self._send(person, REGISTER, manifest=manifest)["errors"]
            assert error["extensions"]["code"] == "FORBIDDEN", error
        for of, to in (("model:credit@1", "production"), ("model:hearsay@1", "staging"), ("model:base@1", "nowhere")):
            [error] = self._send("Ruth", PROMOTE, of=of, to=to)["errors"]
            assert error["extensions"]["code"] == "GATE_BLOCKED", error
            self.acts[f"decision on {of}"] = error["extensions"]["decision"]

    def _review(self, person: str, of: str, decision: str, reason: str, **more: Any) -> None:
        given = {"subject": of, "environment": "production", "decision": decision, "reason": reason, **more}
        self._act(person, "review", "ReviewInput", f"{decision} of {person} on {of}", **given)

    def _decide(self) -> None:
        conditions = ["Only with an underwriter.", "Not after 2030."]
        self._review("Rob", "model:credit@2", "GO", "Read it.", expiresAt=LASTING, conditions=conditions)
        self._review("Rita", "model:credit@2", "NO_GO", "Not yet.")
        self._review("Rita", "model:credit@2", "GO", "Now.", expiresAt=LASTING, idempotencyKey="rita-1")
        self._review("Rita", "model:credit@2", "GO", "Now.", expiresAt=LASTING, idempotencyKey="rita-1")
        soon = now() + timedelta(seconds=2)
        self._review("Rob", "model:credit@3", "GO", "For a moment.", expiresAt=written(soon))
        self._review("Rita", "model:credit@3", "ABSTAIN", "I trained with her.", expiresAt=LASTING)
        self._review("Rita", "model:credit@4", "NO_GO", "Not for tenants.")
        for of in ("model:credit@3", "model:chat@2", "model:chat-merged@1"):
            self._review("Rob", of, "GO", "To try it.", environment="staging", expiresAt=LASTING)
        self._moment("reviewed")
        pass_by(soon)

    def _deploy(self) -> None:
        self._promote("model:credit@2", "production")
        for of in ("model:credit@3", "model:chat@2", "model:chat-merged@1"):
            self._promote(of, "staging")
        deployed = {"subject": "model:credit@2", **SCORE, "artifactDigest": f"sha256:{22:064x}"}
        self._act("Ruth", "deploy", "DeploymentInput", "deployment of credit@2", **deployed)
        self._act("Ruth", "deploy", "DeploymentInput", **{**deployed, "endpoint": "/batch", "idempotencyKey": "once"})
        self._act("Ruth", "deploy", "DeploymentInput", "deployment of chat@2", subject="model:chat@2", **CHAT)
        self._moment("deployed")
        self._act("Ruth", "deploy", "DeploymentInput", subject="model:chat-merged@1", **CHAT)
        self._moment("replaced")

    def _report(self) -> None:
        """Incidents by people, and alerts and reports by other systems."""
        of_data = {"title": "Wrong in Ohio", "severity": "HIGH", "cause": "dataset:loans@2024-12#train-us", **SCORE}
        labels = {"alert": "drift", "count": 3, "ratio": 0.5}
        self._act("Ruth", "reportIncident", "IncidentInput", "incident of data", **of_data, labels=labels)
        about = {"title": "Rude", "severity": "LOW", "subject": "model:chat@1", "description": "To one customer."}
        over = self._act("Ruth", "reportIncident", "IncidentInput", "resolved incident", **about, externalId="T-1")
        self._act("Ruth", "resolveIncident", "ResolutionInput", incident=over, reason="We said sorry.")
        place = {"alertname": "Drift", "severity": "critical", "environment": "production", "service": "/score"}
        alert = {"status": "firing", "labels": place, "startsAt": self.moments["deployed"], "fingerprint": "f1"}
        alert["annotations"] = {"summary": "Scores drift", "description": "Since noon."}
        self._deliver("alertmanager", {"version": "4", "status": "firing", "alerts": [alert]})
        self._deliver("alerts", {"title": "Lost", "severity": "MEDIUM", "subject": "model:unknown@9"})
        told = {"deployed": f"sha256:{23:064x}", "environment": "staging", "endpoint": "/told"}
        event = {"specversion": "1.0", "type": "org.example.deployed", "source": "/ci", "id": "7", "data": told}
        self._deliver("cloudevents", event, "application/cloudevents+json")
        self._moment("reported")

    def _deliver(self, route: str, body: Any, type: str = "application/json") -> None:
        delivery = {"route": route, "id": f"delivery-{route}", "type": type, "body": json.dumps(body)}
        assert not deliver(self._server, delivery)["redelivered"]
        self.deliveries.append(delivery)

    def _flag(self) -> None:
        def flag(action: str, reason: str, *subjects: str, **more: Any) -> str:
            given = {"action": action, "reason": reason, "subjects": list(subjects), **more}
            return self._act("Rita", "flag", "FlagInput", f"{action}: {reason}", **given)

        leaked = flag("QUARANTINE", "Labels leaked.", "model:base@2", propagate=True)
        flag("REVIEW", "Is that legal?", "dataset:web@2023#forum", "model:credit@4")
        flag("DECOMMISSION", "Too old.", "model:chat-edited@1", propagate=False)
        self._moment("flagged")
        flag("CLEAR", "Trained without them.", "model:chat-rag@1", "model:chat-q4@1", clears=[leaked])
        flag("CLEAR", "It was not.", "model:chat-edited@1")
        self._moment("cleared")

    def _retract(self) -> None:
        wrong = {"subject": "model:credit@5", "suite": {"name": "ability", "version": "0.4"}}
        results = [{"name": "accuracy", "value": 0.1}]
        found = self._register("Eva", {"evaluations": [wrong | {"metrics": results}]})
        evaluation = next(id for ref, id in found.items() if ref == id)
        given = {"subjects": [evaluation], "reason": "Mixed up.", "idempotencyKey": "eva-1"}
        self.acts["retracted evaluation"] = evaluation
        self._act("Eva", "retract", "RetractionInput", "retraction of an evaluation", **given)
        gone = {"subjects": ["dataset:instructions@1", "model:chat-lora@1"], "reason": "Not ours to give."}
        self._act("Rita", "retract", "RetractionInput", "retraction of data and a version", **gone)
        self._moment("retracted")

    def _end(self) -> None:
        self._act("Ruth", "endDeployment", "EndDeploymentInput", **CHAT, reason="Nobody came.")
        self._moment("ended")
