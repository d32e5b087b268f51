"""Reads an exported file with the library of its format, and writes what that understands as JSON."""

import json
import sys
from pathlib import Path
from typing import Any


def hf_card(file: Path) -> dict[str, Any]:
    from huggingface_hub import ModelCard

    data = ModelCard.load(file).data
    results = [(one.metric_type, one.metric_value, one.dataset_revision) for one in data.eval_results or ()]
    return {"base_model": data.base_model, "datasets": data.datasets, "results": results}


def openlineage(file: Path) -> list[dict[str, Any]]:
    """Return the events as OpenLineage's own classes write them again; these refuse ids and times that are none."""
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import (
        dataset_type_dataset,
        dataset_version_dataset,
        documentation_dataset,
        source_code_location_job,
    )
    from openlineage.client.serde import Serde

    classes = {
        "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet,
        "version": dataset_version_dataset.DatasetVersionDatasetFacet,
        "documentation": documentation_dataset.DocumentationDatasetFacet,
        "sourceCodeLocation": source_code_location_job.SourceCodeLocationJobFacet,
    }

    def facets(given: dict[str, dict[str, Any]]) -> dict[str, Any]:
        found = {}
        for name, facet in given.items():
            members = {key: value for key, value in facet.items() if key not in ("_producer", "_schemaURL")}
            found[name] = classes[name](**members, producer=facet["_producer"])
        return found

    def datasets(kind: Any, given: list[dict[str, Any]]) -> list[Any]:
        return [kind(namespace=one["namespace"], name=one["name"], facets=facets(one["facets"])) for one in given]

    events = []
    for line in file.read_text("utf-8").splitlines():
        said = json.loads(line)
        job = said["job"]
        event = RunEvent(
            eventType=RunState[said["eventType"]],
            eventTime=said["eventTime"],
            run=Run(runId=said["run"]["runId"], facets=said["run"].get("facets") or {}),
            job=Job(namespace=job["namespace"], name=job["name"], facets=facets(job.get("facets") or {})),
            inputs=datasets(InputDataset, said.get("inputs", [])),
            outputs=datasets(OutputDataset, said.get("outputs", [])),
            producer=said["producer"],
        )
        events.append(json.loads(Serde.to_json(event)))
    return events


if __name__ == "__main__":
    read = {"hf-card": hf_card, "openlineage": openlineage}[sys.argv[1]]
    sys.stdout.write(json.dumps(read(Path(sys.argv[2]))) + "\n")
