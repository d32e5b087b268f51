"""MLflow: exports, MLmodel files, and live tracking stores."""

import hashlib
import json
import shlex
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from descent.cli import app
from tests.client.importers.imports import SHARED, dry, entity, evaluations, imported, refusal, write
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


# ---------------------------------------------------------------- files


def test_an_export_of_mlflow_3(server: ServerProcess, tmp_path: Path) -> None:
    folder = exported(tmp_path / "out", "exported")
    answer = imported(server, "mlflow", folder)
    [one] = answer["imports"]
    agrees(server, "model:exported@3")
    found = entity(server, "model:exported@3")
    assert found["code"]["commit"] == "d3" * 20
    assert found["environment"]["python"] == "3.11.7"
    pinned = {one["name"]: one["version"] for one in found["environment"]["dependencies"]}
    assert pinned == {"scikit-learn": "1.3.0", "numpy": "2.4.6"}
    [artifact] = found["artifacts"]
    assert artifact["digest"] == "sha256:" + hashlib.sha256(b"\x80\x04N.").hexdigest()
    reasons = {each["place"]: each["reason"] for each in one["notPlaced"]}
    assert "looks like a secret" in reasons["models[0].config.hf_token"]
    hint = reasons["stage"].partition("If it served: descent ")[2]
    command = hint.replace("ENVIRONMENT", "prod").replace("ENDPOINT", "scoring").replace("PERSON", "Ada")
    result = CliRunner().invoke(app, shlex.split(command), env={"DESCENT_URL": server.url})
    assert result.exit_code == 0, result.output
    assert "champion" in reasons["alias"]
    assert imported(server, "mlflow", folder)["created"] == 0


def test_a_bad_file_of_an_export_does_not_stop_the_rest(server: ServerProcess, tmp_path: Path) -> None:
    folder = exported(tmp_path / "out", "partly")
    write(folder / "models" / "models" / "bad" / "model.json", '{"mlflow": ')
    answer = imported(server, "mlflow", folder, exit_code=1)
    assert answer["failed"] == 1
    assert answer["imports"][0]["source"].endswith("bad/model.json")
    assert entity(server, "model:partly@3")["name"] == "partly"


def test_a_logged_model_that_is_not_registered(server: ServerProcess, tmp_path: Path) -> None:
    other = "m-0" + MODEL[3:]
    write(tmp_path / "one" / "logged_model.json", export(logged_model()))
    write(tmp_path / "two" / "logged_model.json", export(logged_model(other)))
    write(tmp_path / "run" / "run.json", export(run()))
    answer = imported(server, "mlflow", tmp_path)
    assert len(evaluations(server, f"model:model@{MODEL}")) == 2
    said = [one["reason"] for found in answer["imports"] for one in found["notPlaced"]]
    assert said.count("The run logged several models, and does not say which one this is of.") == 4


def test_a_model_that_a_run_used_is_a_parent_that_is_not_specified(server: ServerProcess, tmp_path: Path) -> None:
    base, made = "m-1" + MODEL[3:], "m-2" + MODEL[3:]
    write(tmp_path / "base" / "logged_model.json", export(logged_model(base, "r1")))
    write(tmp_path / "made" / "logged_model.json", export(logged_model(made, "r2")))
    used = run("r2", inputs={"model_inputs": [{"model_id": base}, {"model_id": "m-away"}]})
    write(tmp_path / "r2" / "run.json", export(used))
    answer = imported(server, "mlflow", tmp_path)
    [parent] = entity(server, f"model:model@{made}")["parents"]
    assert (parent["relation"], parent["node"]["ref"]) == ("OTHER", f"model:model@{base}")
    assert any(
        "m-away, which is not here" in one["reason"] for found in answer["imports"] for one in found["notPlaced"]
    )


def test_a_run_of_an_older_mlflow(server: ServerProcess, tmp_path: Path) -> None:
    history = [{"artifact_path": "sklearn-model", "flavors": {"python_function": {"python_version": "3.8.15"}}}]
    old = run("a" * 32, tags={"mlflow.log-model.history": json.dumps(history)})
    file = write(tmp_path / "run.json", export(old))
    imported(server, "mlflow", file)
    found = entity(server, f"model:sklearn-model@{'a' * 32}")
    assert found["environment"]["python"] == "3.8.15"
    imported(server, "mlflow", file, "--model", "named@1")
    assert entity(server, "model:named@1")["config"]["parameters"]["depth"] == "6"


def test_an_mlmodel_alone(server: ServerProcess, tmp_path: Path) -> None:
    imported(server, "mlflow", write(tmp_path / "MLmodel", f"{MLMODEL}run_id: {'b' * 32}\n"))
    found = entity(server, f"model:model@{'b' * 32}")
    assert found["createdAt"] == "2024-06-05T01:53:53.910623Z"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.json", {}, "This is no file of an export of MLflow"),
        ("x.json", [], "Expected a mapping, got a list."),
        (
            "x.json",
            {"mlflow": {"experiment": {"experiment_id": "1", "name": "e"}}},
            "describes an experiment and no model",
        ),
        ("x.json", {"mlflow": {"models": ["a"]}}, "table of contents"),
        ("x.json", {"mlflow": {"info": {}, "params": {}}}, "mlflow.info: Expected a run_id"),
        (
            "x.json",
            {"mlflow": {"registered_model": {"name": "m", "versions": [{"name": "m"}]}}},
            "a name and a version",
        ),
        ("x.json", {"mlflow": {"registered_model": {"name": "m"}}}, "has no versions"),
        ("x.json", {"Model_Version_Summary": {}}, "compares two registered versions"),
        ("MLmodel", "a: 1", "it has no flavors"),
        ("MLmodel", "flavors: !!python/object:os.system {}", "tag"),
        ("x.txt", "text", "neither JSON"),
        ("x.json", {"mlflow": {"info": {"run_id": "r"}, "params": {}}}, "which model it is about: give --model"),
    ],
)
def test_files_that_are_refused(name: str, content: Any, said: str, tmp_path: Path) -> None:
    message = refusal("mlflow", write(tmp_path / name, content))
    assert message.startswith(str(tmp_path / name))
    assert said in message


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


def test_databases_that_are_refused(tmp_path: Path) -> None:
    assert "There is no such file" in refusal("mlflow", f"sqlite:///{tmp_path / 'none.db'}")
    assert "cannot be read" in refusal("mlflow", write(tmp_path / "text.db", "text " * 1000))
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (a)").connection.close()
    assert "none of MLflow's" in refusal("mlflow", tmp_path / "other.db")


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
    "model-versions/search": {"model_versions": [version("served", "7")]},
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


def test_a_tracking_server(server: ServerProcess, tracking: tuple[str, dict[str, Any]]) -> None:
    address, answers = tracking
    imported(server, "mlflow", address)
    agrees(server, "model:served@7")
    assert imported(server, "mlflow", address.replace("//", "//user:secret@"))["created"] == 0
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


# ---------------------------------------------------------------- real files


def test_real_files_are_imported_or_refused_for_a_reason() -> None:
    """Files that are beside the repository where it is developed; elsewhere the exports above stand for them."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not here: the fixtures above have the same shapes")
    files = sorted((SHARED / "formats" / "mlflow").iterdir())
    said: Counter[str] = Counter()
    for file in files:
        result = dry("mlflow", file)
        said[
            result.stderr.partition(": ")[2].removeprefix(f"{file}: ").strip() if result.exit_code else "imported"
        ] += 1
    assert said == {
        "imported": 14,
        "The registered model has no versions.": 1,
        "This describes an experiment and no model: what its runs made is in the run.json of each.": 4,
        "This lists logged models; each is described in a logged_model.json of its own.": 2,
        "This is a table of contents of an export: the models are in files of their own.": 2,
        "This compares two registered versions, and describes neither.": 1,
    }
    assert "model:sklearn_wine@1" in dry("mlflow", SHARED / "formats" / "mlflow").stdout
