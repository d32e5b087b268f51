"""MLflow's own stores: databases, folders, and tracking servers."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from descent.client import Client
from tests.client.importers.imports import entity, imported, refusal, write
from tests.client.importers.mlflow_exports import INPUTS, MODEL, RUN, agrees, logged_model, version
from tests.support.server_process import ServerProcess

# ---------------------------------------------------------------- live stores

TABLES = """
CREATE TABLE experiments (experiment_id, name);
CREATE TABLE runs (run_uuid, experiment_id, lifecycle_stage, start_time, end_time);
CREATE TABLE params (key, value, run_uuid);
CREATE TABLE tags (key, value, run_uuid);
CREATE TABLE latest_metrics (key, value, timestamp, step, is_nan, run_uuid);
CREATE TABLE logged_models (model_id, experiment_id, name, creation_timestamp_ms, lifecycle_stage, source_run_id);
CREATE TABLE logged_model_params (model_id, param_key, param_value);
CREATE TABLE logged_model_metrics
    (model_id, metric_name, metric_timestamp_ms, metric_step, metric_value, dataset_name, dataset_digest);
CREATE TABLE datasets (dataset_uuid, name, digest);
CREATE TABLE inputs (input_uuid, source_type, source_id, destination_type, destination_id);
CREATE TABLE input_tags (input_uuid, name, value);
CREATE TABLE model_versions (name, version, creation_time, description, current_stage, source, run_id);
CREATE TABLE registered_model_aliases (alias, version, name);
"""


def database(path: Path, name: str) -> str:
    connection = sqlite3.connect(path)
    connection.executescript(TABLES)
    rows: dict[str, list[tuple[Any, ...]]] = {
        "experiments": [(1, "credit")],
        "runs": [(RUN, 1, "active", 1, 1795990180253), ("deleted", 1, "deleted", 1, 1)],
        "params": [("depth", "6", RUN), ("hf_token", "hf_" + "x" * 30, RUN), ("a", "b", "deleted")],
        "latest_metrics": [
            ("accuracy", 0.91, 1795990180129, 0, 0, RUN),
            ("rmse", 0.4, 1795990180197, 1, 0, RUN),
            ("f1", 0, 1, 0, 1, RUN),
        ],
        "logged_models": [(MODEL, 1, "model", 1795990172274, "active", RUN)],
        "logged_model_params": [(MODEL, "x", "1")],
        "logged_model_metrics": [(MODEL, "accuracy", 1795990180129, 0, 0.91, "loans", "c247459b")],
        "datasets": [("d", "loans", "c247459b")],
        "inputs": [("i", "DATASET", "d", "RUN", RUN)],
        "input_tags": [("i", "mlflow.data.context", "training")],
        "model_versions": [
            (name, 1, 1795990180000, None, "None", f"models:/{MODEL}", RUN),
            (name, 2, 1, None, "Deleted_Internal", "", ""),
        ],
        "registered_model_aliases": [("champion", 1, name)],
    }
    for table, values in rows.items():
        marks = ", ".join("?" * len(values[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


def test_a_database(server: ServerProcess, tmp_path: Path) -> None:
    address = database(tmp_path / "mlflow.db", "stored")
    before = (tmp_path / "mlflow.db").read_bytes()
    answer = imported(server, "mlflow", address)
    assert [one["source"] for one in answer["imports"]] == [f"{address} stored@1"]
    agrees(server, "model:stored@1")
    assert imported(server, "mlflow", address)["created"] == 0
    assert (tmp_path / "mlflow.db").read_bytes() == before
    mapping = write(tmp_path / "m.yaml", "stages: {champion: {environment: live}}")
    assert imported(server, "mlflow", address, "--mapping", mapping)["created"] == 1
    with Client(server.url) as client:
        [found] = client.serving("live", "stored")
        assert found["version"]["ref"] == "model:stored@1"
    assert imported(server, "mlflow", address, "--mapping", mapping)["created"] == 0


def test_databases_that_are_refused(tmp_path: Path) -> None:
    assert "There is no such file" in refusal("mlflow", f"sqlite:///{tmp_path / 'none.db'}")
    assert "cannot be read" in refusal("mlflow", write(tmp_path / "text.db", "text " * 1000))
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (a)").connection.close()
    assert "not a database of MLflow" in refusal("mlflow", tmp_path / "other.db")


def test_a_store_in_files(server: ServerProcess, tmp_path: Path) -> None:
    store = tmp_path / "mlruns"
    run_folder, model_folder = store / "1" / RUN, store / "1" / "models" / MODEL
    about: dict[Path, str] = {
        store / "1" / "meta.yaml": "{experiment_id: '1', name: credit, lifecycle_stage: active}",
        run_folder / "meta.yaml": f"{{run_id: {RUN}, experiment_id: '1', artifact_uri: x, end_time: 1795990180253}}",
        run_folder / "params" / "depth": "6",
        run_folder / "params" / "hf_token": "hf_" + "x" * 30,
        run_folder / "metrics" / "rmse": "1795990180000 9.0 0\n1795990180197 0.4 1\n",
        run_folder / "metrics" / "accuracy": "1795990180129 0.91 0 loans c247459b\n",
        run_folder
        / "inputs"
        / "i"
        / "meta.yaml": "{source_type: DATASET, source_id: d, tags: {mlflow.data.context: train}}",
        store / "1" / "datasets" / "d" / "meta.yaml": "{name: loans, digest: c247459b}",
        model_folder / "meta.yaml": f"{{model_id: {MODEL}, name: model, source_run_id: {RUN}, artifact_location: x}}",
        model_folder / "params" / "x": "1",
        model_folder / "metrics" / "accuracy": f"1795990180129 0.91 0 {RUN} loans c247459b\n",
        model_folder / "artifacts" / "input_example.json": "[]",
        store / "models" / "filed" / "meta.yaml": "{name: filed, aliases: {}}",
        store / "models" / "filed" / "aliases" / "champion": "1",
        store / "models" / "filed" / "version-1" / "meta.yaml": (
            f"{{name: filed, version: 1, run_id: {RUN}, model_id: {MODEL}, current_stage: None}}"
        ),
        store / "1" / "gone" / "meta.yaml": "{run_id: gone, artifact_uri: x, lifecycle_stage: deleted}",
    }
    for file, text in about.items():
        write(file, text)
    answer = imported(server, "mlflow", store)
    assert len(answer["imports"]) == 1
    agrees(server, "model:filed@1")
    [reason] = [one["reason"] for one in answer["imports"][0]["notPlaced"] if one["place"] == "alias"]
    assert reason.startswith("champion: where it served is not said")
    assert imported(server, "mlflow", store)["created"] == 0


ANSWERS: dict[str, Any] = {
    "experiments/search": {"experiments": [{"experiment_id": "1", "name": "credit"}]},
    "runs/search": {
        "runs": [
            {
                "info": {"run_id": RUN, "experiment_id": "1", "end_time": 1795990180253},
                "data": {
                    "params": [{"key": "depth", "value": "6"}, {"key": "hf_token", "value": "hf_" + "x" * 30}],
                    "metrics": [{"key": "accuracy", "value": 0.91, "timestamp": 1795990180129, "step": 0}],
                },
                "inputs": {"dataset_inputs": INPUTS},
            }
        ]
    },
    "logged-models/search": {
        "models": [{"info": {k: v for k, v in logged_model().items() if k not in ("params", "metrics")}, "data": {
            "params": [{"key": "x", "value": "1"}], "metrics": logged_model()["metrics"]}}]
    },
    "model-versions/search": {"model_versions": [version("served", "7", aliases=[])]},
    "registered-models/search": {
        "registered_models": [{"name": "served", "aliases": [{"alias": "live", "version": "7"}]}]
    },
}  # fmt: skip


@pytest.fixture
def tracking() -> Iterator[tuple[str, dict[str, Any]]]:
    """A tracking server that answers what a test says, in two pages where there are several elements."""
    answers = dict(ANSWERS)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0].removeprefix("/api/2.0/mlflow/")
            known = answers.get(path)
            body = json.dumps(known or {}).encode() if not isinstance(known, bytes) else known
            self.send_response(200 if known is not None else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}", answers
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def test_a_tracking_server(server: ServerProcess, tracking: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    address, answers = tracking
    imported(server, "mlflow", address)
    agrees(server, "model:served@7")
    assert imported(server, "mlflow", address.replace("//", "//user:secret@"))["created"] == 0
    mapping = write(tmp_path / "m.yaml", "stages: {live: {environment: online}}")
    assert imported(server, "mlflow", address, "--mapping", mapping)["created"] == 1
    with Client(server.url) as client:
        assert client.serving("online", "served")[0]["version"]["ref"] == "model:served@7"
    del answers["logged-models/search"]  # an older MLflow
    answers["model-versions/search"] = {"model_versions": [version("older", "7", source="runs:/x")]}
    imported(server, "mlflow", address)
    assert entity(server, "model:older@7")["config"]["parameters"]["depth"] == "6"


def test_servers_that_are_refused(tracking: tuple[str, dict[str, Any]]) -> None:
    address, answers = tracking
    answers["model-versions/search"] = b"<html>"
    message = refusal("mlflow", address.replace("//", "//user:secret@"))
    assert "This is not JSON" in message
    assert "secret" not in message
    answers.clear()
    assert "answers 404" in refusal("mlflow", address)
    assert "No tracking server of MLflow answers there" in refusal("mlflow", "http://127.0.0.1:9")
