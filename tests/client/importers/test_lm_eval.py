"""Results and samples of lm-evaluation-harness."""

import gzip
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from descent.client import Client
from tests.client.importers.imports import SHARED, dry, evaluations, imported, refusal, write
from tests.support.server_process import ServerProcess

RUN = "2024-06-17T16-12-47.023639"


def results(model: str, *, sha: str = "", **changes: Any) -> dict[str, Any]:
    """A results file in the shape of 0.4, with a filter and a group."""
    config = {
        "model": "hf",
        "model_args": f"pretrained={model},dtype=float16",
        "model_revision": "main",
        "model_sha": sha,
    }
    return {
        "results": {
            "arc_easy": {"alias": "arc_easy", "acc,none": 0.75, "acc_stderr,none": 0.16, "acc_norm,none": 0.5,
                         "acc_norm_stderr,none": "N/A"},
            "gsm8k": {"alias": "gsm8k", "exact_match,strict-match": 0.25, "exact_match_stderr,strict-match": 0.1,
                      "exact_match,flexible-extract": 0.5, "exact_match_stderr,flexible-extract": 0.1},
            "humaneval": {"pass@1,create_test": 0.25},
            "fresh": {"wit,none": 0.5, "f1,none": 50.0},
        },
        "groups": {"both": {"acc,none": 0.6, "sample_count": {"acc,none": 16}}},
        "configs": {"arc_easy": {"dataset_path": "allenai/ai2_arc", "num_fewshot": 0}, "gsm8k": {"num_fewshot": 5}},
        "versions": {"arc_easy": 1.0, "gsm8k": 3.0, "humaneval": "Yaml"},
        "n-shot": {"arc_easy": 0, "gsm8k": 5},
        "higher_is_better": {"fresh": {"wit": True}},
        "n-samples": {"arc_easy": {"original": 100, "effective": 8}},
        "config": {**config, "limit": 8.0, "gen_kwargs": None},
        "date": 1718620920.9793315,
        "git_hash": "793469e",
        **changes,
    }  # fmt: skip


def samples(right: set[int], count: int = 8, **more: Any) -> str:
    lines = [
        {"doc_id": i, "doc": {"q": i}, "filter": "none", "metrics": ["acc", "acc_norm"], "doc_hash": f"{i:064x}",
         "acc": float(i in right), "acc_norm": float(i < 4), **more}
        for i in range(count)
    ]  # fmt: skip
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def content_of(server: ServerProcess, id: str) -> dict[str, Any]:
    with Client(server.url) as client:
        content: dict[str, Any] = client.batch("entity", "ref", [id], "content")[0]["content"]
    return content


def test_results_of_0_4(server: ServerProcess, tmp_path: Path) -> None:
    answer = imported(server, "lm-eval", write(tmp_path / "r.json", results("org/four", sha="c" * 40)))
    found = evaluations(server, f"model:org/four@{'c' * 40}")
    by_suite = {(one["suite"]["name"], one["suite"]["config"].get("filter")): one for one in found}
    assert by_suite.keys() == {
        ("arc_easy", None), ("gsm8k", "strict-match"), ("gsm8k", "flexible-extract"), ("humaneval", "create_test"),
        ("fresh", None), ("both", None),
    }  # fmt: skip
    arc = by_suite["arc_easy", None]
    assert arc["suite"]["version"] == "1.0"
    assert arc["suite"]["config"] == {"harness": "lm-evaluation-harness", "num_fewshot": 0, "limit": 8}
    assert arc["evaluatedAt"].startswith("2024-06-17T10:42:00")
    metrics = {one["name"]: one for one in content_of(server, arc["id"])["metrics"]}
    assert metrics["acc"] == {"name": "acc", "value": 0.75, "stderr": 0.16, "n": 8}
    assert metrics["acc_norm"] == {"name": "acc_norm", "value": 0.5, "n": 8}
    assert content_of(server, by_suite["both", None]["id"])["metrics"] == [{"name": "acc", "value": 0.6, "n": 16}]
    assert by_suite["humaneval", "create_test"]["metrics"][0]["name"] == "pass_at_1"
    assert by_suite["humaneval", "create_test"]["suite"]["version"] == "unstated"
    # the file itself says which way wit is better; f1 is on another scale than the catalogue's
    assert [one["name"] for one in by_suite["fresh", None]["metrics"]] == ["wit"]
    [one] = answer["imports"]
    assert any("f1 is from 0 to 1, and 50 was given" in each["reason"] for each in one["notPlaced"])
    assert any(
        "higher is better, performance, by the direction that the file states" in b["became"] for b in one["placed"]
    )


def test_a_result_that_is_text_and_an_impossible_date_are_named(server: ServerProcess, tmp_path: Path) -> None:
    content = results("org/texts", date=1e18)
    content["results"]["arc_easy"]["acc,none"] = "0.45"
    content["results"]["humaneval"]["pass@1,create_test"] = True
    [one] = imported(server, "lm-eval", write(tmp_path / "r.json", content))["imports"]
    reasons = {each["place"]: each["reason"] for each in one["notPlaced"]}
    assert reasons['results.arc_easy["acc,none"]'] == '"0.45" is not a number.'
    assert reasons['results.humaneval["pass@1,create_test"]'] == "true is not a number."
    assert reasons["date"] == "1e+18 is not a time: expected seconds since 1970."
    found = {each["suite"]["name"]: each for each in evaluations(server, "model:org/texts@main")}
    assert [metric["name"] for metric in found["arc_easy"]["metrics"]] == ["acc_norm"]
    assert {each["evaluatedAt"] for each in found.values()} == {None}


def test_results_of_0_3_and_of_bigscience(server: ServerProcess, tmp_path: Path) -> None:
    old = {
        "results": {
            "crows_pairs_english": {"pct_stereotype": 0.6, "pct_stereotype_stderr": 0.01, "likelihood_difference": 3.9}
        },
        "versions": {"crows_pairs_english": 0},
        "config": {"model": "hf-causal", "model_args": "use_accelerate=True,pretrained=org/three,revision=step512"},
    }
    imported(server, "lm-eval", write(tmp_path / "old.json", old))
    [one] = evaluations(server, "model:org/three@step512")
    assert {m["name"]: m["value"] for m in one["metrics"]} == {"pct_stereotype": 0.6, "likelihood_difference": 3.9}
    entry = {"task_name": "wino_bias", "prompt_name": "refers_to", "em": 0.47, "em_stderr": 0.02}
    table = {"table_results": {"wino_bias+refers_to": entry}, "model_args": {"iteration": 1}}
    imported(server, "lm-eval", write(tmp_path / "table.json", table), "--model", "org/table@1")
    listed = {
        "results": [{**entry, "acc": 0.5, "dataset_path": "x"}],
        "config": {"model_args": "pretrained=org/listed"},
    }
    imported(server, "lm-eval", write(tmp_path / "listed.json", listed))
    for ref in ("model:org/table@1", "model:org/listed@main"):
        [one] = evaluations(server, ref)
        assert (one["suite"]["name"], one["suite"]["config"]["prompt"]) == ("wino_bias", "refers_to")


def test_versions(tmp_path: Path) -> None:
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "revision": ({"model_args": "pretrained=a/b,revision=v2"}, "model:a/b@v2"),
        "main": ({"model_args": {"pretrained": "a/b"}}, "model:a/b@main, since the file states no revision"),
        "commit": (
            {"model_args": "pretrained=a/b", "model_revision": "main", "model_sha": "f" * 40},
            f"model:a/b@{'f' * 40}",
        ),
        "adapter": ({"model_args": "pretrained=a/b,peft=a/lora", "model_sha": "f" * 40}, "model:a/lora@main"),
        "served": ({"model": "openai-chat-completions", "model_args": "model=gpt-x"}, "model:gpt-x@unstated"),
    }
    for name, (config, ref) in cases.items():
        file = write(tmp_path / f"{name}.json", {"results": {"arc_easy": {"acc": 0.5}}, "config": config})
        assert f"→ {ref}" in dry("lm-eval", file).stdout, name


# ---------------------------------------------------------------- samples


def test_samples_are_kept_as_a_digest_and_paired(server: ServerProcess, tmp_path: Path) -> None:
    parents = [{"ref": "model:org/before@main", "relation": "FINE_TUNE"}]
    with Client(server.url) as client:
        before, after = {"name": "org/before", "version": "main"}, {"name": "org/after", "version": "main"}
        client.register({"models": [before, {**after, "parents": parents}]})
    for folder, right in {"after": {0, 1, 2, 6, 7, 5}, "before": {0, 1, 2, 3, 4, 5}}.items():
        write(tmp_path / folder / f"results_{RUN}.json", results(f"org/{folder}"))
        write(tmp_path / folder / f"samples_arc_easy_{RUN}.jsonl", samples(right))
    answer = imported(server, "lm-eval", tmp_path)
    assert answer["failed"] == 0
    one = next(one for one in evaluations(server, "model:org/after@main") if one["suite"]["name"] == "arc_easy")
    content = content_of(server, one["id"])
    file = tmp_path / "after" / f"samples_arc_easy_{RUN}.jsonl"
    assert content["itemResults"] == "sha256:" + hashlib.sha256(file.read_bytes()).hexdigest()
    metrics = {metric["name"]: metric for metric in content["metrics"]}
    [pair] = metrics["acc"]["pairedWith"]
    assert (pair["n01"], pair["n10"]) == (2, 2)
    assert metrics["acc_norm"]["pairedWith"][0]["n01"] == 0
    assert imported(server, "lm-eval", tmp_path)["created"] == 0
    assert "paired with model:org/before@main on 8 items" in str(answer)


def test_samples_that_are_of_another_result_are_not_paired(server: ServerProcess, tmp_path: Path) -> None:
    write(tmp_path / f"results_{RUN}.json", results("org/other"))
    write(tmp_path / f"samples_arc_easy_{RUN}.jsonl", samples({0}))
    answer = imported(server, "lm-eval", tmp_path)
    assert any("acc is not the mean of its items" in one["reason"] for one in answer["imports"][0]["notPlaced"])


def test_samples_without_results(server: ServerProcess, tmp_path: Path) -> None:
    file = write(tmp_path / f"samples_arc_easy_{RUN}.jsonl.gz", gzip.compress(samples({0, 1}, bleu=3.5).encode()))
    assert "which model it is about" in refusal("lm-eval", file)
    imported(server, "lm-eval", file, "--model", "org/sampled@1")
    [one] = evaluations(server, "model:org/sampled@1")
    assert {m["name"]: (m["value"], m["n"]) for m in one["metrics"]} == {"acc": (0.25, 8), "acc_norm": (0.5, 8)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"doc_id": 1}\n{"doc_id": 1}\n', ":2: The item 1 is given twice."),
        ('{"doc_id": 1, "acc": 1}\n{"a"', ":2: The file ends in the middle of the JSON."),
        ('{"acc": 1}\n', ":1: This is not a sample"),
        ("", "The file is empty."),
    ],
)
def test_bad_samples(text: str, said: str, tmp_path: Path) -> None:
    write(tmp_path / f"results_{RUN}.json", results("org/bad"))
    write(tmp_path / f"samples_arc_easy_{RUN}.jsonl", text)
    message = refusal("lm-eval", tmp_path)
    assert f"samples_arc_easy_{RUN}.jsonl" in message
    assert said in message


ARGS = {"model_args": "pretrained=a/b"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": 1}, "it has no `results`"),
        ({"results": {}}, "The file has no results."),
        ({"results": {"t": 1}}, "results.t: Expected a mapping, got the number 1."),
        ({"results": {"t": {"acc": 0.5}}, "config": {"model_args": "pretrained=/data/x"}}, "is a path on the machine"),
        (
            {"results": {"t": {"acc": "nan"}}, "config": {"model_args": "pretrained=a/b"}},
            'results.t.acc: "nan" is not a number',
        ),
        ({"results": {"t": {"acc": 1e400}}, "config": {"model_args": "pretrained=a/b"}}, "not a finite number"),
        ({"results": {"t": {"acc": None}}, "config_general": {"model_name": "m"}}, "a results file of lighteval"),
        ({"results": [{"acc": 1}]}, "results[0]: Expected a task_name."),
    ],
)
def test_foreign_and_malformed_results(content: Any, said: str, tmp_path: Path) -> None:
    assert said in refusal("lm-eval", write(tmp_path / "x.json", content))


# ---------------------------------------------------------------- real files


def test_real_results_are_imported_or_refused_for_a_reason(server: ServerProcess, tmp_path: Path) -> None:
    """Results that are beside the repository where it is developed; elsewhere those above stand for them."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not here: the fixtures above have the same shapes")
    folders = [SHARED / "formats" / f"lm-eval-{name}" for name in ("v0.3", "v0.4", "bigscience")]
    answer = imported(server, "lm-eval", *folders, exit_code=1)
    why = Counter(
        "path"
        if "is a path on the machine" in message
        else "no model"
        if "does not say which model" in message
        else message
        for one in answer["imports"]
        for message in [problem["message"] for problem in one["problems"]]
    )
    assert why == {"path": 9, "no model": 3}
    assert len(answer["imports"]) == 25
    mapping = write(tmp_path / "map.yaml", f"models: {json.dumps(PATHS)}")
    assert imported(server, "lm-eval", folders[1], "--mapping", mapping)["failed"] == 0
    assert imported(server, "lm-eval", folders[0])["created"] == 0


HUB = "/data/public_models/huggingface/"
PATHS = {
    **{
        f"{HUB}{name}": f"{name}@main"
        for name in (
            "meta-llama/Llama-2-13b-hf", "meta-llama/Meta-Llama-3-8B", "mistralai/Mistral-7B-v0.1",
            "google/gemma-1.1-2b-it", "google/gemma-7b", "EleutherAI/pythia-12b-deduped",
            "EleutherAI/pythia-1b-deduped",
        )
    },
    **{f"/workspace/{name}": f"{name}@1" for name in (
        "RWKV-x070-Pile-168M-20241120-ctx4096", "RWKV-x070-Pile-1.47B-20241210-ctx4096")},
}  # fmt: skip
