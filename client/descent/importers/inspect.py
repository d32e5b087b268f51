"""Inspect (UK AI Security Institute): logs of evaluations, `.json` and `.eval` (zip with Deflate or Zstandard).

A task is a suite, with its version; scorer, reducer, limits, arguments of the task and graders are its config, since
another grader is another measurement. Scores of single samples are kept as a digest and as the errors they show.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from descent.importers.archive import Archive
from descent.importers.at import At
from descent.importers.draft import UNSTATED, Context, Draft, Given, Unit, json_config, moment
from descent.importers.items import item_results, keep_items
from descent.importers.reading import MAX_BYTES, Sources, read_json, refused
from descent.pairing import Item

_SUFFIXES: Final = (".eval", ".json", ".json.gz")
_LISTS: Final = ("logs.json", "listing.json", "eval-set.json")
_HUGGING_FACE: Final = ("hf/", "vllm/", "sglang/", "nnterp/", "transformer_lens/")
"""Providers that load weights by their name on Hugging Face."""

_OWN: Final = "inspect_ai/"
"""The package of metrics that are Inspect's own, which some logs name."""

_ERRORS: Final = ("stderr", "bootstrap_stderr", "hierarchical_bootstrap")
_MEANS: Final = ("accuracy", "mean")
_SPREADS: Final = ("std", "var")
_LIMITS: Final = ("limit", "sample_id", "message_limit", "token_limit", "turn_limit", "time_limit", "working_limit")
_LONGEST: Final = 200
"""Longer texts in a config, such as templates of graders, are kept as their digest."""

_LETTERS: Final = {"c": 1.0, "p": 0.5, "i": 0.0, "n": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}


@dataclass(slots=True)
class Log:
    """A log without its samples, and what is needed of those."""

    root: At
    reductions: At
    samples: At
    answered_by: set[str]
    """The models that providers said they answered with."""


def find(path: str, sources: Sources) -> Iterator[Unit]:
    """Yield each log."""
    for file in sources.files(path, _SUFFIXES):
        if file.name in _LISTS:
            sources.passed_over.append((str(file), "a list of logs"))
        else:
            yield Unit(str(file), (file,))


def convert(unit: Unit, context: Context) -> Draft:
    """Return the evaluations in a log, one for each scorer."""
    [file] = unit.files
    log = _read(file)
    spec = log.root.at("eval")
    _finished(log.root)
    draft = Draft(unit.source)
    subject = _subject(log, draft, context)
    task = spec.at("task").text()
    if task is None:
        raise spec.at("task").expected("the name of a task")
    for score in _scores(log.root):
        _evaluate(log, score, subject, task, draft, context, file)
    _say_what_is_left(log.root, draft)
    return draft


# ---------------------------------------------------------------- reading


def _read(file: Path) -> Log:
    with file.open("rb") as start:
        is_zip = start.read(4) == b"PK\x03\x04"
    if is_zip or file.suffix.lower() == ".eval":
        with Archive(file) as archive:
            return _from_archive(archive)
    root = read_json(file)
    _checked(root)
    reductions = root.at("reductions")
    samples = root.at("samples")
    answered_by = {_model_of(one) for one in samples.items()}
    return Log(root, reductions or root.at("results", "sample_reductions"), samples, answered_by)


def _from_archive(archive: Archive) -> Log:
    if "header.json" not in archive:
        if "_journal/start.json" in archive:
            raise refused(archive.source, "The log was not finished: it has no results (header.json).", "_journal")
        raise refused(archive.source, "This is not a log of Inspect: the archive has no header.json.")
    root = archive.json("header.json")
    _checked(root)
    nothing = At(None, (), archive.source)
    reductions = archive.json("reductions.json") if "reductions.json" in archive else nothing
    summaries = archive.json("summaries.json") if "summaries.json" in archive else nothing
    answered_by = {_model_of(archive.json(name)) for name in _sample_members(archive)}
    return Log(root, reductions or root.at("results", "sample_reductions"), summaries, answered_by)


def _sample_members(archive: Archive) -> list[str]:
    """Return the members that hold samples; none if they are too large together."""
    names = [name for name in archive.names() if name.startswith("samples/") and name.endswith(".json")]
    return names if sum(archive.size(name) for name in names) <= MAX_BYTES else []


def _model_of(sample: At) -> str:
    model = sample.at("output", "model").value
    return model if isinstance(model, str) else ""


def _checked(root: At) -> None:
    if not isinstance(root.value, dict) or not isinstance(root.value.get("eval"), dict):
        raise root.fault("This is not a log of Inspect: it has no `eval`.")


def _finished(root: At) -> None:
    """Raise NotImported for a log whose results are not those of the whole evaluation."""
    status = root.at("status").text() or "success"
    if status != "success":
        error = root.at("error", "message").value
        why = f": {error[:200]}" if isinstance(error, str) else ""
        raise root.at("status").fault(f'The evaluation ended as "{status}", so its results are not whole{why}.')
    if root.at("invalidated").value is True:
        raise root.at("invalidated").fault("The log was invalidated: its results do not count.")
    if not root.at("results"):
        raise root.at("results").fault("The log has no results: it was never scored.")


def _scores(root: At) -> list[At]:
    results = root.at("results")
    if results.at("scores"):
        return list(results.at("scores").items())
    if not results.at("scorer"):
        raise results.at("scores").fault("The log has no scores.")
    # before 0.3.10 there was one scorer, with the metrics beside it
    scorer = results.at("scorer").mapping()
    old = {"name": scorer["name"].value, "scorer": scorer["name"].value, "metrics": results.at("metrics").value}
    return [At(old, results.path, results.source)]


# ---------------------------------------------------------------- the version


def _subject(log: Log, draft: Draft, context: Context) -> str:
    at = log.root.at("eval", "model")
    name = at.text()
    if name in (None, "none", "none/none"):
        return context.subject(draft, None, None)
    assert name is not None
    for provider in _HUGGING_FACE:
        if name.startswith(provider):
            arguments = log.root.at("eval", "model_args")
            at = At(arguments.at("model_path").text() or name.removeprefix(provider), at.path, at.source)
            return context.subject(draft, at, arguments.at("revision").label(), otherwise="main")
    return context.subject(draft, at, _answered_by(log, name), otherwise=UNSTATED)


def _answered_by(log: Log, name: str) -> str | None:
    """Return the model that the provider said it answered with, if that says more than the name that was asked for."""
    if len(log.answered_by) != 1:
        return None
    [model] = log.answered_by
    return model if model not in (name, name.partition("/")[2], "") else None


# ---------------------------------------------------------------- the protocol


def _protocol(root: At, score: At, draft: Draft) -> dict[str, Any]:
    spec, config = root.at("eval"), root.at("eval", "config")
    epochs = config.at("epochs").count()
    roles = {name: one.at("model").value or one.value for name, one in spec.at("model_roles").mapping().items()}
    scorer = score.at("scorer").text() or score.at("name").text()
    generate = {**_filled(root.at("plan", "config")), **_filled(spec.at("model_generate_config"))}
    protocol: dict[str, Any] = {
        "harness": "inspect",
        "scorer": scorer,
        "score": score.at("name").text() if score.at("name").text() != scorer else None,
        "reducer": score.at("reducer").value,
        "scorer_args": json_config(score.at("params"), draft) or None,
        "task_args": json_config(spec.at("task_args"), draft) or None,
        "solver": spec.at("solver").text(),
        "solver_args": json_config(spec.at("solver_args"), draft) or None,
        "epochs": epochs if epochs != 1 else None,
        **{name: config.at(name).value for name in _LIMITS},
        "model_roles": roles or None,
        "generate": {name: part for name, part in generate.items() if name in _GENERATE} or None,
    }
    found: dict[str, Any] = _shortened({name: part for name, part in protocol.items() if part is not None})
    return found


_GENERATE: Final = ("temperature", "top_p", "top_k", "max_tokens", "seed", "system_message", "num_choices",
                    "reasoning_effort", "reasoning_tokens", "frequency_penalty", "presence_penalty")  # fmt: skip
"""Settings of the generation that change what is answered, and not how quickly."""


def _filled(at: At) -> dict[str, Any]:
    return {name: one.value for name, one in at.mapping().items() if one}


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shortened(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_shortened(part) for part in value]
    if isinstance(value, str) and len(value) > _LONGEST:
        return f"sha256:{hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return value


# ---------------------------------------------------------------- the results


def _evaluate(log: Log, score: At, subject: str, task: str, draft: Draft, context: Context, file: Path) -> None:
    metrics = {name.removeprefix(_OWN): metric for name, metric in score.at("metrics").mapping().items()}
    scorer = score.at("name").text() or score.at("scorer").text() or ""
    values = _values(log, score)
    samples = len(values) or _samples(log.root, score)
    errors = [name for name in metrics if name in _ERRORS]
    error = metrics[errors[0]].at("value").number() if len(errors) == 1 else None
    given = []
    for key, metric in metrics.items():
        name = (metric.at("name").text() or key).removeprefix(_OWN)
        if name in _ERRORS and key not in _MEANS:
            continue
        if name in _SPREADS:
            draft.skip(metric.place, "The spread of the scores, which says nothing of how good they are.")
            continue
        if metric.at("group"):
            name = f"{metric.at('group').text()}/{key}"
        own = error if key in _MEANS else None
        given.append(Given(name, metric.at("value"), stderr=own, n=samples or None))
    evaluation: dict[str, Any] = {
        "subject": subject,
        "suite": {
            "name": task,
            "version": log.root.at("eval", "task_version").label() or UNSTATED,
            "config": _protocol(log.root, score, draft),
        },
        "evaluatedAt": moment(log.root.at("stats", "completed_at")) or moment(log.root.at("eval", "created")),
        "itemResults": item_results(file) if values else None,
        "metrics": context.results(draft, given, f"{task}/{scorer}"),
    }
    if values:
        by_value = {one.at.number(): one.name for one in given if one.name in _MEANS}
        for entry in evaluation["metrics"]:
            if entry["value"] in by_value:
                keep_items(draft, evaluation, entry, _clustered(log, metrics, values), score.place)
    draft.evaluation(evaluation, score.place)


def _values(log: Log, score: At) -> dict[str, float]:
    """Return the score of each sample, reduced over its epochs; none where one has no number."""
    names = {score.at("name").value, score.at("scorer").value}
    for reduction in log.reductions.items():
        if reduction.at("scorer").value in names and reduction.at("reducer").value == score.at("reducer").value:
            found = {
                str(one.at("sample_id").value): _float(one.at("value").value) for one in reduction.at("samples").items()
            }
            return {} if None in found.values() else {name: value for name, value in found.items() if value is not None}
    return {}


def _float(value: Any) -> float | None:
    """Return the number that Inspect computes with: C, P, I and N are 1, 0.5, 0 and 0."""
    if isinstance(value, bool | int | float):
        return float(value) if abs(value) < 1e300 else None
    if isinstance(value, str):
        return _LETTERS.get(value.lower())
    return None


def _clustered(log: Log, metrics: Mapping[str, At], values: Mapping[str, float]) -> list[Item]:
    """Return the items, with their clusters where the log's error is clustered over a key of their metadata."""
    key = next((at.at("params", "cluster").value for name, at in metrics.items() if name in _ERRORS), None)
    clusters: dict[str, str] = {}
    if isinstance(key, str):
        for one in log.samples.items():
            cluster = one.at("metadata", key).value
            if isinstance(cluster, str | int):
                clusters[str(one.at("id").value)] = str(cluster)
    whole = clusters.keys() >= values.keys()
    return [Item(name, value, (), clusters[name] if whole else None) for name, value in values.items()]


def _samples(root: At, score: At) -> int:
    """Return over how many samples a score was computed, epochs counted once."""
    epochs = root.at("eval", "config", "epochs").count() or 1
    done = score.at("scored_samples").count() or root.at("results", "completed_samples").count() or 0
    return done // epochs if done % epochs == 0 else 0


def _say_what_is_left(root: At, draft: Draft) -> None:
    dataset = root.at("eval", "dataset", "name").value or root.at("eval", "dataset", "location").value
    if dataset:
        draft.skip("eval.dataset", f"No digest of the data is stated, so evaluations name none: {str(dataset)[:200]}.")
    if packages := root.at("eval", "packages").mapping():
        said = ", ".join(f"{name} {one.value}" for name, one in list(packages.items())[:3])
        draft.skip("eval.packages", f"The harness ({said}): results are compared by the version of their task.")
