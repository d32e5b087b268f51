"""A model card of Hugging Face: README.md with a YAML front matter and the safety profile as text."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from descent.console import printable
from descent.exporters.graph import Graph, Node

_RELATIONS: Final = {"FINE_TUNE": "finetune", "ADAPTER": "adapter", "MERGE": "merge", "QUANTIZE": "quantized"}
"""The relations to a base model that the Hub knows (base_model_relation)."""

_SPECIAL: Final = "\\`*_[]<>#|"


def as_hf_card(graph: Graph) -> str:
    """Return the card of the version that is exported."""
    import yaml

    assert graph.subject is not None
    node = graph.nodes[graph.subject]
    front = yaml.safe_dump(_front(graph, node), allow_unicode=True, sort_keys=False, width=1000)
    return f"---\n{front}---\n\n" + "\n".join(_text(graph, node)).rstrip("\n") + "\n"


def _front(graph: Graph, node: Node) -> dict[str, Any]:
    front: dict[str, Any] = {"model_name": node.content["name"], "tags": ["descent"]}
    parents = graph.out(node, "DERIVED_FROM")
    if parents:
        front["base_model"] = [parent.content["name"] for parent, _ in parents]
        relations = {_RELATIONS.get(relation) for _, relation in parents}
        if len(relations) == 1 and None not in relations:
            front["base_model_relation"] = relations.pop()
    names = (one.ref.partition(":")[2].partition("@")[0] for one, _ in graph.out(node, "TRAINED_ON"))
    if data := list(dict.fromkeys(names)):
        front["datasets"] = data
    results = [_result(graph, one) for one in graph.inward(node, "EVALUATES") if not graph.retracted(one)]
    if results:
        front["model-index"] = [{"name": node.content["name"], "results": results}]
    return front


def _result(graph: Graph, evaluation: Node) -> dict[str, Any]:
    suite = evaluation.content["suite"]
    name = f"{suite['name']} {suite['version']}"
    data = next((one.ref for one, _ in graph.out(evaluation, "EVALUATED_ON")), None)
    dataset = {"name": name, "type": suite["name"], "revision": suite["version"]} if data is None else _dataset(data)
    metrics = []
    for one in evaluation.content["metrics"]:
        groups = ", ".join(f"{part['attribute']}={part['value']}" for part in one.get("slice", ()))
        metrics.append(
            {"type": one["name"], "value": one["value"], "name": f"{one['name']} ({groups})" if groups else one["name"]}
        )
    return {"task": {"type": "other", "name": name}, "dataset": dataset, "metrics": metrics}


def _dataset(ref: str) -> dict[str, Any]:
    """Return the data of a result as the Hub knows it: a repository, its revision and the split of it."""
    whole, _, split = ref.partition("#")
    name, _, revision = whole.partition(":")[2].rpartition("@")
    return {"name": ref, "type": name, "revision": revision} | ({"split": split} if split else {})


def _text(graph: Graph, node: Node) -> Iterator[str]:
    yield f"# {_md(node.content['name'])} {_md(node.content['version'])}\n"
    if "description" in node.content:
        yield _md(node.content["description"]) + "\n"
    profile = graph.current(node, "SAFETY_PROFILE")
    content = {} if profile is None else profile.content
    yield "## Uses\n"
    if profile is None:
        yield "No safety profile is recorded: what it is for is not known.\n"
    else:
        yield f"### Direct Use\n\n{_md(content['intendedUse'])}\n"
    yield from _list("### Out-of-Scope Use", content.get("mustNotDo", ()))
    biases = [
        f"{one['attribute']} {one.get('value', '')}".strip() + f": {one['description']}"
        for one in content.get("knownBiases", ())
    ]
    yield from _list("## Bias, Risks, and Limitations", biases)
    yield from _list("### Guardrails", content.get("guardrails", ()))
    yield from _list("### Notes", [f"{one['author']}: {one['text']}" for one in content.get("notes", ())])
    yield from _list("## Training Data", [f"{one.ref} ({role.lower()})" for one, role in graph.out(node, "TRAINED_ON")])
    parents = [
        f"{relation.lower().replace('_', ' ')} of {one.ref}" for one, relation in graph.out(node, "DERIVED_FROM")
    ]
    yield from _list("## Lineage", parents)
    parameters = graph.part(node, "CONFIGURED_BY").get("parameters")
    if isinstance(parameters, dict):
        shown = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in parameters.items()]
        yield from _list("### Training Hyperparameters", shown)
    files = [f"{one['uri']} ({one['digest']})" for one in node.content.get("artifacts", ())]
    yield from _list("## Files", files)
    yield f"Exported from a Descent registry; the record is {node.id}.\n"


def _list(heading: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield heading + "\n"
        yield "".join(f"- {_md(item)}\n" for item in items)


def _md(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    line = " ".join(printable(text).split())
    return "".join(f"\\{c}" if c in _SPECIAL else c for c in line)
