"""DVC: a lock becomes a lineage, and the tags of GTO the versions of a model with their history."""

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from descent.client import Client
from descent.importers.draft import Context, Draft
from descent.importers.dvc import convert, find
from descent.importers.metrics import MetricTable
from descent.importers.reading import Sources
from tests.client.importers.imports import dry, entity, imported, refusal, write
from tests.support.server_process import ServerProcess

RAW, CLEAN, MODEL = "a" * 32, "b" * 32 + ".dir", "c" * 32
LOCK = f"""\
schema: '2.0'
stages:
  prepare:
    cmd: python prepare.py
    deps:
    - {{path: data/raw.csv, hash: md5, md5: {RAW}, size: 10}}
    - {{path: src/prepare.py, hash: md5, md5: {"d" * 32}, size: 10}}
    outs:
    - {{path: data/clean, hash: md5, md5: {CLEAN}, size: 10, nfiles: 2}}
  train:
    cmd: python train.py
    deps:
    - {{path: data/clean, hash: md5, md5: {CLEAN}, size: 10, nfiles: 2}}
    params:
      params.yaml:
        train.lr: 0.1
        train.layers: [1, 2]
    outs:
    - {{path: metrics.json, md5: {"e" * 32}, size: 1}}
    - {{path: models/m.pkl, hash: md5, md5: {MODEL}, size: 10}}
"""
DESIGN = """\
stages:
  train:
    cmd: python train.py
    metrics: [{metrics.json: {cache: false}}]
artifacts:
  dvc-risk: {path: models/m.pkl, type: model}
  table: {path: data/clean, type: dataset}
"""


def draft(folder: Path, **said: Any) -> Draft:
    [unit] = find(str(folder), Sources())
    return convert(unit, Context(MetricTable("dvc"), **said))


def project(folder: Path, lock: str = LOCK, design: str | None = DESIGN) -> Path:
    write(folder / "dvc.lock", lock)
    if design is not None:
        write(folder / "dvc.yaml", design)
    return folder


def test_a_lock_becomes_a_lineage(server: ServerProcess, tmp_path: Path) -> None:
    folder = project(tmp_path)
    answer = imported(server, "dvc", folder)
    assert answer["failed"] == 0
    version = entity(server, f"model:dvc-risk@md5-{MODEL}")
    assert [one["node"]["ref"] for one in version["trainedOn"]] == [f"dataset:data/clean@md5-{CLEAN}"]
    assert version["config"]["parameters"] == {"params.yaml": {"train.lr": 0.1, "train.layers": [1, 2]}}
    with Client(server.url) as client:
        found = {node["ref"] for node in client.lineage(f"model:dvc-risk@md5-{MODEL}")["nodes"]}
    assert f"dataset:data/raw.csv@md5-{RAW}" in found
    raw = entity(server, f"dataset:data/raw.csv@md5-{RAW}#data")
    stated = json.dumps({"md5": RAW}, separators=(",", ":"))
    assert raw["digest"] == f"sha256:{hashlib.sha256(stated.encode()).hexdigest()}"
    why = {one["place"]: one["reason"] for one in answer["imports"][0]["notPlaced"]}
    assert why["stages.train.outs[0]"] == "metrics.json: a metric or plot, which DVC keeps in its own file."
    assert "code, by its ending" in why["stages.prepare.deps[1]"]
    assert "SHA-256" in why["stages.train.outs[1]"]
    assert imported(server, "dvc", folder)["created"] == 0


def test_what_is_a_model_is_said(tmp_path: Path) -> None:
    folder = project(tmp_path, design=None)
    assert "models" not in draft(folder).manifest
    [one] = draft(folder, versions={"models/m.pkl": "risk@4"}).manifest["models"]
    assert (one["name"], one["version"]) == ("risk", "4")
    assert "those that no stage reads are 2 (metrics.json, models/m.pkl)" in refusal("dvc", folder, "--model", "risk@4")
    write(folder / "dvc.yaml", "stages: {train: {metrics: [metrics.json]}}")
    assert "→ model:risk@4, written by train" in dry("dvc", folder, "--model", "risk@4").stdout


def test_a_lock_from_before_dvc_2(tmp_path: Path) -> None:
    old = f"prepare:\n  cmd: x\n  deps:\n  - path: raw\n    md5: {RAW}\n  outs:\n  - path: out\n    etag: '\"q\"'\n"
    [one] = draft(project(tmp_path, old, None)).manifest["datasets"]
    assert one["version"] == 'etag-"q"'
    assert one["derivedFrom"] == [{"ref": f"dataset:raw@md5-{RAW}", "relation": "OTHER"}]


def test_paths_outside_are_named_by_the_mapping(tmp_path: Path) -> None:
    folder = project(tmp_path, LOCK.replace("data/raw.csv", "../shared/raw.csv"))
    assert 'contains the path step ".."' in refusal("dvc", folder)
    mapping = write(tmp_path / "m" / "map.yaml", "datasets: {../shared/raw.csv: shared/raw.csv}")
    assert f"dataset:shared/raw.csv@md5-{RAW}" in dry("dvc", folder, "--mapping", mapping).stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "The file is empty."),
        ("schema: '2.0'\n", "no stage in it has `outs`"),
        ("a: [1", "dvc.lock"),
        ("stages: {t: {outs: [{md5: x}]}}\nschema: '2.0'\n", "Expected the path of a file"),
        ("[]", "Expected a mapping, got a list."),
        ("schema: '2.0'\nstages: {t: {outs: {a: b}}}\n", "Expected a list, got a mapping."),
        ("t: &a [*a]", "dvc.lock"),
    ],
)
def test_what_is_no_lock_is_refused(content: str, said: str, tmp_path: Path) -> None:
    assert said in refusal("dvc", project(tmp_path, content, None))


def test_another_file_is_refused(tmp_path: Path) -> None:
    assert "This is not a dvc.lock" in refusal("dvc", write(tmp_path / "x.yaml", LOCK))


# ---------------------------------------------------------------- tags


def git(folder: Path, *words: str, date: str = "2025-01-02T03:04:05+01:00") -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_DATE": date,
    }
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, env=environment)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = project(tmp_path / "repository", design=DESIGN.replace("dvc-risk", "gto-risk"))
    git(folder, "init", "-q")
    git(folder, "remote", "add", "origin", "https://user:secret@git.example.org/risk")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "one")
    git(folder, "tag", "-a", "gto-risk@v1.0.0", "-m", "first")
    git(folder, "tag", "-a", "gto-risk#prod#1", "-m", "to production")
    write(folder / "dvc.lock", LOCK.replace("0.1", "0.2"))
    git(folder, "commit", "-q", "-a", "-m", "two")
    for tag in ("gto-risk@v1.1.0", "gto-risk@v9.0.0", "gto-risk@v9.0.0!", "release-7"):
        git(folder, "tag", tag)
    return folder


def test_tags_are_versions_with_their_history(server: ServerProcess, repository: Path) -> None:
    answer = imported(server, "dvc", repository)
    assert answer["failed"] == 0
    assert [Path(one["source"]).name for one in answer["imports"]] == [
        "repository gto-risk@v1.0.0",
        "repository gto-risk@v1.1.0",
    ]
    rates = {}
    for name in ("v1.0.0", "v1.1.0"):
        version = entity(server, f"model:gto-risk@{name}")
        assert version["code"]["repository"] == "https://git.example.org/risk"
        assert version["createdAt"] == "2025-01-02T02:04:05Z"
        rates[name] = version["config"]["parameters"]["params.yaml"]["train.lr"]
    assert rates == {"v1.0.0": 0.1, "v1.1.0": 0.2}
    [became] = [one["became"] for one in answer["imports"][0]["placed"] if one["place"] == "gto-risk#prod#1"]
    assert became == (
        "claimed deployment of model:gto-risk@v1.0.0 at gto-risk in prod, since 2025-01-02T03:04:05+01:00, claimed by a"
    )
    with Client(server.url) as client:
        [found] = client.serving("prod", "gto-risk", at="2025-01-03T00:00:00Z")
        assert (found["version"]["ref"], found["meetsPolicy"]) == ("model:gto-risk@v1.0.0", False)
        assert client.serving("prod", "gto-risk", at="2025-01-02T02:04:04Z") == []
    assert imported(server, "dvc", repository)["created"] == 0


def test_a_lock_that_differs_from_every_tag_is_imported_too(repository: Path) -> None:
    write(repository / "dvc.lock", LOCK.replace("0.1", "0.3"))
    assert [unit.source for unit in find(str(repository), Sources())][2:] == [str(repository / "dvc.lock")]


def test_a_tag_without_a_pipeline_is_a_version_of_which_the_code_is_known(repository: Path) -> None:
    git(repository, "rm", "-q", "--cached", "dvc.lock")
    git(repository, "commit", "-q", "-m", "three")
    git(repository, "tag", "gto-risk@v2.0.0")
    result = dry("dvc", repository)
    assert "→ model:gto-risk@v2.0.0, with its code" in result.stdout
    assert "There is none in the commit of this tag: what it was made from is not said." in result.stdout


def test_a_tag_of_something_that_is_no_model_is_refused(repository: Path) -> None:
    git(repository, "tag", "table@v1.0.0")
    result = dry("dvc", repository)
    assert result.exit_code == 1
    assert "table@v1.0.0: dvc.yaml says that this is of the type dataset, and versions are of models." in result.stderr


def test_stages_are_claimed_where_the_mapping_says_and_end_where_they_were_taken(
    server: ServerProcess, tmp_path: Path
) -> None:
    folder = project(tmp_path / "staged", design=DESIGN.replace("dvc-risk", "staged"))
    git(folder, "init", "-q")

    def tag(day: int, name: str) -> None:
        git(folder, "tag", "-a", name, "-m", name, date=f"2025-03-0{day}T00:00:00Z")

    for number in (1, 2):
        write(folder / "dvc.lock", LOCK.replace("0.1", f"0.{number}"))
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", str(number))
        tag(number, f"staged@v{number}")
        tag(number + 2, f"staged#prod#{number}")
        tag(number, f"staged#dev#{number + 2}")
    tag(5, "staged#prod!#5")
    git(folder, "checkout", "-q", "HEAD~")
    tag(6, "staged#prod!#6")
    mapping = write(tmp_path / "m.yaml", "stages: {prod: {environment: production, endpoint: scoring}, dev: null}")
    answer = imported(server, "dvc", folder, "--mapping", mapping)
    said = [one["reason"] for found in answer["imports"] for one in found["notPlaced"]]
    assert said.count("dev: it served nowhere, as you said.") == 2
    with Client(server.url) as client:
        for day, expected in ((2, []), (3, ["v1"]), (4, ["v2"]), (5, []), (6, [])):
            found = client.serving("production", "scoring", at=f"2025-03-0{day}T00:00:00Z")
            assert [one["version"]["ref"] for one in found] == [f"model:staged@{version}" for version in expected]
        sequence = len(list(client.history("model:staged@v1", limit=None)))
        assert imported(server, "dvc", folder, "--mapping", mapping)["created"] == 0
        assert len(list(client.history("model:staged@v1", limit=None))) == sequence


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ("{prod: production}", "stages.prod: Expected a mapping"),
        ("{prod: {endpoint: a}}", "stages.prod.environment: Expected the name of an environment, got nothing."),
        ("{prod: {environment: a, at: b}}", 'stages.prod.at: There is no "at" here; a stage has environment and'),
    ],
)
def test_wrong_stages_in_a_mapping_are_refused(stages: str, said: str, repository: Path, tmp_path: Path) -> None:
    assert said in dry("dvc", repository, "--mapping", write(tmp_path / "m.yaml", f"stages: {stages}")).stderr
