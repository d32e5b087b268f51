"""`descentd` as a process: starting, being asked, surviving, and ending."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from descentd.app.server.metrics import Metrics
from tests.app.command_line import call
from tests.support.neo4j_server import Neo4jServer
from tests.support.server_process import ServerProcess

REGISTER = "mutation Register($manifest: ManifestInput!) { register(manifest: $manifest) { created existing } }"
ENTITY = "query Entity($ref: Ref!) { entity(ref: $ref) { ref } }"


def manifest(version: str) -> dict[str, list[object]]:
    return {"models": [{"name": "m", "version": version}]}


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "descentd.app", *command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
        timeout=60,
    )


def test_what_a_person_sees(store_file: str) -> None:
    with ServerProcess(store_file, fresh=True) as server:
        assert server.ready_line == f"Descent is ready at {server.url}, with 0 records in {server.store}\n"
        with server.client() as client:
            assert client.get("/livez").json() == {"live": True}
            assert client.get("/readyz").json() == {"ready": True, "sequence": 0}
            assert client.get("/version").json()["name"] == "descentd"
        assert server.stop() == 0
        # Probes are logged at DEBUG.
        assert [entry["event"] for entry in server.log] == ["listening", "ready", "request"]
        assert not server.other


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ends_orderly_when_told_to(store_file: str, workers: str, number: signal.Signals) -> None:
    with ServerProcess(store_file, "--workers", workers, fresh=True) as server:
        assert server.ask(REGISTER, manifest=manifest("1"))["data"]["register"] == {"created": 1, "existing": 0}
        assert server.stop(number) == 0
        assert not server.other


def test_a_restart_forgets_nothing(server: ServerProcess) -> None:
    server.ask(REGISTER, manifest=manifest("1"))
    server.stop()
    server.start()
    assert "with 1 record in" in server.ready_line
    assert server.ask(ENTITY, ref="model:m@1")["data"]["entity"]["ref"] == "model:m@1"


def test_who_eroded_is_known_before_anybody_asks(store_file: str) -> None:
    def result(version: str, value: float) -> dict[str, object]:
        metrics = [{"name": "robust_accuracy", "value": value, "n": 10_000}]
        return {"subject": f"model:m@{version}", "suite": {"name": "s", "version": "1"}, "metrics": metrics}

    child = {"name": "m", "version": "2", "parents": [{"ref": "model:m@1", "relation": "FINE_TUNE"}]}
    models = [*manifest("1")["models"], child]
    with ServerProcess(store_file, "--log-level", "DEBUG") as server:
        server.ask(REGISTER, manifest={"models": models, "evaluations": [result("1", 0.8), result("2", 0.6)]})
        assert server.wait_for("erosions_assessed")["sequence"] == 4
        server.stop(signal.SIGKILL)
        server.start()
        assert server.wait_for("erosions_assessed")["sequence"] == 4
        found = server.ask("{ erosions { edges { node { ref } } } }")
        assert found["data"]["erosions"]["edges"] == [{"node": {"ref": "model:m@2"}}]
        assert found["extensions"]["sequence"] == 4
        with server.client() as client:
            assert "descent_assessed_sequence 4.0" in client.get("/metrics").text
        assert not server.other


def test_what_was_acknowledged_outlives_a_killed_server(server: ServerProcess) -> None:
    acknowledged: list[str] = []

    def write(name: str) -> None:
        with server.client() as client:
            for i in range(1000):
                variables = {"manifest": {"models": [{"name": name, "version": str(i)}]}}
                try:
                    answer = client.post("/graphql", json={"query": REGISTER, "variables": variables}).json()
                except httpx2.TransportError:
                    return
                assert answer["data"]["register"]["created"] == 1
                acknowledged.append(f"model:{name}@{i}")
                if len(acknowledged) >= 40:
                    enough.set()

    enough = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, f"m{i}") for i in range(4)]
        assert enough.wait(30)
        server.stop(signal.SIGKILL)
        for writer in writers:
            writer.result()
    server.start()
    for ref in acknowledged:
        assert server.ask(ENTITY, ref=ref)["data"]["entity"] == {"ref": ref}
    server.stop()
    assert call("verify", "--store", server.store).returncode == 0


def test_every_worker_reads_what_any_acknowledged(store_file: str) -> None:
    with ServerProcess(store_file, "--workers", "3") as server:
        check_workers_agree(server)


def test_every_worker_reads_what_any_acknowledged_in_neo4j(neo4j_empty: Neo4jServer) -> None:
    with ServerProcess(with_credentials(neo4j_empty), "--workers", "3") as server:
        check_workers_agree(server)


def with_credentials(neo4j: Neo4jServer) -> str:
    user = ":".join(neo4j.auth) + "@" if neo4j.auth else ""
    return neo4j.uri.replace("://", f"://{user}")


def check_workers_agree(server: ServerProcess) -> None:
    """Each read goes over a connection of its own, which whichever worker is free takes."""
    impact = "query ($of: [Ref!]!) { impact(of: $of) { affected(first: 1) { totalCount } } }"
    server.ask(REGISTER, manifest={"models": [{"name": "base", "version": "1"}]})
    for i in range(1, 21):
        child = {"name": "m", "version": str(i), "parents": [{"ref": "model:base@1", "relation": "FINE_TUNE"}]}
        assert server.ask(REGISTER, manifest={"models": [child]})["data"]["register"]["created"] == 1
        for _ in range(3):
            assert server.ask(ENTITY, ref=f"model:m@{i}")["data"]["entity"] == {"ref": f"model:m@{i}"}
            answer = server.ask(impact, of=["model:base@1"])
            assert answer["data"]["impact"]["affected"]["totalCount"] == i
            assert answer["extensions"]["sequence"] == i + 1


def workers_of(server: ServerProcess) -> list[int]:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return [int(pid) for pid in children if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]


def test_a_worker_that_is_killed_as_it_begins_takes_no_metrics_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves an empty file among those that all workers count in."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    counted = MmapedDict(str(tmp_path / "counter_1.db"))  # type: ignore[no-untyped-call]
    key = mmap_key("descent_errors", "descent_errors_total", ["code"], ["CYCLE"], "Errors.")
    counted.write_value(key, 3, 0)  # type: ignore[no-untyped-call]
    counted.close()  # type: ignore[no-untyped-call]
    (tmp_path / "counter_2.db").touch()
    told = bytes(Metrics([], [], shared=True).response().body).decode()
    assert 'descent_errors_total{code="CYCLE"} 3.0' in told


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for worker processes in /proc")
def test_a_killed_worker_is_replaced_and_the_metrics_add_up(store_file: str) -> None:
    with ServerProcess(store_file, "--workers", "2", fresh=True) as server:
        server.ask(REGISTER, manifest=manifest("1"))
        victim = workers_of(server)[0]
        os.kill(victim, signal.SIGKILL)
        for _ in range(20):
            assert server.ask(ENTITY, ref="model:m@1")["data"]["entity"] == {"ref": "model:m@1"}
        with server.client() as client:
            metrics = client.get("/metrics").text
        assert 'descent_operation_seconds_count{field="register"} 1.0' in metrics
        assert 'descent_operation_seconds_count{field="entity"} 20.0' in metrics
        assert "descent_log_sequence 1.0" in metrics


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for worker processes in /proc")
def test_workers_end_with_the_parent_that_was_killed(store_file: str) -> None:
    with ServerProcess(store_file, "--workers", "2", fresh=True) as server:
        server.stop(signal.SIGKILL)  # returns once nobody holds the other end of its stderr, the workers neither
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{server.url}/livez")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--store", "mysql://host/db"), "The store's address is not understood"),
        (("--store", "sqlite://x.db"), "three slashes"),
        (("--store", "sqlite:///"), "three slashes"),
        (("--store", "sqlite:///:memory:"), "is written memory:"),
        (("--store", "bolt://user:secret@host:port"), "The address of the database is not understood"),
        (("--store", "memory:", "--workers", "2"), "use --workers 1"),
        (("--host", "0.0.0.0"), "use --host 127.0.0.1"),
        (("--host", "::"), "use --host 127.0.0.1"),
        (("--host", "example.org"), "use --host 127.0.0.1"),
        (("--port", "99999"), "--port (or DESCENT_PORT)"),
        (("--workers", "0"), "--workers (or DESCENT_WORKERS)"),
        (("--topology", "disk"), "--topology (or DESCENT_TOPOLOGY)"),
        (("--nonsense",), "No such option"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    ran = call("serve", *options, DESCENT_STORE=f"sqlite:///{tmp_path / 'x.db'}")
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "secret" not in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not ran.stdout


def test_a_wrong_environment_is_named_without_its_value() -> None:
    for name, value in (("WEBHOOK_SECRETS", "hunter"), ("NOTIFY_ALLOW", "[hunter]"), ("OIDC_ROLES", "hunter")):
        ran = call("serve", **{f"DESCENT_{name}": value})
        assert (ran.returncode, "hunter" in ran.stderr) == (2, False), ran.stderr
        assert f"DESCENT_{name}) cannot be used: Expected JSON, with text in quotes." in ran.stderr
    ran = call("serve", DESCENT_PORT="secret")
    assert "Expected an integer" in ran.stderr
    assert ran.returncode == 2
    assert "DESCENT_PORT" in ran.stderr
    assert "secret" not in ran.stderr


def test_a_taken_port_is_an_error(store_file: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = run("serve", "--store", store_file, "--port", str(taken.getsockname()[1]))
    assert ran.returncode == 1
    assert "is not available (Address already in use)" in ran.stderr


@pytest.mark.parametrize("content", [None, b"not a database, but long enough to be taken for one" * 100])
def test_a_file_that_is_no_registry_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "nowhere" / "x.db" if content is None else tmp_path / "x.db"
    if content is not None:
        path.write_bytes(content)
    ran = call("serve", "--store", f"sqlite:///{path}", "--port", "0")
    assert ran.returncode == 1
    assert ran.stderr.startswith("descentd: ")
    assert "Traceback" not in ran.stderr
    assert content is None or path.read_bytes() == content


def test_verify(server: ServerProcess, tmp_path: Path) -> None:
    server.ask(REGISTER, manifest=manifest("1"))
    server.stop()
    ran = run("verify", "--store", server.store)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("1 records are what was recorded; root ")
    ran = call("verify", "--store", server.store, "--format", "json")
    assert '"problem": null' in ran.stdout
    ran = call("verify", "--store", f"sqlite:///{tmp_path / 'absent.db'}")
    assert ran.returncode == 1
    assert not (tmp_path / "absent.db").exists()


def until_it_accepts_no_more(server: ServerProcess) -> None:
    with contextlib.suppress(httpx2.TransportError), server.client() as client:
        while True:
            client.get("/livez", headers={"Connection": "close"})


def test_requests_in_flight_are_answered_before_the_end(server: ServerProcess) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    line = b'{"models":[{"name":"m","version":"1"}]}\n'
    with socket.create_connection((host, int(port)), 30) as connection, connection.makefile("rb") as answers:
        connection.sendall(
            b"POST /bulk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(line), line)
        )
        assert any(b'"line":1,"created":1' in answer for answer in answers)
        server.process.send_signal(signal.SIGTERM)
        until_it_accepts_no_more(server)
        connection.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(line), line))
        rest = answers.read()
    assert b'"line":2,"errors":[{"message":"The server is stopping' in rest
    assert rest.endswith(b"0\r\n\r\n")
    assert server.stop() == 0
