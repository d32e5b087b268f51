"""garak reports of all versions: counts become rates per probe and detector, with errors over prompts."""

import gzip
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descent.client import Client
from descent.importers.draft import Context, Draft
from descent.importers.garak import convert, find
from descent.importers.metrics import MetricTable
from descent.importers.reading import Sources
from tests.client.importers.imports import SHARED, dry, evaluations, imported, refusal, write
from tests.support.server_process import ServerProcess

SETUP: dict[str, Any] = {
    "entry_type": "start_run setup",
    "_config.version": "0.13.1",
    "run.generations": 2,
    "run.seed": None,
    "run.deprefix": True,
    "plugins.target_type": "huggingface.Pipeline",
    "plugins.target_name": "org/chat",
    "plugins.buff_spec": "lowercase.Lowercase",
}
INIT = {"entry_type": "init", "garak_version": "0.13.1", "start_time": "2025-05-01T10:00:00.5", "run": "r1"}
END = {"entry_type": "completion", "end_time": "2025-05-01T11:00:00.25", "run": "r1"}


def counts(probe: str, detector: str, passed: int, total: int, **more: Any) -> dict[str, Any]:
    entry = {"entry_type": "eval", "probe": probe, "detector": detector, "passed": passed, "total_evaluated": total}
    return entry | more


def attempt(probe: str, detector: str, *scores: float | None, status: int = 2) -> dict[str, Any]:
    results = {detector: list(scores)} if status == 2 else {}
    return {"entry_type": "attempt", "status": status, "probe_classname": probe, "detector_results": results}


def lines(*entries: dict[str, Any]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def draft(file: Path, model: tuple[str, str | None] | None = ("chat", "1")) -> Draft:
    [unit] = find(str(file), Sources())
    return convert(unit, Context(MetricTable("garak"), model))


def metrics(file: Path) -> list[dict[str, Any]]:
    return [metric for one in draft(file).manifest["evaluations"] for metric in one["metrics"]]


def test_a_report_becomes_an_evaluation_with_a_rate_for_each_pair(server: ServerProcess, tmp_path: Path) -> None:
    report = lines(
        SETUP,
        INIT,
        counts("dan.Dan_11_0", "dan.DAN", 37, 50, fails=13, nones=2, total_processed=52),
        counts("dan.Dan_11_0", "mitigation.MitigationBypass", 10, 50, fails=40),
        counts("encoding.InjectHex", "encoding.DecodeMatch", 0, 0),
        END,
    )
    file = write(tmp_path / "garak.r1.report.jsonl", report)
    answer = imported(server, "garak", file, "--model", "chat@1")
    assert (answer["failed"], answer["created"]) == (0, 2)
    [one] = evaluations(server, "model:chat@1")
    assert one["suite"]["name"] == "garak"
    assert one["suite"]["version"] == "0.13.1"
    assert one["evaluatedAt"] == "2025-05-01T11:00:00.25Z"
    found = {tuple(sorted((s["attribute"], s["value"]) for s in m["slice"])): m for m in one["metrics"]}
    assert {pair: (m["name"], m["value"], m["n"]) for pair, m in found.items()} == {
        (("detector", "dan.DAN"), ("probe", "dan.Dan_11_0")): ("attack_success_rate", 13 / 50, 50),
        (("detector", "mitigation.MitigationBypass"), ("probe", "dan.Dan_11_0")): ("attack_success_rate", 0.8, 50),
    }
    reasons = {(r["place"], r["reason"]) for r in answer["imports"][0]["notPlaced"]}
    assert ("line 3", "dan.Dan_11_0 judged by dan.DAN: 2 outputs without a score are in neither count.") in reasons
    assert ("line 5", "encoding.InjectHex judged by encoding.DecodeMatch: no output was scored.") in reasons
    assert imported(server, "garak", file, "--model", "chat@1")["created"] == 0


def test_settings_that_change_what_is_measured_are_the_suites_config(tmp_path: Path) -> None:
    file = write(tmp_path / "a.report.jsonl", lines(SETUP, INIT, counts("a.B", "c.D", 1, 2), END))
    [one] = draft(file).manifest["evaluations"]
    assert one["suite"] == {
        "name": "garak",
        "version": "0.13.1",
        "config": {"deprefix": True, "buffs": "lowercase.Lowercase"},
    }


@pytest.mark.parametrize(
    ("version", "setup", "entry"),
    [
        (
            "0.9.0.6",
            {"entry_type": "config", "model_type": "huggingface", "model_name": "org/chat", "generations": 2},
            {"probe": "probes.dan.Dan_11_0", "detector": "detector.dan.DAN", "passed": 6, "total": 8},
        ),
        (
            "0.10.3.1",
            {"entry_type": "start_run setup", "plugins.model_type": "huggingface", "plugins.model_name": "org/chat"},
            {"probe": "dan.Dan_11_0", "detector": "detector.dan.DAN", "passed": 6, "total": 8},
        ),
        ("0.12.0", SETUP, {"probe": "dan.Dan_11_0", "detector": "dan.DAN", "passed": 6, "total": 8}),
        ("0.13.3", SETUP, {"probe": "dan.Dan_11_0", "detector": "dan.DAN", "passed": 6, "nones": 0, "total": 8}),
        ("0.14.0", SETUP, counts("dan.Dan_11_0", "dan.DAN", 6, 8, fails=2, nones=0, total_processed=8)),
    ],
)
def test_every_version_says_the_same(
    version: str, setup: dict[str, Any], entry: dict[str, Any], tmp_path: Path
) -> None:
    report = lines(setup, {**INIT, "garak_version": version}, {"entry_type": "eval"} | entry, END)
    result = draft(write(tmp_path / "x.report.jsonl", report))
    [one] = result.manifest["evaluations"]
    assert one["suite"]["version"] == version
    assert one["metrics"] == [
        {
            "name": "attack_success_rate",
            "value": 0.25,
            "n": 8,
            "slice": [{"attribute": "probe", "value": "dan.Dan_11_0"}, {"attribute": "detector", "value": "dan.DAN"}],
        }
    ]
    assert any("org/chat" in became for _, became in result.placed)


@given(st.lists(st.lists(st.sampled_from([0.0, 0.4, 0.5, 1.0, None]), min_size=1, max_size=5), min_size=1, max_size=8))
def test_errors_are_clustered_over_prompts(prompts: list[list[float | None]]) -> None:
    scored = [[float(score >= 0.5) for score in one if score is not None] for one in prompts]
    values = [value for one in scored for value in one]
    if not values:
        return
    entries = [attempt("a.B", "c.D", status=1), *(attempt("a.B", "c.D", *one) for one in prompts)]
    entry = counts("a.B", "c.D", len(values) - int(sum(values)), len(values))
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        [metric] = metrics(write(Path(folder) / "x.report.jsonl", lines(SETUP, INIT, *entries, entry, END)))
    mean = sum(values) / len(values)
    assert math.isclose(metric["value"], mean)
    assert metric["n"] == len(values)
    if max(map(len, scored)) < 2:
        assert "stderr" not in metric
        return
    clustered = math.sqrt(sum(sum(y - mean for y in one) ** 2 for one in scored)) / len(values)
    assert math.isclose(metric["stderr"], clustered, abs_tol=1e-9)
    assert metric["clusters"] == sum(bool(one) for one in scored)


def test_attempts_that_do_not_add_up_to_the_counts_give_no_error(tmp_path: Path) -> None:
    entries = [attempt("a.B", "c.D", 1.0, 0.0), counts("a.B", "c.D", 3, 4)]
    [metric] = metrics(write(tmp_path / "x.report.jsonl", lines(SETUP, INIT, *entries, END)))
    assert metric == metric | {"value": 0.25, "n": 4}
    assert not {"stderr", "clusters"} & metric.keys()


def test_a_pair_that_is_evaluated_again_is_another_evaluation(tmp_path: Path) -> None:
    entries = [counts("a.B", "c.D", 1, 2), counts("a.E", "c.D", 1, 2), counts("a.B", "c.D", 2, 2)]
    found = draft(write(tmp_path / "x.report.jsonl", lines(SETUP, INIT, *entries, END))).manifest["evaluations"]
    assert [[metric["value"] for metric in one["metrics"]] for one in found] == [[0.5, 0.5], [0.0]]


def test_versions_are_paired_on_the_same_prompts(server: ServerProcess, tmp_path: Path) -> None:
    """Prompts b and c, on which both were asked, in different order; d was asked of one alone."""
    answers = {"before": {"a": [0, 0], "b": [0, 1], "c": [1, 1]}, "after": {"c": [1, 1], "b": [1, 1], "a": [0, 1]}}
    for name, prompts in answers.items():
        asked = [attempt("p.P", "d.D", *scores) | {"prompt": {"text": text}} for text, scores in prompts.items()]
        outputs = [score for scores in prompts.values() for score in scores]
        entry = counts("p.P", "d.D", outputs.count(0), len(outputs))
        report = lines(SETUP | {"plugins.target_name": f"org/{name}"}, INIT, *asked, entry, END)
        write(tmp_path / f"{name}.report.jsonl", report)
    parents = [{"ref": "model:paired@1", "relation": "FINE_TUNE"}]
    with Client(server.url) as client:
        client.register({"models": [{"name": "paired", "version": "1"}]})
        client.register({"models": [{"name": "paired", "version": "2", "parents": parents}]})
    models = {"org/before": "paired@1", "org/after": "paired@2"}
    mapping = write(tmp_path / "map.yaml", {"models": models})
    reports = sorted(tmp_path.glob("*.jsonl"))
    assert imported(server, "garak", *reports, "--mapping", mapping)["failed"] == 0
    [one] = evaluations(server, "model:paired@2")
    with Client(server.url) as client:
        content = client.batch("entity", "ref", [one["id"]], "content")[0]["content"]
    digest = hashlib.sha256((tmp_path / "after.report.jsonl").read_bytes()).hexdigest()
    assert content["itemResults"] == f"sha256:{digest}"
    [metric] = content["metrics"]
    [paired] = metric["pairedWith"]
    # Outputs in the order a, b, c: 0 0, 0 1, 1 1 before and 0 1, 1 1, 1 1 after: two of six got worse.
    # By prompt, differences from their mean 1/3 add up to 1/3, 1/3 and −2/3: (1/9 + 1/9 + 4/9) / 6² (Miller 2024).
    assert (metric["value"], paired["differenceVariance"]) == (pytest.approx(5 / 6), pytest.approx(1 / 54)), paired
    assert imported(server, "garak", *reports, "--mapping", mapping)["created"] == 0


def test_attempts_without_their_prompts_are_not_paired(tmp_path: Path) -> None:
    entries = [attempt("p.P", "d.D", 0, 1), counts("p.P", "d.D", 1, 2)]
    found = draft(write(tmp_path / "x.report.jsonl", lines(SETUP, *entries)))
    assert found.items == []
    assert "itemResults" not in found.manifest["evaluations"][0]


def test_intents_are_finer_slices(tmp_path: Path) -> None:
    entry = counts("a.B", "c.D", 3, 4, intents={"S001": {"passed": 0, "total_evaluated": 1, "nones": 0}})
    found = metrics(write(tmp_path / "x.report.jsonl", lines(SETUP, INIT, entry, END)))
    assert [(m["value"], m["n"], m["slice"][-1]["value"]) for m in found] == [(0.25, 4, "c.D"), (1.0, 1, "S001")]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    setup = {**SETUP, "transient.active_probes": "a.B,a.Later"}
    entries = [counts("a.B", "c.D", 1, 2), attempt("a.Cut", "c.D", 0.0)]
    why = dict(draft(write(tmp_path / "x.report.jsonl", lines(setup, INIT, *entries))).unplaced)
    assert why["line 4"] == "a.Cut was attempted and not evaluated."
    assert why["transient.active_probes"] == "a.Later was to be run, and the report has nothing of it."
    assert "the run was stopped" in why["completion"]


def test_a_report_without_its_beginning_has_an_unstated_version(tmp_path: Path) -> None:
    result = draft(write(tmp_path / "x.report.jsonl", lines(counts("a.B", "c.D", 1, 2))))
    assert result.manifest["evaluations"][0]["suite"] == {"name": "garak", "version": "unstated", "config": None}
    assert "version is recorded as unstated" in dict(result.unplaced)["garak_version"]


def test_the_version_that_was_attacked_has_to_be_given(tmp_path: Path) -> None:
    file = write(tmp_path / "x.report.jsonl", lines(SETUP, INIT, counts("a.B", "c.D", 1, 2), END))
    assert 'names the model "org/chat" and no version: give --model org/chat@VERSION' in refusal("garak", file)
    mapping = write(tmp_path / "map.yaml", "models: {org/chat: chat@7}")
    assert "evaluation of model:chat@7 by garak 0.13.1" in dry("garak", file, "--mapping", mapping).stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lines(SETUP, INIT, counts("a.B", "c.D", 3, 2)), ".jsonl:3: The counts do not add up: 3 passed of 2"),
        (lines(counts("a.B", "c.D", 1, 4, fails=2)), ".jsonl:1: The counts do not add up"),
        (lines(counts("a.B", "c.D", -1, 4)), ".jsonl:1: passed: Expected the number of outputs that passed"),
        (lines({"entry_type": "eval", "probe": "a", "detector": "b", "passed": 1}), "Expected the number of outputs"),
        (lines({"entry_type": "eval", "passed": 1, "total": 2}), ".jsonl:1: probe: Expected the name of a probe"),
        (lines(SETUP, INIT), "The report has no eval entry"),
        (lines(SETUP, INIT, attempt("a.B", "c.D", 0.0)), "the run ended before anything was evaluated"),
        (lines({"entry_type": "digest", "eval": {}}), "is the digest of a garak report"),
        (json.dumps({"entry_type": "digest", "eval": {}}, indent=1), "is the digest of a garak report"),
        (json.dumps({"a.B/c.D": {"mu": 0.9, "sigma": 0.1}}, indent=1), "calibration data of garak"),
        (lines({"goal": "g", "probe": "a.B", "detector": "c.D", "attempt_id": "x", "score": 1.0}), "hit log of garak"),
        (lines({"results": {}}), "not an entry of a garak report: it has no entry_type"),
        (lines(SETUP) + '{"entry_type": "init", ', ".jsonl:2: The file ends in the middle"),
        ("", "The file is empty."),
        (b"\x80\x04\x95", "Byte 0x80 is not UTF-8"),
    ],
)
def test_what_is_no_report_is_refused(content: str | bytes, said: str, tmp_path: Path) -> None:
    name = "x.json" if isinstance(content, str) and content.startswith("{\n") else "x.report.jsonl"
    assert said in refusal("garak", write(tmp_path / name, content), "--model", "chat@1")


def test_hit_logs_beside_reports_are_passed_over(tmp_path: Path) -> None:
    report = lines(SETUP, INIT, counts("a.B", "c.D", 1, 2), END).encode()
    write(tmp_path / "g.report.jsonl.gz", gzip.compress(report))
    write(tmp_path / "g.hitlog.jsonl", lines({"probe": "a.B"}))
    write(tmp_path / "g.report.html", "<html>")
    result = dry("garak", tmp_path, "--model", "chat@1")
    assert result.exit_code == 0, result.output
    assert "Passed over" in result.stderr


if SHARED.is_dir():

    def test_the_files_of_garak_itself(server: ServerProcess) -> None:
        answer = imported(server, "garak", SHARED / "formats" / "garak", "--model", "garak-own@1", exit_code=1)
        reasons = [one["problems"][0]["message"] for one in answer["imports"] if one["problems"]]
        assert len(answer["imports"]) == 10
        assert sum("digest of a garak report" in reason for reason in reasons) == 2
        assert sum("calibration data" in reason for reason in reasons) == 3
        assert len(reasons) == answer["failed"] == 5
        found = [metric for one in evaluations(server, "model:garak-own@1") for metric in one["metrics"]]
        assert sorted((m["value"], m["n"]) for m in found) == [
            (0.0, 1), (0.0, 1), (0.0, 1), (0.0, 8), (0.0, 8), (0.26, 50), (1.0, 1), (1.0, 1),
        ]  # fmt: skip
