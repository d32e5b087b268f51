"""Webhooks on a real server: what becomes of deliveries that are accepted."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.app.webhooks import ALERT, DIGEST, MODEL, SECRET, cdevent, code, hub, incidents, post, signed
from tests.support.server_process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    path = tmp_path_factory.mktemp("webhooks") / "registry.db"
    with ServerProcess(f"sqlite:///{path}", DESCENT_WEBHOOK_SECRETS=json.dumps([SECRET])) as running:
        yield running


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


def test_an_alert_is_kept_without_the_characters_that_nobody_may_write(server: ServerProcess) -> None:
    told = {
        "title": "Scores \u202efall",
        "description": "a\u202db",
        "severity": "LOW",
        "environment": "e",
        "endpoint": "p",
    }
    assert post(server, "alerts", told).status_code == 200
    assert [one["title"] for one in incidents(server) if "fall" in one["title"]] == ["Scores fall"]


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


def test_an_alert_whose_cause_is_unknown_is_kept_and_says_so(server: ServerProcess) -> None:
    told = {"title": "Odd data", "severity": "LOW", "environment": "e", "endpoint": "p", "cause": "dataset:gone@1"}
    answer = post(server, "alerts", told)
    assert answer.status_code == 200, answer.text
    [record] = answer.json()["records"]
    assert record["note"] == "The cause 'dataset:gone@1' is not on record: kept among the labels."
    [found] = [one for one in incidents(server) if one["title"] == "Odd data"]
    assert found["labels"] == {"cause": "dataset:gone@1"}


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
