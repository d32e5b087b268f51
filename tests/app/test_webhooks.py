"""Webhooks on a real server: who may deliver, what is refused, and what becomes of what is told."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.server_process import PLAIN, ServerProcess

SECRET = "a-secret-of-at-least-24-bytes"
DIGEST = "sha256:" + "a" * 64
MODEL = {
    "name": "m",
    "version": "1",
    "artifacts": [{"uri": "s3://m", "digest": DIGEST}],
    "safetyProfile": {"intendedUse": "Rank.", "mustNotDo": ["Decide."]},
}
ALERT: dict[str, Any] = {
    "version": "4",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "Drift", "severity": "critical", "environment": "production", "service": "/score"},
            "annotations": {"summary": "Scores drift"},
            "startsAt": "2026-01-02T03:04:05.123456789+03:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "ff6a7a0f5f1c1309",
        }
    ],
}
INCIDENTS = (
    "{ incidents { totalCount edges { node { id title severity openedAt status version { ref } labels "
    "deployment { endpoint } } } } }"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    path = tmp_path_factory.mktemp("webhooks") / "registry.db"
    with ServerProcess(f"sqlite:///{path}", DESCENT_WEBHOOK_SECRETS=json.dumps([SECRET])) as running:
        yield running


def signed(body: bytes, id: str = "d1", at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    sent = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"{id}.{sent}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(digest).decode()
    return {"webhook-id": id, "webhook-timestamp": sent, "webhook-signature": f"v1,AAAA {signature}"}


def hub(body: bytes) -> dict[str, str]:
    return {"x-hub-signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}


def post(server: ServerProcess, route: str, body: Any, headers: dict[str, str] | None = None) -> httpx2.Response:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = signed(raw, id=f"d{time.monotonic_ns()}") if headers is None else headers
    return httpx2.post(
        f"{server.url}/webhooks/{route}",
        content=raw,
        headers={"content-type": "application/json", **sent},
        verify=PLAIN,
    )


def incidents(server: ServerProcess) -> list[dict[str, Any]]:
    return [edge["node"] for edge in server.ask(INCIDENTS)["data"]["incidents"]["edges"]]


def code(response: httpx2.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_an_alert_is_one_incident_however_often_it_is_delivered(server: ServerProcess) -> None:
    raw = json.dumps(ALERT).encode()
    first = post(server, "alertmanager", raw, signed(raw, "same", time.time() - 20))
    assert first.status_code == 200, first.text
    assert not first.json()["redelivered"]
    again = post(server, "alertmanager", raw, signed(raw, "same"))
    assert again.json() == first.json() | {"redelivered": True}
    assert post(server, "alertmanager", raw, hub(raw)).json() == first.json()
    [found] = [one for one in incidents(server) if one["title"] == "Scores drift"]
    assert found["severity"] == "CRITICAL"
    assert found["openedAt"] == "2026-01-02T00:04:05.123456Z"
    assert found["version"] is None
    resolved = json.loads(raw)
    resolved["alerts"][0] |= {"status": "resolved", "endsAt": "2026-01-02T01:00:00Z"}
    assert post(server, "alertmanager", resolved).json()["records"][0]["status"] == "RESOLVED"
    [found] = [one for one in incidents(server) if one["title"] == "Scores drift"]
    assert found["status"] == "RESOLVED"


def test_what_is_not_signed_as_it_should_be_is_refused_and_changes_nothing(server: ServerProcess) -> None:
    raw = json.dumps(ALERT | {"groupKey": "refused"}).encode()
    now = time.time()
    fine = signed(raw, "fresh")
    wrong = {
        "a body changed by one space": (raw + b" ", fine),
        "301 seconds old": (raw, signed(raw, "old", now - 302)),
        "from the future": (raw, signed(raw, "soon", now + 310)),
        "another secret": (raw, signed(raw, "x", secret="another-secret-of-24-bytes!!")),
        "another id": (raw, fine | {"webhook-id": "other"}),
        "no timestamp": (raw, {k: v for k, v in fine.items() if k != "webhook-timestamp"}),
        "a timestamp that is none": (raw, fine | {"webhook-timestamp": "1e9"}),
        "nothing": (raw, {}),
        "a hub signature that does not fit": (raw, {"x-hub-signature-256": "sha256=" + "0" * 64}),
    }
    before = server.ask("{ __typename }")["extensions"]["sequence"]
    for name, (body, headers) in wrong.items():
        assert code(post(server, "alertmanager", body, headers)) == (401, "UNAUTHENTICATED"), name
    assert server.ask("{ __typename }")["extensions"]["sequence"] == before
    asked = "{ accessLog { edges { node { route outcome } } } }"
    log = [edge["node"] for edge in server.ask(asked)["data"]["accessLog"]["edges"]]
    assert {"route": "/webhooks/alertmanager", "outcome": "UNAUTHENTICATED"} in log


def test_an_alert_that_names_no_known_version_is_kept(server: ServerProcess) -> None:
    """Whoever sent it would not send it again; what it named is among its labels."""
    for label in ("model:m@77", "v2", "dataset:m@1", "model:@"):
        told = ALERT["alerts"][0] | {"fingerprint": label}
        told = told | {
            "labels": told["labels"] | {"model_version": label},
            "annotations": {"summary": f"About {label}"},
        }
        answer = post(server, "alertmanager", ALERT | {"alerts": [told]})
        assert (answer.status_code, answer.json()["records"][0]["version"]) == (200, None), answer.text
        [found] = [one for one in incidents(server) if one["title"] == f"About {label}"]
        assert found["labels"]["model_version"] == label
    plain = {"title": "By name alone", "severity": "LOW", "subject": "model:m@77"}
    assert post(server, "alerts", plain).status_code == 200
    [found] = [one for one in incidents(server) if one["title"] == "By name alone"]
    assert (found["version"], found["labels"]) == (None, {"subject": "model:m@77"})


def test_a_replay_is_refused(server: ServerProcess) -> None:
    raw = json.dumps(ALERT).encode()
    headers = signed(raw, "replayed")
    assert post(server, "alertmanager", raw, headers).status_code == 200
    assert code(post(server, "alertmanager", raw, headers)) == (401, "UNAUTHENTICATED")


def test_a_delivery_that_one_address_accepted_is_refused_at_the_others(server: ServerProcess) -> None:
    body = {"title": "Sent once", "severity": "LOW", "environment": "e", "endpoint": "p"}
    event = {"specversion": "1.0", "type": "x", "source": "/s", "id": "7", "data": body}
    for route, others, sent in (
        ("alerts", ("cloudevents", "alertmanager"), body),
        ("cloudevents", ("alerts", "alertmanager"), event),
    ):
        raw = json.dumps(sent).encode()
        for headers in (signed(raw, "here"), hub(raw)):
            assert post(server, route, raw, headers).status_code == 200
            before = server.ask("{ __typename }")["extensions"]["sequence"]
            for other in others:
                for replayed in (headers, signed(raw, "elsewhere"), hub(raw)):
                    refused = post(server, other, raw, replayed)
                    assert code(refused) == (401, "UNAUTHENTICATED")
                    assert f"accepted at /webhooks/{route} already" in refused.json()["detail"]
            assert server.ask("{ __typename }")["extensions"]["sequence"] == before


def test_one_body_at_two_addresses_at_the_same_moment_counts_once(tmp_path: Path) -> None:
    """Both addresses can read it, two processes answer, and neither knows what the other is about to record."""
    at = "2026-01-02T03:04:05Z"
    place = {"environment": "e", "endpoint": "p"}

    def both(i: int) -> bytes:
        event = {"specversion": "1.0", "type": "x", "source": "/s", "id": str(i), "time": at}
        alert = {"labels": {"alertname": f"a{i}", **place}, "startsAt": at, "fingerprint": str(i)}
        return json.dumps({**event, "data": {"title": f"e{i}", "severity": "LOW", **place}, "alerts": [alert]}).encode()

    secrets = json.dumps([SECRET])
    address = f"sqlite:///{tmp_path / 'r.db'}"
    with ServerProcess(address, "--workers", "2", DESCENT_WEBHOOK_SECRETS=secrets) as server:
        for i in range(20):
            raw = both(i)
            together = threading.Barrier(2)

            def deliver(route: str, raw: bytes = raw, together: threading.Barrier = together) -> int:
                headers = signed(raw, f"{route}-{time.monotonic_ns()}")
                together.wait()
                return post(server, route, raw, headers).status_code

            with ThreadPoolExecutor(2) as pool:
                assert sorted(pool.map(deliver, ("alertmanager", "cloudevents"))) == [200, 401]
        assert server.ask("{ incidents { totalCount } }")["data"]["incidents"]["totalCount"] == 20


def test_a_resolved_alert_closes_only_what_its_own_sender_opened(server: ServerProcess) -> None:
    alert = ALERT["alerts"][0] | {"fingerprint": "owned", "annotations": {"summary": "Owned"}}
    answer = post(server, "alertmanager", ALERT | {"alerts": [alert]})
    [opened] = answer.json()["records"]
    mark = f"alertmanager:owned:{alert['startsAt']}"
    place = {"environment": "production", "endpoint": "/score"}
    foreign = {"title": "Owned", "severity": "LOW", "externalId": mark, "status": "resolved", **place}
    [refused] = post(server, "alerts", foreign).json()["records"]
    assert (refused["id"], refused["status"]) == (opened["id"], "OPEN")
    assert "reported by alertmanager" in refused["note"]
    event = {"specversion": "1.0", "type": "x", "source": "/s", "id": "9", "data": foreign}
    [other] = post(server, "cloudevents", event).json()["records"]
    assert other["id"] != opened["id"], "an event goes by its own source and id"
    [found] = [one for one in incidents(server) if one["id"] == opened["id"]]
    assert found["status"] == "OPEN"
    over = ALERT | {"alerts": [alert | {"status": "resolved", "endsAt": "2026-01-02T01:00:00Z"}]}
    [closed] = post(server, "alertmanager", over).json()["records"]
    assert (closed["id"], closed["status"]) == (opened["id"], "RESOLVED")
    own = {"title": "Own", "severity": "LOW", "externalId": "own", **place}
    assert post(server, "alerts", own).json()["records"][0]["status"] == "OPEN"
    assert post(server, "alerts", own | {"status": "resolved"}).json()["records"][0]["status"] == "RESOLVED"


def test_attributes_that_no_signature_covers_are_refused(server: ServerProcess) -> None:
    raw = json.dumps({"title": "In 2021", "severity": "LOW", "environment": "e", "endpoint": "p"}).encode()
    binary = {
        "ce-specversion": "1.0",
        "ce-type": "x",
        "ce-source": "/s",
        "ce-id": "1",
        "ce-time": "2021-01-01T00:00:00Z",
    }
    before = server.ask("{ __typename }")["extensions"]["sequence"]
    for signature in (signed(raw, "binary"), hub(raw)):
        refused = post(server, "cloudevents", raw, signature | binary)
        assert code(refused) == (401, "UNAUTHENTICATED")
        assert "structured mode" in refused.json()["detail"]
    assert server.ask("{ __typename }")["extensions"]["sequence"] == before


def test_an_alert_whose_cause_is_unknown_is_kept_and_says_so(server: ServerProcess) -> None:
    told = {"title": "Odd data", "severity": "LOW", "environment": "e", "endpoint": "p", "cause": "dataset:gone@1"}
    answer = post(server, "alerts", told)
    assert answer.status_code == 200, answer.text
    [record] = answer.json()["records"]
    assert record["note"] == "The cause 'dataset:gone@1' is not on record: kept among the labels."
    [found] = [one for one in incidents(server) if one["title"] == "Odd data"]
    assert found["labels"] == {"cause": "dataset:gone@1"}


def test_what_is_still_to_come_is_refused(server: ServerProcess) -> None:
    before = server.ask("{ __typename }")["extensions"]["sequence"]
    good = {"title": "t", "severity": "LOW", "environment": "e", "endpoint": "p"}
    later = "2099-01-01T00:00:00Z"
    alert = ALERT["alerts"][0]
    event = cdevent("service.deployed", "/a", DIGEST)
    event["data"]["context"]["timestamp"] = later
    for route, body, field in (
        ("alerts", good | {"at": later}, "at"),
        ("alerts", [good, good | {"status": "resolved", "resolvedAt": later}], "[1].resolvedAt"),
        ("alerts", {"deployed": "model:m@1", "environment": "e", "endpoint": "p", "since": later}, "since"),
        ("alertmanager", {"alerts": [alert, alert | {"startsAt": later}]}, "alerts[1].startsAt"),
        ("alertmanager", {"alerts": [alert | {"status": "resolved", "endsAt": later}]}, "alerts[0].endsAt"),
        ("cloudevents", event, "data.context.timestamp"),
    ):
        answer = post(server, route, body)
        assert code(answer) == (400, "INVALID_INPUT"), answer.text
        assert answer.json()["field"] == field
        assert "ahead of the registry's clock" in answer.json()["detail"]
    assert server.ask("{ __typename }")["extensions"]["sequence"] == before
    soon = datetime.fromtimestamp(time.time() + 200, UTC).isoformat()
    assert post(server, "alerts", good | {"at": soon}).status_code == 200


def test_only_the_events_that_say_what_serves_are_taken(server: ServerProcess) -> None:
    for kind in ("service.exploded", "service.published", "incident.exploded", "build.finished"):
        answer = post(server, "cloudevents", cdevent(kind, "/x", DIGEST))
        assert code(answer) == (400, "INVALID_INPUT"), kind
        assert answer.json()["field"] == "data.context.type"
        for taken in ("service.deployed", "service.upgraded", "service.rolledback", "service.removed"):
            assert f"dev.cdevents.{taken}" in answer.json()["detail"]
    for kind in ("service.deployed", "service.upgraded", "service.rolledback"):
        assert post(server, "cloudevents", cdevent(kind, f"/{kind}", DIGEST)).status_code == 200


def test_bodies_that_tell_nothing_are_refused_whole(server: ServerProcess) -> None:
    before = server.ask("{ __typename }")["extensions"]["sequence"]
    good = {"title": "t", "severity": "LOW", "environment": "e", "endpoint": "p"}
    for route, body, field in (
        ("alertmanager", {"alerts": {}}, "alerts"),
        ("alertmanager", {"alerts": [ALERT["alerts"][0], {"labels": []}]}, "alerts[1].labels"),
        ("alerts", [good, good | {"severity": "AWFUL"}], "[1].severity"),
        ("alerts", good | {"status": "maybe"}, "status"),
        ("alerts", good | {"field": "x"}, "field"),
        ("alerts", good | {"recurs": True}, "recurs"),
        ("alerts", good | {"status": "resolved", "resolvedAt": 7}, "resolvedAt"),
        ("alerts", good | {"status": "resolved", "resolvedAt": "yesterday"}, "resolvedAt"),
        ("alerts", {"deployed": None, "environment": "e", "endpoint": "p"}, "deployed"),
        ("alerts", [good, {"deployed": "x", "environment": "e", "endpoint": "p", "who": "me"}], "[1].who"),
        ("cloudevents", cdevent("service.deployed", ""), "data.subject.id"),
        ("cloudevents", {"specversion": "1.0", "type": "x", "source": "/s"}, "id"),
        ("cloudevents", {"specversion": "1.0", "type": "x", "source": "/s", "id": "1", "data": "<xml/>"}, "data"),
    ):
        answer = post(server, route, body)
        assert code(answer) == (400, "INVALID_INPUT"), answer.text
        assert answer.json()["field"] == field
    assert post(server, "alerts", b'{"title": NaN}').status_code == 400
    assert server.ask("{ __typename }")["extensions"]["sequence"] == before


def cdevent(kind: str, endpoint: str, digest: str | None = None, **content: Any) -> dict[str, Any]:
    artifact = {"artifactId": f"pkg:oci/m@{digest.replace(':', '%3A')}"} if digest else {}
    return {
        "specversion": "1.0",
        "type": f"dev.cdevents.{kind}.0.3.0",
        "source": "/delivery",
        "id": f"{kind}-{endpoint}-{digest}",
        "data": {
            "context": {"type": f"dev.cdevents.{kind}.0.3.0", "timestamp": "2026-03-01T00:00:00Z", "id": "1"},
            "subject": {"id": endpoint, "content": {"environment": {"id": "production"}, **artifact, **content}},
        },
    }


def test_something_unknown_that_serves_is_an_incident(server: ServerProcess) -> None:
    server.ask("mutation ($m: ManifestInput!) { register(manifest: $m) { created } }", m={"models": [MODEL]})
    unknown = "sha256:" + "b" * 64
    answer = post(server, "cloudevents", [cdevent("service.deployed", "/a", unknown)])
    assert answer.json()["records"][0]["kind"] == "INCIDENT", answer.text
    known = post(server, "cloudevents", cdevent("service.deployed", "/b", DIGEST)).json()["records"][0]
    assert (known["kind"], known["version"]) == ("INCIDENT", "model:m@1")
    again = post(server, "cloudevents", cdevent("service.deployed", "/b", DIGEST)).json()["records"][0]
    assert again == known
    plain = {"deployed": "model:m@1", "environment": "production", "endpoint": "/c"}
    assert post(server, "alerts", plain).json()["records"][0]["version"] == "model:m@1"
    titles = {one["title"] for one in incidents(server)}
    assert f"Unknown to the registry and serving: {unknown}" in titles
    assert any("not promoted to production" in title for title in titles)
    removed = post(server, "cloudevents", cdevent("service.removed", "/zzz")).json()["records"][0]
    assert removed["status"] == "NOTHING_SERVED"
    named = "pkg:huggingface/acme/roll@1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d"
    post(server, "cloudevents", cdevent("service.deployed", "/d", artifactId=named))
    assert f"Unknown to the registry and serving: {named}" in {one["title"] for one in incidents(server)}


def test_files_that_other_systems_wrote_are_understood(server: ServerProcess, shared: Path) -> None:
    formats = shared / "data" / "formats"
    for file in sorted((formats / "alertmanager").glob("*.json")):
        answer = post(server, "alertmanager", file.read_bytes())
        assert answer.status_code == 200, (file.name, answer.text)
        assert answer.json()["records"]
    for name in ("incident_detected", "service_upgraded", "service_removed"):
        answer = post(server, "cloudevents", (formats / "cdevents" / f"spec__conformance__{name}.json").read_bytes())
        assert answer.status_code == 200, (name, answer.text)
    for file in sorted((formats / "cloudevents").glob("*.json")):
        assert post(server, "cloudevents", file.read_bytes()).status_code == 400


def test_a_secret_that_is_too_short_stops_the_start(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="at least 24 bytes"),
        ServerProcess(f"sqlite:///{tmp_path}/r.db", DESCENT_WEBHOOK_SECRETS='["short"]'),
    ):
        pass
