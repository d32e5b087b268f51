"""The gate of a running server: policies at its start, the contract's operations, the command line."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.queries.governed import ATTACKS, CHILD, PARENT, PROFILE, evaluation, lineage, weakness
from tests.support import preloaded
from tests.support.server_process import ServerProcess

POLICY = """\
environment: production
rules:
  - name: stereotype-rate
    expression: metrics["pct_stereotype"].all(m, m.badness <= 0.10)
    message: The stereotype rate may be at most 0.10 from 0.5.
  - name: probes-run
    expression: probes.not_run == 0 && probes.reproduced == 0
"""
PROBE = weakness(PARENT, metric="attack_success_rate", threshold=0.1, command='echo "{\\"value\\": 0.02, \\"n\\": 50}"')


def operation(shared: Path, name: str) -> str:
    """An operation as the contract has it."""
    text = (shared / "contract" / "operations.graphql").read_text("utf-8")
    found = re.search(rf"^(?:query|mutation) {name}\b.*?^}}", text, re.MULTILINE | re.DOTALL)
    assert found
    return found[0]


def descent(url: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    told = {"DESCENT_URL": url, "NO_COLOR": "1", **environment}
    return preloaded.run(preloaded.CLIENT, *words, environment=told)


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "production.yaml").write_text(POLICY)
    return folder


@pytest.fixture
def gated(store_file: str, policies: Path) -> Iterator[ServerProcess]:
    """A server with a policy, a lineage, and a weakness of the parent."""
    with ServerProcess(store_file, "--policies", str(policies)) as running:
        manifest = lineage(safetyProfile=PROFILE) | {
            "evaluations": [evaluation(CHILD, "pct_stereotype", 0.7)],
            "vulnerabilities": [PROBE],
        }
        done = running.ask(
            "mutation Register($manifest: ManifestInput!) { register(manifest: $manifest) { created } }",
            manifest=manifest,
        )
        assert "errors" not in done, done
        yield running


def test_from_blocked_to_promoted(gated: ServerProcess, shared: Path) -> None:
    place = {"of": CHILD, "environment": "production"}
    found = gated.ask(operation(shared, "Gate"), **place)["data"]["gate"]
    assert found["outcome"] == "BLOCKED"
    assert [(rule["name"], rule["outcome"]) for rule in found["rules"]] == [
        ("stereotype-rate", "BLOCKED"),
        ("probes-run", "BLOCKED"),
    ]
    assert found["rules"][0]["message"] == "The stereotype rate may be at most 0.10 from 0.5."
    assert found["rules"][1]["message"] == "1 probe not run, 0 reproduced, 0 resisted."
    assert [one["kind"] for one in found["rules"][0]["evidence"]] == ["EVALUATION"]

    refused = gated.ask(operation(shared, "Promote"), **place)
    [error] = refused["errors"]
    extensions = error["extensions"]
    assert extensions["code"] == "GATE_BLOCKED"
    assert extensions["outcome"] == "BLOCKED"
    assert [rule["name"] for rule in extensions["rules"]] == ["stereotype-rate", "probes-run"]
    ran = descent(gated.url, "promote", CHILD, "-e", "production")
    assert ran.returncode == 3
    assert "stereotype-rate  BLOCKED" in ran.stdout
    assert "GATE_BLOCKED" in ran.stderr

    [probe] = gated.ask(operation(shared, "Probes"), of=CHILD)["data"]["probes"]
    assert (probe["status"], probe["vulnerability"]["on"], probe["probe"]["suite"]) == (
        "NOT_RUN",
        {"ref": PARENT},
        ATTACKS,
    )
    shown = descent(gated.url, "probes", "run", "--of", CHILD)
    assert (shown.returncode, "Nothing was run" in shown.stderr) == (0, True)
    ran = descent(gated.url, "probes", "run", "--of", CHILD, "--exec", "--timeout", "30")
    assert ran.returncode == 0, ran.stderr
    [probe] = gated.ask(operation(shared, "Probes"), of=CHILD)["data"]["probes"]
    assert probe["status"] == "RESISTED"
    assert len(probe["evidence"]) == 1

    drift = gated.ask(operation(shared, "DocumentationDrift"), filter={"name": "m"})["data"]["documentationDrift"]
    kinds = {edge["node"]["ref"]: [one["kind"] for one in edge["findings"]] for edge in drift["edges"]}
    assert kinds == {CHILD: ["STALE_PROFILE", "COPIED_PROFILE"]}

    register = "mutation R($m: ManifestInput!) { register(manifest: $m) { created } }"
    gated.ask(register, m={"evaluations": [evaluation(CHILD, "pct_stereotype", 0.55)]})
    passed = descent(gated.url, "gate", CHILD, "--environment", "production")
    assert (passed.returncode, passed.stderr) == (0, "")
    promoted = gated.ask(operation(shared, "Promote"), **place)["data"]["promote"]
    assert promoted["outcome"] == "PASSED"

    again = descent(gated.url, "gate", "--replay", extensions["decision"])
    assert again.returncode == 3, again.stderr
    assert "BLOCKED: model:m@2 for production" in again.stdout
    query = "query ($id: Ref!) { entity(ref: $id) { ... on Promotion { decision { outcome replay { same } } } } }"
    told = gated.ask(query, id=promoted["id"])["data"]["entity"]
    assert told == {"decision": {"outcome": "PASSED", "replay": {"same": True}}}
    (alone,) = gated.ask(operation(shared, "Gate"), of=PARENT, environment="staging")["data"]["gate"]["rules"]
    assert (alone["name"], alone["outcome"]) == ("no-policy", "BLOCKED")


def test_a_server_does_not_start_with_a_policy_that_cannot_be_meant(store_file: str, policies: Path) -> None:
    (policies / "staging.yaml").write_text("environment: staging\nrules:\n- {name: x, expression: heat < 1}\n")
    with pytest.raises(RuntimeError) as caught:
        ServerProcess(store_file, "--policies", str(policies)).start()
    assert "staging.yaml:3: rules[0].expression: There is no variable heat" in str(caught.value)


def test_the_same_folder_again_adds_nothing(store_file: str, policies: Path) -> None:
    ask: Any = "{ modelVersions { totalCount } }"
    with ServerProcess(store_file, "--policies", str(policies)) as running:
        assert running.ask(ask)["extensions"]["sequence"] == 1
        running.stop()
        running.start()
        assert running.ask(ask)["extensions"]["sequence"] == 1
