"""POST /graphql: shapes, statuses and codes, of what is right and of what is not."""

import json
import subprocess
import sys
from typing import Any

import httpx2
import pytest

from tests.app.tiny import Waiting, serving

pytestmark = pytest.mark.anyio
RESPONSE = "application/graphql-response+json"
ADD = "mutation Add($whole: WholeInput!) { add(whole: $whole) }"


async def post(client: httpx2.AsyncClient, query: str, **variables: Any) -> httpx2.Response:
    return await client.post("/graphql", json={"query": query, "variables": variables})


async def test_an_answer() -> None:
    async with serving() as client:
        answer = await post(client, "{ node { name } }")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == RESPONSE
    assert answer.json() == {"data": {"node": {"name": "n"}}, "extensions": {"sequence": 7}}


async def test_every_answer_with_data_has_a_sequence() -> None:
    async with serving() as client:
        answer = await post(client, "{ __schema { queryType { name } } }")
        assert answer.json()["extensions"] == {"sequence": 0}
        assert "extensions" not in (await post(client, "{ nope }")).json()


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("*/*", RESPONSE),
        ("", RESPONSE),
        ("application/*", RESPONSE),
        ("application/json", "application/json"),
        (f"{RESPONSE}, application/json;q=0.9", RESPONSE),
        (f"{RESPONSE};q=0.5, application/json", "application/json"),
        ("application/json;q=nonsense, */*;q=0.1", RESPONSE),
        ("text/html, */*;q=0.1", RESPONSE),
    ],
)
async def test_what_a_client_accepts_it_gets(accept: str, answered: str) -> None:
    async with serving() as client:
        answer = await client.post("/graphql", json={"query": "{ node { name } }"}, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == answered


@pytest.mark.parametrize(("accept", "status"), [(RESPONSE, 400), ("application/json", 200)])
async def test_an_operation_that_cannot_be_run(accept: str, status: int) -> None:
    async with serving() as client:
        answer = await client.post("/graphql", json={"query": "{ nope }"}, headers={"Accept": accept})
    assert answer.status_code == status
    assert "data" not in answer.json()
    assert answer.json()["errors"][0]["extensions"] == {"code": "INVALID_INPUT"}


HEADERS = {"Content-Type": "application/json"}
DEEP = b'{"query":"{ __typename }","variables":{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
REFUSED = [
    ("not JSON", b"{", {}, 400, "is not JSON"),
    ("empty", b"", {}, 400, "is not JSON"),
    ("a list", b"[]", {}, 400, "one JSON object"),
    ("no query", b"{}", {}, 400, "no query"),
    ("a query that is no text", b'{"query": 1}', {}, 400, "no query"),
    ("a blank query", b'{"query": " "}', {}, 400, "no query"),
    (
        "variables that are no object",
        b'{"query": "{a}", "variables": []}',
        {},
        400,
        "Expected variables to be an object",
    ),
    ("a name that is no text", b'{"query": "{a}", "operationName": 1}', {}, 400, "Expected operationName to be text"),
    ("Latin-1", b'{"query": "{ node(name: \xe9) }"}', {}, 400, "not UTF-8"),
    ("a byte order mark", b"\xef\xbb\xbf{}", {}, 400, "byte order mark"),
    ("a key twice", b'{"query": "{a}", "query": "{b}"}', {}, 400, "'query' occurs twice"),
    (
        "NaN",
        b'{"query": "{a}", "variables": {"x": NaN}}',
        {},
        400,
        "NaN is not a JSON number: where nothing was measured, leave the",
    ),
    ("an infinity", b'{"query": "{a}", "variables": {"x": -Infinity}}', {}, 400, "-Infinity is not a JSON number"),
    ("1e400", b'{"query": "{a}", "variables": {"x": 1e400}}', {}, 400, "1e400 is larger"),
    (
        "a huge integer",
        b'{"query": "{a}", "variables": {"x": ' + b"9" * 5000 + b"}}",
        {},
        400,
        "4,300 digits",
    ),
    ("half a character", b'{"query": "{a}", "variables": {"x": "\\ud800"}}', {}, 400, "lone surrogate"),
    ("too deep", DEEP, {}, 400, "nested more than 80 deep"),
    ("too large", b" " * 70_000, {}, 413, "larger than 65536 bytes"),
    ("form data", b"query={a}", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "application/json"),
    ("no content type", b"{}", {"Content-Type": ""}, 415, "application/json"),
    ("another charset", b"{}", {"Content-Type": "application/json; charset=latin-1"}, 415, "application/json"),
    ("nothing we have is accepted", b"{}", {"Accept": "text/html"}, 406, "Expected Accept to name"),
    ("syntax", b'{"query": "{"}', {}, 400, "Syntax Error"),
    ("nothing to do", b'{"query": "fragment F on Query { maybe { name } }"}', {}, 400, "has no operation"),
    ("another name", b'{"query": "query A { maybe { name } }", "operationName": "B"}', {}, 400, "no operation 'B'"),
    ("several, none chosen", b'{"query": "query A {a} query B {a}"}', {}, 400, "name one of A, B"),
    ("a subscription", b'{"query": "subscription { count(upto: 1) }"}', {}, 400, "is a stream"),
]


@pytest.mark.parametrize(("body", "headers", "status", "said"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
async def test_refused(body: bytes, headers: dict[str, str], status: int, said: str) -> None:
    async with serving(body_limit=65_536 if status == 413 else 1_000_000) as client:
        answer = await client.post("/graphql", content=body, headers=HEADERS | headers)
        assert answer.status_code == status
        [error] = answer.json()["errors"]
        assert said in error["message"]
        assert error["extensions"]["code"] == ("TOO_COSTLY" if status == 413 else "INVALID_INPUT")
        assert (await post(client, "{ node { name } }")).json()["data"] == {"node": {"name": "n"}}


async def test_a_body_that_is_streamed_is_not_kept_past_the_limit() -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        for _ in range(1_000):
            sent += 1
            yield b" " * 10_000

    async with serving(body_limit=65_536) as client:
        answer = await client.post("/graphql", content=endless(), headers=HEADERS)
    assert answer.status_code == 413
    assert sent < 10


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
async def test_only_post(method: str) -> None:
    async with serving() as client:
        answer = await client.request(method, "/graphql?query={node{name}}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["errors"][0]["extensions"] == {"code": "INVALID_INPUT"}


@pytest.mark.parametrize("given", ["Bearer abc", "Basic eDp5", "nonsense"])
async def test_no_token_is_known(given: str) -> None:
    async with serving() as client:
        answer = await client.post("/graphql", json={"query": "{ node { name } }"}, headers={"Authorization": given})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


WRONG = [
    ({}, "name", "name is required: add it."),
    ({"name": "n", "nam": 1}, "nam", "There is no field 'nam': correct or remove it. Did you mean 'name'?"),
    (
        {"name": "n", "share": "NaN"},
        "share",
        "Expected a finite number, got NaN: where nothing was measured, leave the",
    ),
    ({"name": "n", "share": "-.inf"}, "share", "Expected a finite number, got -.inf: where nothing was measured"),
    ({"name": "n", "share": "half"}, "share", "Float cannot represent non numeric value: 'half'"),
    ({"name": 1}, "name", "String cannot represent a non string value: 1"),
    ({"name": "n", "parts": [{"size": 1}, {"size": "2"}]}, "parts[1].size", "Int cannot represent non-integer value"),
    ({"name": "n", "parts": [{"size": 2**31}]}, "parts[0].size", "Int cannot represent non 32-bit signed"),
    ({"name": "n", "parts": [{"size": 1, "even": 3}]}, "parts[0].even", "3 is not even: send an even number."),
    ({"name": "n", "parts": [{"size": 1, "odd": 3}]}, "parts[0].odd", "There is no field 'odd'"),
    ({"name": "n", "parts": [{}]}, "parts[0].size", "size is required: add it."),
    (None, "whole", "Expected value of non-null type 'WholeInput!' not to be None."),
    ("text", "whole", "Expected value of type 'WholeInput' to be an object."),
]


@pytest.mark.parametrize(("whole", "field", "said"), WRONG)
async def test_what_is_wrong_in_variables_is_named(whole: Any, field: str, said: str) -> None:
    async with serving() as client:
        answer = await post(client, ADD, whole=whole)
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert error["message"].startswith(said)
    assert error["extensions"] == {"code": "INVALID_INPUT", "field": field}


async def test_all_problems_come_at_once_up_to_a_hundred() -> None:
    async with serving() as client:
        answer = await post(client, ADD, whole={"name": "n", "parts": [{"size": -1}, {"size": 1}, {"size": -1}]})
        assert answer.status_code == 200
        assert answer.json()["errors"] == [
            {
                "message": f"Part {i} is unknown.",
                "locations": [{"line": 1, "column": 37}],
                "path": ["add"],
                "extensions": {"code": "UNKNOWN_REFERENCE", "field": f"parts[{i}]"},
            }
            for i in (0, 2)
        ]
        answer = await post(client, ADD, whole={"name": "n", "parts": [{"size": -1}] * 1000})
        assert len(answer.json()["errors"]) == 100
        answer = await post(client, ADD, whole={"name": "n", "parts": [{"size": "-1"}] * 1000})
        assert len(answer.json()["errors"]) == 100


async def test_a_part_that_is_refused_leaves_the_rest() -> None:
    async with serving() as client:
        answer = (await post(client, "{ maybe { name } node { name } }")).json()
    assert answer["data"] == {"maybe": None, "node": {"name": "n"}}
    assert answer["errors"][0]["path"] == ["maybe"]
    assert answer["errors"][0]["extensions"] == {"code": "GATE_BLOCKED"}
    assert answer["extensions"] == {"sequence": 7}


async def test_an_error_of_ours_tells_its_id_and_nothing_else() -> None:
    async with serving() as client:
        answer = await client.post("/graphql", json={"query": "{ node { broken } }"}, headers={"X-Request-Id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
    [error] = answer.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL", "correlationId": "abc-1"}
    assert "secret" not in answer.text
    assert "abc-1" in error["message"]


@pytest.mark.parametrize("given", ["", "a b", "x" * 200, "\u00e9", "a\tb"])
async def test_a_request_id_that_is_not_sane_is_replaced(given: str) -> None:
    async with serving() as client:
        answer = await client.get("/livez", headers={b"x-request-id": given.encode()})
    assert len(answer.headers["x-request-id"]) == 16


async def test_an_operation_that_takes_too_long_is_cancelled() -> None:
    Waiting.cancelled.clear()
    async with serving(request_timeout=0.05) as client:
        answer = await post(client, "{ wait }")
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["extensions"] == {"code": "TOO_COSTLY"}
        assert Waiting.cancelled.is_set()
        assert (await post(client, "{ node { name } }")).status_code == 200


def nested(levels: int) -> str:
    return "{ node " + "{ next " * levels + "{ name }" + " }" * levels + " }"


async def test_other_routes_answer_in_problems() -> None:
    async with serving() as client:
        answer = await client.get("/nowhere")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json() == {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "Nothing is served at this address: check its path.",
            "code": "NOT_FOUND",
        }
        answer = await client.post("/livez")
        assert (answer.status_code, sorted(answer.headers["allow"].split(", "))) == (405, ["GET", "HEAD"])
        assert answer.json()["code"] == "INVALID_INPUT"
        assert (await client.post("/graphql/", json={})).status_code == 404


async def test_metrics_count_by_names_that_are_known() -> None:
    async with serving() as client:
        await post(client, "query Node { node { name } }")
        await post(client, "query Nonsense { node { name } }")
        await post(client, "query Maybe { maybe { name } }")
        await post(client, "{ node { name } maybe { name } }")
        await post(client, "{ __typename }")
        await client.get("/nonsense")
        metrics = (await client.get("/metrics")).text
    assert 'descent_operation_seconds_count{field="node"} 2.0' in metrics
    assert 'descent_operation_seconds_count{field="maybe"} 1.0' in metrics
    assert 'descent_operation_seconds_count{field="several"} 1.0' in metrics
    assert 'descent_operation_seconds_count{field="other"} 1.0' in metrics
    assert 'descent_errors_total{code="GATE_BLOCKED"} 2.0' in metrics
    assert 'descent_http_requests_total{route="/graphql",status="200"} 5.0' in metrics
    assert "onsense" not in metrics


LOGGED = """
import asyncio
from descentd.app.server import logging
from tests.app.test_graphql_http import post
from tests.app.tiny import serving

async def main():
    logging.configure("FORMAT", "INFO")
    async with serving() as client:
        await post(client, "query ($n: String!) { node(name: $n) { name broken } }", n="private")

asyncio.run(main())
"""


@pytest.mark.parametrize("format", ["json", "console"])
def test_logs_hold_no_query_and_no_variables(format: str) -> None:
    # In a process of its own: loggers are set up once.
    command = [sys.executable, "-c", LOGGED.replace("FORMAT", format)]
    written = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr
    for event in ("ready", "internal_error", "request"):
        assert event in written
    assert "RuntimeError" in written
    assert "private" not in written
    if format == "json":
        assert all(json.loads(line)["level"] for line in written.splitlines())
