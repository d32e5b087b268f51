"""OpenLineage events in files: which data was derived from which, and what models were trained on.

What a run read is what its outputs are derived from: a dataset that it wrote is derived from the datasets, a model was
trained on them. Only what the facet `datasetType` calls a MODEL, what a mapping file names under `models`, or the one
output that nothing reads where `--model` is given, is a model; all else is a dataset.

Tables change in place, and most events state no version. The version of an output is then the id of the run that wrote
it; that of an input what the last run before it wrote, as far as the events tell, else it is unstated.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from descent.errors import NotImported
from descent.importers.at import At
from descent.importers.draft import UNSTATED, Context, Draft, Unit
from descent.importers.moments import written
from descent.importers.openlineage_events import Dataset, Events, Run, key_of, read_events, without_credentials
from descent.importers.reading import Sources, refused
from descent.names import fault_in_name, fault_in_new_name

_SUFFIXES: Final = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz")

Earlier = Callable[[str, datetime | None], str | None]
"""Returns the version that a dataset had at a moment, by runs that these events are not about; None if not known."""


@dataclass(frozen=True)
class EventFile(Unit):
    """A file of events, with what ties it to others: the runs and datasets that it speaks of."""

    keys: frozenset[str] = frozenset()


def find(path: str, sources: Sources) -> Iterator[Unit]:
    """Yield each file of events, without those that are invalid."""
    for file in sources.files(path, _SUFFIXES):
        events = Events()
        try:
            for event in read_events(file):
                events.add(event)
        except NotImported as error:
            sources.failed.append(error)
        else:
            yield EventFile(str(file), (file,), frozenset(events.keys()))


def join(units: Iterable[Unit]) -> Iterator[Unit]:
    """Yield together the files whose events are about the same runs and datasets."""
    together = _Together()
    for unit in units:
        together.add(unit.files[0], unit.keys if isinstance(unit, EventFile) else frozenset())
    for files in together.groups():
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        yield Unit(f"{files[0]}{more}", tuple(files))


class _Together:
    """Files in groups: those that have a key in common, by way of others too (union–find)."""

    def __init__(self) -> None:
        self.files: list[Path] = []
        self.leader: list[int] = []
        self.first: dict[str, int] = {}

    def add(self, file: Path, keys: frozenset[str]) -> None:
        number = len(self.files)
        self.files.append(file)
        self.leader.append(number)
        for key in keys:
            one, other = self._led(number), self._led(self.first.setdefault(key, number))
            self.leader[max(one, other)] = min(one, other)

    def _led(self, number: int) -> int:
        while self.leader[number] != number:
            self.leader[number] = self.leader[self.leader[number]]
            number = self.leader[number]
        return number

    def groups(self) -> list[list[Path]]:
        found: dict[int, list[Path]] = {}
        for number, file in enumerate(self.files):
            found.setdefault(self._led(number), []).append(file)
        return list(found.values())


def convert(unit: Unit, context: Context) -> Draft:
    """Return the datasets and versions that the events tell of."""
    events = Events()
    for file in unit.files:
        for event in read_events(file):
            events.add(event)
    return draft_of(events, unit.source, context)


def draft_of(events: Events, source: str, context: Context, earlier: Earlier | None = None) -> Draft:
    """Return the datasets and versions that events tell of; `earlier` knows what was written before them."""
    draft = Draft(source)
    _Lineage(events, draft, context, earlier).add_all()
    if events.unplaced_facets:
        names = ", ".join(f"{name} ({times})" for name, times in sorted(events.unplaced_facets.items()))
        draft.skip("facets", f"These have no place in the registry: {names}.")
    return draft


class _Lineage:
    """The lineage of what the events of one transaction tell."""

    def __init__(self, events: Events, draft: Draft, context: Context, earlier: Earlier | None) -> None:
        self.events = events
        self.draft = draft
        self.context = context
        self.earlier = earlier
        self.entries: dict[str, dict[str, Any]] = {}
        """What was written, by its reference."""
        self.writers = self._writers()
        self.about = self._only_output() if context.model is not None else None
        self.named: str | None = None

    def add_all(self) -> None:
        for run in self.events.runs.values():
            if not run.inputs and not run.outputs:
                self._skip(run, f"{run.job}: the events name nothing that it reads or writes.")
            elif why := run.why_unwritten():
                for key in run.outputs:
                    self._skip(run, f"{key}: {why}, so it may not have been written.")
            else:
                for dataset in run.outputs.values():
                    self._written(run, dataset)
        for dataset in self.events.datasets.values():
            self._described(dataset)

    def _writers(self) -> dict[str, list[tuple[datetime, str, Run]]]:
        """Return the runs that wrote each dataset, by when they ended."""
        found: dict[str, list[tuple[datetime, str, Run]]] = {}
        for run in self.events.runs.values():
            if run.id is not None and run.last is not None and run.why_unwritten() is None:
                for key in run.outputs:
                    found.setdefault(key, []).append((run.last, run.id, run))
        for writers in found.values():
            writers.sort(key=lambda written: written[:2])
        return found

    def _skip(self, run: Run, why: str) -> None:
        place = f"run {run.id}" if run.id else f"job {run.job}"
        self.draft.skip(place, why)

    # ------------------------------------------------------------ what is a model

    def _only_output(self) -> str:
        """Return the output that --model names: the only one that no run reads."""
        written = {key for run in self.events.runs.values() if run.why_unwritten() is None for key in run.outputs}
        read = {key for run in self.events.runs.values() for key in run.inputs}
        stated = {d.key for run in self.events.runs.values() for d in run.outputs.values() if d.is_model}
        candidates = stated or written - read
        if len(candidates) != 1:
            found = ", ".join(sorted(candidates)) or "none"
            message = (
                f"--model names one version, and the outputs that nothing reads are {len(candidates)} ({found}): name "
                "the model under `models` in a --mapping file, as NAMESPACE/NAME: NAME@VERSION."
            )
            raise refused(self.draft.source, message)
        return candidates.pop()

    def _model(self, dataset: Dataset, version: str) -> str | None:
        """Return the reference to the version that a dataset is; None if it is no model."""
        said = self.context.versions.get(dataset.key) or self.context.versions.get(dataset.at.at("name").value)
        if said is None and dataset.key == self.about:
            return self._about(dataset, version)
        if said is None and not dataset.is_model:
            return None
        name, _, given = (said or dataset.key).partition("@")
        return self._valid(dataset, f"model:{name}@{given or version}")

    def _about(self, dataset: Dataset, version: str) -> str:
        """Return the reference to the version that --model names; it cannot be named by the events of two pipelines."""
        if self.named is None:
            at = At(dataset.key, dataset.at.path, dataset.at.source, dataset.at.line)
            self.named = self.context.subject(self.draft, at, None, otherwise=version)
        return self.named

    def _ref(self, dataset: Dataset, version: str) -> str:
        if model := self._model(dataset, version):
            return model
        name, _, given = self.context.datasets.get(dataset.key, dataset.key).partition("@")
        return self._valid(dataset, f"dataset:{name}@{given or version}")

    def _valid(self, dataset: Dataset, ref: str) -> str:
        name, _, version = ref.partition(":")[2].partition("@")
        for part in (name, version):
            if fault := fault_in_name(part) or fault_in_new_name(part):
                raise dataset.at.fault(f'"{part}" {fault}.')
        return ref

    # ------------------------------------------------------------ versions

    def _read_version(self, run: Run, dataset: Dataset) -> str:
        """Return the version of what a run read: as stated, else that of the last run before it that wrote it."""
        if dataset.version:
            return dataset.version
        writers = self.writers.get(dataset.key, [])
        before = 0 if run.first is None else bisect_right(writers, run.first, key=lambda written: written[0])
        if before and writers[before - 1][2] is run:  # it began and ended at one moment
            before -= 1
        if not before:
            return (self.earlier and self.earlier(dataset.key, run.first)) or UNSTATED
        _, _, last = writers[before - 1]
        return written_version(last, last.outputs[dataset.key])

    # ------------------------------------------------------------ records

    def _written(self, run: Run, dataset: Dataset) -> None:
        """Add what a run wrote, with what it is derived from."""
        ref = self._ref(dataset, written_version(run, dataset))
        sources = [self._mention(run, source) for source in run.inputs.values()]
        for one in dataset.sources():
            named = Dataset(key_of(one), one)
            if one.at("type").value != "JOB" and named.key not in run.inputs and named.key != dataset.key:
                sources.append(self._mention(run, named))
        if ref in sources:
            self._skip(run, f"{ref} is read and written by it, as the same version: that is not a derivation.")
            sources = [source for source in sources if source != ref]
        place = dataset.at.place if len(self.events.runs) == 1 else f"run {run.id}" if run.id else f"job {run.job}"
        if ref.startswith("model:"):
            entry, section = self._version(run, dataset, ref, sources), "models"
        else:
            entry, section = self._data(run, dataset, ref, sources), "datasets"
        known = self.entries.setdefault(ref, entry)
        if known is not entry:
            self._join(known, entry, run, ref)
            return
        self.draft.add(section, entry, place, f"{ref}{_from(sources, section)}, written by {run.job}")

    def _join(self, known: dict[str, Any], entry: dict[str, Any], run: Run, ref: str) -> None:
        """Add what a further run says of something that is there already."""
        for name in ("derivedFrom", "generatedBy", "trainedOn", "parents"):
            if added := [one for one in entry.get(name, ()) if one not in known.get(name, ())]:
                known[name] = [*known.get(name, ()), *added]
        self.draft.placed.append((f"run {run.id}" if run.id else f"job {run.job}", f"{ref}, too"))

    def _mention(self, run: Run, dataset: Dataset) -> str:
        """Return the reference to what a run read; it is registered if the registry does not have it."""
        ref = self._ref(dataset, self._read_version(run, dataset))
        self.draft.mention(ref)
        if ref.startswith("dataset:"):
            described = self.events.datasets.get(dataset.key, dataset)
            self.draft.bare[ref].update(_description(described, None))
        return ref

    def _data(self, run: Run, dataset: Dataset, ref: str, sources: list[str]) -> dict[str, Any]:
        name, version = ref.removeprefix("dataset:").split("@")
        entry: dict[str, Any] = {"name": name, "version": version, **_description(dataset, run)}
        data = sorted({source for source in sources if source.startswith("dataset:")})
        if data:
            entry["derivedFrom"] = [{"ref": source, "relation": "OTHER"} for source in data]
        if models := sorted({source for source in sources if source.startswith("model:")}):
            entry["generatedBy"] = models
        return entry

    def _version(self, run: Run, dataset: Dataset, ref: str, sources: list[str]) -> dict[str, Any]:
        name, version = ref.removeprefix("model:").split("@")
        entry: dict[str, Any] = {
            "name": name,
            "version": version,
            "description": _description(dataset, run)["description"],
        }
        if run.last is not None and run.id:
            entry["createdAt"] = written(run.last)
        if data := sorted({source for source in sources if source.startswith("dataset:")}):
            entry["trainedOn"] = [{"ref": source, "role": "TRAIN"} for source in data]
        if models := sorted({source for source in sources if source.startswith("model:")}):
            entry["parents"] = [{"ref": source, "relation": "OTHER"} for source in models]
        if code := self._code(run):
            entry["code"] = code
        return entry

    def _code(self, run: Run) -> dict[str, str] | None:
        location = run.job_facets.get("sourceCodeLocation")
        if location is None:
            return None
        repository = location.at("repoUrl").text() or location.at("url").text()
        commit = location.at("version").text()
        if repository is None or commit is None:
            self._skip(run, "sourceCodeLocation: the code is identified by repository and version; one is missing.")
            return None
        code = {"repository": without_credentials(repository), "commit": commit}
        if path := location.at("path").text():
            code["path"] = path
        return code

    def _described(self, dataset: Dataset) -> None:
        """Add a dataset that an event describes by itself, unless a run wrote it."""
        ref = self._ref(dataset, dataset.version or UNSTATED)
        if ref in self.entries or not ref.startswith("dataset:"):
            return
        run = Run(None, "", dataset.at)
        sources = [self._mention(run, Dataset(key_of(one), one)) for one in dataset.sources()]
        entry = self._data(run, dataset, ref, [source for source in sources if source != ref])
        entry = {"name": entry["name"], "version": entry["version"], **_description(dataset, None), **entry}
        entry |= _description(dataset, None)
        self.entries[ref] = entry
        self.draft.add("datasets", entry, dataset.at.place, f"{ref}{_from(sources, 'datasets')}")


def written_version(run: Run, dataset: Dataset) -> str:
    """Return the version of what a run wrote: as stated, else the run's id."""
    return dataset.version or run.id or UNSTATED


def _from(sources: list[str], section: str) -> str:
    data = [source for source in dict.fromkeys(sources) if source.startswith("dataset:")]
    models = [source for source in dict.fromkeys(sources) if source.startswith("model:")]
    of_data, of_models = ("trained on", "derived from") if section == "models" else ("derived from", "made by")
    told = f", {of_data} {', '.join(data)}" if data else ""
    return f"{told}, {of_models} {', '.join(models)}" if models else told


def _description(dataset: Dataset, run: Run | None) -> dict[str, str]:
    """Return where a dataset is, and what it is said to be; with a run, by which job it was written."""
    parts = [dataset.text("documentation", "description")]
    if run is not None:
        parts.append(f"Written by {run.job}, run {run.id}." if run.id else f"Written by {run.job}.")
    found = {}
    uri = dataset.text("dataSource", "uri") or ("://" in dataset.key and dataset.key) or None
    if uri:
        found["uri"] = without_credentials(uri)
    if description := " ".join(part for part in parts if part):
        found["description"] = description
    return found
