"""`descent check` finds without a registry what one would refuse; the registry itself is the oracle."""

import asyncio
import json
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from hypothesis import given
from jsonschema import Draft202012Validator

from descent.editor_schema import editor_schema
from descent.errors import InvalidManifest
from descent.manifest import parse_manifest
from descentd.graph.model.errors import DescentError, Invalid
from descentd.graph.store.memory import MemoryStore
from tests.client import answers
from tests.client.cli import run, write
from tests.client.registry import Registry
from tests.graph.samples import registry as sample
from tests.graph.samples import send
from tests.support.manifests import HISTORIES, Manifest

ROOT = Path(__file__).parents[2]
SUITE = {"name": "s", "version": "1"}
MODEL = {"name": "m", "version": "1"}


def refused(manifest: Manifest) -> list[tuple[str, str | None]]:
    """Code and field of what an empty registry refuses."""
    try:
        asyncio.run(send(MemoryStore(), manifest))
    except DescentError as error:
        problems = error.problems if isinstance(error, Invalid) else [error]
        return sorted((problem.code.value, problem.field) for problem in problems)
    return []


def found(manifest: Manifest) -> list[tuple[str | None, str | None]]:
    """Code and field of what a check finds."""
    try:
        parse_manifest(json.dumps(manifest).encode(), "m.json", "json").check()
    except InvalidManifest as error:
        return sorted((problem.code, problem.field) for problem in error.problems)
    return []


def metric(**more: Any) -> Manifest:
    return {"metrics": [{"name": "own", "category": "BIAS", "direction": "LOWER_IS_BETTER", **more}]}


def measured(name: str) -> Manifest:
    return {"models": [MODEL], "evaluations": [evaluation(name)]}


def evaluation(name: str) -> dict[str, Any]:
    return {"subject": "model:m@1", "suite": SUITE, "metrics": [{"name": name, "value": 0.5}]}


def profiled(name: str) -> Manifest:
    claim = {"text": "t", "metric": name, "atMost": 0.5}
    return {"models": [MODEL | {"safetyProfile": {"intendedUse": "u", "mustNotDo": ["d"], "claims": [claim]}}]}


def probed(name: str) -> Manifest:
    probe = {"suite": SUITE, "metric": name, "threshold": 0.5}
    weakness = {"subject": "model:m@1", "title": "t", "severity": "LOW", "probe": probe}
    return {"models": [MODEL], "vulnerabilities": [weakness]}


WRONG: list[Manifest] = [
    measured("acuracy"),
    profiled("acuracy"),
    probed("acuracy"),
    metric(worstOf=["accuracy", "nothing"]),
    metric(disparityOf="nothing", disparityOver="age"),
    metric(direction="TARGET"),
    metric(optimum=0.5),
    metric(direction="TARGET", optimum=2, isRate=True),
    metric(direction="TARGET", optimum=2, maximum=1),
    metric(direction="TARGET", optimum=0, scale="LOG"),
    metric(minimum=1, maximum=1),
    metric(minimum=-1, isRate=True),
    metric(disparityOf="accuracy"),
    metric(disparityOver="age"),
    metric(worstOf=["accuracy"], disparityOf="accuracy", disparityOver="age"),
    metric(worstOf=["accuracy"], direction="NONE"),
    {"metrics": [*metric()["metrics"], *metric(unit="ms")["metrics"]]},
    {"models": [{"name": "m"}]},
]


@pytest.mark.parametrize("manifest", WRONG, ids=lambda manifest: json.dumps(manifest)[:80])
def test_what_the_registry_refuses_is_found(manifest: Manifest) -> None:
    expected = [
        (code, None if field is None else field.replace("worstOf", "worst_of")) for code, field in refused(manifest)
    ]
    assert expected
    assert [code for code, _ in found(manifest)] == [code for code, _ in expected]


@pytest.mark.parametrize(
    "manifest", [measured("acc"), profiled("accuracy"), probed("own") | metric(), {"metrics": metric()["metrics"] * 2}]
)
def test_what_it_accepts_is_not(manifest: Manifest) -> None:
    assert (refused(manifest), found(manifest)) == ([], [])


@given(HISTORIES)
def test_only_references_are_left_to_the_registry(history: list[Manifest]) -> None:
    for manifest in history:
        expected = refused(manifest)
        if found(manifest):
            assert expected
        else:
            assert {code for code, _ in expected} <= {"UNKNOWN_REFERENCE"}


def test_metrics_that_the_registry_has_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "m.json", json.dumps(measured("own") | {"metrics": []}))
    wrong = run("check", file)
    assert wrong.exit_code == 1
    assert "evaluations[0].metrics[0].name: own is neither in the catalogue nor defined" in wrong.stderr
    assert run("check", file, "--registered-metric", "own").exit_code == 0


PROFILE = {"intendedUse": "u", "mustNotDo": ["d"]}


@pytest.mark.parametrize(
    ("manifest", "missing"),
    [
        ({"models": [MODEL, MODEL | {"name": "n", "safetyProfile": PROFILE}]}, ["models[0]"]),
        ({"models": [MODEL], "safetyProfiles": [{"subject": "model:m@1", "profile": PROFILE}]}, []),
        ({"models": [MODEL], "safetyProfiles": [{"subject": "model:m", "profile": PROFILE}]}, []),
        ({"models": [MODEL], "safetyProfiles": [{"subject": "model:m@2", "profile": PROFILE}]}, ["models[0]"]),
        ({"datasets": [{"name": "d", "version": "1"}]}, []),
    ],
)
def test_versions_without_a_safety_profile(manifest: Manifest, missing: list[str], tmp_path: Path) -> None:
    file = write(tmp_path / "m.json", json.dumps(manifest))
    assert run("check", file).exit_code == 0
    strict = run("check", file, "--require-profile", "--format", "json")
    assert strict.exit_code == (3 if missing else 0)
    [said] = json.loads(strict.stdout)
    assert [(one["code"], one["field"]) for one in said["problems"]] == [("MISSING_PROFILE", one) for one in missing]


def test_other_problems_come_before_a_missing_profile(tmp_path: Path) -> None:
    file = write(tmp_path / "m.json", json.dumps(measured("acuracy")))
    assert run("check", file, "--require-profile").exit_code == 1


@pytest.mark.parametrize("style", ["junit", "sarif", "markdown"])
def test_reports_of_what_was_refused(style: str, tmp_path: Path) -> None:
    good, bad = write(tmp_path / "good.json", json.dumps(profiled("accuracy"))), write(tmp_path / "bad.json", "{]")
    for command in ("check", "register"):
        ran = run(command, good, bad, "--format", style)
        assert ran.exit_code == 1
        assert "bad.json" in ran.stdout
        assert "error: " in ran.stderr


@pytest.mark.parametrize("style", ["junit", "sarif", "markdown"])
def test_reports_of_a_gate_that_gave_no_answer(style: str, registry: Registry) -> None:
    nothing = {"message": "There is no such version.", "extensions": {"code": "NOT_FOUND", "field": "of"}}
    registry.on("Register", {"register": answers.REGISTERED})
    for operation in ("Gate", "GateDecision"):
        registry.refuse(operation, nothing)
    asked = ("gate", "model:m@1", "-e", "production"), ("gate", "--replay", "id"), ("register", "-", "--gate", "prod")
    for command in asked:
        ran = run(*command, "--format", style, registry=registry, stdin=json.dumps({"models": [MODEL]}))
        assert (ran.exit_code, failures(style, ran.stdout)) == (1, 1), ran.output
        assert "There is no such version." in ran.stdout
        assert "error: " in ran.stderr
    ran = run(*asked[0], "--format", style, "--url", "http://127.0.0.1:9")
    assert (ran.exit_code, failures(style, ran.stdout)) == (1, 1)
    assert "No server answers at http" in ran.stdout
    for plain in ("table", "json"):
        assert run(*asked[0], "--format", plain, registry=registry).stdout == ""


@pytest.mark.parametrize("style", ["junit", "sarif", "markdown"])
@pytest.mark.parametrize("command", ["check", "register"])
def test_reports_of_a_file_that_cannot_be_read(command: str, style: str, tmp_path: Path) -> None:
    ran = run(command, str(tmp_path / "none.yaml"), "--format", style)
    assert (ran.exit_code, failures(style, ran.stdout)) == (2, 1)
    assert "cannot be read: No such file or directory." in ran.stdout


def failures(style: str, written: str) -> int:
    """How many failures a report has; it has to be a whole one."""
    match style:
        case "junit":
            return len(ET.fromstring(written).findall("testsuite/testcase/failure"))
        case "sarif":
            return len(json.loads(written)["runs"][0]["results"])
        case _:
            return written.count("| ❌ FAILED |")


# ---------------------------------------------------------------- catalogue and schema


def test_the_catalogue_is_that_of_the_server() -> None:
    entries = json.loads(files("descentd.graph").joinpath("metrics.json").read_text("utf-8"))
    shown = json.loads(run("metrics", "--format", "json").stdout)
    assert shown == sorted(entries, key=lambda entry: str(entry["name"]))
    table = run("metrics", "stereo", "--category", "bias").stdout.splitlines()
    assert table[0].split()[:3] == ["name", "category", "better"]
    assert any(line.startswith("pct_stereotype ") and " near 0.5 " in line for line in table)
    assert all("stereo" in line for line in table[1:])
    assert "define it in the manifest" in run("metrics", "nothing").stderr


def snake(value: Any, key: str = "") -> Any:
    """A manifest as it is written in YAML."""
    if isinstance(value, dict) and key != "config":
        return {
            "".join(f"_{c.lower()}" if c.isupper() else c for c in name): snake(one, name)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [snake(one) for one in value]
    words = {"category", "direction", "relation", "role", "severity", "populationDocumented"}
    return value.lower() if key in words else value


VALIDATOR = Draft202012Validator(editor_schema())


def test_the_schema_for_editors_is_the_published_one() -> None:
    Draft202012Validator.check_schema(editor_schema())
    assert json.loads((ROOT / "docs" / "manifest.schema.json").read_text("utf-8")) == editor_schema()
    assert json.loads(run("schema").stdout) == editor_schema()


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(snake(sample())),
        "models: [{name: m, version: 1.10, description: null, config: {depth: 6, on: [1, null]}}]",
        """evaluations:
        - {subject: 'model:m@1', suite: {name: s, version: 1}, metrics: [{name: a, value: 1, slice: {age: 65}}]}""",
        "models: [{name: m, version: '1', environment: {python: 3.11, dependencies: {numpy: 2.4.6}}}]",
    ],
)
def test_what_is_valid_is_valid_for_editors(text: str) -> None:
    parse_manifest(text.encode(), "m.yaml", "yaml")
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "modles: []",
        "models: [{name: m, trainedOn: []}]",
        "models: [{version: '1'}]",
        "models: [{name: m, parents: [{ref: 'model:a@1', relation: FINE_TUNE}]}]",
        "datasets: [{name: d, version: '1', partitions: [{name: p, digest: abc}]}]",
        "metrics: [{name: x, category: bias, direction: up}]",
        "evaluations: [{subject: 'model:m@1', suite: {name: s, version: '1'}, metrics: [{name: a, value: high}]}]",
    ],
)
def test_what_is_not_is_marked_by_editors(text: str) -> None:
    with pytest.raises(InvalidManifest):
        parse_manifest(text.encode(), "m.yaml", "yaml")
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text)))
