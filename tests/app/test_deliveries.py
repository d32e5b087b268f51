"""Deliveries that come again, on a real server that is killed in between: they change nothing."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.app.test_process import with_credentials
from tests.app.webhooks import MODEL, SECRET, code, hub, post, signed
from tests.support.neo4j_server import Neo4jServer
from tests.support.server_process import ServerProcess

SERVING = '{ serving(environment: "lab", endpoint: "/hub") { version { ref } } }'
COUNT = "{ incidents { totalCount } }"
REMOVED = {
    "context": {"version": "0.4.1", "id": "r", "source": "/cd", "type": "dev.cdevents.service.removed.0.2.0"},
    "subject": {"id": "/hub", "source": "/cd", "type": "service", "content": {"environment": {"id": "lab"}}},
}


@pytest.fixture(params=["sqlite", "neo4j"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with two workers whose policy lets everything with a profile into the lab, where m@1 and m@2 may go."""
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "lab.yaml").write_text("environment: lab\nquorum: 0\nrules:\n- {name: any, expression: 'true'}\n")
    if request.param == "neo4j":
        server: Neo4jServer = request.getfixturevalue("neo4j_empty")
        store = with_credentials(server)
    else:
        store = f"sqlite:///{tmp_path}/r.db"
    options = ("--workers", "2", "--policies", str(policies))
    with ServerProcess(store, *options, DESCENT_WEBHOOK_SECRETS=json.dumps([SECRET])) as running:
        other = MODEL | {"version": "2", "artifacts": [{"uri": "s3://m2", "digest": "sha256:" + "c" * 64}]}
        models = [MODEL, other | {"parents": [{"ref": "model:m@1", "relation": "FINE_TUNE"}]}]
        register = "mutation ($m: ManifestInput!) { register(manifest: $m) { created } }"
        assert "errors" not in running.ask(register, m={"models": models})
        for number in "12":
            done = running.ask(f'mutation {{ promote(of: "model:m@{number}", environment: "lab") {{ outcome }} }}')
            assert done["data"]["promote"]["outcome"] == "PASSED", done
        yield running


def report(number: str) -> bytes:
    return json.dumps({"deployed": f"model:m@{number}", "environment": "lab", "endpoint": "/hub"}).encode()


def serves(server: ServerProcess) -> list[str]:
    return [one["version"]["ref"] for one in server.ask(SERVING)["data"]["serving"]]


def told(answer: httpx2.Response) -> tuple[Any, Any]:
    assert answer.status_code == 200, answer.text
    [record] = answer.json()["records"]
    return answer.json()["redelivered"], record["status"]


def restart(server: ServerProcess) -> None:
    server.stop(signal.SIGKILL)
    server.start()


def sequence(server: ServerProcess) -> int:
    return int(server.ask("{ __typename }")["extensions"]["sequence"])


def test_the_same_bytes_never_count_twice(lab: ServerProcess) -> None:
    alarm = json.dumps({"title": "a", "severity": "LOW", "environment": "lab", "endpoint": "/hub"}).encode()
    ending = json.dumps(REMOVED).encode()
    assert told(post(lab, "alerts", report("1"), hub(report("1")))) == (False, "SERVING")
    # It serves already: this needs no record, and must be remembered all the same.
    spaced = report("1").replace(b": ", b":")
    assert told(post(lab, "alerts", spaced, hub(spaced))) == (False, "SERVING")
    assert told(post(lab, "alerts", alarm, hub(alarm))) == (False, "OPEN")
    assert told(post(lab, "cloudevents", ending, hub(ending))) == (False, "ENDED")
    assert told(post(lab, "alerts", report("2"), hub(report("2")))) == (False, "SERVING")
    assert serves(lab) == ["model:m@2"]
    restart(lab)
    before = sequence(lab)
    for _ in range(4):  # so that both workers are asked
        for route, body, status in (
            ("alerts", report("1"), "ENDED"),
            ("alerts", spaced, "ENDED"),
            ("alerts", alarm, "OPEN"),
            ("cloudevents", ending, "ENDED"),
            ("alerts", report("2"), "SERVING"),
        ):
            assert told(post(lab, route, body, hub(body))) == (True, status)
    assert sequence(lab) == before
    assert serves(lab) == ["model:m@2"]
    assert lab.ask(COUNT)["data"]["incidents"]["totalCount"] == 1


def test_a_replay_is_refused_after_a_kill_and_a_delivery_signed_anew_is_not(lab: ServerProcess) -> None:
    moment = time.time() - 30
    sent = signed(report("1"), "one", moment)
    assert told(post(lab, "alerts", report("1"), sent)) == (False, "SERVING")
    assert told(post(lab, "alerts", report("2"), signed(report("2"), "two"))) == (False, "SERVING")
    restart(lab)
    before = sequence(lab)
    assert code(post(lab, "alerts", report("1"), sent)) == (401, "UNAUTHENTICATED")
    older = signed(report("1"), "one", moment - 1)
    assert code(post(lab, "alerts", report("1"), older)) == (401, "UNAUTHENTICATED")
    assert told(post(lab, "alerts", report("1"), signed(report("1"), "one"))) == (True, "ENDED")
    assert code(post(lab, "alerts", report("1"), sent)) == (401, "UNAUTHENTICATED")
    assert sequence(lab) == before
    assert serves(lab) == ["model:m@2"]
    # Under an id of its own the same report is another one: a rollback.
    assert told(post(lab, "alerts", report("1"), signed(report("1"), "three"))) == (False, "SERVING")
    assert serves(lab) == ["model:m@1"]


def test_a_delivery_that_was_refused_may_come_again(lab: ServerProcess) -> None:
    wrong = b'{"deployed": 7, "environment": "lab", "endpoint": "/hub"}'
    for _ in range(2):
        assert code(post(lab, "alerts", wrong, hub(wrong))) == (400, "INVALID_INPUT")
