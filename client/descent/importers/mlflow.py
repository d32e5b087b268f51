"""MLflow: an export (mlflow-export-import, with logged models of MLflow 3), MLmodel files, and a live tracking store.

A live store is named by its address: `http://127.0.0.1:5000`, `sqlite:///mlflow.db`, which is only read, or a folder
(`mlruns`).

Versions of registered models keep their names; a logged model that is not registered is NAME@MODEL_ID, and the model of
a run of an older MLflow ARTIFACT_PATH@RUN_ID.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any, Final

from descent.importers.at import At
from descent.importers.claims import Claim, Decided, place_of
from descent.importers.draft import UNSTATED, Context, Draft, Given, Unit
from descent.importers.mlflow_records import Data, LoggedModel, Measured, ModelFile, Records, Run, Version, instant
from descent.importers.reading import Sources, refused

_TRAINING: Final = ("train", "training")
_EVALUATION: Final = ("eval", "evaluation", "test", "testing", "validation", "val", "holdout")
_STAGES: Final = {"Production": "production", "Staging": "staging"}
"""The stages of MLflow that say where a version serves, and the names of these environments."""

_DELETED: Final = "Deleted_Internal"
"""The stage of a version that was deleted."""

_USER: Final = re.compile(r"//[^/@\s]+@")


@dataclass(frozen=True, slots=True)
class Subject:
    """A version that was found, with the records that describe it."""

    at: At
    name: str | None
    version: str | None
    registered: Version | None = None
    run: Run | None = None
    model: LoggedModel | None = None
    file: ModelFile | None = None
    several: bool = False
    """Whether its run logged several models, so that metrics of the run may be of another one."""


@dataclass(frozen=True, slots=True)
class Found(Unit):
    """A version to import, and all records of the place where it was found."""

    subject: Subject
    records: Records


def find(path: str, sources: Sources) -> Iterator[Unit]:
    """Yield each version, logged model and run with a model that files or a live store hold."""
    records = _records(path, sources)
    records.versions = [version for version in records.versions if version.stage != _DELETED]
    subjects = list(_subjects(records, named=Path(path).is_file()))
    if not subjects and records.runs and not sources.failed:
        runs = "Its run" if len(records.runs) == 1 else f"None of its {len(records.runs):,} runs"
        logged = "logged no model" if len(records.runs) == 1 else "logged a model"
        message = f"{runs} {logged}, so it has no version: import the run.json of one with --model NAME@VERSION."
        raise refused(path, message)
    for subject in subjects:
        label = f"{subject.name}@{subject.version}" if subject.name else subject.at.source
        source = subject.at.source if subject.at.source != path and Path(path).exists() else f"{path} {label}"
        yield Found(source if Path(path).exists() else f"{path} {label}", (), subject, records)


def _records(path: str, sources: Sources) -> Records:
    if path.startswith(("http://", "https://")):
        from descent.importers.mlflow_server import read_server

        return read_server(path)
    path = path.removeprefix("file://")
    if path.startswith("sqlite:") or path.endswith((".db", ".sqlite")):
        from descent.importers.mlflow_database import read_database

        return read_database(path)
    from descent.importers.mlflow_files import read_files

    return read_files(path, sources)


def _subjects(records: Records, *, named: bool) -> Iterator[Subject]:
    """Yield what becomes a version: registered ones first, then what they do not cover."""
    made: dict[str, int] = {}
    for model in records.models.values():
        if model.run is not None:
            made[model.run] = made.get(model.run, 0) + 1
    covered = set[str]()
    for version in records.versions:
        of = records.models.get(version.model or "")
        run = records.runs.get(version.run or (of.run if of is not None else None) or "")
        file = records.file_of(version.run, version.model)
        covered |= {one for one in (version.model, version.run if of is None else None, file and file.model) if one}
        several = run is not None and made.get(run.id, len(run.history())) > 1
        yield Subject(version.at, version.name, version.version, version, run, of, file, several)
    for model in records.models.values():
        if model.id not in covered:
            run = records.runs.get(model.run or "")
            several = run is not None and made.get(run.id, 0) > 1
            yield Subject(model.at, model.name, model.id, None, run, model, records.file_of(None, model.id), several)
    with_models = {model.run for model in records.models.values()} | covered
    for run in records.runs.values():
        if run.id not in with_models:
            yield from _of_run(run, records, named=named)
    for file in records.files:
        if file.run not in records.runs and file.run not in covered and file.model not in {*covered, *records.models}:
            id = file.model if (file.model or "").startswith("m-") else file.run or file.model
            path = "model" if (file.model or "").startswith("m-") else file.path
            yield Subject(file.at, path, id, file=file)


def _of_run(run: Run, records: Records, *, named: bool) -> Iterator[Subject]:
    logged = run.history()
    for one in logged:
        path = one.at("artifact_path").label() or "model"
        file = next((file for file in records.files if file.run == run.id and file.path == path), None)
        yield Subject(run.at, path, run.id, run=run, file=file, several=len(logged) > 1)
    if not logged:
        files = [file for file in records.files if file.run == run.id]
        for file in files:
            yield Subject(run.at, file.path, run.id, run=run, file=file, several=len(files) > 1)
        if not files and named:
            yield Subject(run.at, None, None, run=run)


# ---------------------------------------------------------------- one version


def convert(unit: Unit, context: Context) -> Draft:
    """Return a version with its parameters, data, environment and metrics."""
    assert isinstance(unit, Found)
    subject, records = unit.subject, unit.records
    draft = Draft(unit.source)
    name = None if subject.name is None else At(subject.name, ("model",), unit.source)
    ref = context.subject(draft, name, subject.version)
    draft.bare.clear()
    draft.manifest["models"] = [_model(ref, subject, records, draft)]
    _metrics(ref, subject, records, draft, context)
    if subject.registered is not None:
        _stages(ref, subject.registered, records, draft, context)
        _reviews(ref, subject.registered, draft, context)
    return draft


def _model(ref: str, subject: Subject, records: Records, draft: Draft) -> dict[str, Any]:
    name, _, version = ref.removeprefix("model:").rpartition("@")
    registered, run, model, file = subject.registered, subject.run, subject.model, subject.file
    data = [*(run.data if run is not None else ()), *(model.data if model is not None else ())]
    entry: dict[str, Any] = {
        "name": name,
        "version": version,
        "createdAt": _created(registered, model, file),
        "description": registered.description if registered is not None else None,
        "config": _config(run, model, draft),
        "trainedOn": _trained_on(data, draft),
        "code": _code(run, model, draft),
        "environment": _environment(file, run),
        "artifacts": file.artifacts if file is not None else None,
        "parents": _parents(subject, records, draft),
    }
    return {key: part for key, part in entry.items() if part}


def _created(registered: Version | None, model: LoggedModel | None, file: ModelFile | None) -> str | None:
    stated = (registered and registered.created) or (model and model.created)
    if stated:
        return instant(stated)
    if file is not None and file.created is not None:
        try:
            return datetime.fromisoformat(file.created).replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
        except ValueError:
            return None
    return None


def _config(run: Run | None, model: LoggedModel | None, draft: Draft) -> Any:
    """Return the parameters, which MLflow keeps as texts."""
    given = {**(run.params if run is not None else {}), **(model.params if model is not None else {})}
    config = {name: at.value if isinstance(at.value, str) else str(at.value) for name, at in given.items()}
    if config:
        draft.placed.append(("params", f"config: {', '.join(config)}"))
    # two runs with the same parameters are two builds: what differs may be the seed, the data or the machine
    made_by = {
        "mlflow.run_id": run.id if run is not None else None,
        "mlflow.model_id": model.id if model is not None else None,
    }
    return {**config, **{name: id for name, id in made_by.items() if id is not None}}


def _trained_on(data: list[Data], draft: Draft) -> list[dict[str, str]]:
    found = []
    for one in data:
        if one.context is not None and one.context.lower() in _TRAINING:
            entry = {"ref": draft.mention(f"dataset:{one.name}@{one.digest}"), "role": "TRAIN"}
            if entry not in found:
                found.append(entry)
                draft.placed.append(("inputs", f"trained on {entry['ref']} ({one.context})"))
        elif one.context is None or one.context.lower() not in _EVALUATION:
            draft.skip("inputs", f"{one.name}@{one.digest}: it is not said what the run used it for ({one.context}).")
    return found


def _code(run: Run | None, model: LoggedModel | None, draft: Draft) -> dict[str, str] | None:
    tags = {**(model.tags if model is not None else {}), **(run.tags if run is not None else {})}
    commit = tags.get("mlflow.source.git.commit")
    repository = tags.get("mlflow.source.git.repoURL") or tags.get("mlflow.gitRepoURL")
    if commit and repository:
        return {"repository": _USER.sub("//", repository), "commit": commit}
    if commit:
        draft.skip("tags", f"The commit {commit[:12]} names no repository (mlflow.source.git.repoURL).")
    return None


def _environment(file: ModelFile | None, run: Run | None) -> dict[str, Any] | None:
    python = file.python if file is not None else None
    dependencies = dict(file.dependencies) if file is not None else {}
    for one in run.history() if run is not None and file is None else ():
        python = python or one.at("flavors", "python_function", "python_version").label()
    listed = [{"name": name, "version": version} for name, version in dependencies.items()]
    found = {"python": python, "dependencies": listed}
    return {key: part for key, part in found.items() if part} or None


def _parents(subject: Subject, records: Records, draft: Draft) -> list[dict[str, str]]:
    """Return the logged models that the run used, if it made this one: derived from them, in a way that is not said."""
    run = subject.run
    if run is None or subject.model is None or subject.model.id in run.inputs:
        return []
    found = []
    for id in run.inputs:
        name = next((f"{v.name}@{v.version}" for v in records.versions if v.model == id), None)
        if name is None and id in records.models:
            name = f"{records.models[id].name}@{id}"
        if name is None:
            draft.skip("inputs.model_inputs", f"The run used the model {id}, which is not here.")
            continue
        found.append({"ref": draft.mention(f"model:{name}"), "relation": "OTHER"})
        draft.placed.append(("inputs.model_inputs", f"parent model:{name} (other: MLflow does not say how)"))
    return found


# ---------------------------------------------------------------- metrics


def _metrics(ref: str, subject: Subject, records: Records, draft: Draft, context: Context) -> None:
    by_data: dict[tuple[str, str] | None, dict[str, Measured]] = {}
    for one in _of_subject(subject, draft):
        by_data.setdefault(one.dataset, {}).setdefault(one.name, one)
    named = {name for data, found in by_data.items() if data is not None for name in found}
    for data, found in by_data.items():
        # a run repeats, without its data, what was measured on named data
        results = [one for one in found.values() if data is not None or one.name not in named]
        experiment = (subject.model and subject.model.experiment) or (subject.run and subject.run.experiment)
        protocol = {"harness": "mlflow", "experiment": records.experiments.get(experiment or "", experiment)}
        moments = [one.timestamp for one in results if one.timestamp]
        given = [Given(one.name, At(one.at.value, ("metrics", one.name), one.at.source)) for one in results]
        evaluation = {
            "subject": ref,
            "suite": {"name": "mlflow", "version": UNSTATED, "config": {k: v for k, v in protocol.items() if v}},
            "data": draft.mention(f"dataset:{data[0]}@{data[1]}") if data is not None else None,
            "evaluatedAt": instant(max(moments, default=None) or (subject.run.ended if subject.run else None)),
            "metrics": context.results(draft, given, protocol["experiment"] or "mlflow"),
        }
        draft.evaluation(evaluation, "metrics")


def _of_subject(subject: Subject, draft: Draft) -> Iterator[Measured]:
    """Yield the metrics of a version: those of its logged model, then those of its run that are of no other model."""
    model, run = subject.model, subject.run
    yield from model.metrics if model is not None else ()
    for one in run.metrics if run is not None else ():
        if one.model is not None and (model is None or one.model != model.id):
            continue
        if one.model is None and subject.several:
            draft.skip(f"metrics.{one.name}", "The run logged several models, and does not say which one this is of.")
            continue
        yield one


# ---------------------------------------------------------------- stages and aliases


def _stages(ref: str, version: Version, records: Records, draft: Draft, context: Context) -> None:
    """Add what a stage and aliases say of where a version served.

    The stage began when the version was last changed, or before; an alias is there when it was read or exported.
    """
    stages = [version.stage] if version.stage is not None else []
    for what, name in [*(("stage", stage) for stage in stages), *(("alias", alias) for alias in version.aliases)]:
        moment = version.updated if what == "stage" else version.exported
        otherwise = _STAGES.get(name) if what == "stage" else None
        place, since = place_of(name, ref, context, otherwise), instant(moment)
        if place is None and name in context.stages:
            draft.skip(what, f"{name}: it served nowhere, as you said.")
        elif place is None and name == "Archived":
            draft.skip(what, f"{name}: it served before, and it is not said where and when.")
        elif place is None or (since is None and (what == "stage" or not records.live)):
            missing = "since when it served is not said, so it is not a deployment"
            if place is None:
                missing = "where it served is not said: say it under `stages` in a --mapping file"
            where = "--environment ENVIRONMENT --endpoint ENDPOINT --claimed-by PERSON --source MLflow"
            # no full stop after the command, which is copied
            draft.skip(what, f"{name}: {missing}. If it served: descent deploy {quote(ref)} {where}")
        else:
            source = f"MLflow: {what} {name} of version {version.version} of {version.name}"
            why = ", when the version was changed last" if what == "stage" else ""
            draft.claims.append(Claim(f"{what} {name}", ref, *place, "MLflow", source, since, why=why))


def _reviews(ref: str, version: Version, draft: Draft, context: Context) -> None:
    """Add the decisions that tags note, where the mapping file says that they do."""
    for name, value in version.tags.items():
        if judgement := context.reviews.get(f"{name}={value}"):
            source = f"MLflow: tag {name}={value} of version {version.version} of {version.name}"
            draft.claims.append(Decided(f"tag {name}", ref, judgement, "MLflow", source))
