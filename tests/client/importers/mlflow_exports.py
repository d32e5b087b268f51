"""Exports of MLflow as tools write them, and what each way of importing them has to come to."""

from pathlib import Path
from typing import Any

from tests.client.importers.imports import entity, evaluations, write
from tests.support.server_process import ServerProcess

RUN, MODEL = "87955fa2cec74c5b8f873e359d209964", "m-84a2572e7ec94121a5e4d6201e00676e"
INPUTS = [
    {"dataset": {"name": "loans", "digest": "c247459b"}, "tags": [{"key": "mlflow.data.context", "value": "training"}]}
]
MLMODEL = """\
artifact_path: model
flavors:
  python_function: {loader_module: mlflow.sklearn, python_version: 3.11.7}
  sklearn: {pickled_model: model.pkl, sklearn_version: 1.3.0}
mlflow_version: 3.17.2
utc_time_created: '2024-06-05 01:53:53.910623'
"""


def export(content: dict[str, Any]) -> dict[str, Any]:
    return {"system": {"package_version": "1.2.0"}, "info": {}, "mlflow": content}


def run(id: str = RUN, **changes: Any) -> dict[str, Any]:
    """A run as mlflow-export-import writes it."""
    info = {
        "run_id": id,
        "experiment_id": "1",
        "status": "FINISHED",
        "start_time": 1795990172027,
        "end_time": 1795990180253,
    }
    metrics = {
        "rmse": [
            {"value": 9.0, "timestamp": 1795990180000, "step": 0},
            {"value": 0.4, "timestamp": 1795990180197, "step": 1},
        ],
        "accuracy": [{"value": 0.91, "timestamp": 1795990180129, "step": 0}],
    }
    tags = {"mlflow.source.git.commit": "d3" * 20, "mlflow.source.git.repoURL": "https://git.example.org/risk"}
    params = {"depth": "6", "hf_token": "hf_" + "x" * 30}
    return {"info": info, "params": params, "metrics": metrics, "tags": tags, **changes}


def logged_model(id: str = MODEL, run: str = RUN) -> dict[str, Any]:
    return {
        "model_id": id, "name": "model", "experiment_id": "1", "source_run_id": run,
        "creation_timestamp": 1795990172274,
        "params": {"x": "1"}, "tags": {}, "dataset_inputs": INPUTS,
        "metrics": [
            {"key": "accuracy", "value": 0.91, "timestamp": 1795990180129, "step": 0,
             "dataset_name": "loans", "dataset_digest": "c247459b"},
            {"key": "rmse", "value": 0.4, "timestamp": 1795990180197, "step": 1},
        ],
    }  # fmt: skip


def version(name: str, number: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name, "version": number, "creation_timestamp": 1795990180000, "run_id": RUN,
        "current_stage": "Production", "source": f"models:/{MODEL}", "aliases": ["champion"], **changes,
    }  # fmt: skip


def exported(folder: Path, name: str) -> Path:
    """An export of MLflow 3: `runs` and `logged_models` beside each experiment, and the registry."""
    experiment = folder / "experiments" / "1"
    described = {"experiment": {"experiment_id": "1", "name": "credit"}, "runs": [RUN]}
    write(experiment / "experiment.json", export(described))
    write(experiment / "runs" / RUN / "run.json", export(run()))
    write(
        experiment / "logged_models" / "logged_models.json",
        {"info": {"num_total_logged_models": 1}, "mlflow": {"experiments": []}},
    )
    write(experiment / "logged_models" / MODEL / "logged_model.json", export(logged_model()))
    write(experiment / "logged_models" / MODEL / "MLmodel", f"{MLMODEL}model_id: {MODEL}\nrun_id: {RUN}\n")
    write(experiment / "logged_models" / MODEL / "requirements.txt", "numpy==2.4.6\nmlflow>=3\n")
    write(experiment / "logged_models" / MODEL / "model.pkl", b"\x80\x04N.")
    registered = {"name": name, "versions": [version(name, "3")]}
    write(folder / "models" / "models" / name / "model.json", export({"registered_model": registered}))
    write(folder / "models" / "models" / "models.json", {"info": {"model_names": [name]}, "mlflow": {"models": [name]}})
    return folder


def agrees(server: ServerProcess, ref: str) -> None:
    """Whether lineage, parameters and metrics are those of the run and of its model."""
    found = entity(server, ref)
    assert [one["node"]["ref"] for one in found["trainedOn"]] == ["dataset:loans@c247459b"]
    made_by = {"mlflow.run_id": RUN, "mlflow.model_id": MODEL}
    assert found["config"]["parameters"] == {"depth": "6", "hf_token": "***", "x": "1", **made_by}
    by_data = {one["data"] and one["data"]["ref"]: one for one in evaluations(server, ref)}
    values = {data: {m["name"]: m["value"] for m in one["metrics"]} for data, one in by_data.items()}
    assert values == {"dataset:loans@c247459b": {"accuracy": 0.91}, None: {"rmse": 0.4}}
    assert by_data[None]["suite"]["config"] == {"harness": "mlflow", "experiment": "credit"}
