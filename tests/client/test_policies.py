"""Policies from the command line: trying one, listing what is in force, and putting others in force while serving."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from descent.cli import app
from tests.app.tokens import new_token
from tests.queries.governed import CHILD, PARENT, PROFILE, evaluation, lineage
from tests.support import preloaded
from tests.support.server_process import ServerProcess

RULE = 'metrics["accuracy"].all(m, m.value >= {least})'
PERSON = {"reg": ("registrar",), "eva": ("evaluator",), "ada": ("admin",)}


class Registry:
    """A server, its store and folder, and whoever asks it by name."""

    def __init__(self, server: ServerProcess, store: str, folder: Path, tokens: dict[str, str]) -> None:
        self._server = server
        self.store = store
        self.folder = folder
        self._tokens = tokens

    def run(self, person: str, *args: str, stdin: str = "") -> Result:
        told = {"DESCENT_URL": self._server.url, "DESCENT_TOKEN": self._tokens[person], "NO_COLOR": "1"}
        return CliRunner().invoke(app, list(args), input=stdin, env=told)

    def policy(self, least: float, quorum: int = 0, name: str = "production") -> str:
        rules = [{"name": "accurate", "expression": RULE.format(least=least)}]
        file = self.folder / f"{name}.yaml"
        file.write_text(json.dumps({"environment": name, "quorum": quorum, "rules": rules}))
        return str(file)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("policies")
    store = f"sqlite:///{folder / 'registry.db'}"
    tokens = {person: new_token(store, person, *roles) for person, roles in PERSON.items()}
    (folder / "policies").mkdir()
    with ServerProcess(store) as server:
        found = Registry(server, store, folder / "policies", tokens)
        sections: dict[str, Any] = lineage(safetyProfile=PROFILE | {"intendedUse": "Rank."})
        assert found.run("reg", "register", "-", stdin=json.dumps(sections)).exit_code == 0
        results = {"evaluations": [evaluation(CHILD, "accuracy", 0.9)]}
        assert found.run("eva", "register", "-", stdin=json.dumps(results)).exit_code == 0
        yield found


def test_a_policy_is_tried_before_it_is_in_force(registry: Registry) -> None:
    easy, hard = registry.policy(0.5), registry.policy(0.95, name="lab")
    valid = registry.run("reg", "policy", "check", easy)
    assert (valid.exit_code, valid.stderr) == (0, "")
    assert "is valid: for production, not in force, digest sha256:" in valid.stdout
    passed = registry.run("reg", "policy", "check", easy, "--against", CHILD)
    assert (passed.exit_code, f"PASSED: {CHILD}\n" in passed.stdout) == (0, True)
    blocked = registry.run("reg", "policy", "check", hard, "--against", CHILD)
    assert blocked.exit_code == 3
    assert f"BLOCKED: {CHILD}\n  accurate BLOCKED: accuracy is 0.9.\n" in blocked.stdout
    missing = registry.run("reg", "policy", "check", easy, "--against", PARENT)
    assert (missing.exit_code, "There is no result of accuracy." in missing.stdout) == (4, True)
    both = registry.run("reg", "policy", "check", hard, "--all")
    assert (both.exit_code, both.stdout.splitlines()[-1]) == (3, "0 PASSED, 1 BLOCKED, 1 INCOMPLETE")
    found = json.loads(registry.run("reg", "policy", "check", hard, "--all", "--format", "json").stdout)
    assert [one["outcome"] for one in found["outcomes"]] == ["INCOMPLETE", "BLOCKED"]
    assert found["counts"] == {"PASSED": 0, "BLOCKED": 1, "INCOMPLETE": 1}
    assert (found["environment"], found["inForce"]) == ("lab", False)
    alone = json.loads(registry.run("reg", "policy", "check", hard, "--format", "json").stdout)
    assert (alone["digest"], alone["outcomes"]) == (found["digest"], [])


def test_what_is_wrong_with_a_policy_is_said_with_its_line(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("environment: lab\nrules:\n  - name: a\n    expression: drift.all(d, d.kind == 'STALE')\n")
    wrong = registry.run("reg", "policy", "check", str(file), "--all")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert f'{file}:4: rules[0].expression: There is no kind of drift "STALE"' in wrong.stderr.replace("\n", " ")
    file.write_bytes(b"environment: \xff")
    assert registry.run("reg", "policy", "check", str(file)).exit_code == 1
    assert registry.run("reg", "policy", "check", str(file), "--all", "--against", CHILD).exit_code == 2
    refused = registry.run("eva", "policy", "check", registry.policy(0.5))
    assert (refused.exit_code, "FORBIDDEN" in refused.stderr) == (1, True)


def apply(registry: Registry) -> list[str]:
    """Put the folder in force by the command of the server, beside the one that runs."""
    done = preloaded.run(preloaded.SERVER, "policies", "apply", str(registry.folder), "--store", registry.store)
    assert done.returncode == 0, done.stderr
    ids = done.stdout.split()
    assert done.stderr.endswith(
        "Put 1 policy in force.\n" if ids else "Put 0 policies in force; 1 was in force already.\n"
    )
    return ids


def test_a_changed_policy_is_taken_without_a_restart(registry: Registry) -> None:
    for file in registry.folder.iterdir():
        file.unlink()
    registry.policy(0.5)
    assert registry.run("reg", "gate", CHILD, "-e", "production").exit_code == 3
    nothing = registry.run("reg", "policies", "-e", "production")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert nothing.stderr.startswith("No policy is in force for production: `descentd policies apply FOLDER` puts")
    assert registry.run("reg", "policies", "--text").stdout == ""
    assert len(apply(registry)) == 1
    assert apply(registry) == []
    assert registry.run("reg", "gate", CHILD, "-e", "production").exit_code == 0
    registry.policy(0.95, quorum=1)
    [second] = apply(registry)
    assert registry.run("reg", "gate", CHILD, "-e", "production").exit_code == 3

    shown = registry.run("reg", "policies").stdout
    assert shown.startswith("production: in force, recorded ")
    assert (second in shown, RULE.format(least=0.95) in shown, "1 GO needed" in shown) == (True, True, True)
    history = json.loads(registry.run("reg", "policies", "--history", "--format", "json").stdout)
    assert [(one["environment"], one["inForce"]) for one in history] == [("production", False), ("production", True)]
    assert history[1]["id"] == second
    text = registry.run("reg", "policies", "-e", "production", "--text").stdout
    (registry.folder / "production.yaml").write_text(text)
    assert "in force already" in registry.run("reg", "policy", "check", str(registry.folder / "production.yaml")).stdout
    by_digest = registry.run("reg", "show", history[1]["digest"], "--format", "json")
    assert (by_digest.exit_code, json.loads(by_digest.stdout)["id"]) == (0, second)
