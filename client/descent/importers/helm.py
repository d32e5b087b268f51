"""HELM (Stanford CRFM): a run's folder with run_spec.json and stats.json.

A run is one scenario for one model. Its suite is the run without the model, with the adapter (prompt, shots, limits) as
its config; its version that of the release, the folder below `runs`, where the path has one. The statistics of a split
are one evaluation; perturbations are slices. `count` in a statistic is the number of trials: the number of items is the
statistic `num_instances`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from descent.importers.at import At
from descent.importers.draft import UNSTATED, Context, Draft, Given, Unit
from descent.importers.metrics import NotPlaced
from descent.importers.reading import Sources, read_json, refused

_STATS: Final = "stats.json"
_SPEC: Final = "run_spec.json"
_NO_PROTOCOL: Final = ("model", "model_deployment")


def find(path: str, sources: Sources) -> Iterator[Unit]:
    """Yield each run: a specification with the statistics beside it."""
    for file in sources.files(path, (".json",)):
        if file.name.endswith(_SPEC):
            stats = _beside(file, _SPEC, _STATS)
            if stats.is_file():
                yield Unit(str(file), (file, stats))
            else:
                message = f"There is no {stats.name} beside it: the specification of a run has no results."
                sources.failed.append(refused(str(file), message))
        elif file.name.endswith(_STATS) and not file.name.endswith("per_instance_stats.json"):
            if not _beside(file, _STATS, _SPEC).is_file():
                message = f"There is no {_beside(file, _STATS, _SPEC).name} beside it: it does not say what was run."
                sources.failed.append(refused(str(file), message))
            elif str(file) == path:
                yield Unit(str(file), (_beside(file, _STATS, _SPEC), file))
        elif str(file) == path:
            raise refused(path, "Import the folder of the run, which has run_spec.json and stats.json.")
        else:
            sources.passed_over.append((str(file), "neither run_spec.json nor stats.json"))


def _beside(file: Path, ending: str, other: str) -> Path:
    return file.with_name(file.name.removesuffix(ending) + other)


def convert(unit: Unit, context: Context) -> Draft:
    """Return the evaluations of a run, one for each split."""
    spec, stats = (read_json(file) for file in unit.files)
    if not isinstance(spec.value, dict) or not spec.at("adapter_spec"):
        raise spec.fault("This is not a run_spec.json of HELM: it has no `adapter_spec`.")
    draft = Draft(unit.source)
    model = spec.at("adapter_spec", "model") or spec.at("adapter_spec", "model_deployment")
    subject = context.subject(draft, model, None, otherwise=UNSTATED)
    suite = _suite(spec, unit.files[0], draft)
    splits: dict[str, list[At]] = {}
    for stat in stats.items():
        splits.setdefault(stat.at("name", "split").text() or "", []).append(stat)
    left: dict[str, None] = {}
    for split, members in splits.items():
        given = _results(members, context, suite["name"], left)
        config = suite["config"] | ({"split": split} if split else {})
        evaluation = {"subject": subject, "suite": {**suite, "config": config}, "evaluatedAt": None}
        metrics = context.results(draft, given, suite["name"])
        draft.evaluation(evaluation | {"metrics": metrics}, f"{unit.files[1].name} {split}".strip())
    if left:
        draft.skip(unit.files[1].name, f"No metrics with a direction: {', '.join(left)}.")
    return draft


def _suite(spec: At, file: Path, draft: Draft) -> dict[str, Any]:
    name = spec.at("name").text()
    if name is None:
        raise spec.at("name").expected("the name of the run")
    scenario, _, arguments = name.partition(":")
    kept = [part for part in arguments.split(",") if part and part.partition("=")[0] not in _NO_PROTOCOL]
    version = UNSTATED
    parts = file.absolute().parts
    if len(parts) > 3 and parts[-4] == "runs":
        version = parts[-3]
    else:
        draft.skip("version", f"The path does not say of which release (runs/RELEASE/RUN): recorded as {UNSTATED}.")
    adapter = {
        key: at.value
        for key, at in spec.at("adapter_spec").mapping().items()
        if key not in _NO_PROTOCOL and at.value not in (None, "", [], {})
    }
    config = {"harness": "helm", "scenario": spec.at("scenario_spec").value, **adapter}
    return {"name": ":".join(filter(None, (scenario, ",".join(kept)))), "version": version, "config": config}


def _results(stats: list[At], context: Context, suite: str, left: dict[str, None]) -> list[Given]:
    items = next((one for one in stats if one.at("name", "name").value == "num_instances"), None)
    n = None if items is None else items.at("mean").count()
    found = []
    for stat in stats:
        name = stat.at("name", "name").text()
        if name is None:
            raise stat.at("name").expected("the name of a statistic")
        if stat.at("mean").number() is None:
            continue  # nothing was measured: `count` is 0
        try:
            context.table.find(name, suite)
        except NotPlaced:
            left[name] = None
            continue
        found.append(Given(name, stat.at("mean"), n=n, slice=_slice(stat.at("name"))))
    return found


def _slice(name: At) -> dict[str, str] | None:
    perturbation = name.at("perturbation")
    found = {
        "perturbation": perturbation.at("name").text(),
        "computed_on": perturbation.at("computed_on").text(),
        "sub_split": name.at("sub_split").text(),
    }
    return {key: value for key, value in found.items() if value} or None
