"""What an answer about a population says of the spelling of the question, over HTTP."""

import re
from collections.abc import Iterator

import pytest

from tests.client.cli import run
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


@pytest.mark.parametrize(
    "asked",
    [
        "source=Books3",
        "Source=books3",
        "\uff33OURCE=\uff22OOKS3",
        "source=books3",
        "source=Books3,books3",
        "source=books",
    ],
)
def test_the_command_line_warns_of_the_values_that_are_near(asked: str, server: ServerProcess) -> None:
    attribute, _, values = asked.partition("=")
    terms = [{"attribute": attribute, "values": values.split(",")}]
    text = (
        "query ($terms: [PopulationTermInput!]!) { trainedOn(population: {all: $terms}) { near { attribute value } } }"
    )
    near = server.ask(text, terms=terms)["data"]["trainedOn"]["near"]
    ran = run("trained-on", asked, "--url", server.url)
    assert ran.exit_code == 0
    found = re.findall(r"^warning: (.*)=(.*) is documented \(1 partition\), which is nearly", ran.stderr, re.MULTILINE)
    assert found == [(one["attribute"], one["value"]) for one in near]
    assert len(near) == (asked not in ("source=books3", "source=Books3,books3", "source=books"))


def test_what_nobody_documents_is_said(server: ServerProcess) -> None:
    answer = server.ask(ASK, value="Wikipedia")
    assert answer["data"]["trainedOn"]["near"] == []
    [warning] = answer["extensions"]["warnings"]
    assert warning.startswith("No partition documents source = Wikipedia")


def test_what_is_documented_needs_no_warning(server: ServerProcess) -> None:
    answer = server.ask(ASK, value="books3")
    assert answer["data"]["trainedOn"]["near"] == []
    assert "warnings" not in answer["extensions"]
