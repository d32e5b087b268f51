"""The client against a real socket."""

import json
import socket
from pathlib import Path
from typing import Any

import graphql
import pytest

from descent import Client, DescentError, Unintelligible, Unreachable, errors
from descent.transport import saved, sent
from descentd.app.graphql.schema.root import schema
from tests.client import answers
from tests.client.registry import Registry

OPERATIONS = (
    "Register", "Entity", "ModelVersions", "Search", "PopulationVocabulary",
    "Lineage", "Impact", "TrainedOn", "Paths", "History", "Evaluations", "Trend", "Erosion", "Erosions", "Diff",
    "Gate", "Review", "Promote", "Deploy", "EndDeployment", "Serving", "Probes", "DocumentationDrift", "ReportIncident",
    "ResolveIncident", "Incidents", "Flag", "Retract",
)  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
def test_saved_operations_are_those_of_the_contract(operation: str, shared: Path) -> None:
    contract = graphql.parse((shared / "contract" / "operations.graphql").read_text("utf-8"), no_location=True)
    (expected,) = (
        node
        for node in contract.definitions
        if isinstance(node, graphql.OperationDefinitionNode) and node.name is not None and node.name.value == operation
    )
    (ours,) = graphql.parse(saved(operation), no_location=True).definitions
    assert graphql.print_ast(ours) == graphql.print_ast(expected)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_sent_is_valid_and_asks_for_all_of_the_saved_operation(operation: str) -> None:
    document = graphql.parse(sent(operation), no_location=True)
    assert graphql.validate(schema._schema, document) == []
    ours, *fragments = document.definitions
    (fixed,) = graphql.parse(saved(operation), no_location=True).definitions
    assert fields(fixed) <= fields(ours)
    assert fixed.variable_definitions == ours.variable_definitions  # type: ignore[attr-defined]
    additions = [one for one in fragments if one.name.value == "Additions"]  # type: ignore[attr-defined]
    assert not any(fields(addition) & leaves(fixed) for addition in additions), "what is saved is not said twice"


def fields(node: graphql.Node, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for each in getattr(getattr(node, "selection_set", None), "selections", ()):
        name = (*path, each.name.value if hasattr(each, "name") else each.type_condition.name.value)
        found |= {name, *fields(each, name)}
    return found


def leaves(operation: graphql.Node) -> set[tuple[str, ...]]:
    """What an operation selects of its root field and has no selection of its own."""
    below = {path[1:] for path in fields(operation) if len(path) > 1}
    return {path for path in below if not any(other[: len(path)] == path != other for other in below)}


def test_a_request_is_what_the_contract_asks_for(registry: Registry) -> None:
    registry.on("Entity", {"entity": answers.VERSION})
    with Client(registry.url + "/", token="secret") as client:
        assert client.entity("model:credit-risk@4.2", as_of="2025-08-01T00:00:00Z") == answers.VERSION
    headers, body = registry.asked[0]
    assert headers["path"] == "/graphql"
    assert headers["Content-Type"] == "application/json"
    assert headers["Accept"] == "application/graphql-response+json"
    assert headers["Authorization"] == "Bearer secret"
    assert body["operationName"] == "Entity"
    assert body["variables"] == {"ref": "model:credit-risk@4.2", "asOf": "2025-08-01T00:00:00Z"}


@pytest.mark.parametrize("token", ["abc\n", " abc", "\tabc\r\n"])
def test_white_space_around_a_token_is_left_out(registry: Registry, token: str) -> None:
    registry.raw = (200, b'{"data": {}}')
    with Client(registry.url, token=token) as client:
        client.query("{ __typename }")
    assert registry.asked[0][0]["Authorization"] == "Bearer abc"


@pytest.mark.parametrize("token", ["s3cret…", "…", "s3cret\nx", "s3cret x", "s3cret\x00", "s3cret\x7f", "s3cret\udcff"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_shown(registry: Registry, token: str) -> None:
    with pytest.raises(errors.Unauthenticated, match="visible ASCII") as refused:
        Client(registry.url, token=token)
    assert "s3cret" not in str(refused.value)
    assert "…" not in str(refused.value)


def test_no_token_no_header(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESCENT_TOKEN", "only the command line reads this")
    registry.on("PopulationVocabulary", {"populationVocabulary": answers.VOCABULARY})
    with Client(registry.url) as client:
        assert client.population_vocabulary() == {"age_group": {"65+": 1, "18-64": 1}}
    assert "Authorization" not in registry.asked[0][0]


def test_register_tells_its_progress(registry: Registry) -> None:
    registry.on("Register", {"register": answers.REGISTERED})
    manifest = {"models": [{"name": "m", "version": str(i), "description": "ö" * 50} for i in range(1000)]}
    seen: list[tuple[int, int]] = []
    with Client(registry.url) as client:
        assert client.register(manifest, lambda sent, size: seen.append((sent, size))) == answers.REGISTERED
    assert registry.variables("Register") == [{"manifest": manifest}]
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] == int(registry.asked[0][0]["Content-Length"])


def test_nan_is_not_sent(registry: Registry) -> None:
    with Client(registry.url) as client, pytest.raises(errors.InvalidInput, match="NaN and infinity"):
        client.register({"models": [{"name": "m", "config": {"a": float("nan")}}]})
    assert registry.asked == []


def paged(total: int) -> Any:
    """Serve `total` edges with cursors that are the next position."""

    def answer(variables: dict[str, Any]) -> Any:
        start = int(variables.get("after", 0))
        end = min(start + variables["first"], total)
        edges = [{"node": {"id": str(i), "ref": f"model:m@{i}", "kind": "MODEL_VERSION"}} for i in range(start, end)]
        page = {"totalCount": total, "edges": edges, "pageInfo": {"hasNextPage": end < total, "endCursor": str(end)}}
        return {"data": {"search": page}}

    return answer


@pytest.mark.parametrize(
    ("total", "limit", "firsts"),
    [
        (0, 100, [100]),
        (5, 100, [100]),
        (2500, None, [1000, 1000, 1000]),
        (2500, 1500, [1000, 500]),
        (2500, 1000, [1000]),
        (2000, None, [1000, 1000]),
        (3, 2, [2]),
    ],
)
def test_connections_follow_cursors(registry: Registry, total: int, limit: int | None, firsts: list[int]) -> None:
    registry.answers["Search"] = paged(total)
    with Client(registry.url) as client:
        found = client.search("m", limit=limit)
        assert [edge["node"]["id"] for edge in found] == [str(i) for i in range(min(total, limit or total))]
        assert found.total == total
        asked = registry.variables("Search")
        assert [variables["first"] for variables in asked] == firsts
        # a second look starts at the first page, without asking for it again
        assert next(iter(found), None) == next(iter(found), None)
        assert registry.variables("Search") == asked


def test_a_cursor_that_leads_nowhere_ends_with_an_error(registry: Registry) -> None:
    page = {"totalCount": 3, "edges": [], "pageInfo": {"hasNextPage": True, "endCursor": "x"}}
    registry.on("Search", {"search": page})
    with Client(registry.url) as client, pytest.raises(Unintelligible, match="another page"):
        list(client.search("m"))


def test_impact_and_exposure(registry: Registry) -> None:
    registry.on("Impact", {"impact": answers.IMPACT})
    registry.on("TrainedOn", {"trainedOn": answers.EXPOSURE})
    with Client(registry.url) as client:
        impact = client.impact([answers.US], kinds=["MODEL_VERSION"], evidence=True)
        assert impact.counts == {"MODEL_VERSION": 2, "DEPLOYMENT": 1}
        assert [edge["distance"] for edge in impact.affected] == [1, 2, 2]
        exposure = client.trained_on([("age_group", ["65+"]), ("region", ["US", "EU"])], verdicts=["UNKNOWN"])
        assert exposure.counts == {"TRAINED": 1, "NOT_TRAINED": 5, "UNKNOWN": 1}
        assert exposure.versions.total == 2
    assert registry.variables("Impact") == [
        {"of": [answers.US], "kinds": ["MODEL_VERSION"], "includeEvidence": True, "first": 100}
    ]
    terms = [{"attribute": "age_group", "values": ["65+"]}, {"attribute": "region", "values": ["US", "EU"]}]
    assert registry.variables("TrainedOn") == [{"population": {"all": terms}, "verdicts": ["UNKNOWN"], "first": 100}]


def test_the_other_questions(registry: Registry) -> None:
    registry.on("Lineage", {"lineage": answers.LINEAGE})
    registry.on("Paths", {"paths": answers.PATHS})
    registry.on("History", {"history": answers.HISTORY})
    registry.on("ModelVersions", {"modelVersions": {**answers.SEARCH, "totalCount": 7}})
    with Client(registry.url) as client:
        assert client.lineage("model:m@1", "BOTH", depth=2) == answers.LINEAGE
        assert client.paths("model:a@1", "model:b@1", limit=5) == answers.PATHS
        assert client.history("model:m@1").total is None
        assert client.model_versions({"namePrefix": "credit"}).total == 7
    assert registry.variables("Lineage") == [{"of": "model:m@1", "direction": "BOTH", "depth": 2}]
    assert registry.variables("Paths") == [{"from": "model:a@1", "to": "model:b@1", "first": 5}]
    assert registry.variables("ModelVersions") == [{"filter": {"namePrefix": "credit"}, "first": 100}]


REFUSALS = {kind.answers_to: kind for kind in errors.Refused.__subclasses__() if kind.answers_to}


@pytest.mark.parametrize("code", list(REFUSALS))
def test_a_refusal_has_the_class_of_its_code(registry: Registry, code: str) -> None:
    registry.refuse(
        "Entity",
        {"message": "First.", "extensions": {"code": code, "field": "ref", "outcome": "BLOCKED"}},
        {"message": "Second.", "extensions": {"code": "NOT_FOUND"}},
    )
    with Client(registry.url) as client, pytest.raises(REFUSALS[code]) as caught:
        client.entity("model:m@1")
    error = caught.value
    assert (error.code, error.message, error.field) == (code, "First.", "ref")
    assert [problem.message for problem in error.problems] == ["First.", "Second."]
    assert error.problems[0].extensions["outcome"] == "BLOCKED"


def test_a_code_that_is_new_is_a_refusal_still(registry: Registry) -> None:
    registry.refuse("Entity", {"message": "Too early.", "extensions": {"code": "TOO_EARLY"}})
    with Client(registry.url) as client, pytest.raises(errors.Refused, match="Too early") as caught:
        client.entity("model:m@1")
    assert caught.value.code == "TOO_EARLY"


def test_a_refusal_counts_whatever_the_status(registry: Registry) -> None:
    refusal = {"errors": [{"message": "Who are you?", "extensions": {"code": "UNAUTHENTICATED"}}]}
    registry.raw = 401, json.dumps(refusal).encode()
    with Client(registry.url) as client, pytest.raises(errors.Unauthenticated, match="Who are you"):
        client.entity("model:m@1")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (502, b"<html>Bad gateway"),
        (200, b"[]"),
        (200, b"{}"),
        (404, b"{}"),
        (200, b'{"data": {}}'),
        (200, b"\xff"),
        (307, b""),
    ],
)
def test_another_server_is_told_apart(registry: Registry, status: int, body: bytes) -> None:
    registry.raw = status, body
    with Client(registry.url) as client, pytest.raises(Unintelligible, match="DESCENT_URL"):
        client.entity("model:m@1")


def test_nobody_answers() -> None:
    with socket.socket() as taken:
        # bound and not listening: nobody can answer here
        taken.bind(("127.0.0.1", 0))
        with Client(f"http://user:password@127.0.0.1:{taken.getsockname()[1]}") as client:
            with pytest.raises(Unreachable, match="start `descentd serve`, or set DESCENT_URL") as caught:
                client.entity("model:m@1")
            assert "password" not in str(caught.value)


def test_an_answer_that_does_not_come() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, timeout=0.05) as client, pytest.raises(Unreachable, match="did not answer in time"):
            client.entity("model:m@1")


@pytest.mark.parametrize("url", ["127.0.0.1:8600", "ftp://example.org", "http://[", "/graphql", "http://"])
def test_an_address_that_is_none(url: str) -> None:
    with Client(url) as client, pytest.raises(Unreachable):
        client.entity("model:m@1")


def test_an_error_has_at_least_one_problem() -> None:
    with pytest.raises(ValueError, match="at least one"):
        DescentError([])
