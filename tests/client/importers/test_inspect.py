"""Logs of Inspect, as JSON and as zip archives with either compression."""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from backports import zstd

from descent.client import Client
from descent.errors import NotImported
from descent.importers.archive import Archive
from tests.client.importers.imports import SHARED, dry, evaluations, imported, refusal, write
from tests.support.server_process import ServerProcess

ANSWERS = {f"q{i}": "C" if i < 6 else "I" for i in range(8)}


def log(model: str = "openai/gpt-x", answers: dict[str, Any] = ANSWERS, **changes: Any) -> dict[str, Any]:
    """A log in the shape that Inspect writes; `changes` replace parts of `eval`."""
    values = {name: {"C": 1.0, "I": 0.0}.get(answer, answer) for name, answer in answers.items()}
    metrics = {
        "accuracy": {"name": "accuracy", "value": sum(values.values()) / len(values), "params": {}},
        "stderr": {"name": "stderr", "value": 0.16366341767699427, "params": {}},
    }
    spec = {
        "eval_id": "e", "run_id": "r", "created": "2025-05-12T20:28:13-04:00", "task": "popularity", "task_id": "t",
        "task_version": 3, "dataset": {"name": "popularity", "samples": 100}, "model": model, "model_args": {},
        "task_args": {}, "config": {"limit": 8, "epochs": 1}, "packages": {"inspect_ai": "0.3.95"},
    }  # fmt: skip
    return {
        "version": 2,
        "status": "success",
        "eval": {**spec, **changes},
        "plan": {"name": "plan", "steps": [], "config": {"temperature": 0.0}},
        "results": {
            "total_samples": len(values),
            "completed_samples": len(values),
            "scores": [{"name": "match", "scorer": "match", "params": {}, "metrics": metrics}],
        },
        "stats": {"started_at": "2025-05-12T20:28:13-04:00", "completed_at": "2025-05-12T20:28:15-04:00"},
        "samples": [sample(name, answer) for name, answer in answers.items()],
        "reductions": [
            {"scorer": "match", "samples": [{"value": value, "sample_id": name} for name, value in values.items()]}
        ],
    }


def sample(name: str, answer: Any) -> dict[str, Any]:
    scores = {"match": {"value": answer}}
    metadata = {"passage": int(name[1:]) // 2}
    return {"id": name, "epoch": 1, "scores": scores, "metadata": metadata, "output": {"model": "gpt-x"}}


def members(whole: dict[str, Any]) -> dict[str, Any]:
    header = {key: part for key, part in whole.items() if key not in ("samples", "reductions")}
    samples = {f"samples/{one['id']}_epoch_1.json": one for one in whole["samples"]}
    return {
        "_journal/start.json": {"version": 2, "eval": whole["eval"], "plan": whole["plan"]},
        **samples,
        "summaries.json": whole["samples"],
        "reductions.json": whole["reductions"],
        "header.json": header,
    }


def deflated(parts: dict[str, Any]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part if isinstance(part, bytes) else json.dumps(part))
    return written.getvalue()


def zstandard(parts: dict[str, Any], *, frames: int = 1, sizes: dict[str, int] | None = None) -> bytes:
    """Write a zip archive with method 93, which Python's own zipfile cannot do before 3.14."""
    body, directory = b"", b""
    for name, part in parts.items():
        data = part if isinstance(part, bytes) else json.dumps(part).encode()
        step = max(1, -(-len(data) // frames))
        packed = b"".join(zstd.compress(data[start : start + step]) for start in range(0, max(len(data), 1), step))
        size = (sizes or {}).get(name, len(data))
        common = struct.pack("<5H3L2H", 63, 0, 93, 0, 33, zlib.crc32(data), len(packed), size, len(name), 0)
        directory += (
            b"PK\x01\x02" + struct.pack("<H", 63) + common + struct.pack("<3H2L", 0, 0, 0, 0, len(body)) + name.encode()
        )
        body += b"PK\x03\x04" + common + name.encode() + packed
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(parts), len(parts), len(directory), len(body), 0)
    return body + directory + end


def test_json_deflate_and_zstandard_say_the_same(server: ServerProcess, tmp_path: Path) -> None:
    found = []
    for name, data in {
        "a.json": json.dumps(log()).encode(),
        "a.eval": deflated(members(log())),
        "z.eval": zstandard(members(log())),
        "frames.eval": zstandard(members(log()), frames=3),
    }.items():
        file = write(tmp_path / name, data)
        imported(server, "inspect", file, "--model", f"inspected@{name}")
        assert imported(server, "inspect", file, "--model", f"inspected@{name}")["created"] == 0
        [one] = evaluations(server, f"model:inspected@{name}")
        found.append((one["suite"], one["metrics"], one["evaluatedAt"]))
    assert [one == found[0] for one in found] == [True] * 4
    suite, [metric], moment = found[0]
    assert (suite["name"], suite["version"]) == ("popularity", "3")
    assert suite["config"] == {"harness": "inspect", "scorer": "match", "limit": 8, "generate": {"temperature": 0.0}}
    assert (metric["name"], metric["value"], metric["n"]) == ("accuracy", 0.75, 8)
    assert metric["stderr"] == pytest.approx(0.16366341767699427)
    assert moment.startswith("2025-05-13T00:28:15")


def test_items_are_kept_as_a_digest_and_paired_with_an_ancestor(server: ServerProcess, tmp_path: Path) -> None:
    parents = [{"ref": "model:paired@1", "relation": "FINE_TUNE"}]
    versions = [{"name": "paired", "version": "1"}, {"name": "paired", "version": "2", "parents": parents}]
    with Client(server.url) as client:
        client.register({"models": versions})
    after = {**ANSWERS, "q0": "I", "q1": "I", "q7": "C"}
    one = write(tmp_path / "1.json", log("paired", model_args={"v": 1}))
    two = write(tmp_path / "2.eval", zstandard(members(log("paired2", after))))
    mapping = write(tmp_path / "map.yaml", "models: {paired: paired@1, paired2: paired@2}")
    answer = imported(server, "inspect", one, two, "--mapping", mapping)
    assert answer["failed"] == 0
    [newest] = evaluations(server, "model:paired@2")
    content = content_of(server, newest["id"])
    assert content["itemResults"] == "sha256:" + hashlib.sha256(two.read_bytes()).hexdigest()
    [metric] = content["metrics"]
    [pair] = metric["pairedWith"]
    assert (pair["n01"], pair["n10"]) == (1, 2)
    assert imported(server, "inspect", one, two, "--mapping", mapping)["created"] == 0


def content_of(server: ServerProcess, id: str) -> dict[str, Any]:
    with Client(server.url) as client:
        content: dict[str, Any] = client.batch("entity", "ref", [id], "content")[0]["content"]
    return content


def test_a_clustered_error_names_its_clusters(server: ServerProcess, tmp_path: Path) -> None:
    whole = log("clustered")
    whole["results"]["scores"][0]["metrics"]["stderr"]["params"] = {"cluster": "passage"}
    imported(server, "inspect", write(tmp_path / "c.eval", zstandard(members(whole))), "--model", "clustered@1")
    [one] = evaluations(server, "model:clustered@1")
    metric = content_of(server, one["id"])["metrics"][0]
    assert metric["clusters"] == 4
    # n^-2 of the squared sums by passage: three of two right answers, one of two wrong ones, around 0.75
    assert metric["stderr"] == pytest.approx((3 * 0.5**2 + 1.5**2) ** 0.5 / 8)


def test_versions(tmp_path: Path) -> None:
    cases = {
        "hf/org/model": "model:org/model@main, since the file states no revision",
        "openai/gpt-x": "model:openai/gpt-x@unstated, version unstated",
        "openai/gpt": "model:openai/gpt@gpt-x",
    }
    for number, (model, said) in enumerate(cases.items()):
        assert f"→ {said}" in dry("inspect", write(tmp_path / f"{number}.json", log(model))).stdout
    revised = log("hf/org/model", model_args={"revision": "v2"})
    assert "→ model:org/model@v2" in dry("inspect", write(tmp_path / "r.json", revised)).stdout
    local = log("hf/local", model_args={"model_path": "/data/model"})
    assert "is a path on the machine that ran this" in refusal("inspect", write(tmp_path / "l.json", local))
    assert "which model it is about" in refusal("inspect", write(tmp_path / "n.json", log("none/none")))


def test_another_grader_is_another_protocol(server: ServerProcess, tmp_path: Path) -> None:
    for judge in ("a", "b"):
        roles = {"grader": {"model": f"openai/judge-{judge}", "config": {}}}
        file = write(tmp_path / f"{judge}.json", log("judged", model_roles=roles, task_args={"template": "t" * 500}))
        imported(server, "inspect", file, "--model", "judged@1")
    found = [one["suite"]["config"] for one in evaluations(server, "model:judged@1")]
    assert [one["model_roles"]["grader"] for one in found] == ["openai/judge-a", "openai/judge-b"]
    assert found[0]["task_args"]["template"].startswith("sha256:")


def test_a_first_format_with_one_scorer(server: ServerProcess, tmp_path: Path) -> None:
    whole = log("old")
    whole["results"] = {
        "scorer": {"name": "match"},
        "metrics": {"accuracy": {"name": "accuracy", "value": 0.75}, "std": {"name": "std", "value": 0.4}},
        "sample_reductions": whole.pop("reductions"),
    }
    answer = imported(server, "inspect", write(tmp_path / "old.json", whole), "--model", "old@1")
    assert [m["name"] for m in evaluations(server, "model:old@1")[0]["metrics"]] == ["accuracy"]
    assert any("spread of the scores" in one["reason"] for one in answer["imports"][0]["notPlaced"])


def test_metrics_may_be_named_with_the_package_of_inspect(server: ServerProcess, tmp_path: Path) -> None:
    whole = log("packaged", {"q0": 1, "q1": 0})
    score = whole["results"]["scores"][0]
    score["metrics"] = {
        f"inspect_ai/{key}": {**metric, "name": f"inspect_ai/{key}"} for key, metric in score["metrics"].items()
    }
    imported(server, "inspect", write(tmp_path / "p.json", whole), "--model", "packaged@1")
    [metric] = evaluations(server, "model:packaged@1")[0]["metrics"]
    assert metric["name"] == "accuracy"
    assert metric["stderr"] is not None


def test_a_mean_without_direction_is_not_placed_and_a_mapping_gives_it(server: ServerProcess, tmp_path: Path) -> None:
    whole = log("meant", {f"q{i}": i / 10 for i in range(8)})
    metrics = whole["results"]["scores"][0]["metrics"]
    metrics["mean"] = {**metrics.pop("accuracy"), "name": "mean"}
    del metrics["stderr"]
    file = write(tmp_path / "m.json", whole)
    assert "mean is not a metric of the catalogue" in refusal("inspect", file)
    entry = "{metric: harm_score, direction: lower_is_better, category: toxicity, suites: ['popularity/*']}"
    text = f"inspect: {{mean: {entry}}}"
    imported(server, "inspect", file, "--model", "meant@1", "--mapping", write(tmp_path / "map.yaml", text))
    metric = content_of(server, evaluations(server, "model:meant@1")[0]["id"])["metrics"][0]
    assert (metric["name"], metric["value"]) == ("harm_score", pytest.approx(0.35))
    assert metric["stderr"] == pytest.approx((sum((i / 10 - 0.35) ** 2 for i in range(8)) ** 0.5) / 8)


# ---------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": "error", "error": {"message": "out of memory"}}, 'ended as "error"'),
        ({"status": "cancelled"}, 'ended as "cancelled"'),
        ({"status": "started"}, 'ended as "started"'),
        ({"invalidated": True}, "The log was invalidated"),
        ({"results": None}, "it was never scored"),
        ({"results": {"scores": []}}, "Nothing of it could be placed"),
        ({"eval": []}, "This is not a log of Inspect"),
        ({"samples": {}}, "samples: Expected a list, got a mapping"),
    ],
)
def test_logs_that_are_not_whole(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert said in refusal("inspect", write(tmp_path / "x.json", {**log(), **change}))


def test_archives_that_are_refused(tmp_path: Path) -> None:
    good = members(log())
    whole = zstandard(good)
    damaged = bytearray(whole)
    at = whole.index(b"header.json") + len("header.json") + 20
    damaged[at : at + 8] = b"\0" * 8
    link = zipfile.ZipInfo("header.json")
    link.external_attr = 0o120777 << 16
    linked = io.BytesIO()
    with zipfile.ZipFile(linked, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    cases: dict[str, tuple[bytes, str]] = {
        "empty": (b"", "The file is empty."),
        "cut": (whole[: len(whole) // 2], "This is not a complete zip archive"),
        "text": (b"{}", "This is not a complete zip archive"),
        "out": (deflated({"../../etc/x": {}, **good}), "leads out of the archive"),
        "drive": (deflated({"C:\\x": {}, **good}), "leads out of the archive"),
        "absolute": (zstandard({"/x": {}, **good}), "leads out of the archive"),
        "link": (linked.getvalue(), "This member is a link"),
        "damaged": (bytes(damaged), "damaged"),
        "other": (deflated({"mimetype": {}}), "no header.json"),
        "started": (deflated({"_journal/start.json": good["_journal/start.json"]}), "was not finished"),
        "bomb93": (zstandard({"header.json": b" " * 2**26}), "at most"),
        "lies": (zstandard({**good, "header.json": b" " * 2**26}, sizes={"header.json": 100}), "larger than"),
        "json": (deflated({**good, "header.json": b"{"}), "header.json:1: The file ends in the middle"),
    }
    for name, (data, said) in cases.items():
        file = write(tmp_path / f"{name}.eval", data)
        message = refusal("inspect", file)
        assert message.startswith(str(file)), name
        assert said in message, f"{name}: {message}"


def test_members_have_a_largest_size(tmp_path: Path) -> None:
    for name, data in {"a": deflated({"m": b" " * 2**20}), "z": zstandard({"m": b" " * 2**20})}.items():
        with (
            Archive(write(tmp_path / name, data)) as archive,
            pytest.raises(NotImported, match="at most 1,000 are read"),
        ):
            archive.read("m", 1000)


# ---------------------------------------------------------------- real logs


def test_real_logs_are_imported_or_refused_for_a_reason(server: ServerProcess) -> None:
    """Logs that are beside the repository where it is developed; elsewhere the logs above stand for them."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not here: the fixtures above have the same shapes")
    answer = imported(server, "inspect", SHARED / "formats" / "inspect-ai", exit_code=1)
    problems = Counter(one["problems"][0]["message"] for one in answer["imports"] if one["problems"])
    assert problems == {
        'The evaluation ended as "cancelled", so its results are not whole.': 1,
        'The evaluation ended as "error", so its results are not whole.': 1,
    }
    assert (len(answer["imports"]), answer["failed"]) == (14, 2)
