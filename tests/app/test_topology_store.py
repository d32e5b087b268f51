"""`--topology store`: Neo4j walks, and every question has the answer that the index in the process gives."""

from pathlib import Path
from typing import Any, Final

from tests.app.command_line import call
from tests.app.test_process import with_credentials
from tests.graph.samples import digest, registry
from tests.support.neo4j_server import Neo4jServer
from tests.support.server_process import Asking, ServerProcess

REGISTER: Final = "mutation ($manifest: ManifestInput!) { register(manifest: $manifest) { created existing } }"
MORE: Final = {
    "datasets": [
        {
            "name": "copy",
            "version": "1",
            "generatedBy": ["model:credit-risk@4.1"],
            "partitions": [{"name": "train", "digest": digest(1)}, {"name": "other", "digest": digest(3)}],
        }
    ],
    "models": [
        {"name": "tuned", "version": "1", "trainedOn": [{"ref": "dataset:copy@1#train", "role": "TRAIN"}]},
        {
            "name": "merged",
            "version": "1",
            "parents": [
                {"ref": "model:tuned@1", "relation": "MERGE"},
                {"ref": "model:credit-risk@4.1", "relation": "MERGE"},
            ],
        },
        {"name": "base", "version": "1"},
    ],
}
QUESTIONS: Final = (
    """{ impact(of: ["dataset:loans@2024-12"], includeEvidence: true) { counts { kind count }
      affected(first: 3) { totalCount pageInfo { hasNextPage endCursor } edges { distance node { ref } } } } }""",
    """{ lineage(of: "model:merged@1", direction: BOTH) { complete totalCount
      nodes { ref kind distance } edges { source target role } } }""",
    *(
        """{ trainedOn(population: { all: [TERM] }) { counts { verdict count } versions {
          edges { verdict exposure node { ref } evidence { joint partition { ref } } } } } }""".replace("TERM", term)
        for term in (
            '{ attribute: "region", values: ["US"] }',
            '{ attribute: "region", values: ["EU"] }',
            '{ attribute: "age", values: ["65+"] }',
        )
    ),
    """{ paths(from: "dataset:loans@2024-12#train", to: "model:merged@1", first: 5)
      { count complete paths { steps { ref role } } } }""",
    "{ populationVocabulary { attribute } }",
)
COUNT: Final = '{ paths(from: "model:lattice@0", to: "model:lattice@180", first: 1) { count complete } }'


def lattice(diamonds: int) -> dict[str, Any]:
    """Each foot is the top of the next."""
    parents: dict[int, list[int]] = {0: []} | {
        3 * n + place: [3 * n + above for above in tops]
        for n in range(diamonds)
        for place, tops in ((1, (0,)), (2, (0,)), (3, (1, 2)))
    }
    models = [
        {"name": "lattice", "version": str(n), "parents": [_merged(parent) for parent in of]}
        for n, of in sorted(parents.items())
    ]
    return {"models": models}


def _merged(parent: int) -> dict[str, str]:
    return {"ref": f"model:lattice@{parent}", "relation": "MERGE"}


def answers(server: Asking) -> list[Any]:
    found = [server.ask(query) for query in QUESTIONS]
    assert not any("errors" in answer for answer in found), found
    return [answer["data"] for answer in found]


def test_each_worker_answers_from_neo4j_what_the_index_answers(store_file: str, neo4j_empty: Neo4jServer) -> None:
    address = with_credentials(neo4j_empty)
    with (
        ServerProcess(store_file) as index,
        ServerProcess(address, "--topology", "store", "--workers", "2") as pushed_down,
    ):
        for manifest in (registry(), MORE):
            assert index.ask(REGISTER, manifest=manifest) == pushed_down.ask(REGISTER, manifest=manifest)
        expected = answers(index)
        for _ in range(2):  # each over connections of its own, which whichever worker is free takes
            assert answers(pushed_down) == expected
        for server in (index, pushed_down):
            server.ask(REGISTER, manifest=lattice(60))
            neo4j_empty.replan()  # what is planned for an empty graph enumerates the paths of a full one
            assert server.ask(COUNT)["data"]["paths"] == {"count": str(2**60), "complete": False}
        assert not pushed_down.other


def test_a_store_that_cannot_walk_is_refused(tmp_path: Path) -> None:
    for address in ("memory:", f"sqlite:///{tmp_path / 'registry.db'}"):
        ended = call("serve", "--store", address, "--topology", "store")
        assert ended.returncode == 2
        assert "Only Neo4j walks the graph by itself" in ended.stderr
