"""Model cards and repositories of Hugging Face."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.client.importers.cards import card, repository
from tests.client.importers.imports import SHARED, dry, entity, evaluations, imported, refusal, write
from tests.support.server_process import ServerProcess


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
    assert "cais/hle/default is not a metric" in answer["imports"][0]["notPlaced"][-1]["reason"]
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
