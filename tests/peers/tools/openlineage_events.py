"""Sends the events of a small pipeline with OpenLineage's own client: openlineage_events.py URL TOKEN."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import dataset_type_dataset, source_code_location_job
from openlineage.client.transport.http import HttpConfig, HttpTransport

CLEAN, TRAIN = (f"0190a3c0-0000-7000-8000-00000000000{number}" for number in (1, 2))
COMMIT = "5f0c1d2e3a4b5c6d7e8f90123456789abcdef012"


def main(url: str, token: str) -> None:
    settings = {"type": "http", "url": url, "compression": "gzip", "auth": {"type": "api_key", "apiKey": token}}
    client = OpenLineageClient(transport=HttpTransport(HttpConfig.from_dict(settings)))

    def emit(state: Any, run: str, job: str, minute: int, facets: Any = None, **data: Any) -> None:
        time = datetime(2025, 3, 1, 10, tzinfo=UTC) + timedelta(minutes=minute)
        about = Job(namespace="airflow", name=job, facets=facets or {})
        producer = "https://example.org/pipeline"
        client.emit(
            RunEvent(
                eventTime=time.isoformat(), producer=producer, run=Run(runId=run), job=about, eventType=state, **data
            )
        )

    model = {"datasetType": dataset_type_dataset.DatasetTypeDatasetFacet(datasetType="MODEL")}
    location = source_code_location_job.SourceCodeLocationJobFacet(
        type="git", url="https://git.example.org/risk", repoUrl="https://git.example.org/risk", version=COMMIT
    )
    emit(RunState.START, CLEAN, "clean", 0, inputs=[InputDataset(namespace="postgres://u:secret@db:5432", name="raw")])
    emit(RunState.COMPLETE, CLEAN, "clean", 30, outputs=[OutputDataset(namespace="s3://lake", name="loans")])
    emit(RunState.START, TRAIN, "train", 40, inputs=[InputDataset(namespace="s3://lake", name="loans")])
    emit(RunState.RUNNING, TRAIN, "train", 45)
    outputs = [OutputDataset(namespace="s3://models", name="credit-risk", facets=model)]
    emit(RunState.COMPLETE, TRAIN, "train", 60, {"sourceCodeLocation": location}, outputs=outputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
