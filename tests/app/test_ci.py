"""Pipelines: the steps of the GitHub Action, the GitLab template and the pre-commit hook, run in bash."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.support.server_process import SECONDS, ServerProcess
from tests.test_docs import blocks

ROOT = Path(__file__).parents[2]
EXAMPLES = {text.partition("\n")[0].removeprefix("# "): text for text in blocks(ROOT / "docs" / "ci.md", "yaml")}
POLICY = """\
environment: production
rules:
  - name: accuracy
    expression: metrics["accuracy"].exists(m, m.value >= 0.8)
    message: The accuracy has to be at least 0.8.
"""
PROFILE = "safety_profile: {intended_use: Rank applications., must_not_do: [Decline alone.]}"


def manifest(name: str, accuracy: float | None, profile: str = PROFILE) -> str:
    text = f"models:\n  - name: {name}\n    version: '1'\n    config: {{lr: 1}}\n"
    text += f"    {profile}\n" if profile else ""
    if accuracy is not None:
        metrics = f"[{{name: accuracy, value: {accuracy}}}]"
        text += (
            f"evaluations:\n  - {{subject: 'model:{name}@1', suite: {{name: s, version: '1'}}, metrics: {metrics}}}\n"
        )
    return text


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("ci")
    (folder / "production.yaml").write_text(POLICY)
    with ServerProcess(f"sqlite:///{folder / 'registry.db'}", "--policies", str(folder)) as running:
        yield running


@dataclass
class Job:
    """A job of a pipeline in a folder; its steps have `descent` on their path."""

    folder: Path
    code: int = 0
    stderr: str = ""
    outputs: dict[str, str] = field(default_factory=dict)

    def bash(self, script: str, **environment: str) -> int:
        """Run a step as runners do, unless one before it has failed."""
        if self.code:
            return self.code
        output = self.folder / "output"
        output.write_text("")
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        told = {"PATH": path, "NO_COLOR": "1", "GITHUB_OUTPUT": str(output), "RUNNER_TEMP": str(self.folder)}
        told |= {"GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"), "HOME": str(self.folder)}
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.folder,
            env=told | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        self.code, self.stderr = ran.returncode, self.stderr + ran.stderr
        self.outputs |= dict(line.partition("=")[::2] for line in output.read_text().splitlines())
        return self.code

    @property
    def errors(self) -> list[str]:
        return [line for line in self.stderr.splitlines() if line.startswith("error: ")]

    @property
    def summary(self) -> str:
        file = self.folder / "summary.md"
        return file.read_text("utf-8") if file.exists() else ""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def run_action(job: Job, server: ServerProcess, **given: str) -> int:
    """The steps of action.yml, with the inputs of the example in the documents."""
    action = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
    [step] = [step for step in yaml.safe_load(EXAMPLES["github.yml"])["jobs"]["register"]["steps"] if "with" in step]
    assert step["with"].keys() <= action["inputs"].keys()
    inputs = {name: str(one.get("default", "")) for name, one in action["inputs"].items()}
    inputs |= step["with"] | {"url": server.url, "audience": ""} | given
    assert all(inputs[name] for name, one in action["inputs"].items() if one.get("required"))

    def filled(text: str) -> str:
        names = {f"inputs.{name}": value for name, value in inputs.items()}
        names |= {"github.action_path": str(ROOT)}
        return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: names[found[1]], text)

    for one in action["runs"]["steps"]:
        assert "${{" not in one["run"], "what is given must not become part of a script"
        job.bash(one["run"], **{name: filled(text) for name, text in one.get("env", {}).items()})
    return job.code


def test_the_action_registers_and_shows_what_the_rules_saw(job: Job, server: ServerProcess) -> None:
    (job.folder / "descent.yaml").write_text(manifest("good", 0.9))
    assert run_action(job, server) == 0, job.stderr
    assert "✅ model:good@1 for production" in job.summary
    assert re.search(r"\| accuracy \| ✅ PASSED \|.*0\.9", job.summary), job.summary
    sarif = json.loads(Path(job.outputs["sarif"]).read_text())
    assert sarif["runs"][0]["results"] == []


def test_the_action_fails_with_one_sentence_where_there_is_no_safety_profile(job: Job, server: ServerProcess) -> None:
    (job.folder / "descent.yaml").write_text(manifest("bare", 0.9, profile=""))
    assert run_action(job, server) == 3
    [sentence] = job.errors
    assert sentence == (
        "error: descent.yaml:2:5: models[0]: model:bare@1 has no safety profile, and no gate lets such a version pass: "
        "add safety_profile, with intended_use and must_not_do. (MISSING_PROFILE)"
    )
    assert "has no safety profile" in job.summary
    assert server.ask('{ entity(ref: "model:bare@1") { id } }')["data"]["entity"] is None


def test_without_that_check_the_gate_says_so(job: Job, server: ServerProcess) -> None:
    (job.folder / "descent.yaml").write_text(manifest("unsafe", 0.9, profile=""))
    assert run_action(job, server, **{"require-profile": "false"}) == 3
    [sentence] = job.errors
    assert sentence == (
        "error: model:unsafe@1 may not serve in production: There is no safety profile: say what it is for, and must "
        "not do. (GATE_BLOCKED)"
    )
    assert "⛔ model:unsafe@1 for production" in job.summary


@pytest.mark.parametrize(
    ("name", "accuracy", "code", "words"),
    [
        ("worse", 0.7, 3, "may not serve in production: The accuracy has to be at least 0.8."),
        ("unmeasured", None, 4, "may not serve in production yet, evidence is missing: "),
    ],
)
def test_the_gate_decides_how_the_job_ends(
    job: Job, server: ServerProcess, name: str, accuracy: float | None, code: int, words: str
) -> None:
    (job.folder / "descent.yaml").write_text(manifest(name, accuracy))
    assert run_action(job, server) == code
    assert len(job.errors) == 1
    assert words in job.errors[0]


def test_several_files_and_names_that_look_like_options(job: Job, server: ServerProcess) -> None:
    (job.folder / "--help.yaml").write_text(manifest("first", 0.9))
    (job.folder / "a b $(x).yaml").write_text(manifest("second", 0.9))
    assert run_action(job, server, manifest="\n--help.yaml\n\na b $(x).yaml\n") == 0, job.stderr
    assert job.summary.count("✅ model:") == 2
    unknown = Job(job.folder)
    (job.folder / "wrong.yaml").write_text("models: [{name: m, version: '1', parnets: []}]\n")
    assert run_action(unknown, server, manifest="wrong.yaml") == 1
    [result] = json.loads((job.folder / "descent.sarif").read_text())["runs"][0]["results"]
    assert result["ruleId"] == "INVALID_INPUT"
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1, "startColumn": 34}


@pytest.mark.parametrize("style", ["junit", "sarif", "markdown"])
def test_a_gate_reports_what_its_rules_saw(job: Job, server: ServerProcess, style: str) -> None:
    name = f"gated-{style}"
    (job.folder / "descent.yaml").write_text(manifest(name, 0.7))
    with_url = {"DESCENT_URL": server.url}
    assert job.bash("descent register descent.yaml > /dev/null", **with_url) == 0, job.stderr
    command = f"descent gate model:{name}@1 -e production --format {style} > report"
    assert job.bash(command, **with_url) == 3
    report = (job.folder / "report").read_text("utf-8")
    assert "The accuracy has to be at least 0.8." in report
    assert "0.7" in report
    if style == "sarif":
        [result] = json.loads(report)["runs"][0]["results"]
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert place == f"{server.url}/gate/model:{name}@1?environment=production"
        with server.client() as client:
            assert client.get(place, headers={"Accept": "text/html"}).status_code == 200


def run_template(job: Job, server: ServerProcess) -> int:
    """The script of the GitLab template, with the inputs of the example in the documents."""
    header, _, text = (ROOT / "templates" / "descent.yml").read_text("utf-8").partition("\n---\n")
    declared: Mapping[str, Any] = yaml.safe_load(header)["spec"]["inputs"]
    [included] = yaml.safe_load(EXAMPLES["gitlab.yml"])["include"]
    assert included["inputs"].keys() <= declared.keys()
    inputs = {name: one.get("default") for name, one in declared.items()} | included["inputs"] | {"url": server.url}
    whole = yaml.safe_load(re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda found: json.dumps(inputs[found[1]]), text))[
        "descent"
    ]
    assert whole["id_tokens"] == {"DESCENT_ID_TOKEN": {"aud": "descent"}}
    job.bash("\n".join([*whole["before_script"], *whole["script"]]), **whole["variables"])
    return job.code


def test_the_gitlab_template_reports_to_junit(job: Job, server: ServerProcess) -> None:
    (job.folder / "descent.yaml").write_text(manifest("lab", 0.9))
    assert run_template(job, server) == 0, job.stderr
    suites = ET.parse(job.folder / "descent-register.xml").getroot().findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["descent.yaml", "model:lab@1 for production"]
    [rule] = suites[1].findall("testcase")
    assert "0.9" in (rule.findtext("system-out") or "")
    bare = Job(job.folder)
    (job.folder / "descent.yaml").write_text(manifest("bare-lab", 0.9, profile=""))
    assert run_template(bare, server) == 3
    [problem] = ET.parse(job.folder / "descent-check.xml").getroot().iter("failure")
    assert "has no safety profile" in problem.get("message", "")


def test_the_hook_checks_what_is_committed(job: Job) -> None:
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    [repository] = yaml.safe_load(EXAMPLES["pre-commit.yaml"])["repos"]
    [used] = repository["hooks"]
    assert used["id"] == hook["id"]
    assert re.search(hook["files"], "models/descent.yaml")
    assert re.search(used["files"], "descent.yaml")
    for folder in hook["additional_dependencies"]:
        assert (ROOT / folder / "pyproject.toml").is_file()
    command = f"{hook['entry']} {' '.join(used['args'])} descent.yaml"
    (job.folder / "descent.yaml").write_text(manifest("m", 0.9))
    assert job.bash(command) == 0, job.stderr
    (job.folder / "descent.yaml").write_text(manifest("m", 0.9, profile=""))
    assert job.bash(command) == 3
    assert "has no safety profile" in job.stderr
