"""The events of OpenLineage: runs of jobs, with the datasets that they read and wrote.

An event is about a run (`run` and `job`), a job (`job` alone) or a dataset (`dataset`); the events of one run add up
(https://openlineage.io/spec, 2-0-2). A dataset has a namespace and a name, which together identify it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from descent.errors import NotImported
from descent.importers.at import At
from descent.importers.moments import parse
from descent.importers.reading import json_value, read_json_lines, read_text
from descent.nodes import shorten

_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@]*@")
_PLACED: Final = {"version", "documentation", "dataSource", "datasetType", "columnLineage", "lineage", "symlinks"}
"""Facets of datasets of which something becomes a part of a record. (Symlinks: other names of the same data.)"""
_OF_JOBS: Final = {"sourceCodeLocation", "jobType"}


@dataclass(slots=True)
class Dataset:
    """A dataset as one run read or wrote it, or as an event about it alone describes it."""

    key: str
    at: At
    facets: dict[str, At] = field(default_factory=dict)

    def text(self, facet: str, member: str) -> str | None:
        """Return a text in a facet; None where there is none."""
        return self.facets[facet].at(member).text() if facet in self.facets else None

    @property
    def version(self) -> str | None:
        """The version that the facet `version` states."""
        return self.facets["version"].at("datasetVersion").label() if "version" in self.facets else None

    @property
    def is_model(self) -> bool:
        """Whether the facet `datasetType` says that this is a model."""
        return (self.text("datasetType", "datasetType") or "").upper() == "MODEL"

    def sources(self) -> Iterator[At]:
        """Yield the datasets that the facets `columnLineage` and `lineage` name as what this one is derived from."""
        for facet in ("columnLineage", "lineage"):
            lineage = self.facets.get(facet)
            if lineage is None:
                continue
            for member in ("inputs", "dataset"):
                yield from (one for one in lineage.at(member).items() if isinstance(one.value, dict))
            for column in lineage.at("fields").mapping().values():
                for member in ("inputFields", "inputs"):
                    yield from (one for one in column.at(member).items() if isinstance(one.value, dict))


@dataclass(slots=True)
class Run:
    """A run of a job, or (without an id) what a job reads and writes by its design."""

    id: str | None
    job: str
    at: At
    states: set[str] = field(default_factory=set)
    first: datetime | None = None
    last: datetime | None = None
    inputs: dict[str, Dataset] = field(default_factory=dict)
    outputs: dict[str, Dataset] = field(default_factory=dict)
    job_facets: dict[str, At] = field(default_factory=dict)

    def why_unwritten(self) -> str | None:
        """Return why what the run was to write may not be there; None if it is."""
        if self.id is None or "COMPLETE" in self.states:
            return None
        if failed := self.states & {"FAIL", "ABORT"}:
            return f"the run {self.id} ended in {min(failed)}"
        streaming = self.job_facets.get("jobType")
        if "RUNNING" in self.states and streaming is not None and streaming.at("processingType").value == "STREAMING":
            return None
        return f"no event says that the run {self.id} completed"


@dataclass(slots=True)
class Events:
    """What all events of a transaction say together."""

    runs: dict[str, Run] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    """Those that an event describes by itself."""
    unplaced_facets: Counter[str] = field(default_factory=Counter)

    def add(self, event: At) -> None:
        """Add an event."""
        if event.at("dataset"):
            dataset = self._dataset(event.at("dataset"))
            known = self.datasets.setdefault(dataset.key, dataset)
            known.facets |= dataset.facets
            return
        run = self._run(event)
        for member, found in (("inputs", run.inputs), ("outputs", run.outputs)):
            for one in event.at(member).items():
                dataset = self._dataset(one)
                found.setdefault(dataset.key, dataset).facets |= dataset.facets
        if state := event.at("eventType").text():
            run.states.add(state.upper())
        if (time := parse(event.at("eventTime"))) is not None:
            run.first = time if run.first is None else min(run.first, time)
            run.last = time if run.last is None else max(run.last, time)

    def _run(self, event: At) -> Run:
        namespace, name = event.at("job", "namespace").text(), event.at("job", "name").text()
        if namespace is None or name is None:
            raise event.at("job").fault("A job needs a namespace and a name.")
        job = f"{namespace}/{name}"
        identity = event.at("run", "runId").text() if event.at("run") else None
        if event.at("run") and identity is None:
            raise event.at("run", "runId").expected("the id of the run")
        run = self.runs.setdefault(identity or f"job {job}", Run(identity, job, event))
        run.job_facets |= event.at("job", "facets").mapping()
        job_facets = event.at("job", "facets").mapping().keys() - _OF_JOBS
        self.unplaced_facets.update(f"{name} of a job" for name in job_facets)
        self.unplaced_facets.update(f"{name} of a run" for name in event.at("run", "facets").mapping())
        return run

    def _dataset(self, at: At) -> Dataset:
        facets = at.at("facets").mapping()
        self.unplaced_facets.update(facets.keys() - _PLACED)
        for member in ("inputFacets", "outputFacets"):
            self.unplaced_facets.update(at.at(member).mapping().keys())
        return Dataset(key_of(at), at, facets)

    def keys(self) -> set[str]:
        """Return what ties events to others: their runs and datasets."""
        found = {f"run {run.id}" for run in self.runs.values() if run.id} | self.datasets.keys()
        for run in self.runs.values():
            found |= run.inputs.keys() | run.outputs.keys()
        return found


def reduced(event: At) -> dict[str, Any]:
    """Return an event with nothing but what becomes a part of a record: no facets of runs, statistics or columns."""
    if event.at("dataset"):
        return {"eventTime": event.value.get("eventTime"), "dataset": _reduced_dataset(event.at("dataset"))}
    facets = event.at("job", "facets").mapping()
    job = {"namespace": event.at("job", "namespace").value, "name": event.at("job", "name").value}
    found = {name: event.value[name] for name in ("eventType", "eventTime") if event.value.get(name) is not None}
    if event.at("run"):
        found["run"] = {"runId": event.at("run", "runId").value}
    for member in ("inputs", "outputs"):
        found[member] = [_reduced_dataset(one) for one in event.at(member).items()]
    return found | {"job": job | {"facets": {name: facets[name].value for name in sorted(_OF_JOBS & facets.keys())}}}


def _reduced_dataset(at: At) -> dict[str, Any]:
    facets = at.at("facets").mapping()
    kept = {name: facets[name].value for name in sorted(_PLACED & facets.keys())}
    return {"namespace": at.at("namespace").value, "name": at.at("name").value, "facets": kept}


def key_of(at: At) -> str:
    """Return the name of a dataset in the registry: its namespace and its name, without credentials."""
    namespace, name = at.at("namespace").text(), at.at("name").text()
    if namespace is None or name is None:
        raise at.fault("A dataset needs a namespace and a name.")
    joined = f"{namespace.rstrip('/')}/{name.lstrip('/')}"
    plain = _CREDENTIALS.sub("", joined).lstrip("/")
    return plain.replace("\\", "/").replace("@", "%40").replace("#", "%23")


def without_credentials(uri: str) -> str:
    """Return an address without user and password."""
    return _CREDENTIALS.sub("", uri)


def read_events(path: Path) -> Iterator[At]:
    """Yield the events in a file: one JSON object, a list of them, or one on each line."""
    source = str(path)
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        roots: Iterator[At] = read_json_lines(path)
    else:
        roots = _roots(read_text(path), source)
    for root in roots:
        listed = root.at("events") if isinstance(root.at("events").value, list) else root  # as Marquez answers
        for event in listed.items() if isinstance(listed.value, list) else (root,):
            check_event(event)
            yield event


def _roots(text: str, source: str) -> Iterator[At]:
    """Yield the JSON value of a text, or those on its lines if each line is one."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > 1 and lines[0][1].rstrip().endswith("}") and lines[1][1].lstrip().startswith("{"):
        for number, line in lines:
            yield json_value(line, source, number)
    else:
        yield json_value(text, source)


def check_event(event: At) -> None:
    """Raise NotImported for what is not an event."""
    members = event.value
    if not isinstance(members, dict):
        raise event.expected("an event, a JSON object")
    if isinstance(members.get("job"), dict) or isinstance(members.get("dataset"), dict):
        return
    facets = [name for name, part in members.items() if isinstance(part, dict) and "_producer" in part]
    if facets:
        raise event.fault(
            f"This is a facet ({shorten(facets[0])}) without the event that it belongs to: it does not say which "
            "dataset, job or run it is about."
        )
    raise event.fault("This is not an event of OpenLineage: it has neither `job` nor `dataset`.")


__all__ = [
    "Dataset",
    "Events",
    "NotImported",
    "Run",
    "check_event",
    "key_of",
    "read_events",
    "reduced",
    "without_credentials",
]
