"""The digests of tensors, and the commands that show and state them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import descent
from descent import compatibility
from descent.cli import app
from descent.tensors import InvalidTensorFile, read_header
from descent.tensors.digests import LEAST, TensorDigest, statement, tensor_digests
from descent.training.ranks import VARIABLES
from tests.client.registry import Registry
from tests.support.tensor_files import Arrays, write_gguf, write_safetensors

VARIED = bytes(range(256)) * 8


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("digests")


@given(sizes=st.lists(st.integers(0, 700), max_size=5), seed=st.binary(min_size=3, max_size=9), gguf=st.booleans())
def test_digests_are_those_of_the_bytes_in_the_file(sizes: list[int], seed: bytes, gguf: bool, folder: Path) -> None:
    given: Arrays = {
        f"w{place}": ("F32", (size,), (bytes([place]) + seed + VARIED * 2)[: 4 * size])
        for place, size in enumerate(sizes)
    }
    path = (write_gguf if gguf else write_safetensors)(folder / "model", given)
    seen: list[tuple[int, int]] = []
    found = tensor_digests(read_header(path), lambda done, total: seen.append((done, total)))
    expected = {name: data for name, (_, _, data) in given.items() if len(data) >= LEAST}
    assert {one.name: (one.digest, one.size) for one in found} == {n: (sha256(d), len(d)) for n, d in expected.items()}
    assert seen == sorted(seen)
    if expected:
        assert seen[-1] == (sum(map(len, expected.values())),) * 2


def test_what_unrelated_models_share_is_left_out(tmp_path: Path) -> None:
    ones = bytes.fromhex("0000803f")
    given: Arrays = {
        "zeros": ("F32", (512,), bytes(2048)),
        "ones": ("F32", (2_000_000,), ones * 2_000_000),
        "almost": ("F32", (2_000_000,), ones * 1_999_999 + bytes(4)),
        "positions": ("I64", (256,), VARIED),
        "mask": ("BOOL", (2048,), VARIED),
        "small": ("F32", (255,), VARIED[:1020]),
        "weight": ("BF16", (1024,), VARIED),
    }
    found = tensor_digests(read_header(write_safetensors(tmp_path / "m.safetensors", given)))
    assert sorted(one.name for one in found) == ["almost", "weight"]
    blocks: Arrays = {"same": ("Q4_0", (64, 64), (b"ab" + bytes(16)) * 128), "other": ("Q4_0", (64, 32), VARIED[:1152])}
    found = tensor_digests(read_header(write_gguf(tmp_path / "m.gguf", blocks)))
    assert [one.name for one in found] == ["other"]


def test_names_that_a_registry_would_refuse_are_places(tmp_path: Path) -> None:
    names = ["ok", "a\u202eb", "x" * 300, "é", "e\u0301", " ", "c\x00"]
    given: Arrays = {name: ("F32", (512,), bytes([place]) + VARIED[1:]) for place, name in enumerate(names)}
    found = tensor_digests(read_header(write_safetensors(tmp_path / "m.safetensors", given)))
    assert [one.name for one in found] == ["ok", "#1", "#2", "é", "#4", "#5", "#6"]
    subject = {"models": [{"name": "m", "version": "1"}], "tensorDigests": [statement("model:m@1", sha256(b""), found)]}
    descent.parse_manifest(json.dumps(subject).encode(), "m", "json")


def test_a_file_that_is_cut_off_after_its_header_was_read_is_refused(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "m.safetensors", {"w": ("F32", (512,), VARIED)})
    header = read_header(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InvalidTensorFile, match='tensor "w" is cut off'):
        tensor_digests(header)


# ---------------------------------------------------------------- commands

REGISTERED = {"created": 1, "existing": 0, "records": []}


def call(registry: Registry, *arguments: str) -> tuple[int, str, str]:
    ran = CliRunner().invoke(app, [*arguments, "--url", registry.url])
    return ran.exit_code, ran.stdout, ran.stderr


def test_scan_shows_states_and_warns(registry: Registry, tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "m.safetensors", {"w": ("F32", (512,), VARIED), "b": ("F32", (1,), bytes(4))})
    code, out, _ = call(registry, "scan", str(path), "--format", "json")
    [row] = json.loads(out)
    assert code == 0
    assert row["digest"] == sha256(path.read_bytes())
    assert (row["format"], row["count"], row["size"]) == ("safetensors", 2, 2052)
    assert row["tensors"] == [{"name": "w", "digest": sha256(VARIED), "size": 2048}]
    assert registry.asked == []
    answer = {"data": {"register": REGISTERED}, "extensions": {"warnings": ["1 of 1 tensors are those of model:b@1."]}}
    registry.answers["Register"] = lambda _variables: answer
    code, _, err = call(registry, "scan", str(path), "--of", "model:m@1")
    assert code == 0
    assert "warning: 1 of 1 tensors are those of model:b@1." in err
    assert registry.variables("Register") == [
        {
            "manifest": {
                "tensorDigests": [statement("model:m@1", row["digest"], [TensorDigest("w", sha256(VARIED), 2048)])]
            }
        }
    ]


def test_scan_goes_on_after_a_broken_file(registry: Registry, tmp_path: Path) -> None:
    whole = write_safetensors(tmp_path / "whole.safetensors", {"w": ("F32", (512,), VARIED)})
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no")
    code, out, err = call(registry, "scan", str(broken), str(whole))
    assert code == 1
    assert "whole.safetensors" in out
    assert f"{broken}, byte 0: the length of the header would take 8 bytes, and 2 are left." in err


def test_kin_says_how_much_is_shared(registry: Registry) -> None:
    node = {"id": sha256(b""), "ref": "model:base@1", "kind": "MODEL_VERSION"}
    edge = {"relation": "UNDECLARED", "shared": 288, "undeclared": 288, "size": 999, "node": node}
    page = {"totalCount": 1, "pageInfo": {"hasNextPage": False, "endCursor": None}, "edges": [edge]}
    registry.on("Kin", {"kin": {"tensors": 291, "size": 1000, **page}})
    code, out, _ = call(registry, "kin", "model:m@1")
    assert code == 0
    assert out.splitlines()[1].split() == ["UNDECLARED", "288", "of", "291", "999", "model:base@1"]
    registry.on("Kin", {"kin": {"tensors": 0, "size": 0, **page, "totalCount": 0, "edges": []}})
    assert "descent scan FILES --of model:m@1" in call(registry, "kin", "model:m@1")[2]


def test_a_run_states_the_tensors_of_its_files(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DESCENT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.resolve().parent))
    monkeypatch.setattr("descent.training.runs.running_script", lambda: tmp_path / "train.py")
    monkeypatch.setattr(compatibility, "_compared", {})
    record = {"id": sha256(b""), "ref": "model:m@1", "kind": "MODEL_VERSION"}
    registry.on("Register", {"register": {**REGISTERED, "records": [record]}})
    path = write_safetensors(tmp_path / "m.safetensors", {"w": ("F32", (512,), VARIED)})
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    said: list[str] = []
    with descent.run("m", url=registry.url, say=said.append) as run:
        run.log_artifact(path)
        run.log_artifact(tmp_path / "broken.gguf")
    [variables] = registry.variables("Register")
    manifest: dict[str, Any] = variables["manifest"]
    assert manifest["tensorDigests"] == [
        statement("model:m", sha256(path.read_bytes()), [TensorDigest("w", sha256(VARIED), 2048)])
    ]
    assert len(manifest["models"][0]["artifacts"]) == 2
    assert any(sentence.startswith("No tensors are compared. ") and "broken.gguf" in sentence for sentence in said)
