"""What an answer about a population says of the spelling of the question, over HTTP."""

from collections.abc import Iterator

import pytest

from tests.support.server_process import ServerProcess

ASK = """query ($value: String!) {
  trainedOn(population: {all: [{attribute: "source", values: [$value]}]}, verdicts: [NOT_TRAINED, UNKNOWN]) {
    near { attribute value partitions }
    versions { edges { verdict node { ref } } }
  }
}"""


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess("memory:") as server:
        register = "mutation ($manifest: ManifestInput!) { register(manifest: $manifest) { created } }"
        share = {"attribute": "source", "value": "books3", "share": 1.0}
        partition = {
            "name": "p",
            "digest": "sha256:" + "7" * 64,
            "populationDocumented": "COMPLETE",
            "population": [share],
        }
        trained = [{"ref": "dataset:d@1#p", "role": "PRETRAIN"}]
        manifest = {
            "datasets": [{"name": "d", "version": "1", "partitions": [partition]}],
            "models": [{"name": "m", "version": "1", "trainedOn": trained}],
        }
        assert "errors" not in server.ask(register, manifest=manifest)
        yield server


def test_a_near_value_is_named_and_nothing_is_cleared_by_it(server: ServerProcess) -> None:
    answer = server.ask(ASK, value="Books3")
    found = answer["data"]["trainedOn"]
    assert found["near"] == [{"attribute": "source", "value": "books3", "partitions": 1}]
    assert found["versions"]["edges"] == [{"verdict": "UNKNOWN", "node": {"ref": "model:m@1"}}]
    assert any("source = books3" in warning for warning in answer["extensions"]["warnings"])


def test_what_nobody_documents_is_said(server: ServerProcess) -> None:
    answer = server.ask(ASK, value="Wikipedia")
    assert answer["data"]["trainedOn"]["near"] == []
    [warning] = answer["extensions"]["warnings"]
    assert warning.startswith("No partition documents source = Wikipedia")


def test_what_is_documented_needs_no_warning(server: ServerProcess) -> None:
    answer = server.ask(ASK, value="books3")
    assert answer["data"]["trainedOn"]["near"] == []
    assert "warnings" not in answer["extensions"]
