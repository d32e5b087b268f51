"""Runs of HELM: the statistics of a run, by split and perturbation, with its adapter as the protocol."""

from pathlib import Path
from typing import Any

import pytest

from descent.importers.draft import Context, Draft
from descent.importers.helm import convert, find
from descent.importers.metrics import MetricTable
from descent.importers.reading import Sources
from tests.client.importers.imports import SHARED, dry, evaluations, imported, refusal, write
from tests.support.server_process import ServerProcess

SPEC: dict[str, Any] = {
    "name": "mmlu:subject=philosophy,model=openai_gpt2",
    "scenario_spec": {"class_name": "helm.MMLUScenario", "args": {"subject": "philosophy"}},
    "adapter_spec": {
        "method": "multiple_choice_joint",
        "instructions": "",
        "max_train_instances": 5,
        "temperature": 0.0,
        "model": "openai/gpt2",
        "model_deployment": "huggingface/gpt2",
    },
}


def stat(name: str, mean: float | None, split: str = "test", **more: Any) -> dict[str, Any]:
    measured = {} if mean is None else {"mean": mean}
    return {
        "name": {"name": name, "split": split} | more,
        "count": 0 if mean is None else 1,
        "sum": mean or 0,
    } | measured


WORST = {"name": "robustness", "robustness": True, "computed_on": "worst"}
STATS = [
    stat("exact_match", 0.4),
    stat("exact_match", 0.3, perturbation=WORST),
    stat("prefix_exact_match", 0.5),
    stat("num_references", 4),
    stat("training_co2_cost", None),
    stat("num_instances", 10.0),
    stat("exact_match", 0.7, split="valid"),
]


def run(folder: Path, spec: Any = SPEC, stats: Any = STATS) -> Path:
    write(folder / "scenario.json", {"name": "mmlu"})
    write(folder / "per_instance_stats.json", [])
    write(folder / "stats.json", stats)
    return write(folder / "run_spec.json", spec).parent


def draft(path: Path) -> Draft:
    [unit] = find(str(path), Sources())
    return convert(unit, Context(MetricTable("helm")))


def test_a_run_becomes_an_evaluation_for_each_split(server: ServerProcess, tmp_path: Path) -> None:
    folder = run(tmp_path / "runs" / "v1.2" / "mmlu:subject=philosophy,model=openai_gpt2")
    assert imported(server, "helm", folder, "--model", "helm-gpt2@1")["failed"] == 0
    found = {len(one["metrics"]): one for one in evaluations(server, "model:helm-gpt2@1")}
    assert sorted(found) == [1, 3]
    assert found[3]["suite"]["name"] == "mmlu:subject=philosophy"
    assert found[3]["suite"]["version"] == "v1.2"
    assert [(m["name"], m["value"], m["n"], len(m["slice"])) for m in found[3]["metrics"]] == [
        ("exact_match", 0.4, 10, 0),
        ("exact_match", 0.3, 10, 2),
        ("prefix_exact_match", 0.5, 10, 0),
    ]
    assert imported(server, "helm", folder, "--model", "helm-gpt2@1")["created"] == 0


def test_the_adapter_is_the_protocol(tmp_path: Path) -> None:
    found = draft(run(tmp_path))
    config = found.manifest["evaluations"][0]["suite"]["config"]
    assert config == {
        "harness": "helm",
        "scenario": SPEC["scenario_spec"],
        "method": "multiple_choice_joint",
        "max_train_instances": 5,
        "temperature": 0.0,
        "split": "test",
    }
    assert found.manifest["evaluations"][0]["subject"] == "model:openai/gpt2@unstated"
    assert "num_references" in dict(found.unplaced)["stats.json"]
    assert "recorded as unstated" in dict(found.unplaced)["version"]


@pytest.mark.parametrize(
    ("spec", "stats", "said"),
    [
        ({"name": "x"}, STATS, "it has no `adapter_spec`"),
        (SPEC, {}, "Expected a list, got a mapping."),
        (SPEC, [{"name": {}}], "Expected the name of a statistic"),
        (SPEC | {"name": None}, STATS, "Expected the name of the run"),
        (SPEC, [stat("num_references", 1)], "Nothing of it could be placed"),
        (SPEC | {"adapter_spec": {"method": "x"}}, STATS, "does not say which model"),
        ("{", STATS, "The file ends in the middle of the JSON."),
    ],
)
def test_what_is_no_run_is_refused(spec: Any, stats: Any, said: str, tmp_path: Path) -> None:
    assert said in refusal("helm", run(tmp_path, spec, stats))


def test_half_a_run_is_refused(tmp_path: Path) -> None:
    spec = write(tmp_path / "run_spec.json", SPEC)
    assert "There is no stats.json beside it" in refusal("helm", spec)
    stats = write(tmp_path / "b" / "stats.json", STATS)
    assert "There is no run_spec.json beside it" in refusal("helm", stats)
    assert "Import the folder of the run" in refusal("helm", write(tmp_path / "c" / "scenario.json", {}))
    run(tmp_path / "d")
    assert dry("helm", tmp_path / "d" / "stats.json").exit_code == 0


if SHARED.is_dir():

    def test_the_files_of_helm_itself(server: ServerProcess) -> None:
        answer = imported(server, "helm", SHARED / "formats" / "helm", "--model", "helm-own@1", exit_code=1)
        reasons = [one["problems"][0]["message"] for one in answer["imports"] if one["problems"]]
        assert sum("the specification of a run has no results" in reason for reason in reasons) == 2
        assert len(reasons) == answer["failed"] == 2
        assert len(evaluations(server, "model:helm-own@1")) == 2
