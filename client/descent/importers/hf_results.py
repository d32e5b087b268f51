"""Results in a model repository: `model-index` in the card, and `.eval_results/*.yaml`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from descent.errors import NotImported
from descent.importers.at import At
from descent.importers.draft import UNSTATED, Context, Draft, Given, json_config, moment
from descent.importers.reading import inside, names_in, read_yaml

FOLDER: Final = ".eval_results"


def model_index(front: At, subject: str, draft: Draft, context: Context) -> None:
    """Add the results of a `model-index`: each names its dataset, metrics and source."""
    for model in front.at("model-index").one_or_more():
        if not isinstance(model.value, dict):
            draft.skip(model.place, model.expected("a mapping with results").problems[0].message)
        for result in model.at("results").one_or_more():
            try:
                _result(result, subject, draft, context)
            except NotImported as error:
                # one result that is malformed does not make the lineage in the card wrong
                draft.skip(error.problems[0].field or result.place, error.message)


def _result(result: At, subject: str, draft: Draft, context: Context) -> None:
    dataset = result.at("dataset")
    suite = dataset.at("type").label() or dataset.at("name").label()
    if suite is None:
        draft.skip(result.place, "The result names no dataset, so it is not known what was asked.")
        return
    source = result.at("source", "name").label()
    protocol = {
        "reported_in": "model-index",
        "task": result.at("task", "type").label(),
        "dataset_config": dataset.at("config").label(),
        "split": dataset.at("split").label(),
        "args": json_config(dataset.at("args"), draft),
        "source": source,
    }
    given = [
        Given(metric, at.at("value"))
        for at in result.at("metrics").one_or_more()
        if (metric := at.at("type").label() or at.at("name").label())
    ]
    evaluation = {
        "subject": subject,
        "suite": {
            "name": suite,
            "version": dataset.at("revision").label() or UNSTATED,
            "config": {key: part for key, part in protocol.items() if part is not None},
        },
        "metrics": context.results(draft, given, f"{source}/{suite}" if source else suite),
    }
    draft.evaluation(evaluation, result.place)


# ---------------------------------------------------------------- .eval_results


def result_files(folder: Path, subject: str, draft: Draft, context: Context) -> None:
    """Add the results of `.eval_results/*.yaml`. Their metric is that of the benchmark: the table has to know it."""
    for file in _files(folder):
        root = read_yaml(file)
        for entry in root.one_or_more():
            _entry(entry, file, subject, draft, context)


def _files(folder: Path) -> Iterator[Path]:
    results = folder / FOLDER
    if results.is_dir():
        for name in names_in(results):
            if name.lower().endswith((".yaml", ".yml")):
                yield inside(results, name, str(folder)) if not (results / name).is_symlink() else results / name


def _entry(entry: At, file: Path, subject: str, draft: Draft, context: Context) -> None:
    dataset = entry.at("dataset")
    name = dataset.at("id").text()
    if name is None:
        raise dataset.at("id").expected("the id of a dataset")
    if not entry.at("value"):
        raise entry.at("value").expected("a number")
    task = dataset.at("task_id").label() or dataset.at("config").label()
    place = f"{FOLDER}/{file.name}{f' {entry.place}' if entry.place else ''}"
    protocol: dict[str, Any] = {
        "reported_in": FOLDER,
        "task": task,
        "split": dataset.at("split").label(),
        "evaluation_framework": entry.at("evaluation_framework").label(),
        "notes": entry.at("notes").label(),
    }
    suite = f"{name}/{task}" if task else name
    evaluation = {
        "subject": subject,
        "suite": {
            "name": name,
            "version": dataset.at("revision").label() or UNSTATED,
            "config": {key: part for key, part in protocol.items() if part is not None},
        },
        "evaluatedAt": moment(entry.at("date")),
        "metrics": context.results(draft, [Given(suite, entry.at("value"))], suite),
    }
    draft.evaluation(evaluation, place)
