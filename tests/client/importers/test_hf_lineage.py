"""Parents, by model cards, adapters, mergekit files and headers of weights."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.client.importers.cards import card, gguf, parents, repository
from tests.client.importers.imports import dry, entity, imported, write
from tests.support.server_process import ServerProcess

MERGE = """\
Made with

```yaml
slices:
  - sources:
      - {model: one/a, layer_range: [0, 32]}
      - {model: one/b+one/lora, layer_range: [0, 32]}
merge_method: slerp
base_model: one/a
```
"""


# ---------------------------------------------------------------- lineage


@pytest.mark.parametrize(
    ("front", "text", "expected"),
    [
        ({"base_model": "org/base"}, "", [("FINE_TUNE", "org/base")]),
        ({"base_model": ["org/a", "org/b"]}, "", [("OTHER", "org/a"), ("OTHER", "org/b")]),
        ({"base_model": ["org/a", "org/b"], "tags": ["merge"]}, "", [("MERGE", "org/a"), ("MERGE", "org/b")]),
        ({"base_model": "org/a", "base_model_relation": "quantized"}, "", [("QUANTIZE", "org/a")]),
        (
            {"base_model": ["org/a", "org/b"], "base_model_relation": "merge"},
            "",
            [("MERGE", "org/a"), ("MERGE", "org/b")],
        ),
        ({"base_model": "org/a", "library_name": "peft"}, "", [("ADAPTER", "org/a")]),
        ({"base_model": "org/a", "tags": ["gguf"]}, "", [("QUANTIZE", "org/a")]),
        ({"base_model": "https://huggingface.co/org/a"}, "", [("FINE_TUNE", "org/a")]),
        ({"base_model": ["org/a", "org/a", "Org/A"]}, "", [("OTHER", "org/a")]),
        ({"license": "mit"}, MERGE, [("MERGE", "one/a"), ("MERGE", "one/b"), ("MERGE", "one/lora")]),
        ({"base_model": ["", None, "/home/me/model", "a@b"], "license": "mit"}, "", []),
        ({"base_model": [], "license": "mit"}, "", []),
        ({"base_model": "org/a", "base_model_relation": "bogus"}, "", [("OTHER", "org/a")]),
        ({"base_model": "org/a", "base_model_relation": ["merge"]}, "", [("OTHER", "org/a")]),
        ({"base_model": "org/a", "base_model_relation": " Adapter"}, "", [("ADAPTER", "org/a")]),
    ],
)
def test_relations(
    front: dict[str, Any], text: str, expected: list[tuple[str, str]], server: ServerProcess, tmp_path: Path
) -> None:
    name = hashlib.sha256(repr((front, text)).encode()).hexdigest()[:12]
    answer = imported(server, "hf", write(tmp_path / f"{name}.md", card(text, **front)))
    assert answer["failed"] == 0
    assert parents(server, f"model:{name}@main") == [(relation, f"model:{of}@main") for relation, of in expected]


def test_what_is_no_parent_is_said(tmp_path: Path) -> None:
    file = write(
        tmp_path / "c.md", card(base_model=["/home/me/model", "a@b", 3], datasets=["org/d", ""], license="mit")
    )
    said = dry("hf", file).stdout
    assert '"/home/me/model" is a path on another machine' in said
    assert '"a@b" contains "@"' in said
    assert "base_model[2]" in said
    assert "datasets[1]" in said
    assert "trained on dataset:org/d@main (role train" in said


def test_a_relation_and_a_model_index_of_another_shape_are_named(tmp_path: Path) -> None:
    front = {"base_model": "org/a", "base_model_relation": "bogus", "model-index": 7}
    said = dry("hf", write(tmp_path / "c.md", card(**front))).stdout
    assert '"bogus" is not a relation: expected finetune, adapter, merge, quantized.' in said
    assert "(other: base_model_relation is not a known one)" in said
    assert "where the card says no more" not in said
    assert "Expected a mapping with results, got the number 7." in said


PLACEHOLDERS = """\
```yaml
models:
- model: previous/model/path
- model: output/first
- model: ./x
- model: ../y
- model: /z
- model: org/real
merge_method: ties
base_model: previous/model/path
```
"""


def test_placeholders_and_local_paths_of_a_merge_are_no_parents(server: ServerProcess, tmp_path: Path) -> None:
    file = write(tmp_path / "placeholders.md", card(PLACEHOLDERS, license="mit"))
    [one] = imported(server, "hf", file)["imports"]
    assert parents(server, "model:placeholders@main") == [("MERGE", "model:org/real@main")]
    reasons = [each["reason"] for each in one["notPlaced"]]
    for path in ("previous/model/path", "output/first", "./x", "../y", "/z"):
        assert any(reason.startswith(f'"{path}" is a path on another machine') for reason in reasons), path


def test_an_order_that_puts_children_first_makes_no_conflict(server: ServerProcess, tmp_path: Path) -> None:
    write(tmp_path / "a-child.md", card(base_model="z-base"))
    write(tmp_path / "z-base.md", card(datasets=["order/data"]))
    assert imported(server, "hf", tmp_path)["failed"] == 0
    assert [one["node"]["ref"] for one in entity(server, "model:z-base@main")["trainedOn"]] == [
        "dataset:order/data@main"
    ]


def test_lineage_that_is_imported_later_is_disclosed(server: ServerProcess, tmp_path: Path) -> None:
    imported(server, "hf", write(tmp_path / "late-child.md", card(base_model="late-base")))
    base = write(tmp_path / "late-base.md", card(base_model="late-root", datasets=["late/data"], license="mit"))
    first = imported(server, "hf", base)
    assert first["failed"] == 0
    assert "cannot be added" in first["imports"][0]["notPlaced"][-1]["reason"]
    [disclosure] = entity(server, "model:late-base@main")["disclosures"]
    assert disclosure["parents"][0]["node"]["ref"] == "model:late-root@main"
    assert disclosure["trainedOn"][0]["node"]["ref"] == "dataset:late/data@main"
    assert imported(server, "hf", base)["created"] == 0


def test_an_adapter_in_a_folder(server: ServerProcess, tmp_path: Path) -> None:
    weights = b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "
    folder = repository(
        tmp_path / "adapter",
        README__md=card(base_model=["org/base", "org/other"], license="mit"),
        adapter_config__json={"base_model_name_or_path": "org/base", "revision": "v2", "r": 16, "peft_type": "LORA"},
        adapter_model__safetensors=weights,
        training_args__bin=b"\x80\x04N.",
    )
    imported(server, "hf", folder)
    found = entity(server, "model:adapter@main")
    assert parents(server, "model:adapter@main") == [
        ("ADAPTER", "model:org/base@v2"),
        ("ADAPTER", "model:org/other@main"),
    ]
    assert found["config"]["parameters"]["adapter"]["r"] == 16
    [artifact] = found["artifacts"]
    assert artifact["digest"] == "sha256:" + hashlib.sha256(weights).hexdigest()
    assert artifact["size"] == len(weights)


def test_gguf_headers_name_their_base_models(server: ServerProcess, tmp_path: Path) -> None:
    header = gguf(
        general__architecture="llama",
        general__base_model__count=2,
        general__base_model__0__repo_url="https://huggingface.co/org/quantized",
        general__base_model__1__organization="org",
        general__base_model__1__name="second",
    )
    imported(server, "hf", repository(tmp_path / "in-gguf", README__md=card(license="mit"), model__gguf=header))
    expected = [("OTHER", "model:org/quantized@main"), ("OTHER", "model:org/second@main")]
    assert parents(server, "model:in-gguf@main") == expected


def test_a_mergekit_file(server: ServerProcess, tmp_path: Path) -> None:
    models = "models:\n- model: {model: {path: m/a}}\n- model: m/b\n- model: ./local\n"
    merge = f"{models}merge_method: ties\nbase_model: m/base\n"
    folder = repository(tmp_path / "merged-folder", mergekit_config__yml=merge)
    answer = imported(server, "hf", folder)
    assert parents(server, "model:merged-folder@main") == [
        ("MERGE", "model:m/a@main"),
        ("MERGE", "model:m/b@main"),
        ("MERGE", "model:m/base@main"),
    ]
    assert any("path on another machine" in one["reason"] for one in answer["imports"][0]["notPlaced"])
