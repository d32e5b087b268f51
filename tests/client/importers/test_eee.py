"""Every Eval Ever: one model's results of one or many benchmarks, by all versions of the schema."""

from pathlib import Path
from typing import Any

import pytest

from descent.importers.draft import Context, Draft
from descent.importers.eee import convert, find
from descent.importers.metrics import MetricTable
from descent.importers.reading import Sources
from tests.client.importers.imports import dry, evaluations, imported, refusal, write
from tests.support.server_process import ServerProcess


def result(name: str = "MMLU", score: Any = 0.5, **config: Any) -> dict[str, Any]:
    return {
        "evaluation_name": name,
        "source_data": {
            "dataset_name": "mmlu",
            "source_type": "hf_dataset",
            "hf_repo": "cais/mmlu",
            "hf_split": "test",
        },
        "metric_config": {"metric_id": "accuracy", "lower_is_better": False} | config,
        "score_details": {
            "score": score,
            "uncertainty": {"standard_error": {"value": 0.02, "method": "analytic"}, "num_samples": 600},
        },
        "generation_config": {"generation_args": {"temperature": 0.0, "max_tokens": 16}},
    }


def log(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "schema_version": "0.3.0",
        "evaluation_id": "mmlu/x/1",
        "evaluation_timestamp": "1735689600.5",
        "retrieved_timestamp": "1770603535",
        "source_metadata": {
            "source_name": "lm-eval",
            "source_type": "evaluation_run",
            "evaluator_relationship": "other",
        },
        "eval_library": {"name": "lm_eval", "version": "0.4.9"},
        "model_info": {"name": "X", "id": "org/x", "developer": "org"},
        "evaluation_results": list(results),
    } | more


def draft(path: Path, content: Any) -> Draft:
    [unit] = find(str(write(path / "e.json", content)), Sources())
    return convert(unit, Context(MetricTable("eee")))


def test_results_become_evaluations(server: ServerProcess, tmp_path: Path) -> None:
    file = write(tmp_path / "e.json", log(result(), result("MMLU", 0.6, metric_id="f1"), result("ARC", 0.7)))
    assert imported(server, "eee", file, "--model", "eee-x@2")["failed"] == 0
    found = {one["suite"]["name"]: one for one in evaluations(server, "model:eee-x@2")}
    assert sorted(found) == ["ARC", "MMLU"]
    assert found["MMLU"]["suite"]["version"] == "0.4.9"
    assert found["MMLU"]["evaluatedAt"] == "2025-01-01T00:00:00.5Z"
    assert [(m["name"], m["value"], m["stderr"], m["n"]) for m in found["MMLU"]["metrics"]] == [
        ("accuracy", 0.5, 0.02, 600),
        ("f1", 0.6, 0.02, 600),
    ]
    assert imported(server, "eee", file, "--model", "eee-x@2")["created"] == 0


def test_the_protocol_is_in_the_suites_config(tmp_path: Path) -> None:
    [one] = draft(tmp_path, log(result())).manifest["evaluations"]
    assert one["subject"] == "model:org/x@unstated"
    assert one["suite"]["config"] == {
        "harness": "lm_eval",
        "source": "lm-eval",
        "dataset": "cais/mmlu",
        "split": "test",
        "temperature": 0.0,
        "max_tokens": 16,
    }


def test_percent_is_a_share_where_the_metric_is_one(tmp_path: Path) -> None:
    scores = (
        result("a", 50.0, metric_unit="percent"),
        result("b", 50.0, min_score=0, max_score=100),
        result("c", 50.0, metric_id="elo-like", max_score=100),
    )
    found = [m for one in draft(tmp_path, log(*scores)).manifest["evaluations"] for m in one["metrics"]]
    assert [(m["name"], m["value"], m["stderr"]) for m in found] == [
        ("accuracy", 0.5, 0.0002),
        ("accuracy", 0.5, 0.0002),
        ("elo-like", 50.0, 0.02),
    ]


@pytest.mark.parametrize(
    ("config", "metric"),
    [
        ({"metric_id": None, "metric_name": "Exact Match"}, "exact_match"),
        ({"metric_id": "my.accuracy", "metric_kind": "accuracy"}, "accuracy"),
        ({"metric_id": "exact-match"}, "exact_match"),
        ({"metric_id": "pass@1"}, "pass_at_1"),
    ],
)
def test_names_of_metrics(config: dict[str, Any], metric: str, tmp_path: Path) -> None:
    [one] = draft(tmp_path, log(result(**config))).manifest["evaluations"]
    assert [m["name"] for m in one["metrics"]] == [metric]


def test_a_metric_of_its_own_has_the_direction_that_the_file_states(tmp_path: Path) -> None:
    found = draft(
        tmp_path,
        log(result("Arena", 1200, metric_id="arena.elo"), result("Toxic", 3, metric_id="tox", lower_is_better=True)),
    )
    assert {one["name"]: one["direction"] for one in found.manifest["metrics"]} == {
        "arena.elo": "HIGHER_IS_BETTER",
        "tox": "LOWER_IS_BETTER",
    }
    unsaid = draft(tmp_path, log(result(metric_id="odd", lower_is_better=None), result()))
    assert "direction is not given" in unsaid.unplaced[0][1]


def test_the_first_version_of_the_schema(tmp_path: Path) -> None:
    old = {
        "schema_version": "0.0.1",
        "evaluation_source": {"evaluation_source_name": "Kaggle Leaderboard"},
        "source_data": ["https://www.kaggle.com/benchmarks/x"],
        "model_info": {"name": "C", "id": "anthropic/c"},
        "evaluation_results": [
            {
                "evaluation_name": "Global MMLU Lite",
                "metric_config": {"lower_is_better": False, "score_type": "continuous", "min_score": 0, "max_score": 1},
                "score_details": {"score": 0.61, "details": {"stddev": 0.04}},
            }
        ],
    }
    [one] = draft(tmp_path, old).manifest["evaluations"]
    assert one["suite"] == {
        "name": "Global MMLU Lite",
        "version": "unstated",
        "config": {"source": "Kaggle Leaderboard"},
    }
    assert one["metrics"] == [{"name": "Global MMLU Lite", "value": 0.61}]


def test_what_was_not_measured_is_said(tmp_path: Path) -> None:
    scores = (result("a", "n/a"), result("b", -1, has_unknown_level=True, metric_id="level"), result("c"))
    found = draft(tmp_path, log(*scores))
    assert [why for _, why in found.unplaced] == [
        'The text "n/a" is not a finite number.',
        "The score is the unknown level.",
    ]
    assert len(found.manifest["evaluations"]) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"results": {}}, "This is not a file of Every Eval Ever: it has no `evaluation_results`."),
        ([], "This is not a file of Every Eval Ever"),
        (log(result(), model_info={}), "The file does not say which model it is about"),
        (log({"score_details": {"score": 1}}), "Expected the name of the evaluation"),
        (log(result(score=None)), "Nothing of it could be placed"),
        ("{", "The file ends in the middle of the JSON."),
    ],
)
def test_what_is_no_such_file_is_refused(content: Any, said: str, tmp_path: Path) -> None:
    assert said in refusal("eee", write(tmp_path / "e.json", content))


def test_results_of_single_items_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "d" / "a.json", log(result()))
    samples = write(tmp_path / "d" / "a_samples.jsonl", "{}\n")
    result_ = dry("eee", tmp_path / "d")
    assert result_.exit_code == 0
    assert "Passed over" in result_.stderr
    assert "results of single items" in refusal("eee", samples)
