"""Everything leaves by `descent export ndjson` and comes in by `descentd import-log`: the same log and answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from descent.transport import saved
from tests.app.command_line import call
from tests.app.test_process import with_credentials
from tests.app.test_topology_store import MORE, QUESTIONS, REGISTER
from tests.client.cli import run
from tests.graph.samples import registry
from tests.support.neo4j_server import Neo4jServer
from tests.support.server_process import Asking, ServerProcess

ACTS: Final = (
    """mutation { review(input: { subject: "model:credit-risk@4.1", environment: "production", decision: NO_GO,
      reason: "Not yet." }) { id } }""",
    """mutation { flag(input: { subjects: ["model:credit-risk@4.0"], action: REVIEW, reason: "Look again.",
      propagate: true }) { id } }""",
    """mutation { deploy(input: { subject: "model:credit-risk@4.0", environment: "old", endpoint: "/score",
      since: "2025-02-01T00:00:00Z", claimed: { by: "ops", source: "wiki" } }) { id } }""",
    """mutation { reportIncident(input: { title: "Too strict", severity: HIGH, subject: "model:credit-risk@4.0" })
      { id } }""",
)
VERSION: Final = "model:credit-risk@4.1"
OPERATIONS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    *(("Entity", {"ref": ref}) for ref in (VERSION, "model:credit-risk@4.0", "dataset:loans@2024-12#train")),
    ("History", {"of": "model:credit-risk@4.0"}),
    ("Erosion", {"of": VERSION}),
    ("Serving", {"environment": "old"}),
    ("Gate", {"of": VERSION, "environment": "production"}),
    ("Incidents", {}),
    ("Evaluations", {"of": "model:credit-risk@4.0"}),
    ("DocumentationDrift", {}),
    ("Search", {"text": "credit"}),
)


def fill(server: Asking) -> None:
    for manifest in (registry(), MORE):
        assert "errors" not in server.ask(REGISTER, manifest=manifest)
    for act in ACTS:
        answer = server.ask(act)
        assert "errors" not in answer, answer


def answers(server: Asking) -> list[dict[str, Any]]:
    asked: list[tuple[str, dict[str, str]]] = [(question, {}) for question in QUESTIONS]
    asked += [(saved(operation), variables) for operation, variables in OPERATIONS]
    found = [server.ask(question, **variables) for question, variables in asked]
    for answer in found:
        assert "errors" not in answer, answer
    return found


def exported(server: Asking, file: Path) -> bytes:
    done = run("--url", server.url, "export", "ndjson", "--all", "-o", str(file))
    assert done.exit_code == 0, done.stderr
    return file.read_bytes()


@pytest.fixture(params=["sqlite", "neo4j"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty store of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'other.db'}"
    else:
        empty: Neo4jServer = request.getfixturevalue("neo4j_empty")
        yield with_credentials(empty)


def test_everything_moves_to_another_store(server: ServerProcess, other: str, tmp_path: Path) -> None:
    fill(server)
    log = exported(server, tmp_path / "log.ndjson")
    *entries, end = [json.loads(line) for line in log.splitlines()]
    assert {entry["kind"] for entry in entries} >= {"REVIEW", "FLAG", "DEPLOYMENT", "INCIDENT", "EVALUATION"}
    moved = call("import-log", str(tmp_path / "log.ndjson"), "--store", other)
    assert (moved.returncode, moved.stderr) == (0, "")
    assert moved.stdout == f"{len(entries)} records were imported; root {end['root']}\n"
    assert call("verify", "--store", other).stdout.endswith(f"root {end['root']}\n")
    again = call("import-log", str(tmp_path / "log.ndjson"), "--store", other)
    assert (again.returncode, again.stdout) == (2, "")
    assert f"holds {len(entries)} records already" in again.stderr
    with ServerProcess(other) as second:
        assert answers(second) == answers(server)
        assert exported(second, tmp_path / "again.ndjson") == log


def test_what_cannot_be_imported_says_why(tmp_path: Path) -> None:
    file, store = tmp_path / "log.ndjson", f"sqlite:///{tmp_path / 'new.db'}"
    missing = call("import-log", str(file), "--store", store)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr == f"descentd: {file} cannot be read (No such file or directory): check its path.\n"
    file.write_text('{"models": [{"name": "m", "version": "1"}]}\n')
    wrong = call("import-log", str(file), "--store", store)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr == (
        f"descentd: {file}, line 1: It is not a line of a log: it has no sequence. Nothing was imported: export the "
        "log again with `descent export ndjson --all`.\n"
    )
    assert "gone with its server" in call("import-log", str(file), "--store", "memory:").stderr
    assert list(tmp_path.iterdir()) == [file]
