"""CycloneDX ML-BOMs (JSON, 1.5 to 1.7): machine learning models, what they descend from, and datasets.

A component of type machine-learning-model is a version. Its `pedigree.ancestors` are parents; by which relation is not
stated. `modelCard.modelParameters.datasets` lists data of training and of evaluation, and does not say which is which.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from descent.importers.at import At
from descent.importers.draft import UNSTATED, Context, Draft, Given, Unit
from descent.importers.reading import Sources, read_json
from descent.names import fault_in_name, fault_in_new_name

_MODEL: Final = "machine-learning-model"
_PURL: Final = re.compile(r"pkg:[^/]+/(?P<name>[^@?#]+)(@(?P<version>[^?#]+))?")
_SUITE: Final = "CycloneDX model card"
_CONSIDERATIONS: Final = ("users", "useCases", "technicalLimitations", "performanceTradeoffs", "ethicalConsiderations",
                          "fairnessAssessments")  # fmt: skip
_LEFT: Final = ("dependencies", "vulnerabilities", "formulation", "compositions", "annotations", "declarations")


def find(path: str, sources: Sources) -> Iterator[Unit]:
    """Yield each bill of materials."""
    for file in sources.files(path, (".json",)):
        yield Unit(str(file), (file,))


def convert(unit: Unit, context: Context) -> Draft:
    """Return the versions and datasets in a bill of materials."""
    root = read_json(unit.files[0])
    _check(root)
    components = [one for one in _components(root) if isinstance(one.value, dict)]
    models = [one for one in components if one.at("type").value == _MODEL]
    data = {ref: one for one in components if _is_data(one) and (ref := one.at("bom-ref").text())}
    if not models and not any(_is_data(one) for one in components):
        raise root.fault("It has no machine learning model and no dataset among its components: it is not an ML-BOM.")
    draft = Draft(unit.source)
    for one in components:
        if _is_data(one):
            _add_data(one, draft, context)
    for one in models:
        _add_model(one, draft, context, data)
    for key in _LEFT:
        if root.at(key):
            draft.skip(key, "This part of a bill of materials has no place in the registry.")
    return draft


def _check(root: At) -> None:
    if not isinstance(root.value, dict) or root.at("bomFormat").value != "CycloneDX":
        raise root.fault("This is not a CycloneDX file in JSON: it has no bomFormat CycloneDX.")
    version = root.at("specVersion").label() or ""
    numbers = re.fullmatch(r"(\d+)\.(\d+)", version)
    if numbers is None:
        raise root.at("specVersion").fault(f'"{version}" is not a version of the specification.')
    if (int(numbers[1]), int(numbers[2])) < (1, 5):
        raise root.at("specVersion").fault(f"This is CycloneDX {version}; models are described since 1.5.")


def _components(root: At) -> Iterator[At]:
    """Yield the main component, the components, and what those consist of unless they are models themselves."""
    waiting = [root.at("metadata", "component")] if root.at("metadata", "component") else []
    waiting += list(root.at("components").items())
    while waiting:
        one = waiting.pop(0)
        yield one
        if isinstance(one.value, dict) and one.at("type").value != _MODEL:
            waiting += list(one.at("components").items())


def _is_data(at: At) -> bool:
    kinds = [part.at("type").value for part in at.at("data").items()] if isinstance(at.value, dict) else []
    return isinstance(at.value, dict) and at.at("type").value == "data" and (not kinds or "dataset" in kinds)


def _name(at: At) -> tuple[At, str | None]:
    """Return the full name of a component, with its group, and its version: as stated, else by its package URL."""
    name, group = at.at("name").text(), at.at("group").text()
    purl = _PURL.match(at.at("purl").text() or "")
    version = at.at("version").label() or (purl["version"] if purl else None)
    if name is None:
        raise at.at("name").expected("the name of a component")
    if group and not name.startswith(f"{group}/"):
        name = f"{group}/{name}"
    return At(name, at.at("name").path, at.source), version


# ---------------------------------------------------------------- versions


def _add_model(at: At, draft: Draft, context: Context, data: dict[str, At]) -> None:
    name, stated = _name(at)
    ref = context.subject(draft, name, stated, otherwise=UNSTATED)
    label, _, version = ref.removeprefix("model:").partition("@")
    entry: dict[str, Any] = {"name": label, "version": version}
    if description := at.at("description").text():
        entry["description"] = description
    if parents := list(_parents(at, draft, ref)):
        entry["parents"] = parents
    if trained := list(_trained_on(at, draft, context, data)):
        entry["trainedOn"] = trained
    if artifacts := list(_artifacts(at, draft)):
        entry["artifacts"] = artifacts
    _add(draft, "models", entry, at, ref)
    _evaluation(at, draft, context, ref)
    _notes(at, draft, ref)


def _parents(at: At, draft: Draft, ref: str) -> Iterator[dict[str, str]]:
    pedigree = at.at("pedigree")
    seen = {ref}
    for one in pedigree.at("ancestors").items():
        if one.at("type").value not in (_MODEL, None):
            draft.skip(one.place, f"An ancestor that is {one.at('type').value}, and no model.")
            continue
        name, version = _name(one)
        parent = _valid(f"model:{name.value}@{version or UNSTATED}", one)
        if parent not in seen:
            seen.add(parent)
            draft.mention(parent)
            draft.placed.append((one.place, f"parent {parent}, by a derivation that is not said"))
            yield {"ref": parent, "relation": "OTHER"}
    for key in ("descendants", "variants"):
        if pedigree.at(key):
            draft.skip(f"{pedigree.place}.{key}", "These say of themselves what they descend from.")


def _trained_on(at: At, draft: Draft, context: Context, data: dict[str, At]) -> Iterator[dict[str, str]]:
    seen = set[str]()
    for one in at.at("modelCard", "modelParameters", "datasets").items():
        known = data.get(one.at("ref").text() or "")
        if known is None and one.at("name").text() is None:
            draft.skip(one.place, "This dataset has no name, and refers to no component that is data.")
            continue
        ref = _data_ref(known or one, context)
        if ref in seen:
            continue
        seen.add(ref)
        draft.mention(ref)
        if known is None and (url := one.at("contents", "url").text()):
            draft.bare[ref]["uri"] = url
        draft.placed.append((one.place, f"{ref}, as training data: CycloneDX lists data of evaluation here too"))
        yield {"ref": ref, "role": "TRAIN"}


def _artifacts(at: At, draft: Draft) -> Iterator[dict[str, Any]]:
    """Yield the files of a model that have a SHA-256: its own, and those that it consists of."""
    urls = [
        one.at("url").text() for one in at.at("externalReferences").items() if one.at("type").value == "distribution"
    ]
    seen = set[str]()
    for one in (at, *at.at("components").items()):
        digest = next((hash.at("content").text() for hash in one.at("hashes").items() if _is_sha256(hash)), None)
        name = one.at("name").text() or "model"
        if digest is None:
            if one is not at:
                draft.skip(one.place, f"{name}: a file is identified by its SHA-256, and none is stated.")
            continue
        own = next((part.at("contents", "url").text() for part in one.at("data").items()), None)
        uri = own or (urls[0] if one is at and urls else None) or one.at("purl").text() or name
        if digest not in seen:
            seen.add(digest)
            yield {"uri": uri, "digest": f"sha256:{digest.lower()}"}


def _is_sha256(at: At) -> bool:
    return at.at("alg").value == "SHA-256" and bool(re.fullmatch("[0-9a-fA-F]{64}", at.at("content").text() or ""))


def _evaluation(at: At, draft: Draft, context: Context, ref: str) -> None:
    given = []
    for one in at.at("modelCard", "quantitativeAnalysis", "performanceMetrics").items():
        name, text = one.at("type").text(), one.at("value").label()
        try:
            value: float | str | None = float(text or "")
        except ValueError:
            value = text
        part = one.at("slice").text()
        slice = {"slice": part} if part else None
        given.append(Given(name or "", At(value, one.path, one.source), slice=slice))
    metrics = context.results(draft, given, _SUITE)
    suite = {"name": _SUITE, "version": UNSTATED}
    draft.evaluation({"subject": ref, "suite": suite, "metrics": metrics}, f"{at.place}.modelCard")


def _notes(at: At, draft: Draft, ref: str) -> None:
    considerations = at.at("modelCard", "considerations")
    makers = (at.at("manufacturer", "name"), at.at("supplier", "name"), at.at("publisher"), at.at("author"))
    author = next(filter(None, (maker.text() for maker in makers)), "CycloneDX")
    for key in _CONSIDERATIONS:
        told = " | ".join(filter(None, (_told(one) for one in considerations.at(key).one_or_more())))
        if told:
            note = {"subject": ref, "author": author[:200], "text": f"{key}: {told}"}
            draft.add("notes", note, considerations.at(key).place, f"note on {ref}")
    if considerations.at("environmentalConsiderations"):
        place = considerations.at("environmentalConsiderations").place
        draft.skip(place, "The energy that a model took has no place in the registry.")


def _told(at: At) -> str:
    if isinstance(at.value, dict):
        return "; ".join(f"{name}: {part.value}" for name, part in at.mapping().items() if part)
    return at.label() or ""


# ---------------------------------------------------------------- data


def _data_ref(at: At, context: Context) -> str:
    name, version = _name(at)
    said, _, given = context.datasets.get(name.value, name.value).partition("@")
    return _valid(f"dataset:{said}@{given or version or UNSTATED}", at)


def _add_data(at: At, draft: Draft, context: Context) -> None:
    ref = _data_ref(at, context)
    name, _, version = ref.removeprefix("dataset:").partition("@")
    entry: dict[str, Any] = {"name": name, "version": version}
    if description := at.at("description").text():
        entry["description"] = description
    urls = [part.at("contents", "url").text() for part in at.at("data").items()]
    if uri := next(filter(None, urls), None):
        entry["uri"] = uri
    digest = next((hash.at("content").text() for hash in at.at("hashes").items() if _is_sha256(hash)), None)
    if digest:
        entry["partitions"] = [{"name": "data", "digest": f"sha256:{digest.lower()}"}]
    _add(draft, "datasets", entry, at, ref)


def _add(draft: Draft, section: str, entry: dict[str, Any], at: At, ref: str) -> None:
    label = (entry["name"], entry["version"])
    for other in draft.manifest.get(section, ()):
        if (other["name"], other["version"]) == label and other != entry:
            draft.skip(at.place, f"{ref} is described already by another component, differently: the first is kept.")
            return
    draft.add(section, entry, at.place, ref)


def _valid(ref: str, at: At) -> str:
    name, _, version = ref.partition(":")[2].partition("@")
    for part in (name, version):
        if fault := fault_in_name(part) or fault_in_new_name(part):
            raise at.fault(f'"{part}" {fault}.')
    return ref
