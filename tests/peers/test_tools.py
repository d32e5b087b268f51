"""What MLflow, Inspect and lm-evaluation-harness themselves write today is imported, and agrees with what they say."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from descent.client import Client
from tests.app.command_line import call
from tests.client.exports.registered import exported
from tests.client.importers.imports import entity, evaluations, imported, write
from tests.client.test_receiving import receiving
from tests.peers.other_tools import ROOT, SOURCES, installed, run
from tests.support.server_process import ServerProcess


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess("memory:") as running:
        yield running


def register(server: ServerProcess, *models: dict[str, Any]) -> None:
    with Client(server.url) as client:
        client.register({"models": list(models)})


def content_of(server: ServerProcess, id: str) -> dict[str, Any]:
    with Client(server.url) as client:
        content: dict[str, Any] = client.batch("entity", "ref", [id], "content")[0]["content"]
    return content


# ---------------------------------------------------------------- Inspect


def test_logs_of_inspect(server: ServerProcess, tmp_path: Path) -> None:
    said = json.loads(
        run([installed("inspect") / "python", SOURCES / "inspect_logs.py", tmp_path], tmp_path).splitlines()[-1]
    )
    parents = [{"ref": "model:mockllm/before@unstated", "relation": "FINE_TUNE"}]
    base = {"name": "mockllm/before", "version": "unstated"}
    register(server, base, {"name": "mockllm/after", "version": "unstated", "parents": parents})
    assert imported(server, "inspect", tmp_path)["failed"] == 0
    found = {}
    for name, metrics in said.items():
        [one] = evaluations(server, f"model:mockllm/{name}@unstated")
        [metric] = content_of(server, one["id"])["metrics"]
        assert metric["value"] == pytest.approx(metrics["accuracy"])
        if name != "clustered":
            assert metric["stderr"] == pytest.approx(metrics["stderr"])
        assert (one["suite"]["name"], one["suite"]["version"], metric["n"]) == ("mock_yes", "2", 12)
        found[name] = metric
    [pair] = found["after"]["pairedWith"]
    assert (pair["n01"], pair["n10"]) == (1, 5)
    assert found["clustered"]["clusters"] == 4
    assert imported(server, "inspect", tmp_path)["created"] == 0


# ---------------------------------------------------------------- OpenLineage


def test_events_of_the_client_of_openlineage_are_received(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/registry.db"
    token = call("token", "create", "--store", store, "--person", "Ana", "--role", "registrar").stdout.strip()
    with ServerProcess(store) as registry, receiving(registry.url, tmp_path / "journal", {}) as receiver:
        address = receiver.url.removesuffix("/api/v1/lineage")
        for _ in range(2):
            run([installed("openlineage") / "python", SOURCES / "openlineage_events.py", address, token], tmp_path)
        with Client(registry.url, token=token) as client:
            [version] = client.model_versions()
            found = client.entity(version["node"]["ref"])
            lineage = {node["ref"] for node in client.lineage(found["ref"])["nodes"]}
    assert found["recordedBy"] == "Ana"
    assert found["code"]["commit"] == "5f0c1d2e3a4b5c6d7e8f90123456789abcdef012"
    assert lineage >= {
        "model:s3://models/credit-risk@0190a3c0-0000-7000-8000-000000000002",
        "dataset:s3://lake/loans@0190a3c0-0000-7000-8000-000000000001",
        "dataset:postgres://db:5432/raw@unstated",
    }


# ---------------------------------------------------------------- exported files


def without_empty(value: Any) -> Any:
    """Return a JSON value without members that are null or empty."""
    if isinstance(value, dict):
        return {key: without_empty(one) for key, one in value.items() if one not in (None, {}, [])}
    return [without_empty(one) for one in value] if isinstance(value, list) else value


def test_exported_events_are_those_that_openlineage_writes(server: ServerProcess, tmp_path: Path) -> None:
    """Its classes refuse ids of runs and times that are none, and know the schema of each facet."""
    code = {"repository": "https://git.example.org/x", "commit": "5f0c1d2e3a4b5c6d7e8f90123456789abcdef012"}
    data = {"name": "made", "version": "1", "partitions": [{"name": "p", "digest": "sha256:" + "1" * 64}]}
    learned = [{"ref": "dataset:made@1#p", "role": "TRAIN"}]
    version = {"name": "exported", "version": "1", "code": code, "description": "For export.", "trainedOn": learned}
    with Client(server.url) as client:
        client.register({"datasets": [data], "models": [version]})
    file = tmp_path / "events.ndjson"
    exported(server, "openlineage", "--all", "-o", str(file))
    again = run([installed("openlineage") / "python", SOURCES / "exported_files.py", "openlineage", file], tmp_path)
    events = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert any("sourceCodeLocation" in event["job"].get("facets", {}) for event in events)
    assert without_empty(json.loads(again)) == without_empty(events)


def test_an_exported_card_is_read_by_the_hubs_library(server: ServerProcess, tmp_path: Path) -> None:
    parents = [{"ref": "model:card-base@1", "relation": "FINE_TUNE"}]
    metrics = [{"name": "accuracy", "value": 0.875, "n": 100}]
    result = {"subject": "model:card@1", "suite": {"name": "mmlu", "version": "3"}, "metrics": metrics}
    models = [{"name": "card-base", "version": "1"}, {"name": "card", "version": "1", "parents": parents}]
    with Client(server.url) as client:
        client.register({"models": models, "evaluations": [result]})
    file = tmp_path / "README.md"
    exported(server, "hf-card", "model:card@1", "-o", str(file))
    python = installed("huggingface_hub") / "python"
    said = json.loads(run([python, SOURCES / "exported_files.py", "hf-card", file], tmp_path))
    assert said == {"base_model": ["card-base"], "datasets": None, "results": [["accuracy", 0.875, "3"]]}


# ---------------------------------------------------------------- OpenSSF Model Signing


def test_a_signature_of_model_signing_is_verified(server: ServerProcess, tmp_path: Path) -> None:
    secret = ec.generate_private_key(ec.SECP384R1())
    private = secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = write(tmp_path / "key.pub", secret.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    weights, model = b"weights" * 1000, tmp_path / "model"
    write(model / "weights.safetensors", weights)
    write(model / "config.json", "{}")
    run(
        [
            *(installed("model-signing") / "model_signing", "sign", "key", model),
            *("--signature", model / "model.sig", "--private_key", write(tmp_path / "key.pem", private)),
        ],
        tmp_path,
    )
    digest = f"sha256:{hashlib.sha256(weights).hexdigest()}"
    register(server, {"name": "signed", "version": "1", "artifacts": [{"uri": "s3://m/weights", "digest": digest}]})
    command = ("model-signing", model, "--model", "signed@1", "--key", key)
    assert imported(server, *command)["created"] == 1
    write(model / "config.json", "{ }")
    answer = imported(server, *command, exit_code=1)
    assert "was changed after it was signed" in answer["imports"][0]["problems"][0]["message"]


# ---------------------------------------------------------------- lm-evaluation-harness


def test_results_of_lm_evaluation_harness(server: ServerProcess, tmp_path: Path) -> None:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "mock_task.yaml").write_text((SOURCES / "mock_task.yaml").read_text("utf-8"), "utf-8")
    lines = (json.dumps({"question": f"q{i}", "answer": i % 2}) for i in range(20))
    (tmp_path / "items.json").write_text("\n".join(lines), "utf-8")
    out = tmp_path / "out"
    command: list[str | Path] = [installed("lm_eval") / "lm_eval", "--model", "dummy", "--tasks", "mock_task"]
    command += ["--include_path", tasks]
    environment = {**os.environ, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}
    run([*command, "--output_path", out, "--log_samples"], tmp_path, environment)
    [results] = out.rglob("results_*.json")
    said = json.loads(results.read_text("utf-8"))["results"]["mock_task"]
    assert imported(server, "lm-eval", out, "--model", "mock/dummy@1")["failed"] == 0
    [one] = evaluations(server, "model:mock/dummy@1")
    content = content_of(server, one["id"])
    [metric] = content["metrics"]
    assert metric == {"name": "acc", "value": said["acc,none"], "stderr": said["acc_stderr,none"], "n": 20}
    assert (one["suite"]["name"], one["suite"]["version"]) == ("mock_task", "1.5")
    assert content["itemResults"].startswith("sha256:")
    assert imported(server, "lm-eval", out, "--model", "mock/dummy@1")["created"] == 0


# ---------------------------------------------------------------- MLflow


def agrees(server: ServerProcess, ref: str, said: dict[str, Any]) -> None:
    found = entity(server, ref)
    parameters = found["config"]["parameters"]
    assert {name: parameters[name] for name in said["params"]} == said["params"]
    assert (parameters["mlflow.run_id"], parameters["mlflow.model_id"]) == (said["run"], said["model"])
    assert [one["node"]["ref"] for one in found["trainedOn"]] == [f"dataset:{one}" for one in said["data"]]
    values = {m["name"]: m["value"] for one in evaluations(server, ref) for m in one["metrics"]}
    assert values == said["metrics"]


def test_a_model_that_mlflow_logged(server: ServerProcess, tmp_path: Path) -> None:
    command = [installed("mlflow") / "python", SOURCES / "mlflow_store.py", tmp_path]
    said = json.loads(run(command, tmp_path).splitlines()[-1])
    database = f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert imported(server, "mlflow", database)["failed"] == 0
    agrees(server, "model:credit-risk@1", said)
    assert imported(server, "mlflow", database)["created"] == 0
    [model] = imported(server, "mlflow", tmp_path / "artifacts", "--model", "from-file@1")["imports"]
    assert any("artifact" not in one["place"] for one in model["placed"])
    assert entity(server, "model:from-file@1")["artifacts"]
    with tracking(database, tmp_path) as address:
        assert imported(server, "mlflow", address)["created"] == 0


@contextmanager
def tracking(database: str, folder: Path) -> Iterator[str]:
    """A tracking server of MLflow's own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(installed("mlflow") / "mlflow"), "server", "--backend-store-uri", database, "--port", str(port)]
    log = (folder / "server.log").open("w")
    process = subprocess.Popen([*command, "--workers", "1"], cwd=folder, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, (folder / "server.log").read_text("utf-8")
                time.sleep(0.1)
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait(60)
        log.close()


def test_the_client_changes_no_package_of_mlflow(tmp_path: Path) -> None:
    before = installed("mlflow")
    copy = tmp_path / "both"
    run([sys.executable, "-m", "venv", copy], tmp_path)
    pip = copy / "bin" / "pip"
    run([pip, "install", "--quiet", "--no-compile", "--requirement", SOURCES / "mlflow.txt"], tmp_path)
    had = set(run([pip, "freeze"], tmp_path).splitlines())
    assert had == set(run([before / "pip", "freeze"], tmp_path).splitlines())
    run([pip, "install", "--quiet", "--no-compile", ROOT / "client"], tmp_path)
    assert had <= set(run([pip, "freeze"], tmp_path).splitlines())
    run([copy / "bin" / "python", "-c", "import mlflow, descent"], tmp_path)
