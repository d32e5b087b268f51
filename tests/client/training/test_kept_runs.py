"""Manifests of runs that the registry did not take: they are kept, and sent later."""

import json
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import descent
from descent import errors
from descent.cli import app
from descent.training.pending import PendingFolder
from tests.client.registry import Registry
from tests.client.training.registering import AWAY, REF, REGISTERED, kept

pytestmark = pytest.mark.usefixtures("alone")


def test_a_manifest_is_kept_while_the_server_is_away_and_pushed_later(
    registry: Registry, said: list[str], tmp_path: Path
) -> None:
    with descent.run("m", url=AWAY, say=said.append) as run:
        run.log_config({"lr": 1, "token": "s3cret"})
    assert (run.ref, run.id) == (None, None)
    [path] = kept()
    assert run.kept == path
    assert path.parent == tmp_path / "state" / "pending"
    assert f"kept in {path}: `descent push` sends it." in said[-1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "s3cret" not in path.read_text("utf-8")

    def push(*options: str) -> tuple[int, Any]:
        ran = CliRunner().invoke(app, ["push", "--url", registry.url, "--format", "json", *options])
        return ran.exit_code, json.loads(ran.stdout)

    registry.on("Register", {"register": REGISTERED})
    code, [row] = push()
    assert (code, row["status"]) == (0, "other address")
    registry.refuse("Register", {"message": "There is no dataset.", "extensions": {"code": "UNKNOWN_REFERENCE"}})
    code, [row] = push("--all")
    assert (code, row["status"], row["reason"]) == (1, "refused", "There is no dataset. (UNKNOWN_REFERENCE)")
    assert push("--list")[1][0]["status"] == "refused"
    registry.refuse("Register", {"message": "The store is away.", "extensions": {"code": "UNAVAILABLE"}})
    assert push("--all")[1][0]["status"] == "not sent"
    registry.on("Register", {"register": REGISTERED})
    code, [row] = push("--all")
    assert (code, row["status"], row["ref"]) == (0, "registered", REF)
    sent = registry.variables("Register")
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]
    assert (kept(), push()) == ([], (0, []))


def test_a_refused_manifest_is_kept_with_the_reason(registry: Registry, said: list[str]) -> None:
    problem = {"message": "It is 0.1 there.", "extensions": {"code": "VERSION_CONFLICT", "field": "models[0].config"}}
    registry.refuse("Register", problem)

    def train() -> None:
        with descent.run("m", version="1", url=registry.url, say=said.append):
            pass

    with pytest.raises(errors.VersionConflict):
        train()
    [path] = kept()
    assert json.loads(path.read_text())["refused"] == "models[0].config: It is 0.1 there. (VERSION_CONFLICT)"
    assert said[-1].startswith("Refused: models[0].config: It is 0.1 there.")


def test_the_same_manifest_is_kept_once(tmp_path: Path) -> None:
    folder = PendingFolder(tmp_path / "state")
    for _ in range(2):
        folder.keep("http://one", {"models": [{"name": "m"}]}, "away")
    folder.keep("http://two", {"models": [{"name": "m"}]}, "away")
    assert len(folder.files()) == 2


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"format": 2}', b"[" * 100_000])
def test_files_that_are_none_of_ours_are_named_and_the_rest_is_sent(
    content: bytes, registry: Registry, said: list[str]
) -> None:
    with descent.run("m", url=AWAY, say=said.append):
        pass
    [path] = kept()
    (path.parent / "other.json").write_bytes(content)
    registry.on("Register", {"register": REGISTERED})
    ran = CliRunner().invoke(app, ["push", "--url", registry.url, "--all"])
    assert ran.exit_code == 1
    assert "other.json" in ran.stderr
    assert REF in ran.stdout
    assert [one.name for one in kept()] == ["other.json"]


def test_a_manifest_is_kept_before_it_is_sent(registry: Registry, said: list[str]) -> None:
    on_disk: list[Any] = []

    def register(variables: dict[str, Any]) -> dict[str, Any]:
        on_disk.extend(json.loads(path.read_text()) for path in kept())
        return {"data": {"register": REGISTERED}}

    registry.answers["Register"] = register
    with descent.run("m", url=registry.url, say=said.append) as run:
        pass
    [one] = on_disk
    assert one["manifest"] == registry.variables("Register")[0]["manifest"]
    assert (one["url"], one["refused"]) == (registry.url, None)
    assert (kept(), run.kept, run.ref) == ([], None, REF)


def test_a_run_without_a_folder_to_keep_things_in_registers(
    registry: Registry, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DESCENT_STATE", str(tmp_path / "file" / "state"))
    registry.on("Register", {"register": REGISTERED})
    with descent.run("m", url=registry.url, say=said.append) as run:
        pass
    assert run.ref == REF


def test_a_run_that_is_killed_while_the_registry_hangs_loses_nothing(registry: Registry, tmp_path: Path) -> None:
    arrived, killed = threading.Event(), threading.Event()

    def hang(_variables: dict[str, Any]) -> dict[str, Any]:
        arrived.set()
        killed.wait(60)
        return {"data": {"register": REGISTERED}}

    registry.answers["Register"] = hang
    script = tmp_path / "train.py"
    script.write_text(f"import descent\nwith descent.run('m', url={registry.url!r}):\n    pass\n")
    with subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert arrived.wait(60)
        finally:
            process.terminate()
            process.communicate()
            killed.set()
    assert len(kept()) == 1
    registry.on("Register", {"register": REGISTERED})
    ran = CliRunner().invoke(app, ["push", "--url", registry.url])
    assert (ran.exit_code, kept()) == (0, []), ran.output
    first, again = registry.variables("Register")
    assert first == again


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_training_goes_on_without_an_answer(silent: str, said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("descent.training.runs.VERSION_TIMEOUT", 0.1)
    monkeypatch.setattr("descent.training.runs.TIMEOUT", 0.1)
    trained = []
    with descent.run("m", url=silent, say=said.append) as run:
        trained.append("m")
    assert trained == ["m"]
    assert sum("did not say within 0.1 seconds" in sentence for sentence in said) == 1
    assert run.kept in kept()
