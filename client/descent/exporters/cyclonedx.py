"""CycloneDX 1.7: an ML-BOM with model cards, pedigrees, data and vulnerabilities.

It has the minimum elements of the G7 working group's "SBOM for AI" (BSI, 12 May 2026) as far as a registry holds them;
a property of the document names those that it does not.
"""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from descent.exporters.cyclonedx_model import model_card, name_of, pedigree, properties
from descent.exporters.graph import Graph, Node

Json = dict[str, Any]

_SERIALS: Final = uuid.UUID("3d7a3a52-7d0e-5b8f-8f1c-5d6a2f0c9b11")
_NOT_RECORDED: Final = (
    "author signature (sign the file, or see `descent export intoto`); data flow; input and output properties; "
    "sensitivity of data; security compliance; cybersecurity policy information"
)
"""Minimum elements that no record holds."""


def as_cyclonedx(graph: Graph, author: str, version: str, moment: datetime | None = None) -> str:
    """Return a bill of materials in JSON; `author` is who exports it, `version` that of the tool, `moment` is now."""
    components = list(_components(graph))
    document: Json = {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "version": 1,
        "metadata": _metadata(graph, author, version, moment or datetime.now(UTC)),
        "components": components,
        "dependencies": list(_dependencies(graph)),
        "vulnerabilities": list(_vulnerabilities(graph)),
    }
    if graph.subject is not None:
        document["components"] = [one for one in components if one["bom-ref"] != graph.nodes[graph.subject].ref]
    if not graph.complete:
        document["compositions"] = [{"aggregate": "incomplete"}]
    content = json.dumps({name: document[name] for name in ("components", "dependencies", "vulnerabilities")})
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(_SERIALS, f'{graph.subject} {content}')}"
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _metadata(graph: Graph, author: str, version: str, moment: datetime) -> Json:
    metadata: Json = {
        "timestamp": moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "lifecycles": [{"phase": "post-build"}],
        "tools": {"components": [{"type": "application", "name": "descent", "version": version}]},
        "authors": [{"name": author}],
        "properties": [{"name": "descent:minimum-elements:not-recorded", "value": _NOT_RECORDED}],
    }
    if graph.subject is not None:
        metadata["component"] = _model(graph, graph.nodes[graph.subject])
    return metadata


def _components(graph: Graph) -> Iterator[Json]:
    for node in graph.nodes.values():
        if node.kind == "MODEL_VERSION":
            yield _model(graph, node)
        elif node.kind in ("DATASET", "PARTITION"):
            yield _data(graph, node)
        elif node.kind == "ENVIRONMENT":
            yield _environment(node)


def _model(graph: Graph, node: Node) -> Json:
    content = node.content
    component: Json = {
        "type": "machine-learning-model",
        "bom-ref": node.ref,
        "name": content["name"],
        "version": content["version"],
        "authors": [{"name": node.recorded_by}],
    }
    if "description" in content:
        component["description"] = content["description"]
    artifacts = content.get("artifacts", ())
    if len(artifacts) == 1:
        component["hashes"] = _hashes(artifacts[0]["digest"])
    references = [{"type": "distribution", "url": one["uri"], "hashes": _hashes(one["digest"])} for one in artifacts]
    if code := graph.part(node, "BUILT_FROM"):
        references.append({"type": "vcs", "url": code["repository"], "comment": f"commit {code['commit']}"})
    if references:
        component["externalReferences"] = references
    if derived := pedigree(graph, node):
        component["pedigree"] = derived
    component["modelCard"] = model_card(graph, node)
    component["properties"] = properties(graph, node)
    return component


def _data(graph: Graph, node: Node) -> Json:
    content = node.content
    name, version = name_of(node)
    data: Json = {"type": "dataset", "name": name}
    if "uri" in content:
        data["contents"] = {"url": content["uri"]}
    if described := _population(graph, node):
        data["description"] = described
    component: Json = {"type": "data", "bom-ref": node.ref, "name": name, "version": version}
    if "description" in content:
        component["description"] = content["description"]
    if "digest" in content:
        component["hashes"] = _hashes(content["digest"])
    if "license" in content:
        component["licenses"] = [{"license": {"name": content["license"]}}]
    component["data"] = [data]
    if derived := pedigree(graph, node):
        component["pedigree"] = derived
    component["properties"] = properties(graph, node)
    return component


def _population(graph: Graph, node: Node) -> str:
    """Return what is documented about who is in a partition."""
    said = graph.current(node, "POPULATION")
    if said is None:
        return ""
    listed = [
        f"{one['attribute']} {one['value']}" + (f" {one['share']:.1%}" if "share" in one else "")
        for one in said.content.get("population", ())
    ]
    return f"Population, documented {said.content['populationDocumented'].lower()}: {', '.join(listed) or 'nothing'}."


def _environment(node: Node) -> Json:
    content = node.content
    libraries = [
        {"type": "library", "bom-ref": f"{node.id}/{one['name']}", "name": one["name"], "version": one["version"]}
        for one in content.get("dependencies", ())
    ]
    if "python" in content:
        python = {"type": "platform", "bom-ref": f"{node.id}#python", "name": "python", "version": content["python"]}
        libraries.insert(0, python)
    if "hardware" in content:
        libraries.append({"type": "device", "bom-ref": f"{node.id}#hardware", "name": content["hardware"]})
    component: Json = {"type": "platform", "bom-ref": node.id, "name": "environment", "version": node.id[7:19]}
    return component | ({"components": libraries} if libraries else {})


def _dependencies(graph: Graph) -> Iterator[Json]:
    """Yield what each component came from: the relationships between components."""
    for node in graph.nodes.values():
        if node.kind in ("MODEL_VERSION", "DATASET", "PARTITION"):
            roles = ("DERIVED_FROM", "TRAINED_ON", "GENERATED_BY", "INCLUDES", "RAN_IN")
            targets = sorted({one.ref for role in roles for one, _ in graph.out(node, role)})
            yield {"ref": node.ref, "dependsOn": targets} if targets else {"ref": node.ref}


def _vulnerabilities(graph: Graph) -> Iterator[Json]:
    for node in graph.of_kind("VULNERABILITY"):
        if graph.retracted(node):
            continue
        text = ": ".join(filter(None, (node.content["title"], node.content.get("description"))))
        yield {
            "bom-ref": node.id,
            "source": {"name": "Descent"},
            "ratings": [{"severity": node.content["severity"].lower(), "method": "other"}],
            "description": text,
            "created": node.recorded_at,
            "affects": [{"ref": subject.ref} for subject, _ in graph.out(node, "AFFECTS")],
        }


def _hashes(digest: str) -> list[Json]:
    return [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}]
