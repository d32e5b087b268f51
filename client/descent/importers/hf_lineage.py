"""What a model was made from, by its card and the configuration files of PEFT and mergekit."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from descent.importers.at import At
from descent.importers.draft import Draft, is_path
from descent.importers.hf_card import Card
from descent.importers.hf_weights import Weights
from descent.names import fault_in_name, fault_in_new_name

_RELATIONS: Final = {
    "adapter": "ADAPTER", "finetune": "FINE_TUNE", "finetuned": "FINE_TUNE", "fine-tune": "FINE_TUNE",
    "merge": "MERGE", "quantized": "QUANTIZE", "quantised": "QUANTIZE", "distill": "DISTILL", "distilled": "DISTILL",
}  # fmt: skip
_HUB_RELATIONS: Final = ("finetune", "adapter", "merge", "quantized")
_MERGED: Final = {"merge", "mergekit", "merged", "lazymergekit", "frankenmoe"}
_QUANTIZED: Final = {"gguf", "gptq", "awq", "exl2", "ggml"}
_OUTPUTS: Final = ("output/", "outputs/")
"""Folders into which examples of mergekit write."""

_URL: Final = re.compile(r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?:models/|datasets/)?", re.IGNORECASE)


@dataclass(slots=True)
class Lineage:
    """Parents and training data, in the shape of a manifest."""

    parents: list[dict[str, str]] = field(default_factory=list)
    trained_on: list[dict[str, str]] = field(default_factory=list)


def lineage(subject: str, card: Card | None, parts: Mapping[str, At], weights: Weights | None, draft: Draft) -> Lineage:
    """Return the parents and the data of a version.

    Several base models are a merge only where merging is shown: by a mergekit configuration, a tag or
    `base_model_relation`. Otherwise the derivation stays unspecified.
    """
    found = Lineage()
    listed = _base_models(card, draft)
    merged = _merged(card, parts, draft)
    adapted = parts["adapter"].at("base_model_name_or_path")
    quantized = weights.base_models if weights is not None else []
    if card is not None and (stated := card.front.at("base_model_relation")) and _stated_relation(stated) is None:
        draft.skip(stated.place, f'"{str(stated.value)[:40]}" is not a relation: expected {", ".join(_HUB_RELATIONS)}.')
    relation, why = _relation(card, parts, weights, merged=bool(merged), several=len(listed) > 1)
    sources: list[tuple[At, str, str | None]] = []
    if isinstance(adapted.value, str) and adapted.value.strip():
        sources.append((adapted, adapted.value.strip(), parts["adapter"].at("revision").label()))
    sources += [(at, name, None) for at, name in listed] + merged + [(at, name, None) for at, name in quantized]
    seen = set[str]()
    for at, written, revision in sources:
        name = _URL.sub("", written).rstrip("/ ")
        key = name.casefold()
        if not _names_model(at, name, draft) or key in seen:
            continue
        seen.add(key)
        ref = f"model:{name}@{revision or 'main'}"
        if ref == subject:
            draft.skip(at.place, f"{name} is the version itself.")
            continue
        # the header of a GGUF file names what its model came from, which may lie several derivations back
        how, shown = (
            ("OTHER", "named in the header of the weights, and not how")
            if (at, written) in quantized
            else (relation, why)
        )
        found.parents.append({"ref": draft.mention(ref), "relation": how})
        default = "" if revision else ", at main, since no revision is stated"
        draft.placed.append((at.place or "weights", f"parent {ref} ({how.lower()}: {shown}){default}"))
    if card is not None:
        _datasets(card, found, draft)
    return found


def _relation(
    card: Card | None, parts: Mapping[str, At], weights: Weights | None, *, merged: bool, several: bool
) -> tuple[str, str]:
    """Return the relation to the parents, and what shows it."""
    front = card.front if card is not None else At(None, (), "")
    stated = front.at("base_model_relation")
    tags = {str(one.value).lower() for one in front.at("tags").one_or_more()}
    if how := _stated_relation(stated):
        return how, "base_model_relation"
    if merged:
        return "MERGE", "mergekit configuration"
    if parts["adapter"]:
        return "ADAPTER", "adapter_config.json"
    if tags & _MERGED:
        return "MERGE", f"tag {min(tags & _MERGED)}"
    if several:
        return "OTHER", "several base models, and nothing shows that they were merged"
    if parts["model"].at("quantization_config") or (weights is not None and weights.has_gguf):
        return "QUANTIZE", "quantized weights"
    if tags & _QUANTIZED or str(front.at("library_name").value).lower() in _QUANTIZED:
        return "QUANTIZE", "tags of the card"
    if {"adapter", "lora", "peft"} & tags or str(front.at("library_name").value).lower() in (
        "peft",
        "adapter-transformers",
    ):
        return "ADAPTER", "tags of the card"
    unknown = "OTHER", "base_model_relation is not a known one"
    return unknown if stated else ("FINE_TUNE", "what base_model means where the card says no more")


def _stated_relation(at: At) -> str | None:
    return _RELATIONS.get(at.value.strip().lower()) if isinstance(at.value, str) else None


def _base_models(card: Card | None, draft: Draft) -> list[tuple[At, str]]:
    found = []
    for at in (card.front.at("base_model") if card is not None else At(None, (), "")).one_or_more():
        if not isinstance(at.value, str) or not at.value.strip():
            draft.skip(at.place, "No name of a model.")
            continue
        found.append((at, at.value.strip()))
    return found


def _names_model(at: At, name: str, draft: Draft) -> bool:
    """Return whether a text can name a model of the hub; the draft says what cannot, such as a path of mergekit."""
    if name.count("/") > 1 or name.startswith(_OUTPUTS):
        draft.skip(at.place, f'"{name}" is a path on another machine, which names no model: expected OWNER/NAME.')
        return False
    return _usable(at, name, draft)


def _usable(at: At, name: str, draft: Draft) -> bool:
    if is_path(name):
        draft.skip(at.place, f'"{name}" is a path on another machine, which names no model.')
        return False
    if fault := fault_in_name(name) or fault_in_new_name(name):
        draft.skip(at.place, f'"{name}" {fault}.')
        return False
    return True


def _datasets(card: Card, found: Lineage, draft: Draft) -> None:
    for at in card.front.at("datasets").one_or_more():
        name = _URL.sub("", at.value).strip("/ ") if isinstance(at.value, str) else ""
        if not name:
            draft.skip(at.place, "No name of a dataset.")
        elif _usable(at, name, draft):
            ref = draft.mention(f"dataset:{name}@main")
            entry = {"ref": ref, "role": "TRAIN"}
            if entry not in found.trained_on:
                found.trained_on.append(entry)
                draft.placed.append((at.place, f"trained on {ref} (role train; at main, since no revision is stated)"))


# ---------------------------------------------------------------- mergekit


def _merged(card: Card | None, parts: Mapping[str, At], draft: Draft) -> list[tuple[At, str, None]]:
    """Return what was merged; of several merges in one card, the later ones use what the earlier ones made."""
    configs = list(_merge_configs(card, parts))
    found: list[tuple[At, str, None]] = []
    for config in configs:
        for at, name in merge_sources(config):
            if len(configs) > 1 and "/" not in name:
                draft.skip(
                    at.place, f'"{name}" has no owner: another of the {len(configs)} merges in this card made it.'
                )
            else:
                found.append((at, name, None))
    return found


def _merge_configs(card: Card | None, parts: Mapping[str, At]) -> Iterator[At]:
    if parts["merge"]:
        yield parts["merge"]
    elif card is not None:
        yield from card.merges


def merge_sources(config: At) -> Iterator[tuple[At, str]]:
    """Yield the models that a mergekit configuration merges: of `models`, `slices`, `experts`, and `base_model`."""
    for entry in _entries(config):
        for key in ("model", "source_model"):
            yield from _named(entry.at(key))
    yield from _named(config.at("base_model"))


def _entries(config: At) -> Iterator[At]:
    for key in ("models", "experts", "shared_experts"):
        yield from _listed(config.at(key))
    for part in _listed(config.at("slices")):
        yield from _listed(part.at("sources"))


def _listed(at: At) -> Iterator[At]:
    return at.items() if isinstance(at.value, list) else iter(())


def _named(at: At) -> Iterator[tuple[At, str]]:
    """Yield the model that is written here, and the adapter that is added to it (`model+lora`)."""
    value: Any = at.value
    if isinstance(value, dict):
        value = (
            value.get("path") or (value.get("model") or {}).get("path")
            if not isinstance(value.get("model"), str)
            else value["model"]
        )
    if isinstance(value, str):
        for part in value.split("+"):
            if part.strip():
                yield at, part.strip()
