"""The command line: data on stdout, the rest on stderr, exit codes."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.client import answers
from tests.client.cli import run, write
from tests.client.registry import Registry

MANIFEST = "models: [{name: m, version: '1', trained_on: [{ref: 'dataset:d@1', role: train}]}]\n"
SECOND = "notes: [{subject: 'model:m@1', author: a, text: t}]\n"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DESCENT_URL", "DESCENT_TOKEN", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


# ---------------------------------------------------------------- finding the registry


@pytest.mark.parametrize("args", [("--url", "URL", "search", "m"), ("search", "m", "--url", "URL"), ("search", "m")])
def test_where_the_registry_is(full: Registry, args: tuple[str, ...]) -> None:
    given = [full.url if arg == "URL" else arg for arg in args]
    environment = "http://127.0.0.1:9" if "URL" in args else full.url
    result = run(*given, DESCENT_URL=environment, DESCENT_TOKEN="secret")
    assert result.exit_code == 0, result.output
    assert full.asked[0][0]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("args", [("--format", "json", "search", "m"), ("search", "m", "--format", "json")])
def test_where_the_format_may_stand(full: Registry, args: tuple[str, ...]) -> None:
    assert json.loads(run(*args, registry=full).stdout)["totalCount"] == 1


def test_nobody_answers() -> None:
    result = run("search", "m", "--url", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: No server answers at http://127.0.0.1:9: start `descentd serve`")


# ---------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    ("extensions", "exit_code"),
    [
        ({"code": "NOT_FOUND", "field": "ref"}, 1),
        ({"code": "INTERNAL"}, 1),
        ({}, 1),
        ({"code": "GATE_BLOCKED", "outcome": "BLOCKED"}, 3),
        ({"code": "GATE_BLOCKED"}, 3),
        ({"code": "GATE_BLOCKED", "outcome": "INCOMPLETE"}, 4),
    ],
)
def test_refusals_have_their_exit_codes(registry: Registry, extensions: dict[str, str], exit_code: int) -> None:
    registry.refuse("Entity", {"message": "There is no such thing.", "extensions": extensions})
    result = run("show", "model:m@1", registry=registry)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert "There is no such thing." in result.stderr
    if "field" in extensions:
        assert result.stderr == "error: ref: There is no such thing. (NOT_FOUND)\n"


@pytest.mark.parametrize(
    "args",
    [
        ("register",),
        ("register", "there is no such file.yaml"),
        ("check", "."),
        ("trained-on", "age_group"),
        ("trained-on", "=65+"),
        ("trained-on", "age_group="),
        ("trained-on", "a=b", "--verdict", "maybe"),
        ("impact", "model:m@1", "--first", "0"),
        ("search", "m", "--format", "xml"),
        ("lineage",),
        ("paths", "model:m@1"),
        ("shwo", "model:m@1"),
        ("show", "model:m@1", "--unknown"),
    ],
)
def test_usage_is_2(args: tuple[str, ...]) -> None:
    result = run(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr


def test_help_and_version() -> None:
    assert "trained-on" in run("--help").stdout
    assert run("--version").stdout == "descent 0.1.0\n"


@pytest.mark.parametrize("module", ["descent", "descent.cli"])
def test_run_as_a_module(module: str) -> None:
    told = subprocess.run(
        [sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "descent 0.1.0\n", "")


# ---------------------------------------------------------------- check


def test_check_says_what_is_there(tmp_path: Path) -> None:
    path = write(tmp_path / "m.yaml", MANIFEST)
    result = run("check", path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{path}: valid, 1 model\n  the registry must have:\n    dataset:d@1\n"


def test_check_the_example(shared: Path) -> None:
    result = run("check", str(shared / "contract" / "manifest.example.yaml"))
    assert result.exit_code == 0
    assert "valid, 1 metric, 2 datasets, 3 models, 3 evaluations" in result.stdout


def test_check_reports_every_file(tmp_path: Path) -> None:
    good = write(tmp_path / "good.yaml", MANIFEST)
    bad = write(tmp_path / "bad.yaml", "models:\n- name: m\n  versionn: 1\n- 5\n")
    result = run("check", bad, good, "-", stdin=SECOND)
    assert result.exit_code == 1
    assert f"{good}: valid" in result.stdout
    assert "-: valid, 1 note" in result.stdout
    unknown = 'There is no "versionn" in a model version; did you mean version?'
    assert result.stderr.splitlines() == [
        f"error: {bad}:3:3: models[0].versionn: {unknown} (INVALID_INPUT)",
        f"error: {bad}:4:3: models[1]: Expected a model version, a mapping with keys such as name. (INVALID_INPUT)",
        f"{bad}: 2 problems",
    ]


def test_check_for_programs(tmp_path: Path) -> None:
    good, bad = write(tmp_path / "good.yaml", MANIFEST), write(tmp_path / "bad.json", '{"models": [{"name": 5}]}')
    result = run("check", good, bad, "--format", "json")
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)
    assert first == {"file": good, "valid": True, "counts": {"models": 1}, "outside": ["dataset:d@1"], "problems": []}
    assert second["valid"] is False
    assert {"code": "INVALID_INPUT", "field": "models[0].name"}.items() <= second["problems"][0].items()


# ---------------------------------------------------------------- register


def test_register_yaml_json_and_stdin(full: Registry, tmp_path: Path) -> None:
    yaml_file = write(tmp_path / "m.yaml", MANIFEST)
    json_file = write(tmp_path / "m.json", json.dumps({"models": [{"name": "m", "version": "2"}]}))
    result = run("register", yaml_file, json_file, "-", registry=full, stdin=SECOND)
    assert result.exit_code == 0, result.output
    assert [variables["manifest"] for variables in full.variables("Register")] == [
        {"models": [{"name": "m", "version": "1", "trainedOn": [{"ref": "dataset:d@1", "role": "TRAIN"}]}]},
        {"models": [{"name": "m", "version": "2"}]},
        {"notes": [{"subject": "model:m@1", "author": "a", "text": "t"}]},
    ]
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["kind", "ref", "id"]
    assert lines[1].split() == ["DATASET", "dataset:loans@2024-12", answers.ID]
    assert lines[-1] == "3 created, 3 existing"
    assert re.search(r"m\.yaml: 1 model\n.*m\.yaml: 1 created, 1 existing, in ", result.stderr)


def test_register_for_programs(full: Registry, tmp_path: Path) -> None:
    path = write(tmp_path / "m.yaml", MANIFEST)
    assert json.loads(run("register", path, "--format", "json", registry=full).stdout) == answers.REGISTERED


def test_register_prints_the_warnings_of_the_registry(registry: Registry, tmp_path: Path) -> None:
    answer = {
        "data": {"register": answers.REGISTERED},
        "extensions": {"warnings": ["model:\u043c looks like model:m."]},
    }
    registry.answers["Register"] = lambda _variables: answer
    result = run("register", write(tmp_path / "m.yaml", MANIFEST), registry=registry)
    assert result.exit_code == 0
    assert "warning: model:\u043c looks like model:m." in result.stderr.splitlines()


def test_register_sends_nothing_when_a_file_is_wrong(full: Registry, tmp_path: Path) -> None:
    good, bad = write(tmp_path / "good.yaml", MANIFEST), write(tmp_path / "bad.yaml", "modelss: []")
    result = run("register", good, bad, registry=full)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "did you mean models?" in result.stderr
    assert full.asked == []


def test_register_finds_the_line_of_what_the_registry_refuses(registry: Registry, tmp_path: Path) -> None:
    extensions = {"code": "UNKNOWN_REFERENCE", "field": "models[0].trainedOn[0].ref"}
    registry.refuse("Register", {"message": "There is no dataset:d@1.", "extensions": extensions})
    path = write(tmp_path / "m.yaml", MANIFEST)
    result = run("register", path, registry=registry)
    assert (result.exit_code, result.stdout) == (1, "")
    column = MANIFEST.index("'dataset:d@1'") + 1
    expected = f"error: {path}:1:{column}: models[0].trained_on[0].ref: There is no dataset:d@1. (UNKNOWN_REFERENCE)"
    assert expected in result.stderr.splitlines()


def test_register_shows_what_was_registered_before_a_refusal(registry: Registry, tmp_path: Path) -> None:
    def answer(variables: dict[str, Any]) -> Any:
        if "notes" in variables["manifest"]:
            return {"errors": [{"message": "No.", "extensions": {"code": "FORBIDDEN"}}]}
        return {"data": {"register": answers.REGISTERED}}

    registry.answers["Register"] = answer
    first, second = write(tmp_path / "1.yaml", MANIFEST), write(tmp_path / "2.yaml", SECOND)
    result = run("register", first, second, registry=registry)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "1 created, 1 existing"
    assert "error: No. (FORBIDDEN)" in result.stderr.splitlines()


def test_register_tells_the_progress_of_a_large_manifest(full: Registry, tmp_path: Path) -> None:
    models = [{"name": "m", "version": str(i), "description": "x" * 1000} for i in range(1500)]
    path = write(tmp_path / "large.json", json.dumps({"models": models}))
    result = run("register", path, "--format", "json", registry=full)
    assert result.exit_code == 0
    sent = re.findall(r"sent [\d.]+ of 1\.6 MB", result.stderr)
    assert len(sent) == 4
    assert "large.json: reading 1.6 MB" in result.stderr
    assert "1.6 of 1.6 MB; the registry is writing" in result.stderr
    json.loads(result.stdout)


COMMAND = [sys.executable, "-c", "from descent.cli import main; main()"]


def in_terminal(*args: str, **env: str) -> str:
    """Run the command with a terminal of 80 columns for stdout."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **env}
    with subprocess.Popen([*COMMAND, *args], stdin=subprocess.DEVNULL, stdout=follower, env=environment) as process:
        os.close(follower)
        written = b""
        try:
            while chunk := os.read(leader, 65536):
                written += chunk
        except OSError:
            pass  # on Linux a terminal that nobody holds any more is an error, not an end
        os.close(leader)
    assert process.returncode == 0
    return written.decode()


def test_colours_are_for_terminals_that_want_them(full: Registry) -> None:
    colour = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-9]|9[0-7])[;m]")
    shown = in_terminal("trained-on", "age_group=65+", DESCENT_URL=full.url)
    assert colour.search(shown)
    assert "─────" in shown
    assert not colour.search(in_terminal("trained-on", "age_group=65+", DESCENT_URL=full.url, NO_COLOR="1"))


def test_rows_that_are_longer_than_a_terminal_are_lists_there(full: Registry) -> None:
    found = {"kind": "STEP_REGRESSION", "metric": "recall", "slice": [], "p": 0.001, "e": None, "message": "Worse."}
    edges = [{"node": {"ref": f"model:{'m' * 30}@{n}"}, "verdict": "ERODED", "findings": [found] * 2} for n in (1, 2)]
    nothing_more = {"hasNextPage": False, "endCursor": None}
    full.on("Erosions", {"erosions": {"totalCount": 2, "pageInfo": nothing_more, "edges": edges}})
    shown = in_terminal("erosions", "--versions", DESCENT_URL=full.url, NO_COLOR="1")
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line).rstrip() for line in shown.splitlines()]
    finding = " • finding: STEP_REGRESSION; metric: recall; p: 0.001"
    assert lines == [line for n in (1, 2) for line in (f"model:{'m' * 30}@{n}", finding, finding)]


def test_piped_data_is_plain_and_whole(full: Registry) -> None:
    for encoding in ("utf-8", "ascii"):
        environment = {**os.environ, "DESCENT_URL": full.url, "COLUMNS": "40", "PYTHONIOENCODING": encoding}
        process = subprocess.run([*COMMAND, "impact", answers.US], capture_output=True, check=True, env=environment)
        assert process.stderr == b""
        assert b"\x1b" not in process.stdout
        assert max(len(line) for line in process.stdout.decode(encoding).splitlines()) > 200
        process = subprocess.run(
            [*COMMAND, "show", "x", "--format", "json"], capture_output=True, check=True, env=environment
        )
        assert json.loads(process.stdout.decode(encoding)) == answers.VERSION


def test_a_pipe_that_closes_early_is_no_crash(full: Registry) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "DESCENT_URL": full.url}
    process = subprocess.run(
        [*COMMAND, "impact", "x"], stdout=writer, stderr=subprocess.PIPE, check=False, env=environment
    )
    os.close(writer)
    assert (process.returncode, process.stderr) == (1, b"")
