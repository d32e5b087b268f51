"""MLflow in files: what mlflow-export-import wrote, MLmodel files, and what mlflow-tools dumped."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from descent.errors import NotImported
from descent.importers.at import At
from descent.importers.hf_weights import digest_of
from descent.importers.mlflow_folder import META, read_meta
from descent.importers.mlflow_records import ModelFile, Records, Version, aliases_of, model_of, run_of, version_of
from descent.importers.reading import Sources, is_file, names_in, read_json, read_text, read_yaml

_REQUIREMENT: Final = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)\s*==\s*([^\s;#]+)", re.MULTILINE)
_PACKAGES: Final = {
    "sklearn": "scikit-learn", "xgboost": "xgboost", "lightgbm": "lightgbm", "pytorch": "torch", "onnx": "onnx",
    "tensorflow": "tensorflow", "keras": "keras", "transformers": "transformers", "spark": "pyspark",
    "catboost": "catboost", "statsmodels": "statsmodels",
}  # fmt: skip
"""The packages that flavors of MLflow are named after, where `<flavor>_version` states their version."""

_BESIDE: Final = ("MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "input_example.json",
                  "serving_input_example.json", "logged_model.json", "registered_model_meta")  # fmt: skip
_DESCRIBING: Final = ("logged_model.json", "run.json", "model.json", "version.json")
MAX_ARTIFACTS: Final = 1000


def read_files(path: str, sources: Sources) -> Records:
    """Return what files say. One that says nothing by itself is passed over; if it was named, it is refused."""
    records = Records()
    alone = Path(path).is_file()
    for file in sources.files(path):
        if not alone and _is_artifact(file):
            continue
        try:
            what = _read_file(file, records)
            if alone and what is not None:
                raise At(None, (), str(file)).fault(what)
        except NotImported as error:
            if alone:
                raise
            sources.failed.append(error)
        else:
            if what is not None and file.suffix.lower() == ".json":
                sources.passed_over.append((str(file), what))
    return records


def _read_file(file: Path, records: Records) -> str | None:
    """Add what a file says to the records; return why nothing was added."""
    if file.name.endswith("MLmodel"):
        records.files.append(_model_file(file))
    elif file.name == META:
        read_meta(file, records)
    elif file.suffix.lower() == ".json":
        return _read(read_json(file), records)
    else:
        return "This is neither JSON of an export of MLflow nor an MLmodel file."
    return None


def _is_artifact(file: Path) -> bool:
    """Return whether a file is a part of a model or of a run's artifacts, and describes nothing."""
    if file.name.endswith("MLmodel"):
        return False
    beside_model = file.name not in _DESCRIBING and is_file(file.parent / "MLmodel")
    return beside_model or "artifacts" in file.parts


def _read(root: At, records: Records) -> str | None:
    """Add what a file says to the records; return why nothing was added."""
    if not isinstance(root.value, dict):
        raise root.expected("a mapping")
    content = root.at("mlflow") if isinstance(root.value.get("mlflow"), dict) else root
    members = content.value
    if isinstance(members.get("experiment"), dict):
        experiment = content.at("experiment")
        if (id := experiment.at("experiment_id").label()) and (name := experiment.at("name").label()):
            records.experiments[id] = name
        return "This describes an experiment and no model: what its runs made is in the run.json of each."
    before = len(records.versions)
    if isinstance(members.get("registered_model"), dict):
        why = _registered(content.at("registered_model"), records)
        _exported(root, records.versions[before:])
        return why
    if isinstance(members.get("model_version"), dict):
        records.versions.append(version_of(content.at("model_version")))
        _exported(root, records.versions[before:])
        return None
    if "experiments" in members and root.at("info", "num_total_logged_models"):
        return "This lists logged models; each is described in a logged_model.json of its own."
    if (
        isinstance(members.get("models"), list)
        or "experiments" in members
        or "model_names" in root.at("info").mapping()
    ):
        return "This is a table of contents of an export: the models are in files of their own."
    return _described(root, content, records)


def _described(root: At, content: At, records: Records) -> str | None:
    members = content.value
    if "model_id" in members and "name" in members:
        model = model_of(content)
        records.models[model.id] = model
    elif isinstance(members.get("info"), dict) and ("params" in members or "data" in members):
        run = run_of(content)
        records.runs[run.id] = run
    elif isinstance(members.get("run"), dict) and isinstance(members["run"].get("info"), dict):
        run = run_of(content.at("run"))
        records.runs[run.id] = run
    elif isinstance(members.get("model_info"), dict):
        records.files.append(_dumped(content.at("model_info")))
    elif "Model_Version_Summary" in members:
        return "This compares two registered versions, and describes neither."
    elif isinstance(root.at("system", "package_version").value, str):
        return "This part of an export describes no model."
    else:
        raise root.fault("This is not a file of an export of MLflow: neither a run, nor a model, nor an experiment.")
    return None


def _exported(root: At, versions: Iterable[Version]) -> None:
    """Note when a file of mlflow-export-import was written (seconds since 1970)."""
    seconds = root.at("system", "export_time").number() or root.at("info", "export_time").number()
    for one in versions:
        one.exported = None if seconds is None else seconds * 1000


def _registered(model: At, records: Records) -> str | None:
    versions = [*model.at("versions").items(), *model.at("latest_versions").items()]
    aliases: dict[str, list[str]] = {}
    for alias, version in aliases_of(model):
        aliases.setdefault(version, []).append(alias)
    seen = set[str]()
    for at in versions:
        found = version_of(at)
        if found.version not in seen:
            seen.add(found.version)
            found.aliases += [one for one in aliases.get(found.version, ()) if one not in found.aliases]
            records.versions.append(found)
    return None if versions else "The registered model has no versions."


# ---------------------------------------------------------------- MLmodel


def _model_file(file: Path) -> ModelFile:
    root = read_yaml(file)
    if not isinstance(root.value, dict) or not isinstance(root.value.get("flavors"), dict):
        raise root.fault("This is not an MLmodel file: it has no flavors.")
    requirements = file.parent / "requirements.txt"
    pinned = dict(_REQUIREMENT.findall(read_text(requirements, 2**20))) if is_file(requirements) else {}
    model = _model_info(root, "")
    model.dependencies |= pinned
    if file.name == "MLmodel":
        model.artifacts = list(_artifacts(file.parent, model))
    return model


def _dumped(at: At) -> ModelFile:
    return _model_info(at, "_")


def _model_info(at: At, prefix: str) -> ModelFile:
    flavors = at.at(f"{prefix}flavors")
    dependencies = {
        _PACKAGES[name]: version
        for name, flavor in flavors.mapping().items()
        if name in _PACKAGES and isinstance(flavor.value, dict) and (version := flavor.at(f"{name}_version").label())
    }
    id = at.at(f"{prefix}model_id").label() or at.at(f"{prefix}model_uuid").label()
    path = at.at(f"{prefix}artifact_path").label() or "model"
    created = at.at(f"{prefix}utc_time_created").label()
    python = flavors.at("python_function", "python_version").label()
    run = at.at(f"{prefix}run_id").label()
    return ModelFile(at, path, run, id, created, python, dependencies, [])


def _artifacts(folder: Path, model: ModelFile) -> Iterator[dict[str, Any]]:
    """Yield the files of a model, but those that only describe it. They are hashed, and never loaded."""
    waiting, count = [folder], 0
    while waiting:
        here = waiting.pop()
        for name in names_in(here):
            file = here / name
            if file.is_dir() and not file.is_symlink():
                waiting.append(file)
            elif name not in _BESIDE and is_file(file) and count < MAX_ARTIFACTS:
                count += 1
                digest, size = digest_of(file)
                where = (
                    f"models:/{model.model}"
                    if (model.model or "").startswith("m-")
                    else f"runs:/{model.run}/{model.path}"
                )
                yield {
                    "uri": f"{where}/{file.relative_to(folder).as_posix()}",
                    "digest": f"sha256:{digest}",
                    "size": size,
                }
