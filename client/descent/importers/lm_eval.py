"""EleutherAI's lm-evaluation-harness: results of 0.3, 0.4 and of BigScience's branch, and samples of 0.4.

A task is a suite, with the version of the task; what else decides which questions are asked, and how, is its config:
shots, filter, limit, prompt, chat template. Groups are suites too.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from descent.errors import NotImported
from descent.importers.at import At
from descent.importers.draft import UNSTATED, Context, Draft, Given, Unit
from descent.importers.lm_eval_samples import from_samples, keep, read_samples
from descent.importers.reading import Sources, is_file, names_in, read_json

HARNESS: Final = "lm-evaluation-harness"
_SUFFIXES: Final = (".json", ".json.gz", ".jsonl", ".jsonl.gz")
_RESULTS: Final = re.compile(r"(?:.*_)?results_(?P<run>\d{4}-\d\d-\d\dT[\d.:-]+?)\.json(?:\.gz)?")
_SAMPLES: Final = re.compile(r"(?:.*_)?samples_(?P<task>.+)_(?P<run>\d{4}-\d\d-\d\dT[\d.:-]+?)\.jsonl(?:\.gz)?")
_WORDS: Final = ("alias", "name", "sample_len", "sample_count", "task_name", "prompt_name", "dataset_path",
                 "dataset_name", "subset", "fixed_answer_choice_list", "group", "samples")  # fmt: skip
"""Keys beside the metrics of a task, which describe it."""

_BEHAVIOUR: Final = ("load_in_8bit", "load_in_4bit", "quantization", "autogptq", "gptqmodel", "add_bos_token",
                     "enable_thinking", "max_length", "max_model_len", "think_end_token")  # fmt: skip
"""Arguments of the model by which the same weights answer differently."""


def find(path: str, sources: Sources) -> Iterator[Unit]:
    """Yield each results file, with the samples of its run, and each file of samples whose results are not there."""
    files = list(sources.files(path, _SUFFIXES))
    beside = [file for folder in {file.parent for file in files} for file in _samples_in(folder, files)]
    used = set[Path]()
    results = [file for file in files if samples_of(file) is None]
    for file in results:
        samples = [one for one in beside if one.parent == file.parent and _run_of(one) == _run_of(file)]
        used.update(samples)
        yield Unit(str(file), (file, *samples))
    for file in files:
        if samples_of(file) is not None and file not in used:
            yield Unit(str(file), (file,))


def _samples_in(folder: Path, files: list[Path]) -> list[Path]:
    """Return the files of samples in a folder that may be read."""
    names = [file for file in files if file.parent == folder] + [
        folder / name for name in names_in(folder) if _SAMPLES.fullmatch(name) and is_file(folder / name)
    ]
    return sorted({file for file in names if samples_of(file) is not None})


def samples_of(file: Path) -> str | None:
    """Return the task that a file of samples is of; None for any other file."""
    found = _SAMPLES.fullmatch(file.name)
    return found["task"] if found else None


def _run_of(file: Path) -> str | None:
    found = _SAMPLES.fullmatch(file.name) or _RESULTS.fullmatch(file.name)
    return found["run"] if found else None


def convert(unit: Unit, context: Context) -> Draft:
    """Return the evaluations in a results file, or those that samples alone allow."""
    file, *samples = unit.files
    if samples_of(file) is not None:
        return from_samples(unit, file, context)
    root = read_json(file)
    tasks = _tasks(root)
    draft = Draft(unit.source)
    subject = _subject(root, draft, context)
    evaluated_at = _moment(root, draft)
    items = {samples_of(one): read_samples(one) for one in samples}
    for task in tasks:
        for filter, given in _by_filter(root, task, draft).items():
            suite = {
                "name": task.name,
                "version": _label(root.at("versions", task.name)) or UNSTATED,
                "config": _protocol(root, task, filter),
            }
            single = items.get(task.name)
            evaluation: dict[str, Any] = {
                "subject": subject,
                "suite": suite,
                "evaluatedAt": evaluated_at,
                "itemResults": single.digest if single is not None else None,
                "metrics": context.results(draft, given, task.name),
            }
            if single is not None:
                keep(draft, evaluation, {one.at.number(): one.name for one in given}, single, filter)
            draft.evaluation(evaluation, task.at.place + (f",{filter}" if filter else ""))
    _say_what_is_left(root, draft)
    return draft


class _Task:
    """The results of a task: its name, its prompt where there are several, and where they are."""

    def __init__(self, name: str, at: At, prompt: str | None = None) -> None:
        self.name = name
        self.at = at
        self.prompt = prompt


def _tasks(root: At) -> list[_Task]:
    results, table = root.at("results"), root.at("table_results")
    if not isinstance(root.value, dict) or not (results or table):
        raise root.fault("This is not a results file of lm-evaluation-harness: it has no `results`.")
    if root.at("config_general"):
        raise root.at("config_general").fault("This is a results file of lighteval, whose tasks are others.")
    if isinstance(results.value, list):
        found = [_prompted(one) for one in results.items()]
    else:
        found = [_Task(name, one) for name, one in results.mapping().items()]
    found += [_prompted(one) for one in table.mapping().values()] if not results else []
    names = {task.name for task in found}
    found += [_Task(name, one) for name, one in root.at("groups").mapping().items() if name not in names]
    if not found:
        raise results.fault("The file has no results.")
    for task in found:
        task.at.mapping()
    return found


def _prompted(at: At) -> _Task:
    name = at.at("task_name").text()
    if name is None:
        raise at.fault("Expected a task_name.")
    return _Task(name, at, at.at("prompt_name").text())


# ---------------------------------------------------------------- the version


def _subject(root: At, draft: Draft, context: Context) -> str:
    arguments = model_arguments(root.at("config", "model_args"))
    candidates = [arguments[key] for key in ("peft", "pretrained", "model", "engine", "path") if key in arguments]
    candidates += [root.at("model_name"), root.at("model")]
    name = next((one for one in candidates if isinstance(one.value, str) and one.text()), None)
    if "peft" in arguments and "pretrained" in arguments:
        base = arguments["pretrained"]
        draft.skip(base.place, f"The base {base.value} of the adapter: import the adapter's own files for its lineage.")
    local = "pretrained" in arguments or root.at("model_source").value in ("hf", "vllm")
    return context.subject(draft, name, _revision(root, arguments), otherwise="main" if local else UNSTATED)


def _revision(root: At, arguments: dict[str, At]) -> str | None:
    """Return the revision: as it was asked for, or the commit where a branch was."""
    asked = arguments["revision"].label() if "revision" in arguments else None
    asked = asked or root.at("config", "model_revision").label()
    if asked in (None, "main", "master") and "peft" not in arguments:
        return root.at("config", "model_sha").label() or asked
    return asked


def model_arguments(at: At) -> dict[str, At]:
    """Return the arguments of the model, which are a mapping or a text `pretrained=…,revision=…`."""
    if not isinstance(at.value, str):
        return at.mapping() if isinstance(at.value, dict) else {}
    pairs = (part.partition("=") for part in at.value.split(","))
    return {key.strip(): At(value.strip(), at.path, at.source) for key, equals, value in pairs if equals}


# ---------------------------------------------------------------- the protocol


def _protocol(root: At, task: _Task, filter: str) -> dict[str, Any]:
    """Return what decides which questions were asked, and how."""
    config = root.at("config")
    arguments = model_arguments(config.at("model_args"))
    shots = (
        root.at("n-shot", task.name), root.at("configs", task.name, "num_fewshot"), config.at("num_fewshot"),
        root.at("num_fewshot"), task.at.at("num_fewshot"),
    )  # fmt: skip
    protocol: dict[str, Any] = {
        "harness": HARNESS,
        "num_fewshot": next((n for one in shots if (n := one.count()) is not None), None),
        "filter": filter or None,
        "prompt": task.prompt,
        "limit": config.at("limit").number(),
        "gen_kwargs": config.at("gen_kwargs").value or None,
        "description_dict": config.at("description_dict").value or None,
        "system_instruction": root.at("system_instruction").value or None,
        "chat_template": True if root.at("chat_template_sha") else None,
        "fewshot_as_multiturn": True if root.at("fewshot_as_multiturn").value else None,
        **{name: arguments[name].value for name in _BEHAVIOUR if name in arguments},
    }
    return {name: value for name, value in protocol.items() if value is not None}


def _label(at: At) -> str | None:
    """Return the version of a task; None for `Yaml`, N/A and the like, which are none."""
    try:
        label = at.label()
    except NotImported:
        return None
    return None if label in (None, "N/A", "Yaml", "null") else label


def _moment(root: At, draft: Draft) -> str | None:
    date = root.at("date")
    seconds = date.number()
    if seconds is None or not 0 < seconds < 32503680000:  # the year 3000
        if date:
            draft.skip("date", f"{str(date.value)[:40]} is not a time: expected seconds since 1970.")
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


# ---------------------------------------------------------------- the results


def _by_filter(root: At, task: _Task, draft: Draft) -> dict[str, list[Given]]:
    """Return the results of a task by the filter of the answers; "" for none. The draft names those that are text."""
    found: defaultdict[str, list[Given]] = defaultdict(list)
    members = task.at.mapping()
    for key, at in members.items():
        metric, _, filter = key.partition(",")
        if metric in _WORDS or "_stderr" in metric or isinstance(at.value, list | dict | None):
            continue
        if isinstance(at.value, str | bool):
            draft.skip(at.place, f"{json.dumps(at.value, ensure_ascii=False)[:40]} is not a number.")
            continue
        error = members.get(f"{metric}_stderr,{filter}" if filter else f"{metric}_stderr")
        found["" if filter == "none" else filter].append(
            Given(
                metric,
                at,
                stderr=None if error is None else error.number(),
                n=_items(root, task, key),
                higher_is_better=_direction(root, task.name, metric),
            )
        )
    return found


def _items(root: At, task: _Task, key: str) -> int | None:
    counts = (root.at("n-samples", task.name, "effective"), task.at.at("sample_count", key), task.at.at("sample_len"))
    return next((n for one in counts if (n := one.count())), None)


def _direction(root: At, task: str, metric: str) -> bool | None:
    stated = root.at("higher_is_better", task, metric).value
    if not isinstance(stated, bool):
        listed = [one for one in root.at("configs", task, "metric_list").value or () if isinstance(one, dict)]
        stated = next((one.get("higher_is_better") for one in listed if one.get("metric") == metric), None)
    return stated if isinstance(stated, bool) else None


def _say_what_is_left(root: At, draft: Draft) -> None:
    """Say what of the file is not kept."""
    data = sorted({str(one.at("dataset_path").value) for one in root.at("configs").mapping().values()} - {"None"})
    if data:
        draft.skip(
            "configs.*.dataset_path",
            f"No digest of the data is stated, so evaluations name none: {', '.join(data)[:200]}.",
        )
    how = [
        name
        for name in model_arguments(root.at("config", "model_args"))
        if name not in (*_BEHAVIOUR, "pretrained", "revision", "model", "engine", "path", "peft")
    ]
    if how:
        draft.skip("config.model_args", f"How it was run, not what was asked: {', '.join(how)}.")
    if root.at("git_hash") or root.at("lm_eval_version"):
        version = root.at("lm_eval_version").value or root.at("git_hash").value
        draft.skip("git_hash", f"The harness ({version}): results are compared by the version of their task.")
