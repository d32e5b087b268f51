"""A real history with merges, that of git: 203,352 commits as versions, registered in bulk and checked by networkx."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import networkx as nx

from bench.load import ask
from bench.processes import Server
from bench.questions import IMPACT
from bench.rows import Row
from bench.writing import send
from descentd.graph.model.identity import Content

FILE = Path(__file__).parents[2] / "shared" / "data" / "dags" / "git-all.int.txt.gz"
CAUSES = (0, 1_000, 50_000, 120_000, 200_000)


def row(server: Server, target: float) -> Row:
    """Load it, and compare the counts of some impacts with networkx. Raises RuntimeError where they differ."""
    with gzip.open(FILE, "rt") as file:
        lines = [[int(number) for number in line.split()] for line in file]
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(own for own, *_ in lines)
    graph.add_edges_from((parent, own) for own, *parents in lines for parent in parents)
    created, seconds = send(server.url, _manifests(lines))
    if created != len(lines):
        raise RuntimeError(f"{created} records were registered for {len(lines)} commits.")
    for cause in CAUSES:
        answer = ask(server.url, IMPACT, [{"of": [_ref(cause)], "first": 10}]).last["data"]["impact"]
        found, expected = answer["affected"]["totalCount"], len(nx.descendants(graph, cause))
        if found != expected:
            raise RuntimeError(f"Commit {cause} has {expected} descendants by networkx and {found} by the registry.")
    note = f"{created:,} versions, {graph.number_of_edges():,} edges; {len(CAUSES)} impact counts equal networkx's"
    return Row("git's history over /bulk", created / seconds, "/s", target, "more", note)


def _ref(number: int) -> str:
    return f"model:git@{number}"


def _manifests(lines: list[list[int]]) -> Iterator[Content]:
    for own, *parents in lines:
        derived = [{"ref": _ref(p), "relation": "MERGE" if len(parents) > 1 else "FINE_TUNE"} for p in parents]
        yield {"models": [{"name": "git", "version": str(own), "parents": derived}]}
