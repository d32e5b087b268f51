"""OpenLineage events (spec 2-0-2), one on each line: the run that made each version, or each dataset that was derived.

Partitions are datasets of their own, named `DATASET#PARTITION`. A model is a dataset whose facet `datasetType` says so.
"""

import json
import uuid
from typing import Any, Final

from descent.exporters.graph import Graph, Node

Json = dict[str, Any]

_SPEC: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS: Final = "https://openlineage.io/spec/facets"
_PRODUCER: Final = "urn:descent:client"
_NAMESPACE: Final = "descent"
_RUNS: Final = uuid.UUID("6f0c8f5e-6f0b-5a5e-9d0c-2f0b5d3f7a10")
"""The namespace of the ids of runs, which follow from the ids of records (RFC 9562, version 5)."""

_MADE_FROM: Final = ("DERIVED_FROM", "TRAINED_ON", "GENERATED_BY", "INCLUDES")


def as_openlineage(graph: Graph) -> str:
    """Return an event a line: for each version, and for each dataset and partition that came from others."""
    return "".join(
        json.dumps(_event(graph, node, inputs), ensure_ascii=False) + "\n"
        for node in graph.of_kind("MODEL_VERSION", "DATASET", "PARTITION")
        if (inputs := _inputs(graph, node)) or node.kind == "MODEL_VERSION"
    )


def _inputs(graph: Graph, node: Node) -> list[Node]:
    """Return what a record was made from; a dataset is no product of its own partitions."""
    roles = _MADE_FROM if node.kind == "MODEL_VERSION" else _MADE_FROM[:3]
    return list({one.id: one for role in roles for one, _ in graph.out(node, role)}.values())


def _event(graph: Graph, node: Node, inputs: list[Node]) -> Json:
    facets: Json = {}
    if config := graph.part(node, "CONFIGURED_BY"):
        facets["descent_config"] = _facet("urn:descent:facet:config:v1", parameters=config.get("parameters"))
    job: Json = {"namespace": _NAMESPACE, "name": f"make {_dataset_name(node)}"}
    if code := graph.part(node, "BUILT_FROM"):
        source = _facet(f"{_FACETS}/1-1-0/SourceCodeLocationJobFacet.json#/$defs/SourceCodeLocationJobFacet")
        job["facets"] = {"sourceCodeLocation": source | {"type": "git", "url": code["repository"]}}
        job["facets"]["sourceCodeLocation"]["version"] = code["commit"]
    return {
        "eventType": "COMPLETE",
        "eventTime": node.content.get("createdAt", node.recorded_at),
        "run": {"runId": str(uuid.uuid5(_RUNS, node.id)), "facets": facets},
        "job": job,
        "inputs": [_dataset(one) for one in inputs],
        "outputs": [_dataset(node)],
        "producer": _PRODUCER,
        "schemaURL": _SPEC,
    }


def _dataset(node: Node) -> Json:
    kind = "MODEL" if node.kind == "MODEL_VERSION" else "TABLE"
    facets = {
        "datasetType": _facet(
            f"{_FACETS}/1-0-1/DatasetTypeDatasetFacet.json#/$defs/DatasetTypeDatasetFacet", datasetType=kind
        ),
        "version": _facet(
            f"{_FACETS}/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet",
            datasetVersion=_version(node),
        ),
    }
    return {"namespace": _NAMESPACE, "name": _dataset_name(node), "facets": facets}


def _dataset_name(node: Node) -> str:
    """Return the name without the version, which is a facet: `credit-risk`, `loans`, `loans#train`."""
    name, _, rest = node.ref.partition(":")[2].partition("@")
    _, hash_, part = rest.partition("#")
    return name + hash_ + part


def _version(node: Node) -> str:
    return node.ref.partition("@")[2].partition("#")[0]


def _facet(schema: str, **content: Any) -> Json:
    return {"_producer": _PRODUCER, "_schemaURL": schema, **content}
