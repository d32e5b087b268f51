"""Samples of lm-evaluation-harness 0.4: what each item of a task scored, in `samples_TASK_DATE.jsonl`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from descent.importers.at import At
from descent.importers.draft import UNSTATED, Context, Draft, Given, Unit
from descent.importers.items import item_results, keep_items
from descent.importers.reading import read_json_lines
from descent.pairing import Item

_ABOUT: Final = frozenset({"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics",
                           "doc_hash", "prompt_hash", "target_hash"})  # fmt: skip


@dataclass(slots=True)
class Samples:
    """The items of a task: values by filter and metric. A metric with a value that is no number is left out."""

    file: Path
    digest: str
    values: dict[tuple[str, str], list[Item]] = field(default_factory=dict)


def read_samples(file: Path) -> Samples:
    """Return the items in a file; raises NotImported with the line that is none."""
    found = Samples(file, item_results(file))
    unusable = set[tuple[str, str]]()
    seen = set[tuple[str, str]]()
    for at in read_json_lines(file):
        if not isinstance(at.value, dict) or "doc_id" not in at.value:
            raise at.fault("This is not a sample of lm-evaluation-harness: it has no `doc_id`.")
        filter = at.at("filter").label() or "none"
        name = f"{at.at('doc_id').label()} {(at.at('doc_hash').label() or '')[:16]}".strip()
        if (filter, name) in seen:
            raise at.fault(f"The item {name} is given twice.")
        seen.add((filter, name))
        for metric in _metrics(at):
            value = at.at(metric).value
            if isinstance(value, bool):
                value = float(value)
            key = ("" if filter == "none" else filter, metric)
            if not isinstance(value, int | float) or not abs(value) < 1e300:
                unusable.add(key)
            else:
                found.values.setdefault(key, []).append(Item(name, float(value)))
    for key in unusable:
        found.values.pop(key, None)
    return found


def _metrics(at: At) -> list[str]:
    listed = at.at("metrics").value
    if isinstance(listed, list):
        return [str(one) for one in listed if one in at.value]
    return [name for name, value in at.value.items() if name not in _ABOUT and isinstance(value, int | float)]


def keep(
    draft: Draft, evaluation: Mapping[str, Any], names: Mapping[float | None, str], samples: Samples, filter: str
) -> None:
    """Keep the items of each result; `names` are the harness's names of the metrics by their values."""
    for entry in evaluation["metrics"]:
        for name in {entry["name"], names.get(entry["value"], entry["name"])}:
            if items := samples.values.get((filter, name)):
                keep_items(draft, evaluation, entry, items, f"{samples.file.name} {name}")
                break


def from_samples(unit: Unit, file: Path, context: Context) -> Draft:
    """Return the results that samples alone allow: shares of items that are right.

    How other metrics are aggregated stands in the results file only.
    """
    from descent.importers.lm_eval import samples_of

    samples = read_samples(file)
    draft = Draft(unit.source)
    subject = context.subject(draft, None, None)
    task = samples_of(file) or UNSTATED
    for filter in dict.fromkeys(key[0] for key in samples.values):
        given = []
        for (of, metric), items in samples.values.items():
            if of != filter:
                continue
            if not {item.value for item in items} <= {0.0, 1.0}:
                draft.skip(metric, "How it is aggregated stands in the results file, which is not there.")
                continue
            share = sum(item.value for item in items) / len(items)
            given.append(Given(metric, At(share, (metric,), unit.source), n=len(items)))
        config = {"harness": "lm-evaluation-harness", **({"filter": filter} if filter else {})}
        evaluation: dict[str, Any] = {
            "subject": subject,
            "suite": {"name": task, "version": UNSTATED, "config": config},
            "itemResults": samples.digest,
            "metrics": context.results(draft, given, task),
        }
        keep(draft, evaluation, {one.at.number(): one.name for one in given}, samples, filter)
        draft.evaluation(evaluation, f"samples{f' ({filter})' if filter else ''}")
    draft.skip(
        "samples", "The version of the task and its number of shots stand in the results file, which is not there."
    )
    return draft
