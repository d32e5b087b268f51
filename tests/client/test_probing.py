"""Running probes: what a command is told, and what is taken for an answer."""

import json
import sys
from typing import Any

import pytest

from descent.probing import ProbeFailed, environment, manifest, run

VERSION = "model:m@2"


def found(command: str = "true", **probe: Any) -> dict[str, Any]:
    whole = {
        "suite": {"name": "attacks", "version": "2", "config": {"k": 1}},
        "data": {"ref": "dataset:d@1#h"},
        "metric": "attack_success_rate",
        "slice": [{"attribute": "age_group", "value": "65+"}],
        "threshold": 0.1,
        "command": command,
    }
    return {"vulnerability": {"id": "sha256:" + "1" * 64, "title": "Jailbreak"}, "probe": whole | probe}


def answered(given: Any, **probe: Any) -> dict[str, Any]:
    content = manifest(VERSION, found(**probe)["probe"], json.dumps(given).encode())
    assert list(content) == ["evaluations"]
    [evaluation] = content["evaluations"]
    assert isinstance(evaluation, dict)
    return evaluation


@pytest.mark.parametrize(
    "given", [0.04, {"value": 0.04}, {"metrics": [{"name": "attack_success_rate", "value": 0.04}]}]
)
def test_what_an_answer_leaves_out_is_that_of_the_probe(given: Any) -> None:
    evaluation = answered(given)
    assert evaluation["subject"] == VERSION
    assert evaluation["suite"] == {"name": "attacks", "version": "2", "config": {"k": 1}}
    assert evaluation["data"] == "dataset:d@1#h"
    assert evaluation["evaluatedAt"]
    [result] = evaluation["metrics"]
    assert (result["name"], result["value"]) == ("attack_success_rate", 0.04)
    assert ("slice" in result) == (not isinstance(given, dict) or "value" in given)


def test_a_whole_manifest_is_an_answer() -> None:
    one = {"metrics": [{"name": "accuracy", "value": 1, "slice": {"age_group": "65+"}}], "evaluator": "bot"}
    evaluation = answered({"evaluations": [one | {"evaluated_at": "2025-01-01T00:00:00Z"}]}, data=None)
    assert evaluation["evaluatedAt"] == "2025-01-01T00:00:00Z"
    assert evaluation["evaluator"] == "bot"
    assert "data" not in evaluation
    assert evaluation["metrics"][0]["slice"] == [{"attribute": "age_group", "value": "65+"}]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "not JSON"),
        (b"done: 0.04", "not JSON"),
        (b"NaN", "NaN"),
        (b"true", "Expected a number"),
        (b"[0.04]", "Expected a number"),
        (b'{"score": 1}', "Expected a number"),
        (b'{"evaluations": [], "models": []}', "Expected a number"),
        (b'{"value": "high"}', "value"),
        (b'{"value": 0.1, "nn": 5}', "nn"),
        (b'{"metrics": []}', "Expected a number"),
        (
            b'{"evaluations": [{"subject": "model:m@1", "metrics": [{"name": "accuracy", "value": 1}]}]}',
            "the probe asks for",
        ),
        (
            b'{"suite": {"name": "other", "version": "1"}, "metrics": [{"name": "accuracy", "value": 1}]}',
            "the probe asks for",
        ),
    ],
)
def test_anything_else_is_refused(answer: bytes, reason: str) -> None:
    with pytest.raises(ProbeFailed) as caught:
        manifest(VERSION, found()["probe"], answer)
    assert reason in " ".join(f"{problem.field}: {problem.message}" for problem in caught.value.problems)


def test_a_command_is_told_what_to_try_and_not_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_TOKEN", "descent_secret")
    told = environment(VERSION, found())
    assert "DESCENT_TOKEN" not in told
    assert told["PATH"]
    assert told["DESCENT_VERSION"] == VERSION
    assert json.loads(told["DESCENT_SLICE"]) == {"age_group": "65+"}
    assert json.loads(told["DESCENT_SUITE_CONFIG"]) == {"k": 1}
    assert (told["DESCENT_METRIC"], told["DESCENT_THRESHOLD"]) == ("attack_success_rate", "0.1")


def test_a_command_runs_in_a_shell() -> None:
    script = "import json, os; print(json.dumps({'value': float(os.environ['DESCENT_THRESHOLD'])}))"
    done = run(VERSION, found(f'"{sys.executable}" -c "{script}" | cat'), 60)
    assert done["evaluations"][0]["metrics"][0]["value"] == 0.1


def test_a_command_that_fails_or_does_not_end() -> None:
    with pytest.raises(ProbeFailed, match="ended with 3"):
        run(VERSION, found("echo 0.1; exit 3"), 60)
    with pytest.raises(ProbeFailed, match=r"did not end within 0\.2 seconds"):
        run(VERSION, found("sleep 60 & sleep 60"), 0.2)
