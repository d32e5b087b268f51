"""`descent receive openlineage`: events become the records of the importer, in the name of whoever sent them."""

import gzip
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest

from descent.client import Client
from descent.importers.draft import Context
from descent.importers.metrics import MetricTable
from descent.receivers import http, journal
from descent.receivers.http import Server
from descent.receivers.journal import Journal
from descent.receivers.lineage import Receiver
from tests.client.importers.imports import entity, imported, write
from tests.client.importers.test_openlineage import PIPELINE, ancestors, data, event, lines
from tests.client.registry import Registry, running_registry
from tests.support.server_process import SECONDS, ServerProcess

MODELS = {"s3://models/credit-risk": "received-risk@4.2"}


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess("memory:") as running:
        yield running


class Receiving:
    """A receiver in a thread of this process."""

    def __init__(self, server: Server) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}/api/v1/lineage"

    def send(self, event: Any, path: str = "", **headers: str) -> httpx2.Response:
        return self.post(json.dumps(event).encode(), path, **headers)

    def post(self, body: bytes, path: str = "", **headers: str) -> httpx2.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx2.post(self.url + path, content=body, headers=given)

    def taken(self, event: Any, **headers: str) -> dict[str, Any]:
        response = self.send(event, **headers)
        assert response.status_code == 200, response.text
        return cast("dict[str, Any]", response.json())

    def refused(self, response: httpx2.Response, status: int, code: str) -> str:
        assert response.status_code == status, response.text
        assert response.headers["Content-Type"] == "application/problem+json"
        problem = response.json()
        assert (problem["status"], problem["code"]) == (status, code)
        return cast("str", problem["detail"])


@contextmanager
def receiving(url: str, file: Path, models: Mapping[str, str] = MODELS) -> Iterator[Receiving]:
    kept = Journal(file)
    server = Server(("127.0.0.1", 0), Receiver(kept, Context(MetricTable("openlineage"), versions=models)), url)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Receiving(server)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        kept.close()


@pytest.fixture
def receiver(server: ServerProcess, tmp_path: Path) -> Iterator[Receiving]:
    with receiving(server.url, tmp_path / "journal") as running:
        yield running


# ---------------------------------------------------------------- what becomes of events


def test_a_pipeline_becomes_what_its_file_becomes(receiver: Receiving, server: ServerProcess, tmp_path: Path) -> None:
    in_time = sorted(PIPELINE, key=lambda one: (one["run"]["runId"] != "r2", one["run"]["runId"]))
    states = [receiver.taken(one)["state"] for one in in_time]
    assert states == ["KEPT", "REGISTERED"] * 3
    version = entity(server, "model:received-risk@4.2")
    assert [one["node"]["ref"] for one in version["trainedOn"]] == ["dataset:s3://lake/loans@r1"]
    mapping = write(tmp_path / "map.yaml", {"models": MODELS})
    answer = imported(server, "openlineage", write(tmp_path / "e.jsonl", lines(*in_time)), "--mapping", mapping)
    assert (answer["failed"], answer["created"]) == (0, 0)
    assert {receiver.taken(one)["state"] for one in in_time} == {"REGISTERED"}


def test_what_is_kept_outlives_a_restart(server: ServerProcess, tmp_path: Path) -> None:
    start = event("restart", "START", "2025-01-01T00:00:00Z", inputs=[data("restart-in")])
    with receiving(server.url, tmp_path / "journal") as first:
        assert first.taken(start)["reason"] == "No event says that the run restart completed."
    with receiving(server.url, tmp_path / "journal") as second:
        done = event("restart", "COMPLETE", "2025-01-01T01:00:00Z", outputs=[data("restart-out")])
        assert second.taken(done)["records"] == [
            "dataset:s3://lake/restart-out@restart",
            "dataset:s3://lake/restart-in@unstated",
        ]


def test_an_input_is_what_the_last_run_before_it_wrote(receiver: Receiving, server: ServerProcess) -> None:
    for run, day in (("w1", 1), ("w2", 2), ("w3", 4)):
        receiver.taken(event(run, "COMPLETE", f"2025-01-0{day}T00:00:00Z", outputs=[data("written")]))
    read = event("reads", "COMPLETE", "2025-01-03T00:00:00Z", inputs=[data("written")], outputs=[data("read")])
    for _ in range(2):  # what came after it changes nothing
        receiver.taken(read)
    assert ancestors(server, "dataset:s3://lake/read@reads") - {"dataset:s3://lake/read@reads"} == {
        "dataset:s3://lake/written@w2"
    }


def test_a_run_that_failed_registers_nothing(receiver: Receiving) -> None:
    receiver.taken(event("fails", "START", "2025-01-01T00:00:00Z", outputs=[data("never")]))
    answer = receiver.taken(event("fails", "FAIL", "2025-01-01T00:01:00Z"))
    assert answer == {"run": "fails", "state": "KEPT", "reason": "The run fails ended in FAIL."}


def test_events_about_a_dataset_or_a_job_alone(receiver: Receiving) -> None:
    about = {"eventTime": "2025-01-01T00:00:00Z", "dataset": data("described", documentation={"description": "Loans."})}
    assert receiver.taken(about)["created"] == 1
    again = about | {"dataset": data("described", documentation={"description": "Other words."})}
    assert (receiver.taken(again)["state"], receiver.taken(again)["created"]) == ("REGISTERED", 0)
    job = event(
        None, None, "2025-01-01T00:00:00Z", job="design", inputs=[data("described")], outputs=[data("by-design")]
    )
    assert receiver.taken(job)["created"] == 1


def test_a_late_event_that_adds_to_a_registered_run_conflicts(receiver: Receiving) -> None:
    receiver.taken(event("late", "COMPLETE", "2025-01-01T00:00:00Z", outputs=[data("late-out")]))
    more = event("late", "OTHER", "2025-01-01T00:00:00Z", inputs=[data("late-in")])
    assert "late-out@late" in receiver.refused(receiver.send(more), 409, "VERSION_CONFLICT")


def test_no_facet_that_has_no_place_is_kept(server: ServerProcess, tmp_path: Path) -> None:
    secret = event("facets", "START", "2025-01-01T00:00:00Z", inputs=[data("f", schema={"fields": "hunter2"})])
    secret["run"]["facets"] = {"environmentVariables": {"environmentVariables": [{"name": "K", "value": "hunter2"}]}}
    with receiving(server.url, tmp_path / "journal") as one:
        one.taken(secret)
        files = [path.read_bytes() for path in tmp_path.iterdir()]
        assert files
        assert not any(b"hunter2" in content for content in files)
    assert (tmp_path / "journal").stat().st_mode & 0o077 == 0


# ---------------------------------------------------------------- batches and encodings


def test_a_batch_goes_on_after_an_event_that_is_wrong(receiver: Receiving) -> None:
    good = event("batch", "COMPLETE", "2025-01-01T00:00:00Z", outputs=[data("batch-out")])
    answer = receiver.send([good, {"job": {"name": "x"}}, 7], "/batch").json()
    assert (answer["status"], answer["results"][0]["state"]) == ("partial_success", "REGISTERED")
    assert answer["summary"] == {"received": 3, "successful": 1, "failed": 2, "retriable": 0, "non_retriable": 2}
    assert [(one["index"], one["code"]) for one in answer["failed_events"]] == [
        (1, "INVALID_INPUT"),
        (2, "INVALID_INPUT"),
    ]
    assert receiver.send([good], "/batch").json()["status"] == "success"


def test_a_compressed_body(receiver: Receiving) -> None:
    body = gzip.compress(json.dumps(event("z", "START", "2025-01-01T00:00:00Z", inputs=[data("z")])).encode())
    assert receiver.post(body, Content_Encoding="gzip").json()["state"] == "KEPT"


# ---------------------------------------------------------------- wrong input


WRONG: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "nothing": (b"", {}, 400, "not JSON"),
    "cut off": (b'{"job": {"na', {}, 400, "The body ends in the middle of the JSON."),
    "not JSON": (b"job=1", {}, 400, "not JSON"),
    "not UTF-8": (b'{"job": "\xff"}', {}, 400, "not UTF-8"),
    "given twice": (b'{"job": 1, "job": 2}', {}, 400, '"job" is given twice'),
    "nested": (b"[" * 100_000, {}, 400, "nested too deeply"),
    "a list": (b"[]", {}, 400, "Expected an event, a JSON object, got a list."),
    "not an event": (b"{}", {}, 400, "neither `job` nor `dataset`"),
    "a job without name": (b'{"job": {"namespace": "n"}}', {}, 400, "A job needs a namespace and a name."),
    "a run without id": (b'{"job": {"namespace": "n", "name": "j"}, "run": {}}', {}, 400, "Expected the id of the run"),
    "inputs": (b'{"job": {"namespace": "n", "name": "j"}, "inputs": 3}', {}, 400, "Expected a list, got the number 3."),
    "a name that no record may have": (
        b'{"job": {"namespace": "n", "name": "j"}, "outputs": [{"namespace": "s3://b", "name": "a\\u202eb"}]}',
        {}, 400, "b",
    ),
    "not gzip": (b"{}", {"Content_Encoding": "gzip"}, 400, "not gzip"),
    "cut off gzip": (gzip.compress(b"{}" * 99)[:-9], {"Content_Encoding": "gzip"}, 400, "cut off"),
    "another encoding": (b"{}", {"Content_Encoding": "br"}, 415, "with gzip"),
    "another scheme": (b"{}", {"Authorization": "Basic eDp5"}, 401, "Authorization: Bearer TOKEN"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_has_a_code_and_a_reason(name: str, receiver: Receiving) -> None:
    body, headers, status, said = WRONG[name]
    code = "UNAUTHENTICATED" if status == 401 else "INVALID_INPUT"
    assert said in receiver.refused(receiver.post(body, **headers), status, code)


def test_a_bomb_and_a_large_body_are_refused(receiver: Receiving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_BODY", 1_000)
    bomb = gzip.compress(b" " * 100_000)
    assert "larger than 1,000 bytes" in receiver.refused(
        receiver.post(bomb, Content_Encoding="gzip"), 413, "INVALID_INPUT"
    )
    assert "send fewer" in receiver.refused(receiver.post(b" " * 2_000), 413, "INVALID_INPUT")


def test_other_addresses(receiver: Receiving) -> None:
    assert "/api/v1/lineage/batch" in receiver.refused(receiver.send({}, "/else"), 404, "NOT_FOUND")
    receiver.refused(httpx2.get(receiver.url), 405, "INVALID_INPUT")
    assert httpx2.get(receiver.url.replace("/api/v1/lineage", "/livez")).json() == {"status": "ok"}
    assert "at most" in receiver.refused(receiver.send({}, "/batch"), 400, "INVALID_INPUT")


def test_a_run_has_a_most_of_events(receiver: Receiving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "EVENTS_OF_A_RUN", 3)
    events = [event("many", "RUNNING", f"2025-01-01T00:00:0{second}Z") for second in range(4)]
    for one in [*events[:3], *events[:3]]:
        receiver.taken(one)
    assert "more than 3 different events" in receiver.refused(receiver.send(events[3]), 400, "INVALID_INPUT")


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = [0.0]
    monkeypatch.setattr(journal, "MAX_EVENTS", 10)
    monkeypatch.setattr(journal, "_PRUNED_EACH", 1)
    kept = Journal(tmp_path / "journal", lambda: now[0])
    for number in range(30):
        now[0] += 1
        kept.add(f"r{number}", "Ana", {"n": number})
        if number == 29:
            kept.registered("r29", 1, None, [])
    assert kept.add("r28", "Ana", {"n": 0}).events == [{"n": 28}, {"n": 0}]
    assert kept.add("r5", "Ana", {"n": 0}).events == [{"n": 0}]
    now[0] += journal.KEPT_SECONDS
    kept.add("new", "Ana", {})
    now[0] += 10
    kept.add("newer", "Ana", {})
    assert kept.add("r28", "Ana", {"n": 1}).events == [{"n": 1}]
    kept.close()


# ---------------------------------------------------------------- who sends


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[tuple[Registry, Receiving]]:
    """A receiver for a registry that answers what the test tells it to."""
    with running_registry() as registry, receiving(registry.url, tmp_path / "journal") as one:
        yield registry, one


def me(person: str, sections: Sequence[str] = ("models", "datasets")) -> dict[str, Any]:
    return {"me": {"person": person, "roles": [], "registers": list(sections)}}


def test_the_registry_is_asked_with_the_token_of_the_sender(scripted: tuple[Registry, Receiving]) -> None:
    registry, receiver = scripted
    registry.on("Me", me("Ana"))
    start = event("r", "START", "2025-01-01T00:00:00Z", inputs=[data("a")])
    receiver.taken(start, Authorization="Bearer secret-of-ana")
    assert registry.asked[-1][0]["Authorization"] == "Bearer secret-of-ana"
    registry.on("Me", me("Bo"))
    assert "another person" in receiver.refused(receiver.send(start), 403, "FORBIDDEN")
    registry.on("Me", me("Vic", ["notes"]))
    said = receiver.refused(receiver.send(start), 403, "FORBIDDEN")
    assert said == "Vic may not register models and datasets: send the events with the token of a registrar."


def test_what_the_registry_refuses_has_its_code(scripted: tuple[Registry, Receiving]) -> None:
    registry, receiver = scripted
    registry.refuse("Me", {"message": "The token is not valid.", "extensions": {"code": "UNAUTHENTICATED"}})
    response = receiver.send(event("r", "START", "2025-01-01T00:00:00Z"))
    receiver.refused(response, 401, "UNAUTHENTICATED")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_registry_that_is_away_is_a_reason_to_send_again(tmp_path: Path) -> None:
    with running_registry() as registry:
        away = registry.url
    with receiving(away, tmp_path / "journal") as receiver:
        one = event("r", "START", "2025-01-01T00:00:00Z")
        response = receiver.send(one)
        receiver.refused(response, 503, "UNAVAILABLE")
        assert response.headers["Retry-After"] == "5"
        assert receiver.send([one], "/batch").status_code == 503


# ---------------------------------------------------------------- the command


def test_the_command_listens_until_it_is_ended(server: ServerProcess, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "descent",
        "receive",
        "openlineage",
        "--listen",
        "127.0.0.1:0",
        "--url",
        server.url,
    ]
    command += ["--journal", str(tmp_path / "journal")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        deadline = threading.Timer(SECONDS, process.kill)
        deadline.start()
        said = process.stderr.readline()
        address = said.split()[2]
        assert httpx2.post(address, json=event("c", "START", "2025-01-01T00:00:00Z")).json()["state"] == "KEPT"
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        deadline.cancel()
    assert (process.returncode, rest) == (0, "run c: kept\n")


def test_the_importer_finds_nothing_to_add_to_what_was_received(receiver: Receiving, server: ServerProcess) -> None:
    with Client(server.url) as client:
        before = client.search("received-risk").total
    assert receiver.send(event("none", "COMPLETE", "2025-01-01T00:00:00Z")).json()["state"] == "NOTHING"
    with Client(server.url) as client:
        assert client.search("received-risk").total == before
