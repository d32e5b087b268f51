"""What CycloneDX says about a model: its pedigree, its model card, and properties of Descent's own."""

import json
from typing import Any

from descent.exporters.graph import Graph, Node

Json = dict[str, Any]

_TYPES = {"MODEL_VERSION": "machine-learning-model"}


def name_of(node: Node) -> tuple[str, str]:
    """Return name and version of a model or of data; a partition is named `DATASET/PARTITION`."""
    name, _, version = node.ref.partition(":")[2].partition("@")
    version, _, part = version.partition("#")
    return (f"{name}/{part}" if part else name), version


def pedigree(graph: Graph, node: Node) -> Json:
    """Return what a model or data was derived from, nearest ancestors only: each ancestor has a pedigree of its own."""
    found = [
        *graph.out(node, "DERIVED_FROM"),
        *((maker, "GENERATED_BY") for maker, _ in graph.out(node, "GENERATED_BY")),
    ]
    if not found:
        return {}
    ancestors = []
    for origin, relation in found:
        name, version = name_of(origin)
        ancestor: Json = {
            "type": _TYPES.get(origin.kind, "data"),
            "name": name,
            "version": version,
            "properties": [
                {"name": "descent:ref", "value": origin.ref},
                {"name": "descent:relation", "value": relation},
            ],
        }
        digests = [one["digest"] for one in origin.content.get("artifacts", ())] or [origin.content.get("digest")]
        if len(digests) == 1 and digests[0]:
            ancestor["hashes"] = [{"alg": "SHA-256", "content": digests[0].removeprefix("sha256:")}]
        ancestors.append(ancestor)
    notes = "; ".join(f"{relation.lower().replace('_', ' ')} of {origin.ref}" for origin, relation in found)
    return {"ancestors": ancestors, "notes": notes}


def model_card(graph: Graph, node: Node) -> Json:
    """Return the model card: training data, results, intended use, limits and fairness."""
    card: Json = {}
    if data := graph.out(node, "TRAINED_ON"):
        card["modelParameters"] = {"datasets": [{"ref": one.ref} for one, _ in data]}
    metrics = [metric for one in graph.inward(node, "EVALUATES") for metric in _metrics(graph, one)]
    if metrics:
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    profile = graph.current(node, "SAFETY_PROFILE")
    if profile is not None:
        card["considerations"] = _considerations(profile.content)
    return card


def _metrics(graph: Graph, evaluation: Node) -> list[Json]:
    if graph.retracted(evaluation):
        return []
    suite = evaluation.content["suite"]
    data = "".join(f" on {one.ref}" for one, _ in graph.out(evaluation, "EVALUATED_ON"))
    found = []
    for one in evaluation.content["metrics"]:
        groups = ", ".join(f"{part['attribute']}={part['value']}" for part in one.get("slice", ()))
        place = f"{suite['name']} {suite['version']}{data}" + (f"; {groups}" if groups else "")
        metric: Json = {"type": one["name"], "value": f"{one['value']!r}", "slice": place}
        if "stderr" in one:
            # A 95 % interval by the normal approximation.
            low, high = (one["value"] + sign * 1.959964 * one["stderr"] for sign in (-1, 1))
            metric["confidenceInterval"] = {"lowerBound": f"{low:.6g}", "upperBound": f"{high:.6g}"}
        found.append(metric)
    return found


def _considerations(profile: Any) -> Json:
    found: Json = {"useCases": [profile["intendedUse"]]}
    if limits := profile.get("mustNotDo"):
        found["technicalLimitations"] = [f"Must not do: {one}" for one in limits]
    if guardrails := profile.get("guardrails"):
        found["ethicalConsiderations"] = [{"name": "guardrail", "mitigationStrategy": one} for one in guardrails]
    if biases := profile.get("knownBiases"):
        found["fairnessAssessments"] = [
            {"groupAtRisk": f"{one['attribute']} {one.get('value', '')}".strip(), "harms": one["description"]}
            for one in biases
        ]
    return found


def properties(graph: Graph, node: Node) -> list[Json]:
    """Return what CycloneDX has no place for: the record's id, dates, roles of data, parameters, interventions."""
    content = node.content
    found = [("descent:id", node.id), ("descent:recordedAt", node.recorded_at)]
    if "createdAt" in content:
        found.append(("descent:createdAt", content["createdAt"]))
    found += [(f"descent:trainedOn:{role.lower()}", one.ref) for one, role in graph.out(node, "TRAINED_ON")]
    parameters = graph.part(node, "CONFIGURED_BY").get("parameters")
    if isinstance(parameters, dict):
        found += [
            (f"descent:config:{name}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
            for name, value in parameters.items()
        ]
    found += [(f"descent:intervention:{one['kind']}", one["description"]) for one in content.get("interventions", ())]
    if "rows" in content:
        found.append(("descent:rows", str(content["rows"])))
    if graph.retracted(node):
        found.append(("descent:retracted", "true"))
    return [{"name": name, "value": value} for name, value in found]
