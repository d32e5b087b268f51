"""Hugging Face: a model repository in a folder (a clone, a download, the cache), or a model card alone.

Front matter and merge configurations of the card, `adapter_config.json`, `mergekit_config.yml`, `config.json`, the
weights (digests and headers) and `.eval_results/*.yaml` become one version with its parents, data and results.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from descent.importers.at import At
from descent.importers.draft import Context, Draft, Unit, json_config
from descent.importers.hf_card import Card, model_name, read_card, safety_profile, summary
from descent.importers.hf_lineage import lineage
from descent.importers.hf_results import FOLDER, model_index, result_files
from descent.importers.hf_weights import artifacts
from descent.importers.reading import Sources, is_file, names_in, read_json, read_text, read_yaml, refused

_CARD: Final = ("README.md", "readme.md", "model_card.md", "MODEL_CARD.md")
_PARTS: Final = ("adapter_config.json", "config.json", "mergekit_config.yml", "mergekit_config.yaml",
                 "mergekit_moe_config.yml")  # fmt: skip
_WEIGHTS: Final = (".safetensors", ".gguf")
_CACHE: Final = re.compile(r"models--(?P<name>.+)")
_REMOTE: Final = re.compile(r"huggingface\.co[:/](?!datasets/|spaces/)([\w.-]+/[\w.-]+?)(?:\.git)?/?\s*$", re.MULTILINE)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Repository:
    """A folder of a repository, or a card alone (then `folder` is None)."""

    folder: Path | None
    card: Path | None

    def file(self, *names: str) -> Path | None:
        """Return the first of these files that is in the folder."""
        folder = self.folder
        return None if folder is None else next((folder / name for name in names if is_file(folder / name)), None)


def find(path: str, sources: Sources) -> Iterator[Unit]:
    """Yield each repository in a folder, and each card (`*.md`) that is in none."""
    start = Path(path)
    if not start.is_dir():
        for file in sources.files(path):
            yield Unit(str(file), (file,))
        return
    yield from _in_folder(start, sources)


def _in_folder(folder: Path, sources: Sources) -> Iterator[Unit]:
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        names = names_in(here)
        if _is_repository(names):
            yield Unit(str(here), (here,))
            continue
        for name in names:
            file = here / name
            if file.is_dir() and not file.is_symlink():
                if not name.startswith(".") and name not in ("blobs", "refs"):
                    waiting.append(file)
            elif name.lower().endswith(".md"):
                yield from (Unit(str(card), (card,)) for card in sources.files(str(file)))
            else:
                sources.passed_over.append((str(file), "no card"))


def _is_repository(names: list[str]) -> bool:
    return any(name in (*_CARD, *_PARTS, FOLDER) or name.lower().endswith(_WEIGHTS) for name in names)


def convert(unit: Unit, context: Context) -> Draft:
    """Return the version that a repository or a card describes, and its results."""
    [file] = unit.files
    repository = _repository(file)
    draft = Draft(unit.source)
    card = _card(repository, draft)
    name, version, how = _identity(file, repository, card)
    subject = context.subject(draft, At(name, (how,), unit.source), version, otherwise="main")
    draft.bare.clear()  # it is described here
    model = _model(subject, repository, card, draft)
    draft.add("models", model, _place(repository, card), subject)
    if card is not None:
        model_index(card.front, subject, draft, context)
    if (folder := repository.folder) is not None:
        result_files(folder, subject, draft, context)
    return draft


def _repository(file: Path) -> Repository:
    if file.is_dir():
        for name in names_in(file):
            if _is_repository([name]) and (file / name).is_symlink() and not is_file(file / name):
                raise refused(str(file), "This link leads out of the folder, and is not followed.", name)
        card = next((file / name for name in _CARD if is_file(file / name)), None)
        return Repository(file, card)
    if file.suffix.lower() == ".md":
        return Repository(None, file)
    if file.name in _PARTS or file.suffix.lower() in _WEIGHTS:
        return Repository(file.parent, None)
    raise refused(
        str(file), f"This is neither a model card (*.md) nor one of {', '.join(_PARTS)}, *.safetensors, *.gguf."
    )


def _card(repository: Repository, draft: Draft) -> Card | None:
    if repository.card is None:
        return None
    alone = repository.folder is None
    card = read_card(read_text(repository.card, 16 * 2**20), str(repository.card))
    if card.front.value is None and alone:
        raise refused(card.front.source, "The card has no front matter (between two lines ---), so it says nothing.")
    if card.front.value is None:
        draft.skip(repository.card.name, "The card has no front matter.")
    return card


def _place(repository: Repository, card: Card | None) -> str:
    return "card" if repository.folder is None or card is None else "repository"


# ---------------------------------------------------------------- which version


def _identity(file: Path, repository: Repository, card: Card | None) -> tuple[str | None, str | None, str]:
    """Return name and commit, and what they are from: the cache, a clone, a download, else the name of the file.

    A card alone that is called README.md is of the model that its front matter names, if it names one.
    """
    parts = file.absolute().parts
    for place, part in enumerate(parts):
        if cached := _CACHE.fullmatch(part):
            commit = (
                parts[place + 2] if parts[place + 1 : place + 2] == ("snapshots",) and len(parts) > place + 2 else None
            )
            return cached["name"].replace("--", "/"), commit, "cache"
    if repository.folder is None:
        if card is not None and file.name.lower() in {name.lower() for name in _CARD}:
            name, how = model_name(card)
            return name, None, how
        return file.stem, None, "name of the file"
    if not file.is_dir():
        return None, None, "name"  # one file of a repository says nothing of the others
    name, commit = _clone(file)
    if name is not None:
        return name, commit, "clone"
    return file.absolute().name, commit or _downloaded(file), "name of the folder"


def _clone(folder: Path) -> tuple[str | None, str | None]:
    git = folder / ".git"
    config, head = git / "config", git / "HEAD"
    if not (is_file(config) and is_file(head)):
        return None, None
    remote = _REMOTE.search(read_text(config, 2**20))
    at = read_text(head, 2**16).strip()
    if at.startswith("ref: ") and ".." not in at and is_file(git / at[5:]):
        at = read_text(git / at[5:], 2**16).strip()
    return remote[1] if remote else None, at if _COMMIT.fullmatch(at) else None


def _downloaded(folder: Path) -> str | None:
    """Return the commit that `hf download --local-dir` left beside its files, if it is one for all of them."""
    traces = folder / ".cache" / "huggingface" / "download"
    if not traces.is_dir():
        return None
    files = [traces / name for name in names_in(traces) if name.endswith(".metadata")]
    commits = {(read_text(one, 2**16).split() or [""])[0] for one in files if is_file(one)}
    return commits.pop() if len(commits) == 1 and all(_COMMIT.fullmatch(one) for one in commits) else None


# ---------------------------------------------------------------- the version


def _model(subject: str, repository: Repository, card: Card | None, draft: Draft) -> dict[str, Any]:
    name, _, version = subject.removeprefix("model:").rpartition("@")
    parts = {
        "adapter": _json(repository.file("adapter_config.json")),
        "merge": _yaml(repository.file("mergekit_config.yml", "mergekit_config.yaml", "mergekit_moe_config.yml")),
        "model": _json(repository.file("config.json")),
    }
    weights = artifacts(repository.folder, name, version, draft) if repository.folder is not None else None
    found = lineage(subject, card, parts, weights, draft)
    config = {key: json_config(part, draft) for key, part in parts.items() if part}
    if card is not None and card.merges and not parts["merge"]:
        merges = [json_config(one, draft) for one in card.merges]
        config["merge"] = merges[0] if len(merges) == 1 else merges
    model: dict[str, Any] = {
        "name": name,
        "version": version,
        "description": summary(card) if card is not None else None,
        "artifacts": weights.artifacts if weights is not None else None,
        "parents": found.parents,
        "trainedOn": found.trained_on,
        "config": config,
        "safetyProfile": safety_profile(card, draft) if card is not None else None,
    }
    return {key: part for key, part in model.items() if part}


def _json(file: Path | None) -> At:
    return At(None, (), "") if file is None else _mapping(read_json(file, 16 * 2**20))


def _yaml(file: Path | None) -> At:
    return At(None, (), "") if file is None else _mapping(read_yaml(file))


def _mapping(root: At) -> At:
    root.mapping()
    return root
