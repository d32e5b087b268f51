"""What a webhook refuses, without a change: unsigned deliveries, replays, what is still to come, empty bodies."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.app.webhooks import ALERT, DIGEST, SECRET, cdevent, code, hub, post, signed
from tests.support.server_process import ServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    path = tmp_path_factory.mktemp("webhooks") / "registry.db"
    with ServerProcess(f"sqlite:///{path}", DESCENT_WEBHOOK_SECRETS=json.dumps([SECRET])) as running:
        yield running


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


def test_a_replay_is_refused(server: ServerProcess) -> None:
    raw = json.dumps(ALERT).encode()
    headers = signed(raw, "replayed")
    assert post(server, "alertmanager", raw, headers).status_code == 200
    assert code(post(server, "alertmanager", raw, headers)) == (401, "UNAUTHENTICATED")


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


def test_a_secret_that_is_too_short_stops_the_start(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="at least 24 bytes"),
        ServerProcess(f"sqlite:///{tmp_path}/r.db", DESCENT_WEBHOOK_SECRETS='["short"]'),
    ):
        pass
