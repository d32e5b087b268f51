"""Every Eval Ever (evaleval, schema 0.1 to 0.3): results of one model, each with its benchmark, metric and error.

A result's suite is its evaluation, in the version of the library that ran it. Where it was read (a leaderboard or a
paper), the library, the data and the settings of generation are the suite's config: by others it is another series.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from descent.catalogue import catalogue
from descent.importers.at import At
from descent.importers.draft import UNSTATED, Context, Draft, Given, Unit
from descent.importers.metrics import NotPlaced
from descent.importers.moments import moment_as_utc, written
from descent.importers.reading import Sources, read_json, refused

_UNKNOWN: Final = (None, "", "unknown", "Unknown", "N/A")
_PERCENT: Final = ("percent", "percentage", "%")
_SETTINGS: Final = ("temperature", "top_p", "top_k", "max_tokens", "reasoning", "prompt_template", "max_attempts")
"""Settings of generation that are kept as they are written."""


def find(path: str, sources: Sources) -> Iterator[Unit]:
    """Yield each file of results; those with single items (`*_samples.jsonl`) are passed over in a folder."""
    for file in sources.files(path, (".json", ".jsonl")):
        if file.suffix == ".jsonl" and str(file) != path:
            sources.passed_over.append((str(file), "results of single items"))
        else:
            yield Unit(str(file), (file,))


def convert(unit: Unit, context: Context) -> Draft:
    """Return the evaluations in a file."""
    if unit.files[0].suffix == ".jsonl":
        message = "This file holds results of single items: import the file beside it that sums them up (.json)."
        raise refused(unit.source, message)
    root = read_json(unit.files[0])
    results = root.at("evaluation_results")
    if not isinstance(root.value, dict) or not results:
        raise root.fault("This is not a file of Every Eval Ever: it has no `evaluation_results`.")
    draft = Draft(unit.source)
    model = root.at("model_info")
    name = model.at("id") or model.at("name")
    subject = context.subject(draft, name, _revision(model), otherwise=UNSTATED)
    for result in results.items():
        suite = _suite(root, result)
        given = _given(result, context, suite["name"])
        if isinstance(given, str):
            draft.skip(result.place, given)
            continue
        at = result.at("evaluation_timestamp") or root.at("evaluation_timestamp")
        evaluation: dict[str, Any] = {"subject": subject, "suite": suite, "evaluatedAt": _moment(at, draft)}
        draft.evaluation(evaluation | {"metrics": context.results(draft, [given], suite["name"])}, result.place)
    _join(draft)
    if root.at("detailed_evaluation_results"):
        draft.skip("detailed_evaluation_results", "The results of single items are in a file of their own.")
    return draft


def _revision(model: At) -> str | None:
    details = model.at("additional_details")
    return next((one for key in ("revision", "model_revision", "commit") if (one := details.at(key).label())), None)


def _suite(root: At, result: At) -> dict[str, Any]:
    name = result.at("evaluation_name").text()
    if name is None:
        raise result.at("evaluation_name").expected("the name of the evaluation")
    library, data = root.at("eval_library"), result.at("source_data")
    sources = (
        root.at("source_metadata", "source_name"),
        root.at("evaluation_source", "evaluation_source_name"),  # before 0.2
        root.at("source_metadata", "source_organization_name"),
    )
    version = library.at("version").label()
    config: dict[str, Any] = {
        "harness": library.at("name").text(),
        "source": next(filter(None, (place.text() for place in sources)), None),
        "dataset": data.at("hf_repo").text() or data.at("dataset_name").text(),
        "split": data.at("hf_split").text(),
        "judges": [judge.at("model_info", "id").value for judge in _judges(result)],
        **_generation(result),
    }
    known = {key: value for key, value in config.items() if value not in (*_UNKNOWN, [])}
    return {"name": name, "version": UNSTATED if version in _UNKNOWN else version, "config": known}


def _judges(result: At) -> Iterator[At]:
    return result.at("metric_config", "llm_scoring", "judges").items()


def _generation(result: At) -> Mapping[str, Any]:
    arguments = result.at("generation_config", "generation_args")
    return {name: arguments.at(name).value for name in _SETTINGS if arguments.at(name)}


def _given(result: At, context: Context, suite: str) -> Given | str:
    """Return the result; a text says why there is none."""
    config, details = result.at("metric_config"), result.at("score_details")
    score, value = details.at("score"), details.at("score").number()
    if value is None:
        return score.no_number()
    if config.at("has_unknown_level").value is True and value == -1:
        return "The score is the unknown level."
    lower = config.at("lower_is_better").value
    uncertainty = details.at("uncertainty")
    error = uncertainty.at("standard_error", "value").number() or uncertainty.at("standard_error").number()
    n = uncertainty.at("num_samples").count() or None
    better = None if not isinstance(lower, bool) else not lower
    given = Given(_metric(config, context, suite) or suite, score, error, n, higher_is_better=better)
    return _as_share(given, config, context, suite)


def _metric(config: At, context: Context, suite: str) -> str | None:
    """Return the name of the metric: of those that the file gives, the first that the table or the catalogue knows."""
    names = [name for key in ("metric_id", "metric_kind", "metric_name") if (name := config.at(key).text())]
    for name in names:
        try:
            context.table.find(name, suite)
        except NotPlaced:
            continue
        return name
    return names[0] if names else None


def _as_share(given: Given, config: At, context: Context, suite: str) -> Given:
    """Return a result in percent as a share, where the metric is one by the catalogue and the file says percent."""
    percent = config.at("metric_unit").value in _PERCENT or config.at("max_score").number() == 100
    try:
        metric = context.table.find(given.name, suite, given.higher_is_better)
    except NotPlaced:
        return given
    if not percent or metric.factor != 1 or catalogue().get(metric.name, {}).get("maximum") != 1:
        return given
    value = given.at.number()
    assert value is not None
    error = None if given.stderr is None else given.stderr / 100
    return replace(given, at=At(value / 100, given.at.path, given.at.source), stderr=error)


def _moment(at: At, draft: Draft) -> str | None:
    """Return a moment that is written in ISO 8601, or in seconds since 1970."""
    label = None if isinstance(at.value, dict | list | bool) else at.label()
    try:
        seconds = float(label or "")
    except ValueError:
        return moment_as_utc(at or None, draft)
    return written(datetime.fromtimestamp(seconds, UTC)) if 0 < seconds < 32503680000 else None  # the year 3000


def _join(draft: Draft) -> None:
    """Join the results of one suite and moment into one evaluation, unless they are of one metric."""
    joined: list[dict[str, Any]] = []
    for one in draft.manifest.get("evaluations", ()):
        for other in joined:
            names = {metric["name"] for metric in other["metrics"]}
            if {**one, "metrics": 0} == {**other, "metrics": 0} and names.isdisjoint(m["name"] for m in one["metrics"]):
                other["metrics"] += one["metrics"]
                break
        else:
            joined.append(one)
    if joined:
        draft.manifest["evaluations"] = joined
