"""What MLflow keeps, whatever it was read from: runs, logged models, registered versions, and MLmodel files."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from descent.importers.at import At


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric's latest value. `dataset` is the name and digest of the data, `model` the logged model that it is of."""

    name: str
    at: At
    timestamp: float
    step: float
    dataset: tuple[str, str] | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """A dataset that a run used, and what for: MLflow's `mlflow.data.context`."""

    name: str
    digest: str
    context: str | None


@dataclass(slots=True)
class Run:
    """A run."""

    id: str
    at: At
    experiment: str | None = None
    params: dict[str, At] = field(default_factory=dict)
    metrics: list[Measured] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    data: list[Data] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    """Logged models that the run used."""
    outputs: list[str] = field(default_factory=list)
    """Logged models that the run made."""
    ended: float | None = None

    def history(self) -> list[At]:
        """Return the models that the run logged, as MLflow before 3 kept them in a tag."""
        text = self.tags.get("mlflow.log-model.history")
        try:
            value = json.loads(text) if text else []
        except (ValueError, RecursionError):
            return []
        return [
            one
            for one in At(value, ("mlflow.log-model.history",), self.at.source).one_or_more()
            if isinstance(one.value, dict)
        ]


@dataclass(slots=True)
class LoggedModel:
    """A logged model of MLflow 3."""

    id: str
    at: At
    name: str
    run: str | None = None
    experiment: str | None = None
    params: dict[str, At] = field(default_factory=dict)
    metrics: list[Measured] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    data: list[Data] = field(default_factory=list)
    created: float | None = None


@dataclass(slots=True)
class Version:
    """A version of a registered model."""

    at: At
    name: str
    version: str
    run: str | None = None
    model: str | None = None
    source: str | None = None
    created: float | None = None
    description: str | None = None
    stage: str | None = None
    aliases: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    updated: float | None = None
    """When it was changed last, to its stage or later, in milliseconds."""
    exported: float | None = None
    """When the file that describes it was written, in milliseconds; None for a live store."""


@dataclass(slots=True)
class ModelFile:
    """An MLmodel file, with the environment and the files beside it."""

    at: At
    path: str
    run: str | None
    model: str | None
    created: str | None
    python: str | None
    dependencies: dict[str, str]
    artifacts: list[dict[str, object]]


@dataclass(slots=True)
class Records:
    """All that was found in one place."""

    runs: dict[str, Run] = field(default_factory=dict)
    models: dict[str, LoggedModel] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    files: list[ModelFile] = field(default_factory=list)
    experiments: dict[str, str] = field(default_factory=dict)
    live: bool = False
    """Whether these are of now, and not of when they were exported."""

    def file_of(self, run: str | None, model: str | None) -> ModelFile | None:
        """Return the MLmodel of a logged model, or of the only model of a run."""
        of_model = [one for one in self.files if model is not None and one.model == model]
        of_run = [one for one in self.files if run is not None and one.run == run]
        found = of_model or of_run
        return found[0] if len({one.path for one in found}) == 1 else None


def instant(milliseconds: float | None) -> str | None:
    """Return a moment in RFC 3339; None if there is none, or one that no calendar has."""
    if milliseconds is None or not 0 < milliseconds < 253402300800000:  # the year 10000
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ---------------------------------------------------------------- JSON of the REST interface and of exports


def pairs(at: At) -> dict[str, At]:
    """Return what is a mapping, or a list of `key` and `value`."""
    if isinstance(at.value, list):
        return {key: one.at("value") for one in at.items() if (key := one.at("key").label()) is not None}
    return at.mapping()


def texts(at: At) -> dict[str, str]:
    """Return the texts in a mapping, or in a list of `key` and `value`."""
    return {
        key: one.value if isinstance(one.value, str) else json.dumps(one.value)
        for key, one in pairs(at).items()
        if one.value is not None
    }


def measured(at: At) -> list[Measured]:
    """Return the latest value of each metric: a list of values, or a mapping of names to their histories."""
    found: dict[tuple[str, object, object], Measured] = {}
    for one in _values(at):
        before = found.get((one.name, one.dataset, one.model))
        if before is None or (one.step, one.timestamp) >= (before.step, before.timestamp):
            found[one.name, one.dataset, one.model] = one
    return list(found.values())


def _values(at: At) -> Iterator[Measured]:
    if isinstance(at.value, list):
        for one in at.items():
            if (name := one.at("key").label()) is not None:
                yield _value(name, one)
        return
    for name, history in at.mapping().items():
        for one in history.one_or_more():
            yield _value(name, one) if isinstance(one.value, dict) else Measured(name, one, 0, 0)


def _value(name: str, at: At) -> Measured:
    data, digest = at.at("dataset_name").label(), at.at("dataset_digest").label()
    return Measured(
        name,
        at.at("value"),
        at.at("timestamp").number() or 0,
        at.at("step").number() or 0,
        (data, digest) if data and digest else None,
        at.at("model_id").label(),
    )


def data_of(at: At) -> list[Data]:
    """Return the datasets of a list of dataset inputs."""
    found = []
    for one in at.one_or_more():
        dataset = one.at("dataset")
        name, digest = dataset.at("name").label(), dataset.at("digest").label()
        if name and digest:
            found.append(Data(name, digest, texts(one.at("tags")).get("mlflow.data.context")))
    return found


def run_of(at: At) -> Run:
    """Return a run: of an export (info, params, metrics, tags), or of the REST interface (info, data, inputs)."""
    info, data = at.at("info"), at.at("data") or at
    id = info.at("run_id").label() or info.at("run_uuid").label()
    if id is None:
        raise info.expected("a run_id")
    return Run(
        id,
        at,
        info.at("experiment_id").label(),
        pairs(data.at("params")),
        measured(data.at("metrics")),
        texts(data.at("tags")),
        data_of(at.at("inputs", "dataset_inputs") or at.at("dataset_inputs")),
        [model for one in at.at("inputs", "model_inputs").one_or_more() if (model := one.at("model_id").label())],
        [model for one in at.at("outputs", "model_outputs").one_or_more() if (model := one.at("model_id").label())],
        info.at("end_time").number() or info.at("start_time").number(),
    )


def model_of(at: At) -> LoggedModel:
    """Return a logged model: of an export (flat), or of the REST interface (info and data)."""
    info, data = at.at("info") or at, at.at("data") or at
    id, name = info.at("model_id").label(), info.at("name").label()
    if id is None or name is None:
        raise info.expected("a model_id and a name")
    created = info.at("creation_timestamp").number() or info.at("creation_timestamp_ms").number()
    return LoggedModel(
        id,
        at,
        name,
        info.at("source_run_id").label(),
        info.at("experiment_id").label(),
        pairs(data.at("params")),
        measured(data.at("metrics")),
        texts(info.at("tags")),
        data_of(at.at("dataset_inputs")),
        created or info.at("creation_timestamp_ms").number(),
    )


def aliases_of(at: At) -> Iterator[tuple[str, str]]:
    """Yield the aliases of a registered model, each with the version that it is of."""
    for one in at.at("aliases").one_or_more():
        if isinstance(one.value, dict):
            alias, version = one.at("alias").label(), one.at("version").label()
            if alias and version:
                yield alias, version


def version_of(at: At) -> Version:
    """Return a registered version."""
    name, version = at.at("name").label(), at.at("version").label()
    if name is None or version is None:
        raise at.expected("a name and a version")
    source = at.at("source").label()
    model = at.at("model_id").label()
    if model is None and source is not None and source.startswith("models:/m-"):
        model = source.removeprefix("models:/")
    stage = at.at("current_stage").label()
    return Version(
        at,
        name,
        version,
        at.at("run_id").label(),
        model,
        source,
        at.at("creation_timestamp").number(),
        at.at("description").label(),
        None if stage in (None, "None", "") else stage,
        [alias for one in at.at("aliases").one_or_more() if (alias := one.label())],
        texts(at.at("tags")),
        at.at("last_updated_timestamp").number(),
    )
