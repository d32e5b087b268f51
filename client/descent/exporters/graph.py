"""The records that are exported, with the edges between them, as they follow from the records' content."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from descent.dossier.collect import collect
from descent.log import log_of

if TYPE_CHECKING:
    from descent.client import Client

Json = dict[str, Any]

_FIELDS: Final = "id ref kind recordedAt recordedBy content"
_LABELS: Final = {
    "MODEL_VERSION": "model:{name}@{version}",
    "DATASET": "dataset:{name}@{version}",
    "PARTITION": "{dataset}#{name}",
}

# The parts of a content that name other records, by kind, and what those records are to it.
_LINEAGE: Final = {
    "partitions": "INCLUDES", "generatedBy": "GENERATED_BY", "code": "BUILT_FROM", "config": "CONFIGURED_BY",
    "environment": "RAN_IN",
}  # fmt: skip
_SUBJECT: Final = {
    "EVALUATION": "EVALUATES", "SAFETY_PROFILE": "DESCRIBES", "POPULATION": "DESCRIBES", "VULNERABILITY": "AFFECTS",
    "NOTE": "ABOUT", "DISCLOSURE": "ABOUT", "TENSOR_DIGESTS": "ABOUT", "SIGNATURE": "ABOUT",
    "GATE_DECISION": "DECIDES_ON", "REVIEW": "DECIDES_ON", "PROMOTION": "DECIDES_ON", "DEPLOYMENT": "DEPLOYS",
    "INCIDENT": "AFFECTS",
}  # fmt: skip
_CITED: Final = ("evidence", "policy", "gateDecision", "promotion", "deployment", "profile")


@dataclass(frozen=True, slots=True)
class Node:
    """A record; `content` names other records by their ids."""

    id: str
    kind: str
    ref: str
    recorded_at: str
    recorded_by: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """An edge from what was derived, or says something, to what it came from, or is about, by their ids."""

    source: str
    role: str
    target: str
    detail: str = ""


class Graph:
    """Records by id, in an order in which each comes after those that it names, and the edges between them.

    `subject` is the id of the version that is exported, None if everything is. Edges to records that are not in it are
    left out.
    """

    def __init__(self, nodes: Iterable[Node], subject: str | None = None, *, complete: bool = True) -> None:
        self.nodes = {node.id: node for node in nodes}
        self.subject = subject
        self.complete = complete
        self.edges = [edge for node in self.nodes.values() for edge in edges_of(node) if edge.target in self.nodes]
        self._out: defaultdict[tuple[str, str], list[Edge]] = defaultdict(list)
        self._in: defaultdict[tuple[str, str], list[Edge]] = defaultdict(list)
        for edge in self.edges:
            self._out[edge.source, edge.role].append(edge)
            self._in[edge.target, edge.role].append(edge)

    @classmethod
    def of(cls, client: "Client", ref: str) -> "Graph":
        """Return the graph of a version: with its ancestors, and with what is recorded about them and cited there."""
        subject = client.entity(ref)["id"]
        found, complete = collect(client, subject)
        records = client.batch("entity", "ref", list(found), _FIELDS)
        nodes = [
            Node(one["id"], one["kind"], one["ref"], one["recordedAt"], one["recordedBy"], one["content"])
            for one in sorted(records, key=lambda one: (one["recordedAt"], one["id"]))
        ]
        return cls(_in_order(nodes), subject, complete=complete)

    @classmethod
    def whole(cls, client: "Client") -> "Graph":
        """Return the graph of everything that is recorded, in log order."""
        return cls(_node(json.loads(line)) for line in log_of(client) if not line.startswith(b'{"end"'))

    def of_kind(self, *kinds: str) -> Iterator[Node]:
        """Yield the records of some kinds."""
        return (node for node in self.nodes.values() if node.kind in kinds)

    def out(self, node: Node, role: str) -> list[tuple[Node, str]]:
        """Return what the edges of a role lead to from a record, each with the detail of the edge."""
        return [(self.nodes[edge.target], edge.detail) for edge in self._out[node.id, role]]

    def inward(self, node: Node, role: str) -> list[Node]:
        """Return what the edges of a role lead to a record from, that is, what says something about it."""
        return [self.nodes[edge.source] for edge in self._in[node.id, role]]

    def current(self, node: Node, kind: str, role: str = "DESCRIBES") -> Node | None:
        """Return the newest statement of a kind about a record that no other supersedes; None if there is none."""
        said = [one for one in self.inward(node, role) if one.kind == kind and not self.inward(one, "SUPERSEDES")]
        return next((one for one in reversed(said) if not self.retracted(one)), None)

    def retracted(self, node: Node) -> bool:
        """Whether a retraction is about a record; one that was retracted itself does not count."""
        about = [one for one in self.inward(node, "ABOUT") if one.kind == "RETRACTION"]
        return any(not self.retracted(one) for one in about)

    def part(self, node: Node, role: str) -> Mapping[str, Any]:
        """Return the content of the one record that an edge of a role leads to; empty if there is none."""
        found = self.out(node, role)
        return found[0][0].content if found else {}


def edges_of(node: Node) -> Iterator[Edge]:
    """Yield the edges that the content of a record has, one for each pair of role and target."""
    ordered = sorted(_edges(node))
    for (role, target), group in groupby(ordered, key=lambda edge: (edge.role, edge.target)):
        yield Edge(node.id, role, target, ",".join(dict.fromkeys(edge.detail for edge in group if edge.detail)))


def _edges(node: Node) -> Iterator[Edge]:
    content = node.content
    for part, detail, role in (
        ("parents", "relation", "DERIVED_FROM"),
        ("derivedFrom", "relation", "DERIVED_FROM"),
        ("trainedOn", "role", "TRAINED_ON"),
    ):
        for one in content.get(part, ()):
            yield Edge(node.id, role, one["node"], one[detail])
    for part, role in _LINEAGE.items():
        about = "ABOUT" if node.kind == "DISCLOSURE" and part == "partitions" else role
        yield from (Edge(node.id, about, id) for id in _ids(content.get(part)))
    yield from (Edge(node.id, _SUBJECT[node.kind], id) for id in _ids(content.get("subject")) if node.kind in _SUBJECT)
    if node.kind == "EVALUATION":
        yield from (Edge(node.id, "EVALUATED_ON", id) for id in _ids(content.get("data")))
    if node.kind == "VULNERABILITY":
        yield from (Edge(node.id, "CITES", id) for id in _ids(content.get("probe", {}).get("data")))
    yield from _act_edges(node)


def _act_edges(node: Node) -> Iterator[Edge]:
    content = node.content
    for part in ("subjects", "about", "cause"):
        yield from (Edge(node.id, "ABOUT", id) for id in _ids(content.get(part)))
    for part in _CITED if node.kind not in ("EVALUATION", "SAFETY_PROFILE") else ():
        yield from (Edge(node.id, "CITES", id) for id in _ids(content.get(part)))
    for part in ("supersedes", "clears"):
        yield from (Edge(node.id, "SUPERSEDES", id) for id in _ids(content.get(part)))


def _ids(named: Any) -> Iterator[str]:
    for one in [named] if isinstance(named, str) else named if isinstance(named, list) else ():
        if isinstance(one, str) and one.startswith("sha256:"):
            yield one


def _node(line: Json) -> Node:
    content = line["content"]
    label = _LABELS.get(line["kind"])
    ref = line["id"] if label is None else label.format_map(content)
    return Node(line["id"], line["kind"], ref, line["recordedAt"], line["recordedBy"], content)


def _in_order(nodes: Iterable[Node]) -> list[Node]:
    """Return records so that each comes after those that it names, else in the order given."""
    by_id = {node.id: node for node in nodes}
    done: dict[str, Node] = {}
    for start in by_id.values():
        waiting = [start]
        while waiting:
            node = waiting[-1]
            named = (edge.target for edge in edges_of(node))
            missing = [by_id[id] for id in named if id in by_id and id not in done]
            if missing and node.id not in done:
                waiting += missing
            else:
                done[waiting.pop().id] = node
    return list(done.values())
