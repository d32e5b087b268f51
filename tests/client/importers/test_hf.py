"""Model cards and repositories of Hugging Face."""

import hashlib
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.client.importers.imports import SHARED, dry, entity, evaluations, imported, refusal, write
from tests.support.server_process import ServerProcess


def card(text: str = "# A model\n", /, **front: Any) -> str:
    return f"---\n{yaml.safe_dump(front)}---\n{text}"


def parents(server: ServerProcess, ref: str) -> list[tuple[str, str]]:
    return [(one["relation"], one["node"]["ref"]) for one in entity(server, ref)["parents"]]


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
    assert '"bogus" is no relation: expected finetune, adapter, merge, quantized.' in said
    assert "(other: base_model_relation is none that is known)" in said
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


# ---------------------------------------------------------------- a repository in a folder


def repository(folder: Path, **files: Any) -> Path:
    for name, content in files.items():
        write(folder / name.replace("__", "."), content)
    return folder


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


def gguf(**metadata: str | int) -> bytes:
    """A GGUF file without tensors: version 3, texts and numbers of 32 bits."""
    data = b"GGUF" + struct.pack("<IQQ", 3, 0, len(metadata))
    for key, value in metadata.items():
        name = key.replace("__", ".").encode()
        data += struct.pack("<Q", len(name)) + name
        if isinstance(value, int):
            data += struct.pack("<II", 4, value)
        else:
            data += struct.pack("<IQ", 8, len(value.encode())) + value.encode()
    return data + b"\0" * (-len(data) % 32)


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


@pytest.mark.parametrize(("name", "data"), [("model.gguf", b"GGUF\1"), ("model.safetensors", b"\xff" * 20)])
def test_weights_that_are_not_what_their_name_says(name: str, data: bytes, tmp_path: Path) -> None:
    write(tmp_path / "broken" / "README.md", card(license="mit"))
    write(tmp_path / "broken" / name, data)
    assert name in refusal("hf", tmp_path / "broken")


def test_git_lfs_pointers_have_the_digest_of_what_they_stand_for(server: ServerProcess, tmp_path: Path) -> None:
    digest = "4" * 64
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 14483464192\n"
    folder = repository(tmp_path / "pointed", README__md=card(license="mit"), model__safetensors=pointer)
    imported(server, "hf", folder)
    [artifact] = entity(server, "model:pointed@main")["artifacts"]
    assert (artifact["digest"], artifact["size"]) == (f"sha256:{digest}", 14483464192)


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


def test_cache_clone_and_download_name_the_version(tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    cache = tmp_path / "models--org--cached"
    blob = write(cache / "blobs" / "aa", card(license="mit"))
    snapshot = cache / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "README.md").symlink_to(blob)
    assert f"→ model:org/cached@{commit}" in dry("hf", cache).stdout
    assert f"→ model:org/cached@{commit}" in dry("hf", snapshot).stdout
    clone = repository(tmp_path / "clone", README__md=card(license="mit"))
    write(clone / ".git" / "config", '[remote "origin"]\n\turl = https://huggingface.co/org/cloned.git\n')
    write(clone / ".git" / "HEAD", "ref: refs/heads/main\n")
    write(clone / ".git" / "refs" / "heads" / "main", commit + "\n")
    assert f"→ model:org/cloned@{commit}" in dry("hf", clone).stdout
    download = repository(tmp_path / "download", README__md=card(license="mit"))
    write(download / ".cache" / "huggingface" / "download" / "README.md.metadata", f"{commit}\nabc\n1700000000.0\n")
    assert f"→ model:download@{commit}" in dry("hf", download).stdout


def test_a_folder_of_repositories_and_cards(tmp_path: Path) -> None:
    repository(tmp_path / "one", README__md=card(license="mit"))
    repository(tmp_path / "deep" / "two", config__json={"hidden_size": 8})
    write(tmp_path / "three.md", card(license="mit"))
    write(tmp_path / "notes.txt", "no card")
    said = dry("hf", tmp_path).stdout
    assert {name for name in ("one", "two", "three") if f"→ model:{name}@main" in said} == {"one", "two", "three"}


def test_a_card_called_readme_names_no_model_by_its_file(tmp_path: Path) -> None:
    file = write(tmp_path / "README.md", card(license="mit"))
    assert "give --model NAME@VERSION" in refusal("hf", file)
    assert "→ model:org/named@2, as you said" in dry("hf", file, "--model", "org/named@2").stdout
    assert f"→ model:{tmp_path.name}@main" in dry("hf", tmp_path).stdout
    write(file, card(**{"model-index": [{"name": "indexed", "results": []}]}))
    assert "→ model:indexed@main" in dry("hf", file).stdout
    write(file, card(**{"model-index": [{"name": "one"}, {"name": "other"}]}))
    assert "give --model NAME@VERSION" in refusal("hf", file)
    write(file, card(model_name="stated"))
    said = dry("hf", file).stdout
    assert "→ model:stated@main" in said
    assert "No place for" not in said


def test_links_that_lead_out_of_a_repository(tmp_path: Path) -> None:
    outside = write(tmp_path / "secret.md", card(license="mit"))
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "README.md").symlink_to(outside)
    assert "leads out of the folder" in refusal("hf", folder)


# ---------------------------------------------------------------- results and profile


def test_model_index(server: ServerProcess, tmp_path: Path) -> None:
    leaderboard = {"name": "Open LLM Leaderboard", "url": "https://example.org"}
    arc = {"type": "ai2_arc", "name": "ARC", "config": "ARC-Challenge", "split": "test", "args": {"num_few_shot": 25}}
    beans = {"type": "beans", "name": "Beans", "revision": "55"}
    results = [
        {
            "task": {"type": "text-generation"},
            "dataset": arc,
            "metrics": [{"type": "acc_norm", "value": 0.5}],
            "source": leaderboard,
        },
        {
            "task": {"type": "image"},
            "dataset": beans,
            "metrics": [{"type": "f1", "value": 0.66}, {"type": "f1", "value": 66}],
        },
        {"task": {"type": "image"}, "metrics": [{"type": "acc", "value": 0.9}]},
        {"dataset": beans, "metrics": [{"type": "accuracy", "value": "90 %"}, {"type": "wit", "value": 1.0}]},
        ["malformed"],
    ]
    index: Any = [{"name": "x", "results": results}]
    answer = imported(server, "hf", write(tmp_path / "indexed.md", card(**{"model-index": index})))
    found = {one["suite"]["name"]: one for one in evaluations(server, "model:indexed@main")}
    assert found.keys() == {"ai2_arc", "beans"}
    assert found["ai2_arc"]["metrics"][0]["value"] == 0.005  # the leaderboard reports per cent
    assert found["ai2_arc"]["suite"]["config"]["args"] == {"num_few_shot": 25}
    assert (found["beans"]["suite"]["version"], found["beans"]["metrics"][0]["value"]) == ("55", 0.66)
    reasons = Counter(
        one["place"].split("].")[1] for one in answer["imports"][0]["notPlaced"] if "results" in one["place"]
    )
    assert reasons == {"results[1": 1, "results[2]": 1, "results[3": 2, "results[4]": 1}


def test_eval_results_need_their_metric_from_the_table(server: ServerProcess, tmp_path: Path) -> None:
    entry = "- dataset: {id: cais/hle, task_id: default, revision: abc}\n  value: 20.9\n  date: '2025-01-15'\n"
    folder = repository(tmp_path / "evaluated", README__md=card(license="mit"))
    write(folder / ".eval_results" / "hle.yaml", entry)
    answer = imported(server, "hf", folder)
    assert "cais/hle/default is no metric" in answer["imports"][0]["notPlaced"][-1]["reason"]
    mapping = write(tmp_path / "map.yaml", "hf: {cais/hle/default: {metric: accuracy, factor: 0.01}}")
    imported(server, "hf", folder, "--mapping", mapping)
    [one] = evaluations(server, "model:evaluated@main")
    assert one["evaluatedAt"].startswith("2025-01-15T00:00:00")
    assert one["metrics"][0]["value"] == pytest.approx(0.209)
    write(folder / ".eval_results" / "bad.yaml", "- dataset: {id: cais/hle}\n")
    assert "[0].value: Expected a number" in refusal("hf", folder)


PROFILE = """\
# Card
## Uses
### Direct Use
<!-- hidden -->
Answering questions about birds.
### Out-of-Scope Use
- Medical advice.
- Legal advice.
## Bias, Risks, and Limitations
It knows no penguins.
"""


def test_a_profile_is_what_the_usual_headings_say(server: ServerProcess, tmp_path: Path) -> None:
    imported(server, "hf", write(tmp_path / "birds.md", card(PROFILE, license="mit")))
    profile = entity(server, "model:birds@main")["safetyProfile"]
    assert profile["intendedUse"] == "Answering questions about birds."
    assert profile["mustNotDo"] == ["Medical advice.", "Legal advice."]
    assert profile["notes"] == [{"author": "model card", "text": "It knows no penguins."}]
    unfilled = PROFILE.replace("Answering questions about birds.", "[More Information Needed]")
    said = dry("hf", write(tmp_path / "unfilled.md", card(unfilled, license="mit"))).stdout
    assert "does not say its intended use" in said


def test_config_holds_what_json_can(server: ServerProcess, tmp_path: Path) -> None:
    text = '{"hidden_size": 8, "scale": Infinity, "longest": 1000000000000000019884624838656, "nested": [NaN]}'
    answer = imported(server, "hf", repository(tmp_path / "odd-config", config__json=text))
    assert len([one for one in answer["imports"][0]["notPlaced"] if "kept as text" in one["reason"]]) == 3
    parameters = entity(server, "model:odd-config@main")["config"]["parameters"]["model"]
    assert parameters["scale"] == "inf"


# ---------------------------------------------------------------- wrong input


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The file is empty."),
        ("# no front matter", "no front matter"),
        ("---\nlicense: mit\n", "does not end"),
        ("---\n{card_data}\n---\n", "template whose front matter was never filled in"),
        ("---\na: [\n---\n", "not YAML"),
        ("---\na: 1\na: 2\n---\n", "given twice"),
        ("---\n- a\n---\n", "Expected a mapping, got a list."),
        ("---\ndataset_info: {}\n---\n", "card of a dataset"),
        ("---\n---\n", "says nothing"),
        ("---\nx: !!python/object/apply:os.system [ls]\n---\n", "tag"),
    ],
)
def test_bad_cards(text: str, said: str, tmp_path: Path) -> None:
    message = refusal("hf", write(tmp_path / "bad.md", text))
    assert message.startswith(str(tmp_path / "bad.md"))
    assert said in message


def test_files_that_are_no_cards(tmp_path: Path) -> None:
    assert "neither a model card" in refusal("hf", write(tmp_path / "x.json", "{}"))
    assert "There is no such file" in refusal("hf", tmp_path / "nothing")
    assert "There is nothing of this format here." in refusal("hf", write(tmp_path / "empty" / "x.txt", "").parent)
    broken = repository(tmp_path / "broken", README__md=card(license="mit"), adapter_config__json='{"r": 1')
    assert "adapter_config.json:1: The file ends in the middle of the JSON" in refusal("hf", broken)


# ---------------------------------------------------------------- real cards


def test_real_cards_are_imported_or_refused_for_a_reason(server: ServerProcess) -> None:
    """Cards that are beside the repository where it is developed; elsewhere the cards above stand for them."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not here: the fixtures above have the same shapes")
    answer = imported(server, "hf", SHARED / "hf-cards", SHARED / "formats" / "hf-model-card", exit_code=1)
    failed = {Path(one["source"]).name: one["problems"][0]["message"] for one in answer["imports"] if one["problems"]}
    assert failed == {
        "huggingface_hub__fixtures__cards__sample_datasetcard_template.md": (
            "This is a template whose front matter was never filled in."
        )
    }
    assert len(answer["imports"]) == 67
    became = Counter(
        one["became"].split(": ")[0].split("(")[1]
        for found in answer["imports"]
        for one in found["placed"]
        if one["became"].startswith("parent ")
    )
    assert became == {"merge": 53, "fine_tune": 35, "other": 4, "adapter": 3}
