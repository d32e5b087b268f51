"""What GraphQL clients count on beside the answers: ids, pages, one failure among several, streams, compression."""

import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from starlette.applications import Starlette

from descentd.app.server.main import create
from descentd.app.server.settings import Settings
from tests.app.asgi import Client, until

pytestmark = pytest.mark.anyio

EXPORTED = build_schema((Path(__file__).parents[2] / "schema.graphql").read_text("utf-8"))
REGISTER = "mutation ($m: ManifestInput!) { register(manifest: $m) { records { id ref kind recordedBy __typename } } }"
MANIFEST = {
    "datasets": [{"name": "d", "version": "1", "partitions": [{"name": "p", "digest": "sha256:" + "1" * 64}]}],
    "models": [
        {"name": "m", "version": "1", "trainedOn": [{"ref": "dataset:d@1#p", "role": "TRAIN"}], "config": {"a": 1}},
        {"name": "m", "version": "2", "parents": [{"ref": "model:m@1", "relation": "FINE_TUNE"}], "config": {"a": 2}},
    ],
}


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Starlette, httpx2.AsyncClient]]:
    app = create(Settings(store="memory:"))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            await ask(client, REGISTER, m=MANIFEST)
            yield app, client


async def ask(client: httpx2.AsyncClient, query: str, **variables: Any) -> Any:
    return (await client.post("/graphql", json={"query": query, "variables": variables})).json()


# ------------------------------------------------------------ caches


def types_that_share_an_id(schema: GraphQLSchema) -> set[str]:
    """Types that have an id and are no Node: a cache that goes by type and id holds their record twice."""
    return {
        name
        for name, kind in schema.type_map.items()
        if isinstance(kind, GraphQLObjectType)
        and "id" in kind.fields
        and "Node" not in {interface.name for interface in kind.interfaces}
        and "record" not in kind.fields
    }


def test_what_has_an_id_is_a_record_or_offers_it() -> None:
    # These are parts of an answer, each with the id of the record that it is about, and nothing that could contradict.
    assert types_that_share_an_id(EXPORTED) <= {"HistoryEvent", "ProbedVulnerability"}
    assert types_that_share_an_id(build_schema("type Query { a: A } type A { id: ID! }")) == {"A"}


async def test_what_is_registered_is_returned_as_records() -> None:
    async with serving() as (_, client):
        answer = await ask(client, REGISTER, m=MANIFEST)
        records = answer["data"]["register"]["records"]
        assert {record["__typename"] for record in records} >= {"Dataset", "Partition", "ModelVersion", "Config"}
        assert {record["recordedBy"] for record in records} == {"local"}
        for record in records:
            found = await ask(client, "query ($id: ID!) { node(id: $id) { __typename id } }", id=record["id"])
            assert found["data"]["node"] == {"__typename": record["__typename"], "id": record["id"]}


async def test_a_node_that_is_none_is_null() -> None:
    async with serving() as (_, client):
        for id, code in (("sha256:" + "0" * 64, "NOT_FOUND"), ("model:m@1", "INVALID_INPUT")):
            answer = await ask(client, "query ($id: ID!) { node(id: $id) { id } }", id=id)
            assert answer["data"] == {"node": None}
            assert answer["errors"][0]["extensions"]["code"] == code


async def test_a_lineage_gives_distances_beside_the_records() -> None:
    query = """query ($d: Int) { lineage(of: "model:m@2", direction: ANCESTORS, depth: $d) {
        nodes { ref kind distance node { id ref __typename } } } }"""
    async with serving() as (_, client):
        nodes = (await ask(client, query))["data"]["lineage"]["nodes"]
    assert [(node["distance"], node["node"]["ref"] == node["ref"]) for node in nodes][:2] == [(0, True), (1, True)]
    assert "id" not in EXPORTED.type_map["LineageNode"].fields  # type: ignore[attr-defined]


# ------------------------------------------------------------ pages and failures


def test_every_connection_is_one_that_relay_takes() -> None:
    """The rules of Relay's specification of cursor connections, sections 2 to 5."""
    info = EXPORTED.type_map["PageInfo"]
    assert isinstance(info, GraphQLObjectType)
    assert {name: str(field.type) for name, field in info.fields.items()} == {
        "hasNextPage": "Boolean!",
        "hasPreviousPage": "Boolean!",
        "startCursor": "String",
        "endCursor": "String",
    }
    connections = [kind for name, kind in EXPORTED.type_map.items() if name.endswith("Connection")]
    assert len(connections) > 8
    for kind in connections:
        assert isinstance(kind, GraphQLObjectType)
        assert str(kind.fields["pageInfo"].type) == "PageInfo!", kind
        edges = get_nullable_type(kind.fields["edges"].type)
        assert is_list_type(edges), kind
        edge = get_named_type(edges)
        assert isinstance(edge, GraphQLObjectType)
        assert str(edge.fields["cursor"].type) in ("String", "String!")
        assert isinstance(get_named_type(edge.fields["node"].type), GraphQLObjectType | GraphQLInterfaceType)
    for owner in EXPORTED.type_map.values():
        for field in getattr(owner, "fields", {}).values():
            if str(get_named_type(getattr(field, "type", None))).endswith("Connection"):
                assert (str(field.args["first"].type), str(field.args["after"].type)) == ("Int", "String"), owner


def test_roots_that_name_a_record_are_nullable() -> None:
    assert EXPORTED.query_type
    naming = {
        name: field.type
        for name, field in EXPORTED.query_type.fields.items()
        if {"of", "ref", "from", "base", "id", "filter"} & field.args.keys()
    }
    assert len(naming) > 10
    strict = {name for name, kind in naming.items() if isinstance(kind, GraphQLNonNull)}
    assert strict <= {"erosions", "erosionGroups"}  # whose filters name no record


async def test_one_misspelt_alias_leaves_the_others() -> None:
    async with serving() as (_, client):
        answer = await ask(client, '{ a: entity(ref: "model:m@1") { ref } b: entity(ref: "model:m@11") { ref } }')
    assert answer["data"] == {"a": {"ref": "model:m@1"}, "b": None}
    assert [(error["path"], error["extensions"]["code"]) for error in answer["errors"]] == [(["b"], "NOT_FOUND")]


async def test_what_is_no_id_is_blamed() -> None:
    async with serving() as (_, client):
        answer = await ask(client, '{ node(id: "x") { id } }')
    assert answer["data"] == {"node": None}
    assert answer["errors"][0]["extensions"] == {"code": "INVALID_INPUT", "field": "id"}


async def test_pages_say_what_is_before_them() -> None:
    query = """query ($a: String) { modelVersions(first: 1, after: $a) {
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor } } }"""
    async with serving() as (_, client):
        first = (await ask(client, query))["data"]["modelVersions"]
        second = (await ask(client, query, a=first["pageInfo"]["endCursor"]))["data"]["modelVersions"]
    for page, before, after in ((first, False, True), (second, True, False)):
        [edge] = page["edges"]
        assert page["pageInfo"] == {
            "hasPreviousPage": before,
            "hasNextPage": after,
            "startCursor": edge["cursor"],
            "endCursor": edge["cursor"],
        }


# ------------------------------------------------------------ HTTP


async def test_the_hash_of_a_query_is_answered_so_that_clients_send_the_query() -> None:
    async with serving() as (_, client):
        hashed = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}
        for accept, status in (("application/json", 200), ("application/graphql-response+json", 400)):
            answer = await client.post("/graphql", json=hashed, headers={"Accept": accept})
            assert answer.status_code == status
            [error] = answer.json()["errors"]
            assert error["message"] == "PersistedQueryNotSupported"
            assert error["extensions"] == {"code": "PERSISTED_QUERY_NOT_SUPPORTED"}
        both = await client.post("/graphql", json={"query": "{ __typename }", **hashed})
        assert both.json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize(
    ("asked", "compressed"),
    [("gzip", True), ("br;q=1, gzip;q=0.5", True), ("*", True), ("gzip;q=0", False), ("", False)],
)
async def test_answers_are_compressed_where_that_is_asked_for(asked: str, compressed: bool) -> None:
    query = json.dumps({"query": "{ __schema { types { name description } } }"}).encode()
    async with serving() as (app, _):
        answers = []
        for accepted in (asked, "identity"):
            client = Client(
                app,
                "http",
                "/graphql",
                {"content-type": "application/json", "accept-encoding": accepted},
                method="POST",
            )
            client.push(type="http.request", body=query, more_body=False)
            await client.start()
            start, body = client.sent
            answers.append((dict(start["headers"]), body["body"]))
    (fields, body), (_, plain) = answers
    assert (fields.get(b"content-encoding") == b"gzip") == compressed
    assert b"Accept-Encoding" in fields[b"vary"]
    assert (gzip.decompress(body) if compressed else body) == plain
    assert not compressed or len(body) < len(plain) / 2


async def test_health_is_answered_under_any_host() -> None:
    async with serving() as (_, client):
        for path, status in (
            ("/livez", 200),
            ("/readyz", 200),
            ("/metrics", 200),
            ("/version", 403),
            ("/graphql", 403),
        ):
            answer = await client.get(path, headers={"Host": "10.1.2.3:8600"})
            assert answer.status_code == status, path
        assert (await client.get("/livez", headers={"Origin": "http://evil.example"})).status_code == 403


async def test_two_hosts_are_none() -> None:
    async with serving() as (app, _):
        client = Client(app, "http", "/livez", {"Host": "localhost"}, method="GET")
        await client.start()
        assert client.sent[0]["status"] == 400


def stream(app: Starlette, query: str, **headers: str) -> Client:
    asked = urlencode({"query": query, "variables": "{}"}).encode()
    return Client(app, "http", "/graphql", {"accept": "text/event-stream", **headers}, method="GET", query_string=asked)


def events(client: Client) -> list[tuple[str, dict[str, Any]]]:
    frames = b"".join(one.get("body", b"") for one in client.sent).split(b"\n\n")
    fields = [dict(line.split(b": ", 1) for line in frame.split(b"\n")) for frame in frames if b"data: " in frame]
    return [(one.get(b"id", b"").decode(), json.loads(one[b"data"])) for one in fields]


async def test_an_event_source_connects_again_where_it_was() -> None:
    query = 'subscription { events(after: "0") { cursor record { ref } } }'
    async with serving() as (app, _):
        received: list[tuple[str, dict[str, Any]]] = []
        for times in (2, 3):
            last = {"last-event-id": received[-1][0]} if received else {}
            client = stream(app, query, **last)
            running = client.start()
            await until(lambda client=client, times=times: len(events(client)) >= times)  # type: ignore[misc]
            received += events(client)[:times]
            client.push(type="http.disconnect")
            running.cancel()
    assert [id for id, _ in received] == ["1", "2", "3", "4", "5"]
    assert [answer["data"]["events"]["cursor"] for _, answer in received] == ["1", "2", "3", "4", "5"]


async def test_a_cursor_beyond_the_log_is_refused() -> None:
    """As after a restored backup: what is recorded next has numbers that the client believes to have seen."""
    async with serving() as (app, _):
        for after, headers in (("1000", {}), ("0", {"last-event-id": "1000"})):
            client = stream(app, f'subscription {{ events(after: "{after}") {{ cursor }} }}', **headers)
            await client.start()
            [(_, answer)] = events(client)
            assert answer["errors"][0]["extensions"] == {"code": "INVALID_INPUT", "field": "after"}
            assert "beyond the end of the log" in answer["errors"][0]["message"]


async def test_only_subscriptions_are_asked_for_by_get() -> None:
    async with serving() as (_, client):
        accept = {"Accept": "text/event-stream"}
        for query, status in (("{ __typename }", 405), ("mutation { __typename }", 405), ("{", 400)):
            answer = await client.get("/graphql", params={"query": query}, headers=accept)
            assert answer.status_code == status, query
        twice = await client.get("/graphql?query=a&query=b", headers=accept)
        assert twice.status_code == 400
        plain = await client.get("/graphql", params={"query": "{ __typename }"}, headers={"Accept": "application/json"})
        assert plain.status_code == 405
