"""A tracking store of MLflow in files (`mlruns`): `meta.yaml`, and a file for each parameter, tag and metric."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from descent.importers.at import At
from descent.importers.mlflow_records import Data, Measured, Records, model_of, run_of, version_of
from descent.importers.reading import is_file, names_in, read_text, read_yaml

META: Final = "meta.yaml"
_LARGEST: Final = 64 * 2**20


def read_meta(meta: Path, records: Records) -> None:
    """Add what a `meta.yaml` describes, with the files beside it; what describes no model by itself adds nothing."""
    root = read_yaml(meta)
    members = root.mapping()
    if root.at("lifecycle_stage").value == "deleted":
        return
    if "current_stage" in members and "version" in members:
        version = version_of(root)
        aliases = _texts(meta.parent.parent / "aliases")
        version.aliases += [name for name, of in aliases if of.strip() == version.version]
        version.tags |= dict(_texts(meta.parent / "tags"))
        records.versions.append(version)
        records.live = True
    elif "run_id" in members and "artifact_uri" in members:
        run = run_of(At({"info": root.value}, (), root.source))
        run.params, run.tags = _params(meta.parent), dict(_texts(meta.parent / "tags"))
        run.metrics, run.data = list(_metrics(meta.parent, None)), list(_data(meta.parent))
        run.inputs = list(_linked(meta.parent, "MODEL_INPUT"))
        records.runs[run.id] = run
    elif "model_id" in members and "artifact_location" in members:
        model = model_of(root)
        model.params, model.metrics = _params(meta.parent), list(_metrics(meta.parent, model.id))
        records.models[model.id] = model
    elif "experiment_id" in members and "name" in members:
        records.experiments[str(root.at("experiment_id").value)] = str(root.at("name").value)


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and content of each file in a folder; a slash in a name is a folder of its own."""
    waiting = [folder] if folder.is_dir() else []
    while waiting:
        here = waiting.pop()
        for name in names_in(here):
            file = here / name
            if file.is_dir() and not file.is_symlink():
                waiting.append(file)
            elif is_file(file):
                text = read_text(file, _LARGEST) if file.stat().st_size else ""
                yield file.relative_to(folder).as_posix(), text


def _params(folder: Path) -> dict[str, At]:
    return {name: At(text, ("params", name), str(folder)) for name, text in _texts(folder / "params")}


def _metrics(folder: Path, model: str | None) -> Iterator[Measured]:
    """Yield the latest value of each metric; a line is time, value, step, for models the run, and the data if any."""
    for name, text in _texts(folder / "metrics"):
        lines = [line.split() for line in text.splitlines() if line.strip()]
        if not lines:
            continue
        time, value, *more = max(lines, key=lambda parts: (_number(parts[2:3]), _number(parts[:1])))
        data = more[2:4] if model is not None else more[1:3]
        at = At(_value(value), ("metrics", name), str(folder))
        yield Measured(name, at, _number([time]), _number(more), (data[0], data[1]) if len(data) == 2 else None, model)


def _number(parts: list[str]) -> float:
    return float(parts[0]) if parts and parts[0].lstrip("-").isdigit() else 0.0


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _linked(folder: Path, kind: str) -> Iterator[str]:
    for name in names_in(folder / "inputs") if (folder / "inputs").is_dir() else ():
        meta = folder / "inputs" / name / META
        if is_file(meta) and (root := read_yaml(meta)).at("destination_type").value == kind:
            yield str(root.at("destination_id").value)


def _data(run: Path) -> Iterator[Data]:
    for name in names_in(run / "inputs") if (run / "inputs").is_dir() else ():
        meta = run / "inputs" / name / META
        if not is_file(meta) or (root := read_yaml(meta)).at("source_type").value != "DATASET":
            continue
        described = run.parent / "datasets" / str(root.at("source_id").value) / META
        if ".." not in described.parts and is_file(described):
            data = read_yaml(described)
            context = root.at("tags", "mlflow.data.context").label()
            if (called := data.at("name").label()) and (digest := data.at("digest").label()):
                yield Data(called, digest, context)
