"""What the tests of importers share: running `descent import`, and writing files."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from descent.cli import app
from descent.client import Client
from tests.support.server_process import ServerProcess

SHARED = Path(__file__).parents[3].parent / "shared" / "data"
"""Real files of other tools; they are not part of this repository, and tests that need them say so."""


RESULTS: dict[str, Any] = {
    "results": {"arc_easy": {"acc": 0.5, "acc_stderr": 0.01}},
    "versions": {"arc_easy": 0},
    "config": {"model": "hf-causal", "model_args": "pretrained=org/frame,revision=step1", "num_fewshot": 0},
}


def results(revision: str, **metrics: Any) -> dict[str, Any]:
    """Results of lm-evaluation-harness for a revision of a model."""
    config = {**RESULTS["config"], "model_args": f"pretrained=org/frame,revision={revision}"}
    return {**RESULTS, "config": config, "results": {"arc_easy": metrics or RESULTS["results"]["arc_easy"]}}


def dry(*args: object) -> Result:
    """Run `descent import … --dry-run` without a registry."""
    return CliRunner().invoke(app, ["import", *map(str, args), "--dry-run"], env={"DESCENT_URL": "http://127.0.0.1:9"})


def imported(server: ServerProcess, *args: object, exit_code: int = 0) -> dict[str, Any]:
    """Run `descent import … --format json` against a registry, and return its answer."""
    command = ["import", *map(str, args), "--format", "json"]
    result = CliRunner().invoke(app, command, env={"DESCENT_URL": server.url})
    assert result.exit_code == exit_code, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def refusal(*args: object) -> str:
    """Run a dry import that has to fail with one message and place nothing, and return what it says."""
    result = dry(*args)
    assert result.exit_code == 1, result.output
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result.stderr
    assert "→" not in result.stdout
    return errors[0].removeprefix("error: ")


def entity(server: ServerProcess, ref: str) -> dict[str, Any]:
    with Client(server.url) as client:
        return client.entity(ref)


def evaluations(server: ServerProcess, ref: str) -> list[dict[str, Any]]:
    with Client(server.url) as client:
        return [edge["node"] for edge in client.evaluations(ref, limit=None)]


def sections(answer: dict[str, Any]) -> Counter[str]:
    """The number of records of each kind that an import names."""
    return Counter(record["kind"] for one in answer["imports"] for record in one["records"])


def write(path: Path, content: Any) -> Path:
    """Write a file, JSON unless it is text or bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path
