"""MLflow: exports, and MLmodel files."""

import hashlib
import json
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from descent.cli import app
from descent.client import Client
from tests.client.importers.imports import SHARED, dry, entity, evaluations, imported, refusal, sections, write
from tests.client.importers.mlflow_exports import MLMODEL, MODEL, agrees, export, exported, logged_model, run, version
from tests.support.server_process import ServerProcess

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


def test_stages_and_aliases_are_claimed_deployments(server: ServerProcess, tmp_path: Path) -> None:
    def registered(**content: Any) -> Path:
        for id in "123":
            write(tmp_path / "out" / id / "run.json", export(run(id * 32)))
        exported_then = {"system": {"export_time": 1696000000}, "mlflow": {"registered_model": content}}
        return write(tmp_path / "out" / "model.json", exported_then).parent

    versions = [
        version("staged", "1", run_id="1" * 32, source="runs:/1", current_stage="Archived", aliases=[]),
        version("staged", "2", run_id="2" * 32, source="runs:/2", last_updated_timestamp=1695990190000),
        version(
            "staged",
            "3",
            run_id="3" * 32,
            source="runs:/3",
            current_stage="Staging",
            aliases=["shadow"],
            last_updated_timestamp=1695990191000,
        ),
    ]
    folder = registered(name="staged", versions=versions)
    answer = imported(server, "mlflow", folder)
    placed = {one["place"]: one["became"] for each in answer["imports"] for one in each["placed"]}
    assert placed["stage Production"] == (
        "claimed deployment of model:staged@2 at staged in production, since 2023-09-29T12:23:10.000Z, claimed by "
        "MLflow, when the version was changed last"
    )
    assert "model:staged@3 at staged in staging" in placed["stage Staging"]
    skipped = [one["reason"] for each in answer["imports"] for one in each["notPlaced"] if one["place"] == "alias"]
    assert ["under `stages` in a --mapping file" in reason for reason in skipped] == [True, True]
    mapping = write(tmp_path / "m.yaml", "stages: {champion: {environment: live, endpoint: scoring}, shadow: null}")
    again = imported(server, "mlflow", folder, "--mapping", mapping)
    assert again["created"] == 1
    with Client(server.url) as client:
        [found] = client.serving("live", "scoring", at="2023-09-29T23:00:00Z")
        assert (found["version"]["ref"], found["since"]) == ("model:staged@2", "2023-09-29T15:06:40Z")
        [found] = client.serving("production", "staged", at="2023-09-29T12:23:10Z")
        assert found["version"]["ref"] == "model:staged@2"
    assert imported(server, "mlflow", folder, "--mapping", mapping)["created"] == 0


def test_a_tag_is_a_claimed_review_where_the_mapping_says_so(server: ServerProcess, tmp_path: Path) -> None:
    tags = {"validation_status": "approved", "team": "risk"}
    versions = [version("tagged", "1", tags=tags, current_stage=None, aliases=[])]
    file = write(tmp_path / "model.json", export({"registered_model": {"name": "tagged", "versions": versions}}))
    assert "REVIEW" not in sections(imported(server, "mlflow", file))
    text = "reviews: {validation_status=approved: {environment: production, decision: go}}"
    mapping = write(tmp_path / "m.yaml", text)
    answer = imported(server, "mlflow", file, "--mapping", mapping)
    assert answer["imports"][0]["placed"][-1] == {
        "place": "tag validation_status",
        "became": "claimed review of model:tagged@1: GO for production, claimed by MLflow",
    }
    assert (answer["created"], sections(answer)["REVIEW"]) == (1, 1)
    [review] = entity(server, "model:tagged@1")["reviews"]
    assert (review["decision"], review["claimed"]["by"]) == ("GO", "MLflow")
    assert entity(server, "model:tagged@1")["verdict"]["status"] == "UNREVIEWED"
    assert imported(server, "mlflow", file, "--mapping", mapping)["created"] == 0
    write(mapping, "reviews: {validation_status=approved: {environment: production, decision: maybe}}")
    assert "decision: Expected go or no_go" in refusal("mlflow", file, "--mapping", mapping)


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


def test_runs_without_models_and_deleted_versions_are_no_versions(tmp_path: Path) -> None:
    write(tmp_path / "one" / "run.json", export(run()))
    assert "Its run logged no model, so it has no version: import the run.json" in refusal("mlflow", tmp_path / "one")
    write(tmp_path / "one" / "2" / "run.json", export(run("2" * 32)))
    assert "None of its 2 runs logged a model" in refusal("mlflow", tmp_path / "one")
    gone = {"registered_model": {"name": "gone", "versions": [version("gone", "1", current_stage="Deleted_Internal")]}}
    assert "nothing of this format" in refusal("mlflow", write(tmp_path / "model.json", export(gone)))


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
        ("x.json", {}, "This is not a file of an export of MLflow"),
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
