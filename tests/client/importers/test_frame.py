"""What every importer has in common: messages with places, the mapping, idempotence, exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from descent.catalogue import catalogue
from descent.cli import app
from descent.client import Client
from descent.importers import FORMATS, importer
from descent.importers.metrics import MetricTable, NotPlaced
from descent.masking import MASK
from tests.client.importers.imports import RESULTS, dry, entity, evaluations, imported, refusal, results, write
from tests.client.importers.mlflow_exports import export, logged_model, run
from tests.client.importers.test_inspect import log as inspect_log
from tests.client.registry import Registry
from tests.support.server_process import ServerProcess

# ---------------------------------------------------------------- running


def test_a_second_import_adds_nothing(server: ServerProcess, tmp_path: Path) -> None:
    file = write(tmp_path / "r.json", results("twice"))
    first = imported(server, "lm-eval", file)
    assert (first["created"], first["existing"], first["failed"]) == (2, 0, 0)
    again = imported(server, "lm-eval", file)
    assert (again["created"], again["failed"]) == (0, 0)
    [one] = evaluations(server, "model:org/frame@twice")
    assert one["metrics"][0] | {"name": "acc", "value": 0.5, "stderr": 0.01} == one["metrics"][0]


def test_a_version_that_is_registered_already_keeps_its_content(server: ServerProcess, tmp_path: Path) -> None:
    known = {"name": "org/frame", "version": "known", "config": {"layers": 2}}
    with_client(server, {"models": [known]})
    imported(server, "lm-eval", write(tmp_path / "r.json", results("known")))
    assert entity(server, "model:org/frame@known")["config"]["parameters"] == {"layers": 2}


SECRET = "Zq9xplumtree"
"""It has the form of no well-known token: only its name tells."""
LOCK = f"""\
schema: '2.0'
stages:
  train:
    cmd: python train.py --password {SECRET} --lr 1
    params: {{params.yaml: {{api_key: {SECRET}, store: 'https://h/?token={SECRET}'}}}}
    outs: [{{path: models/m.pkl, hash: md5, md5: {"c" * 32}, size: 10}}]
"""


def with_secrets(format: str, folder: Path) -> Path:
    """Files of a format that have a secret wherever it keeps what users wrote freely."""
    if format == "dvc":
        write(folder / "dvc.yaml", "artifacts: {masked-dvc: {path: models/m.pkl, type: model}}\n")
        write(folder / "dvc.lock", LOCK)
    elif format == "lm-eval":
        given = results("masked")
        args = f"{given['config']['model_args']},base_url=https://h/?token={SECRET}"
        config = {**given["config"], "model_args": args, "gen_kwargs": {"api_key": SECRET}}
        write(folder / "r.json", {**given, "config": config})
    elif format == "inspect":
        task = {"task_args": {"api_key": SECRET}, "model_args": {"base_url": f"https://h/?api_key={SECRET}"}}
        write(folder / "log.json", inspect_log("openai/masked", **task))
    elif format == "hf":
        front = "model_name: masked-hf\nbase_model: org/base"
        write(folder / "README.md", f"---\n{front}\n---\n# A model\n\nIt is at https://h/?token={SECRET} now.\n")
        write(folder / "config.json", {"api_key": SECRET, "store": f"https://h/?token={SECRET}", "layers": 2})
    else:
        params = {"url": f"https://h/?token={SECRET}", "cmd": f"train --password {SECRET} --lr 1", "openaiKey": SECRET}
        write(folder / "run.json", export(run(params=params)))
        write(folder / "logged_model.json", export(logged_model()))
    return folder


@pytest.mark.parametrize("format", ["dvc", "lm-eval", "inspect", "hf", "mlflow"])
def test_secrets_do_not_enter_records(format: str, server: ServerProcess, tmp_path: Path) -> None:
    folder = with_secrets(format, tmp_path / "files")
    answer = imported(server, format, folder)
    assert answer["failed"] == 0
    assert answer["created"] > 0
    with Client(server.url) as client:
        ids = [record["id"] for one in answer["imports"] for record in one["records"]]
        contents = json.dumps([found["content"] for found in client.batch("entity", "ref", ids, "content")])
    assert SECRET not in contents
    assert MASK in contents
    reasons = [entry for one in answer["imports"] for entry in one["notPlaced"] if "masked" in entry["reason"]]
    assert any("config" in entry["place"] for entry in reasons)
    assert SECRET not in json.dumps(answer)
    again = imported(server, format, folder)
    assert (again["created"], again["failed"]) == (0, 0)
    assert SECRET not in dry(format, folder).output


def with_client(server: ServerProcess, manifest: dict[str, Any]) -> None:
    with Client(server.url) as client:
        client.register(manifest)


def test_a_bad_file_does_not_stop_the_rest_of_a_folder(server: ServerProcess, tmp_path: Path) -> None:
    write(tmp_path / "a.json", "{")
    write(tmp_path / "b" / "b.json", results("folder-b"))
    write(tmp_path / "c.json", [])
    write(tmp_path / "d.json", results("folder-d"))
    write(tmp_path / "readme.txt", "no results")
    answer = imported(server, "lm-eval", tmp_path, exit_code=1)
    assert answer["failed"] == 2
    assert [bool(one["problems"]) for one in answer["imports"]] == [True, True, False, False]
    for revision in ("folder-b", "folder-d"):
        assert len(evaluations(server, f"model:org/frame@{revision}")) == 1


def test_nothing_is_half_imported(server: ServerProcess, tmp_path: Path) -> None:
    bad = results("half")
    bad["results"]["arc_challenge"] = ["no mapping"]
    answer = imported(server, "lm-eval", write(tmp_path / "r.json", bad), exit_code=1)
    assert answer["imports"][0]["problems"][0]["place"] == "results.arc_challenge"
    with pytest.raises(Exception, match="half"):
        entity(server, "model:org/frame@half")


def test_what_the_registry_refuses_is_said_and_the_rest_goes_on(registry: Registry, tmp_path: Path) -> None:
    registry.on("Batch", {"r0": {"id": "sha256:0", "content": {"name": "org/frame", "version": "step1"}}})
    registry.refuse("Register", {"message": "The metric acc is strange.", "extensions": {"code": "UNKNOWN_METRIC"}})
    files = [write(tmp_path / name, RESULTS) for name in ("a.json", "b.json")]
    result = CliRunner().invoke(app, ["import", "lm-eval", *map(str, files)], env={"DESCENT_URL": registry.url})
    assert result.exit_code == 1
    assert result.stderr.count("The metric acc is strange. (UNKNOWN_METRIC)") == 2


def test_what_the_registry_warns_of_is_said(server: ServerProcess, tmp_path: Path) -> None:
    """U+043E, a Cyrillic letter, looks like the Latin o."""
    for name in ("look", "l\u043eok"):
        file = write(tmp_path / f"{name}.csv", "version,suite,metric,value\n1,s@1,accuracy,0.5\n")
        command = ["import", "metrics-csv", str(file), "--model", name]
        result = CliRunner().invoke(app, command, env={"DESCENT_URL": server.url})
        assert result.exit_code == 0, result.output
        assert ("looks like" in result.stderr) == (name != "look")


def test_without_a_registry_it_stops(tmp_path: Path) -> None:
    files = [str(write(tmp_path / name, RESULTS)) for name in ("a.json", "b.json")]
    result = CliRunner().invoke(app, ["import", "lm-eval", *files], env={"DESCENT_URL": "http://127.0.0.1:9"})
    assert result.exit_code == 1
    assert result.stderr.count("No server answers") == 1


def test_a_dry_run_prints_and_sends_nothing(tmp_path: Path) -> None:
    result = dry("lm-eval", write(tmp_path / "r.json", RESULTS))
    assert result.exit_code == 0, result.output
    assert "→ evaluation of model:org/frame@step1 by arc_easy 0: acc" in result.stdout
    assert "nothing was sent (dry run)" in result.stdout


@pytest.mark.parametrize(
    "args",
    [("import",), ("import", "lm-eval"), ("import", "word", "x.json")],
)
def test_usage_is_2(args: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, list(args)).exit_code == 2


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_its_module(name: str) -> None:
    module = importer(name)
    assert callable(module.find)
    assert callable(module.convert)


# ---------------------------------------------------------------- --model and --mapping


def test_model_names_the_version(tmp_path: Path) -> None:
    file = write(tmp_path / "r.json", {"results": RESULTS["results"]})
    assert "which model it is about: give --model" in refusal("lm-eval", file)
    assert "→ model:mine@3, as you said" in dry("lm-eval", file, "--model", "mine@3").stdout
    assert "no version: give --model mine@VERSION" in refusal("lm-eval", file, "--model", "mine")


def test_model_cannot_be_two(tmp_path: Path) -> None:
    write(tmp_path / "a.json", results("one"))
    write(tmp_path / "b.json", results("two"))
    result = dry("lm-eval", tmp_path, "--model", "mine@1")
    assert result.exit_code == 1
    assert "about org/frame@two and an earlier one about org/frame@one" in result.stderr
    mapping = write(tmp_path / "m" / "map.yaml", "models: {org/frame@one: mine@1, org/frame@two: mine@2}")
    mapped = dry("lm-eval", tmp_path / "a.json", tmp_path / "b.json", "--mapping", mapping)
    assert mapped.exit_code == 0, mapped.stderr
    assert "model:mine@2" in mapped.stdout


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ("metrics: {a: {metric: nothing}}", "metrics.a: nothing is not a metric of the catalogue: add its direction"),
        ("metrics: {a: {direction: up, more: 1}}", 'There is no "more" in an entry'),
        ("metrics: {a: {metric: accuracy, direction: target}}", "accuracy is in the catalogue: leave out direction"),
        ("metrics: {a: {metric: accuracy, factor: 0}}", "metrics.a.factor: Expected a number that is not 0"),
        ("models: {a: 'b@'}", "models.a"),
        ("others: {}", 'There is no section "others"'),
        ("[]", "Expected a mapping, got a list."),
        ("a: &a [*a]", "inside the node"),
        ("metrics: {a: accuracy, a: f1}", "given twice"),
        ("metrics: !!python/object:os.system {}", "tag"),
    ],
)
def test_a_mapping_file_is_checked(mapping: str, said: str, tmp_path: Path) -> None:
    file = write(tmp_path / "map.yaml", mapping)
    message = refusal("lm-eval", write(tmp_path / "r.json", RESULTS), "--mapping", file)
    assert message.startswith(str(file))
    assert said in message


def test_a_metric_without_direction_is_not_placed(server: ServerProcess, tmp_path: Path) -> None:
    file = write(
        tmp_path / "r.json", results("unplaced", acc=0.5, sense=0.1, share=45.0, f1=45.0, mcc="N/A", mrr=float("nan"))
    )
    answer = imported(server, "lm-eval", file)
    reasons = {one["place"]: one["reason"] for one in answer["imports"][0]["notPlaced"]}
    assert "direction is not given" in reasons["results.arc_easy.sense"]
    assert reasons["results.arc_easy.f1"].startswith("f1 is from 0 to 1, and 45 was given: set a factor")
    assert "not a finite number" in reasons["results.arc_easy.mrr"]
    mapping = write(
        tmp_path / "map.yaml",
        """\
lm-eval:
  sense: {direction: higher_is_better, category: bias, is_rate: true}
  share: {metric: exact_match, factor: 0.01}
metrics:
  f1: {factor: 0.01, suites: ["arc_*"]}
""",
    )
    answer = imported(server, "lm-eval", file, "--mapping", mapping)
    [*_, newest] = evaluations(server, "model:org/frame@unplaced")
    assert {m["name"]: m["value"] for m in newest["metrics"]} == {
        "acc": 0.5,
        "sense": 0.1,
        "exact_match": 0.45,
        "f1": 0.45,
    }


def test_the_table_names_metrics_of_the_catalogue_or_defines_them() -> None:
    for name in FORMATS:
        for table in MetricTable(name).tables:
            for entries in table.values():
                for entry in entries:
                    metric = entry.metric()
                    assert metric.name in catalogue() or metric.definition


def test_a_direction_that_the_file_states_makes_a_definition() -> None:
    table = MetricTable("lm-eval")
    assert table.find("brand_new", "any", higher_is_better=False).definition == {
        "name": "brand_new",
        "category": "PERFORMANCE",
        "direction": "LOWER_IS_BETTER",
    }
    with pytest.raises(NotPlaced):
        table.find("brand_new", "any")
