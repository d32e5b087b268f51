"""A real server that notifies: killed in the middle, two workers, and what the command line shows and does."""

import signal
import threading
from pathlib import Path

import pytest

from tests.app.command_line import call
from tests.app.receiver import OTHER, SECRET, Receiver
from tests.app.test_survival import address
from tests.support.server_process import ServerProcess

REGISTER = "mutation Register($manifest: ManifestInput!) { register(manifest: $manifest) { created } }"


@pytest.fixture(params=["sqlite", "neo4j"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "neo4j":
        return address(request.getfixturevalue("neo4j_empty"))
    return f"sqlite:///{tmp_path / 'registry.db'}"


def notify(folder: Path, url: str, more: str = "") -> str:
    file = folder / "notify.yaml"
    file.write_text(f"destinations:\n- name: ci\n  url: {url}\n  secrets: [{SECRET}, {OTHER}]\n{more}")
    return str(file)


def notifying(store: str, file: str, *options: str) -> ServerProcess:
    """A server that may tell this machine; it is patient for a second, and its claims end after three."""
    return ServerProcess(
        store,
        *("--notify", file, *options),
        DESCENT_NOTIFY_ALLOW='["127.0.0.1"]',
        DESCENT_NOTIFY_TIMEOUT="1",
        DESCENT_REQUEST_TIMEOUT="120",
    )


def register(server: ServerProcess, *versions: str) -> None:
    for version in versions:
        answer = server.ask(REGISTER, manifest={"models": [{"name": "m", "version": version}]})
        assert "errors" not in answer, (answer, server.log)


def deliveries(*arguments: str, code: int = 0) -> str:
    ran = call("deliveries", *arguments)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def test_a_kill_loses_nothing_and_keeps_the_order(store: str, tmp_path: Path) -> None:
    """Killed while a delivery is on its way, and with others behind it; those come after the restart, in order."""
    with Receiver() as receiver:
        server = notifying(store, notify(tmp_path, receiver.url))
        with server:
            register(server, "1")
            receiver.wait_for(lambda received: len(received) == 1)
            receiver.held = threading.Event()
            register(server, "2", "3")
            receiver.wait_for(lambda received: len(received) >= 2)
            server.stop(signal.SIGKILL)
        receiver.held.set()
        receiver.held = None
        with server:
            register(server, "4")
            received = receiver.wait_for(lambda received: any(one.json["sequence"] == 4 for one in received))
        sequences = [one.json["sequence"] for one in received]
        assert sequences == sorted(sequences)
        assert set(sequences) == {1, 2, 3, 4}
        assert len({one.id for one in received}) == 4
        assert all(one.is_signed(SECRET) and one.is_signed(OTHER) for one in received)


def test_two_workers_deliver_once(tmp_path: Path) -> None:
    with Receiver() as receiver:
        store = f"sqlite:///{tmp_path / 'registry.db'}"
        file = notify(tmp_path, receiver.url)
        with notifying(store, file, "--workers", "2") as server:
            register(server, *map(str, range(1, 21)))
            receiver.wait_for(lambda received: any(one.json["sequence"] == 20 for one in received))
        # A worker that ended has let go, and nothing is sent again.
        assert [one.json["sequence"] for one in receiver.received] == list(range(1, 21))


def test_parked_deliveries_are_seen_and_made_again(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'registry.db'}"
    with Receiver(statuses=[500]) as receiver:
        receiver.body = b"internals of the receiver"
        file = notify(tmp_path, receiver.url, "  attempts: 1\n")
        with notifying(store, file) as server:
            register(server, "1", "2")
            receiver.wait_for(lambda received: len(received) == 2)
            server.wait_for("delivery_parked")
            shown = deliveries("list", "--store", store, "--state", "parked")
            assert shown.startswith("1 version.registered to ci: parked at ")
            assert shown.endswith(" after 1 attempt (HTTP 500)\n")
            assert "Expected a state of waiting" in deliveries("list", "--store", store, "--state", "lost", code=2)
            assert "--parked" in deliveries("redeliver", "--store", store, "--destination", "ci", code=2)
            assert "Nothing" in deliveries("redeliver", "9", "--store", store, "--destination", "ci", code=1)
            again = deliveries("redeliver", "--parked", "--store", store, "--destination", "ci")
            assert again == "To be delivered again to ci: 1\n"
            received = receiver.wait_for(lambda received: len(received) == 3)
            assert received[0].id == received[2].id
            with server.client() as client:
                metrics = client.get("/metrics").text
            assert 'descent_delivery_attempts_total{state="PARKED"} 1.0' in metrics
        assert deliveries("list", "--store", store, "--state", "parked") == ""
        assert '"state": "DELIVERED"' in deliveries("list", "--store", store, "--format", "json")
        assert deliveries("destinations", "--store", store) == "ci: received everything up to 2, 0 behind\n"
        logged = str(server.log) + str(server.other)
        for hidden in (SECRET, OTHER, "whsec", "hidden", "internals of the receiver"):
            assert hidden not in logged


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://127.0.0.1:9/", "The url is http"), ("https://10.0.0.1/", "not public"), ("nonsense", "not understood")],
)
def test_a_file_that_is_wrong_stops_the_start(tmp_path: Path, url: str, said: str) -> None:
    store = f"sqlite:///{tmp_path / 'registry.db'}"
    ran = call("serve", "--port", "0", "--notify", notify(tmp_path, url), "--store", store)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert SECRET not in ran.stderr
    assert "Traceback" not in ran.stderr
