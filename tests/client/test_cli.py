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
from typer.testing import CliRunner, Result

from descent.cli import app
from tests.client import answers
from tests.client.registry import Registry

MANIFEST = "models: [{name: m, version: '1', trained_on: [{ref: 'dataset:d@1', role: train}]}]\n"
SECOND = "notes: [{subject: 'model:m@1', author: a, text: t}]\n"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DESCENT_URL", "DESCENT_TOKEN", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def full(registry: Registry) -> Registry:
    """A registry that has an answer for every question."""
    registry.on("Entity", {"entity": answers.VERSION})
    registry.on("Impact", {"impact": answers.IMPACT})
    registry.on("TrainedOn", {"trainedOn": answers.EXPOSURE})
    registry.on("PopulationVocabulary", {"populationVocabulary": answers.VOCABULARY})
    registry.on("Lineage", {"lineage": answers.LINEAGE})
    registry.on("Paths", {"paths": answers.PATHS})
    registry.on("History", {"history": answers.HISTORY})
    registry.on("Search", {"search": answers.SEARCH})
    registry.on("Register", {"register": answers.REGISTERED})
    return registry


def run(*args: str, registry: Registry | None = None, stdin: str | bytes = "", **env: str) -> Result:
    at = {"DESCENT_URL": registry.url} if registry else {}
    return CliRunner().invoke(app, list(args), input=stdin, env={**at, **env})


def write(path: Path, text: str) -> str:
    path.write_text(text, "utf-8")
    return str(path)


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


# ---------------------------------------------------------------- questions


def test_impact(full: Registry) -> None:
    result = run("impact", answers.US, "--kinds", "model_version,deployment", "--evidence", registry=full)
    assert (result.exit_code, result.stderr) == (0, "")
    counts, rows = result.stdout.split("\n\n")
    assert counts.splitlines() == ["affected  kind", "2         MODEL_VERSION", "1         DEPLOYMENT"]
    _, _, second, third = rows.splitlines()
    assert second.split(maxsplit=3) == [
        "2", "MODEL_VERSION", "model:credit-risk@4.1",
        f"{answers.US} ←TRAINED_ON- model:credit-risk@4.0 ←DERIVED_FROM- model:credit-risk@4.1",
    ]  # fmt: skip
    assert "(production, scoring, since 2025-08-01T00:00:00Z)" in third
    assert " =SAME_DATA= dataset:copy@1#x ←DEPLOYS- " in third
    variables = full.variables("Impact")[0]
    assert variables["kinds"] == ["MODEL_VERSION", "DEPLOYMENT"]
    assert variables["includeEvidence"] is True


def test_impact_for_programs_and_in_part(full: Registry) -> None:
    result = run("impact", answers.US, "--first", "2", "--format", "json", registry=full)
    data = json.loads(result.stdout)
    assert data["counts"] == answers.IMPACT["counts"]
    assert data["affected"] == answers.IMPACT["affected"]["edges"][:2]
    assert result.stderr == "2 of 3; --all shows all.\n"
    run("impact", answers.US, "--all", registry=full)
    assert [variables["first"] for variables in full.variables("Impact")] == [2, 1000]


def test_trained_on(full: Registry) -> None:
    args = (
        "trained-on",
        "age_group=65+,18-64",
        r"region=New York\, NY",
        "--verdict",
        "trained",
        "--verdict",
        "UNKNOWN",
    )
    result = run(*args, registry=full)
    assert result.exit_code == 0
    counts, rows = result.stdout.split("\n\n")
    assert [line.split() for line in counts.splitlines()[1:]] == [
        ["1", "TRAINED"],
        ["5", "NOT_TRAINED"],
        ["1", "UNKNOWN"],
    ]
    assert rows.splitlines()[1].split(maxsplit=5) == [
        "model:credit-risk@4.1", "TRAINED", "INHERITED", answers.US, "PROVEN",
        f"{answers.US} ←TRAINED_ON- model:credit-risk@4.0 ←DERIVED_FROM- model:credit-risk@4.1",
    ]  # fmt: skip
    assert full.variables("TrainedOn")[0] == {
        "population": {
            "all": [
                {"attribute": "age_group", "values": ["65+", "18-64"]},
                {"attribute": "region", "values": ["New York, NY"]},
            ]
        },
        "verdicts": ["TRAINED", "UNKNOWN"],
        "first": 100,
    }


@pytest.mark.parametrize(
    ("term", "apart"),
    [
        ("age_group=65+,language=en", "trained-on age_group=65+ language=en"),
        ("age_group=65+, language=en,de", "trained-on age_group=65+ language=en,de"),
        ("age_group=18-64,65+,age_group=66", "trained-on age_group=18-64,65+ age_group=66"),
    ],
)
def test_an_attribute_within_the_values_of_another_is_refused(term: str, apart: str, full: Registry) -> None:
    result = run("trained-on", term, registry=full)
    assert (result.exit_code, result.stdout) == (2, "")
    said = " ".join(result.stderr.replace("│", " ").split())
    assert f"write each attribute as an argument of its own: {apart}" in said
    assert not full.variables("TrainedOn")


@pytest.mark.parametrize(
    ("term", "values"),
    [
        ("range=x=1", ["x=1"]),
        (r"range=65+,x\=1", ["65+", "x=1"]),
        ("range=<18,>=65", ["<18", ">=65"]),
        (r"range=65+\,x=1", ["65+,x=1"]),
    ],
)
def test_a_value_may_have_an_equals_sign(term: str, values: list[str], full: Registry) -> None:
    assert run("trained-on", term, registry=full).exit_code == 0
    assert full.variables("TrainedOn")[0]["population"] == {"all": [{"attribute": "range", "values": values}]}


def test_a_misspelt_population_is_warned_of(full: Registry) -> None:
    result = run("trained-on", "age_group=66", "regoin=US", registry=full)
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "warning: No partition documents age_group=66; documented are 18-64, 65+.",
        "warning: No partition documents regoin; documented are age_group.",
    ]


def test_an_empty_table_says_that_nothing_was_found(full: Registry) -> None:
    nothing = {"totalCount": 0, "pageInfo": {"hasNextPage": False, "endCursor": None}, "edges": []}
    full.on("Search", {"search": nothing})
    full.on("TrainedOn", {"trainedOn": answers.EXPOSURE | {"versions": nothing}})
    for args in (("search", "m"), ("trained-on", "age_group=65+")):
        result = run(*args, registry=full)
        assert (result.exit_code, result.stderr) == (0, "Nothing was found.\n")
        assert run(*args, "--format", "json", registry=full).stderr == ""


@pytest.mark.parametrize(
    ("options", "direction"),
    [((), "BOTH"), (("--both",), "BOTH"), (("--ancestors",), "ANCESTORS"), (("--descendants",), "DESCENDANTS")],
)
def test_lineage(full: Registry, options: tuple[str, ...], direction: str) -> None:
    result = run("lineage", "model:credit-risk@4.1", *options, "--depth", "1", registry=full)
    assert full.variables("Lineage") == [{"of": "model:credit-risk@4.1", "direction": direction, "depth": 1}]
    assert [line.split(maxsplit=2)[-1].split() for line in result.stdout.splitlines()[2:]] == [
        ["model:credit-risk@4.0", "←DERIVED_FROM-", "model:credit-risk@4.1"],
        ["model:credit-risk@4.2", "-DERIVED_FROM→", "model:credit-risk@4.1"],
    ]
    assert result.stderr == "3 of 9 records; --depth and --limit show more.\n"


def test_paths_and_search(full: Registry) -> None:
    result = run("paths", answers.US, "model:credit-risk@4.1", registry=full)
    assert result.stdout.splitlines()[0] == "1152921504606846976 derivations"
    assert "←DERIVED_FROM- model:credit-risk@4.1" in result.stdout
    result = run("search", "credit", registry=full)
    assert result.stdout.splitlines()[1].split() == ["MODEL_VERSION", "model:credit-risk@4.2", answers.ID]


def test_show_a_version(full: Registry) -> None:
    result = run("show", "model:credit-risk@4.2", "--history", registry=full)
    assert (result.exit_code, result.stderr) == (0, "")
    headings = [part.splitlines()[0] for part in result.stdout.split("\n\n")]
    assert headings == [
        "model:credit-risk@4.2", "Verdict", "Intended use", "Must not do", "Guardrails", "Known biases",
        "Notes of the profile", "Vulnerabilities", "Reviews", "Notes", "Derived from", "Trained on", "Interventions",
        "Code", "Config", "Environment", "Artifacts", "History",
    ]  # fmt: skip
    assert " • age_group 65+: Scores 11 points low on average." in result.stdout


def test_show_a_version_without_profile_says_so(registry: Registry) -> None:
    bare = {**answers.VERSION, "safetyProfile": None, "code": None, "config": None, "environment": None}
    registry.on("Entity", {"entity": bare})
    assert "None recorded: the intended use of this version" in run("show", "model:m@1", registry=registry).stdout


def test_show_says_what_was_retracted(registry: Registry) -> None:
    by = {"id": "sha256:" + "e" * 64, "recordedBy": "rob", "recordedAt": "2025-02-01T09:00:00Z", "reason": "It leaked."}
    origins = [{"ref": "dataset:d@1", "retraction": by | {"recordedBy": "ana"}}]
    registry.on("Entity", {"entity": {**answers.DATASET, "retraction": by, "retractedOrigins": origins}})
    lines = run("show", "dataset:loans@2024-12", registry=registry).stdout.splitlines()
    who = f"2025-02-01T09:00:00Z by rob (It leaked.; {by['id']})"
    assert f"Retracted {who}: nothing may rely on it any more." in lines
    lost = lines[lines.index("It relies on retracted records") + 1]
    assert lost.endswith(f"dataset:d@1, retracted {who.replace('rob', 'ana')}")


def test_show_lists_what_was_disclosed(registry: Registry) -> None:
    first = {
        "id": answers.ID, "recordedBy": "eva", "recordedAt": "2025-02-01T09:00:00Z",
        "source": "the card", "reason": "Found.",
        "complete": True, "parents": [{"relation": "MERGE", "node": {"ref": "model:m@1"}}],
        "trainedOn": [{"role": "TRAIN", "node": {"ref": "dataset:d@1"}}], "generatedBy": [{"ref": "model:g@1"}],
        "supersededBy": None, "retraction": None,
    }  # fmt: skip
    by = {"id": answers.ID, "recordedBy": "rob", "recordedAt": "2025-02-02T09:00:00Z", "reason": "Wrong."}
    others = [first | {"retraction": by}, first | {"complete": False, "supersededBy": by}]
    registry.on("Entity", {"entity": {**answers.VERSION, "disclosures": [first, *others]}})
    lines = run("show", "model:credit-risk@4.2", registry=registry).stdout.splitlines()
    place = lines.index("Disclosed lineage")
    said = "MERGE model:m@1, trained on dataset:d@1 (TRAIN), generated by model:g@1; disclosed 2025-02-01T09:00:00Z"
    assert lines[place + 1].endswith(
        f"{said} by eva from the card (Found.; {answers.ID}); completes the documentation of training data"
    )
    assert lines[place + 2].endswith(f"; retracted 2025-02-02T09:00:00Z by rob (Wrong.; {answers.ID})")
    assert lines[place + 3].endswith(f"; superseded 2025-02-02T09:00:00Z by rob ({answers.ID})")


@pytest.mark.parametrize(
    ("entity", "line"),
    [
        (answers.DATASET, "dataset:loans@2024-12#train-us  410000"),
        (answers.PARTITION, "age_group  65+    0.07"),
        (answers.RETRACTION, "  - dataset:loans@2024-12"),
    ],
)
def test_show_any_record(registry: Registry, entity: dict[str, Any], line: str) -> None:
    registry.on("Entity", {"entity": entity})
    result = run("show", entity["ref"], registry=registry)
    assert result.exit_code == 0, result.output
    assert line in result.stdout.splitlines()
    assert json.loads(run("show", entity["ref"], "--format", "json", registry=registry).stdout) == entity


# ---------------------------------------------------------------- terminals


def test_what_is_recorded_cannot_steer_the_terminal(full: Registry) -> None:
    result = run("show", "model:credit-risk@4.2", registry=full)
    assert r"\u001b[31mred\u001b[0m [bold]text[/bold]" in result.stdout
    assert "\x1b" not in result.stdout


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
